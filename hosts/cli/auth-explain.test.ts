import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOperatorDouble } from "./operator-double.ts";
import type { OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const path = "/jackin/run/credentials/.credentials.json";
const access = { state: "access", access: "0123456789ab", path } as const;

describe("auth explain", () => {
  it("looks into a running agent: what is used, what is in the way, what mends it", async () => {
    await operator.jackin(["load", "--detach"]);
    const project = join(operator.home, "app/.claude/settings.json");
    operator.runtime.surroundingsOf.set("app", {
      env: ["ANTHROPIC_API_KEY"],
      settings: [
        {
          layer: "project",
          path: project,
          apiKeyHelper: true,
          env: [],
          withoutHooks: false,
        },
      ],
      credential: access,
    });
    const { code, stdout } = await operator.jackin(["auth", "explain"]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      `app (runs, mode sync)
  ! USED  ANTHROPIC_API_KEY (environment of the agent): set
      → jackin config env set ANTHROPIC_API_KEY ''   empties what the image sets, from the next launch on
  ! apiKeyHelper (${project}): set in the project settings; ANTHROPIC_API_KEY (environment of the agent) comes first
      → take apiKeyHelper out of ${project}
  - login (${path}): an access token, which does not renew itself; ANTHROPIC_API_KEY (environment of the agent) comes first
  not there: CLAUDE_CODE_USE_BEDROCK, CLAUDE_CODE_USE_VERTEX, CLAUDE_CODE_USE_FOUNDRY, ANTHROPIC_AUTH_TOKEN, CLAUDE_CODE_OAUTH_TOKEN, ANTHROPIC_FEDERATION_RULE_ID
`,
    );
    const json = await operator.jackin(["auth", "explain", "app", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject([
      { instance: "app", mode: "sync", isRunning: true, sources: expect.any(Array) },
    ]);
    expect(JSON.parse(json.stdout)[0].sources.find((row: any) => row.state === "wins")).toEqual({
      source: "ANTHROPIC_API_KEY",
      where: "environment of the agent",
      state: "wins",
      outranks: true,
      text: "set",
      next: expect.any(String),
    });
  });

  it("says what an agent without a login looks for, and how it gets one", async () => {
    await operator.jackin(["load", "--detach", "--auth", "ignore"]);
    const credential = { state: "none", path } as const;
    operator.runtime.surroundingsOf.set("app", { env: [], settings: [], credential });
    const { stdout } = await operator.jackin(["auth", "explain", "app"]);
    expect(stdout).toContain("app (runs, mode ignore)\n  ✗ nothing that Claude Code could");
    expect(stdout).toContain("  ✗ login (");
    expect(stdout).toContain("      → jackin hardline app   then type /login");
  });

  it("shows what the next launch would have, when none runs", async () => {
    await operator.configure(`[env]\nANTHROPIC_AUTH_TOKEN = "$GATEWAY"\n`);
    const settings = join(operator.home, "app/.claude");
    await mkdir(settings);
    await writeFile(join(settings, "settings.local.json"), "{");
    const { code, stdout, stderr } = await operator.jackin(["auth", "explain"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`${join(operator.home, "app")} (next launch, mode sync)`);
    expect(stdout).toContain("! USED  ANTHROPIC_AUTH_TOKEN (environment of the agent)");
    expect(stdout).toContain("→ jackin config env unset ANTHROPIC_AUTH_TOKEN");
    expect(stdout).toContain(`✗ settings (${settings}/settings.local.json): is no settings file`);
    expect(stdout).toContain("the host is signed in");
    expect(stderr).toContain("No agent runs there");
  });

  it("names one that is not there", async () => {
    const { code, stderr } = await operator.jackin(["auth", "explain", "ap"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('"ap"')]);
  });

  it("shows nothing that steers a terminal", async () => {
    await operator.jackin(["load", "--detach"]);
    const evil = { ...access, path: "/x\u001b]0;evil\u0007" };
    operator.runtime.surroundingsOf.set("app", { env: [], settings: [], credential: evil });
    const { stdout } = await operator.jackin(["auth", "explain", "app"]);
    expect(stdout).toContain("login (/x?]0;evil?)");
  });
});
