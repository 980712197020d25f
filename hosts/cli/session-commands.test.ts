import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import { createNodeHost } from "../node/host.ts";
import { createFileStore } from "../node/store.ts";
import { createOperatorDouble, everywhere, now } from "./operator-double.ts";
import type { OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const load = (...more: string[]) => operator.jackin(["load", "-d", ...more]);

describe("status", () => {
  it("says what to do when nothing is there", async () => {
    expect(await operator.jackin(["status"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "No agent is here.\n→ jackin load\n",
    });
    expect((await operator.jackin(["status", "--json"])).stdout).toBe("[]\n");
    expect((await operator.jackin(["status", "-q"])).stdout).toBe("");
  });

  it("shows what runs first, in columns", async () => {
    operator.login.grant = { account: "me@example.test", expiresAt: now + 3_600_000 };
    await load();
    await load("--auth", "ignore");
    await operator.jackin(["eject", "app"]);
    const { stdout } = await operator.jackin(["status"]);
    const folder = `${operator.home}/app`;
    expect(stdout.split("\n").map((row) => row.split(/ {2,}/))).toEqual([
      ["NAME", "STATE", "MODE", "ACCOUNT", "VALID", "WORKSPACE/FOLDER", "SINCE"],
      ["app-2", "running", "ignore", "-", "-", folder, "0 s"],
      ["app", "stopped", "sync", "me@example.test", "-", folder, "-"],
      [""],
    ]);
    expect((await operator.jackin(["status", "-q"])).stdout).toBe("app-2\napp\n");
    expect((await operator.jackin(["status", "-q", "--running"])).stdout).toBe("app-2\n");
  });

  it("fits a terminal of 80 columns, and is whole in a pipe", async () => {
    operator.login.grant = { account: "someone.with.a.long.name@example.test", expiresAt: now - 1 };
    await load();
    const narrow = await operator.jackin(["status"], { terminal: everywhere, columns: 80 });
    for (const row of narrow.stdout.split("\n")) expect(row.length).toBeLessThanOrEqual(80);
    expect(narrow.stdout).toMatch(/expired +…\S*\/app /);
    const piped = await operator.jackin(["status"]);
    expect(piped.stdout).toContain("someone.with.a.long.name@example.test");
  });

  it("answers the instances as JSON, and a runtime that does not answer as a warning", async () => {
    await load();
    operator.runtime.script.broken = new JackinError({
      code: "runtime-missing",
      message: "[runtime-double] does not answer",
      hint: "start it",
    });
    const { code, stdout, stderr } = await operator.jackin(["status", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { instance: "app", mode: "sync", state: "unknown", startedAt: now },
    ]);
    expect(stderr).toBe("warning: [runtime-double] does not answer\n  → start it\n");
  });

  it("works, and so does exile, with a configuration that does not", async () => {
    await load();
    await operator.configure("this is no [ TOML");
    expect((await operator.jackin(["status", "-q"])).stdout).toBe("app\n");
    expect(await operator.jackin(["exile"])).toMatchObject({ code: 0, stdout: "app\n" });
    expect((await load()).stderr).toContain(".config/jackin/config.toml:1:");
  });
});

describe("status tells of the keeper", () => {
  const store = () => createFileStore(join(operator.home, ".jackin/store"));
  const host = createNodeHost();
  const claim = (process: string) =>
    store().setItem(`keeper:${host.process.id.split("/")[0]}`, {
      process,
      since: now - 3_600_000,
      keeps: 2,
    });

  it("that runs, and does not start another", async () => {
    await load();
    await claim(host.process.id);
    operator.keepers.started = 0;
    const { stdout, stderr } = await operator.jackin(["status"]);
    expect(stdout).toContain("app ");
    expect(stderr).toBe("keeper: running for 1 h, keeps 2 agents signed in\n");
    expect(operator.keepers.started).toBe(0);
    for (const flag of ["--json", "-q"])
      expect((await operator.jackin(["status", flag])).stderr).toBe("");
  });

  it("that was killed, or is not there, and starts another", async () => {
    await load();
    operator.keepers.started = 0;
    expect((await operator.jackin(["status"])).stderr).toBe("keeper: starting\n");
    await claim(`${host.process.id}0`);
    const { stderr } = await operator.jackin(["status"]);
    expect(stderr).toBe("keeper: it was killed; another is starting\n");
    await operator.jackin(["status", "-q"]);
    expect(operator.keepers.started).toBe(3);
  });

  it("not when nothing runs", async () => {
    await load();
    await operator.jackin(["exile"]);
    operator.keepers.started = 0;
    expect((await operator.jackin(["status"])).stderr).toBe("");
    expect(operator.keepers.started).toBe(0);
  });

  it("and of each agent's alert, with what helps", async () => {
    await load();
    const alert = { at: now - 120_000, text: "was refused\u001b[2J", next: "jackin auth sync app" };
    await store().setItem("ledger:app", { at: 1, alert: { ...alert, about: "turn" } });
    const { stdout, stderr } = await operator.jackin(["status"]);
    expect(stdout).not.toContain("refused");
    expect(stderr).toContain(
      "warning: app: was refused?[2J (2 m ago)\n  → jackin auth sync app\nkeeper: ",
    );
    const json = await operator.jackin(["status", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject([{ instance: "app", alert }]);
  });
});

describe("a keeper", () => {
  it("is asked for by what leaves an agent running, and not by what leaves none", async () => {
    await load();
    await load();
    expect(operator.keepers.started).toBe(2);
    await operator.jackin(["eject", "app"]);
    expect(operator.keepers.started).toBe(3);
    await operator.jackin(["exile"]);
    expect(operator.keepers.started).toBe(3);
  });

  it("that cannot be started is a warning, and the command has done its work", async () => {
    operator.keepers.error = new JackinError({
      code: "host-failed",
      message: "no process is left",
      hint: "end some",
    });
    const warning =
      "warning: Nobody keeps running agents signed in: no process is left\n  → end some\n";
    const commands = [
      "load -d",
      "load --json",
      "auth status",
      "auth sync",
      "status -q",
      "eject app",
    ];
    for (const argv of commands.map((command) => command.split(" "))) {
      const { code, stdout, stderr } = await operator.jackin(argv);
      expect([code, stderr.includes(warning)], argv.join(" ")).toEqual([0, true]);
      expect(stdout).not.toBe("");
    }
  });
});

describe("hardline", () => {
  it("takes the only one that runs", async () => {
    await load();
    operator.runtime.script.attach = { ended: false, code: 90 };
    const { code, stderr } = await operator.jackin(["hardline"], { terminal: everywhere });
    expect([code, operator.runtime.attached]).toEqual([0, ["app"]]);
    expect(stderr).toContain("Ctrl-\\ leaves it running");
  });

  it("asks among several, and giving up is 130 with nothing done", async () => {
    await load();
    await load();
    const init = { terminal: everywhere };
    await operator.jackin(["hardline"], { ...init, answers: ["app-2"] });
    expect(operator.asked).toEqual(["Come back to: app, app-2"]);
    expect(operator.runtime.attached).toEqual(["app-2"]);
    const given = await operator.jackin(["eject"], { ...init, answers: ["cancel"] });
    expect([given.code, given.stderr]).toEqual([130, "Cancelled.\n"]);
    expect(operator.runtime.running.has("app")).toBe(true);
  });

  it("needs a terminal", async () => {
    await load();
    expect((await operator.jackin(["hardline", "app"])).code).toBe(2);
    expect(operator.runtime.attached).toEqual([]);
  });

  it("names the nearest instance, and says when none runs", async () => {
    await load();
    const init = { terminal: everywhere };
    const wrong = await operator.jackin(["hardline", "ap"], init);
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Did you mean "app"?'),
    });
    await operator.jackin(["exile"]);
    const none = await operator.jackin(["hardline"], init);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("no running agent") });
  });
});

describe("eject and exile", () => {
  it("stop one, keep its folder, and say how it comes back", async () => {
    await load();
    const { code, stdout, stderr } = await operator.jackin(["eject", "app"]);
    expect([code, stdout]).toEqual([0, "app\n"]);
    expect(stderr).toContain(`→ jackin load ${operator.home}/app`);
    expect([...operator.runtime.running]).toEqual([]);
  });

  it("say it as it can be pasted", async () => {
    const folder = join(operator.home, "my app");
    await mkdir(folder);
    await operator.jackin(["load", "-d"], { cwd: folder });
    const { stderr } = await operator.jackin(["eject", "my-app"]);
    expect(stderr).toContain(`→ jackin load '${folder}'`);
  });

  it("stop all", async () => {
    await load();
    await load();
    expect((await operator.jackin(["exile"])).stdout).toBe("app\napp-2\n");
    const again = await operator.jackin(["exile"]);
    expect([again.code, again.stdout, again.stderr]).toEqual([
      0,
      "",
      "stopping all agents\nNo agent runs.\n",
    ]);
  });

  it("ask for a name only on a terminal", async () => {
    await load();
    const { code, stderr } = await operator.jackin(["eject"]);
    expect([code, stderr]).toEqual([2, "error: Name one of app.\n"]);
  });
});

describe("purge", () => {
  beforeEach(async () => {
    await load();
    await writeFile(join(operator.home, ".jackin/instances/app/keep"), "");
    await operator.jackin(["exile"]);
  });
  const names = async () => (await operator.jackin(["status", "-q"])).stdout;

  it("asks, and no is 130 with nothing removed", async () => {
    const { code } = await operator.jackin(["purge", "app"], {
      terminal: everywhere,
      answers: [false],
    });
    expect(operator.asked).toEqual([expect.stringContaining("app")]);
    expect([code, await names()]).toEqual([130, "app\n"]);
  });

  it("removes after a yes, or with --yes", async () => {
    const { code, stdout } = await operator.jackin(["purge"], {
      terminal: everywhere,
      answers: ["app", true],
    });
    expect([code, stdout, await names()]).toEqual([0, "app\n", ""]);
    await load();
    await operator.jackin(["exile"]);
    expect((await operator.jackin(["purge", "app", "--yes"])).code).toBe(0);
    expect(await names()).toBe("");
  });

  it("is a wrong usage without a terminal and without --yes", async () => {
    const { code, stderr } = await operator.jackin(["purge", "app"]);
    expect([code, await names()]).toEqual([2, "app\n"]);
    expect(stderr).toContain("→ jackin purge app --yes");
  });

  it("refuses what runs", async () => {
    await load();
    const { code, stderr } = await operator.jackin(["purge", "app", "--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain("→ jackin eject app");
  });
});
