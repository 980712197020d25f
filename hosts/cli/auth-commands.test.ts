import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import type { Surroundings } from "../../core/index.ts";
import { createOperatorDouble, now } from "./operator-double.ts";
import type { OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const bad = async () =>
  ({ state: "bad", text: "the host has no login", next: "claude auth login" }) as const;

describe("auth sync", () => {
  it("brings running agents up to date and says until when", async () => {
    operator.login.grant = { replaceable: true, expiresAt: now + 3_600_000 };
    await operator.jackin(["load", "--detach"]);
    await operator.jackin(["load", "--detach", "--auth", "ignore"]);
    const { code, stdout } = await operator.jackin(["auth", "sync"]);
    expect([code, operator.runtime.put]).toEqual([0, ["app"]]);
    expect(stdout).toBe(
      "app: updated, has the login that the host has now, valid for 1 h\n" +
        "app-2: kept, mode ignore has nothing to renew\n",
    );
    const json = await operator.jackin(["auth", "sync", "app", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject([{ instance: "app", outcome: "updated" }]);
  });

  it("says so when nothing runs, and that what is stopped needs none", async () => {
    expect(await operator.jackin(["auth", "sync"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "bringing agents up to date\nNo agent is running.\n",
    });
    await operator.jackin(["load", "--detach"]);
    await operator.jackin(["eject", "app"]);
    const { code, stderr } = await operator.jackin(["auth", "sync", "app"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("app is not running")]);
  });

  it("is 1 when one could not be reached, with why", async () => {
    operator.login.grant = { replaceable: true };
    await operator.jackin(["load", "--detach"]);
    const message = "[runtime-double] no answer";
    operator.runtime.script.putError = new JackinError({
      code: "host-failed",
      message,
      hint: "wait",
    });
    const { code, stdout, stderr } = await operator.jackin(["auth", "sync"]);
    expect([code, stdout]).toEqual([1, `app: failed, ${message}\n`]);
    expect(stderr).toContain(`${message}\n  → wait`);
  });
});

describe("auth status", () => {
  it("shows each mode's health and who uses it", async () => {
    await operator.configure(
      `[workspaces.web]\nworkdir = "/x"\n[workspaces.web.claude]\nauth_forward = "ignore"`,
    );
    const { code, stdout } = await operator.jackin(["auth", "status"]);
    expect(code).toBe(0);
    expect(stdout).toContain("✓ sync: the host is signed in (used by: default)");
    expect(stdout).toContain("- ignore: nothing to check before a launch (used by: web)");
    expect(stdout).toContain("- token: nothing to check before a launch (not in use)");
  });

  it("is 3 when one in use is bad, with the next step", async () => {
    operator.login.health = bad;
    const { code, stdout } = await operator.jackin(["auth", "status"]);
    expect(code).toBe(3);
    expect(stdout).toContain(
      "✗ sync: the host has no login (used by: default)\n    → claude auth login\n",
    );
    await operator.configure('[claude]\nauth_forward = "ignore"');
    expect((await operator.jackin(["auth", "status"])).code).toBe(0);
  });

  it("answers JSON", async () => {
    operator.login.health = bad;
    const { code, stdout } = await operator.jackin(["auth", "status", "--json"]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).modes[0]).toEqual({
      mode: "sync",
      plugin: "auth-sync",
      health: await bad(),
      usedBy: ["default"],
    });
  });
});

describe("auth status of running agents", () => {
  const surroundings = (access: string): Surroundings => ({
    env: [],
    settings: [],
    credential: { state: "access", access, path: "/c/.credentials.json" },
  });

  it("says how what each holds compares with the host, and what helps", async () => {
    operator.login.health = async () => ({
      state: "good",
      text: "the host is signed in",
      credential: { state: "whole", access: "new", refresh: "r" },
    });
    await operator.jackin(["load", "--detach"]);
    await operator.jackin(["load", "--detach"]);
    operator.runtime.surroundingsOf.set("app", surroundings("new"));
    operator.runtime.surroundingsOf.set("app-2", surroundings("old"));
    const { code, stdout } = await operator.jackin(["auth", "status"]);
    expect(code).toBe(0);
    expect(stdout).toContain("✓ agent app (sync): fresh, has the login that the host has now\n");
    expect(stdout).toContain(
      "! agent app-2 (sync): behind the host, which has a newer login\n    → jackin auth sync app-2\n",
    );
    const { stdout: json } = await operator.jackin(["auth", "status", "--json"]);
    expect(JSON.parse(json).agents).toMatchObject([
      { instance: "app", state: "fresh" },
      { instance: "app-2", state: "behind", next: "jackin auth sync app-2" },
    ]);
  });

  it("is 3 when one needs the operator", async () => {
    await operator.jackin(["load", "--detach"]);
    operator.runtime.surroundingsOf.set("app", {
      env: [],
      settings: [],
      credential: { state: "hollow", path: "/c" },
    });
    const { code, stdout } = await operator.jackin(["auth", "status"]);
    expect([code, stdout]).toEqual([3, expect.stringContaining("✗ agent app (sync): hollow")]);
  });
});

describe("config auth show", () => {
  it("shows the scope that decided", async () => {
    await operator.configure(
      `[claude]\nauth_forward = "token"\n[roles.reviewer]\n[workspaces.web]\nworkdir = "/x"\n[workspaces.web.claude]\nauth_forward = "ignore"`,
    );
    const { stdout } = await operator.jackin(["config", "auth", "show"]);
    expect(stdout.split("\n").map((row) => row.split(/ {2,}/))).toEqual([
      ["WORKSPACE", "ROLE", "MODE", "DECIDED BY"],
      ["-", "-", "token", "global"],
      ["-", "reviewer", "token", "global"],
      ["web", "-", "ignore", "workspace web"],
      ["web", "reviewer", "ignore", "workspace web"],
      [""],
    ]);
    const { stdout: json } = await operator.jackin(["config", "auth", "show", "--json"]);
    expect(JSON.parse(json)[2]).toMatchObject({ workspace: "web", mode: "ignore" });
  });
});

describe("doctor", () => {
  it("is 0 when all is well and shows what it looked at", async () => {
    const { code, stdout } = await operator.jackin(["doctor"]);
    expect(code).toBe(0);
    expect(stdout).toContain("✓ runtime double: a double\n");
    expect(stdout).toContain("✓ configuration: 0 workspaces\n");
  });

  it("is 1 with a configuration that cannot be used, and goes on", async () => {
    await operator.configure("mode = 1\n");
    const { code, stdout } = await operator.jackin(["doctor", "--json"]);
    expect(code).toBe(1);
    const checks = JSON.parse(stdout) as { name: string; state: string }[];
    expect(checks.find(({ name }) => name === "configuration")?.state).toBe("bad");
    expect(checks.find(({ name }) => name === "runtime double")?.state).toBe("good");
  });
});
