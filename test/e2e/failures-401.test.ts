/** Agents that are refused, in each way that can be brought about: what their operator is told, by cause and mode. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiError } from "../lab/api.ts";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { openPiped, streaming } from "../survival/session.ts";
import type { Session } from "../survival/session.ts";
import { lookInside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, docker, eventually } from "./operator.ts";

interface Shown {
  readonly instance: string;
  readonly alert?: { readonly text: string; readonly next?: string };
}

const error = (status: number, type: string, message: string) => ({ status, type, message });
/** What the lab answers to a good token, by what is said. */
const refusals: Readonly<Record<string, ApiError>> = {
  refused: error(401, "authentication_error", "Invalid authentication credentials"),
  malformed: error(401, "authentication_error", "Invalid bearer token"),
  scope: error(403, "permission_error", "OAuth token does not meet scope requirement user:profile"),
  organization: error(
    403,
    "permission_error",
    "OAuth authentication is currently not allowed for this organization.",
  ),
  disabled: error(400, "invalid_request_error", "This organization has been disabled."),
  limit: error(429, "rate_limit_error", "This request would exceed your account's rate limit."),
  balance: error(400, "invalid_request_error", "Your credit balance is too low to access the API."),
};

describe("agents that are refused", { timeout: 180_000 }, () => {
  let lab: Lab;
  let operator: Operator;
  let containers: Readonly<Record<string, string>>;
  let token: string;
  let said: Readonly<Record<string, string>>;
  const forwarded = "/jackin/run/credentials/.credentials.json";

  beforeAll(async () => {
    lab = await startLab({ containers: true });
    lab.refuse = (prompt) => refusals[prompt];
    operator = await createOperator({ lab });
    const [app, tok, ign] = await Promise.all(["app", "tok", "ign"].map(operator.folder));
    await operator.configure(`
[workspaces.app]
workdir = "${app}"
[workspaces.tok]
workdir = "${tok}"
env = { CLAUDE_CODE_OAUTH_TOKEN = "$LAB_TOKEN" }
claude = { auth_forward = "token" }
[workspaces.ign]
workdir = "${ign}"
claude = { auth_forward = "ignore" }
`);
    await lab.signIn(operator.home, lab.newLogin());
    token = lab.newLongLivedToken();
    // In the way of what mode ignore leaves to the agent, and of reports.
    await settings("ign", { env: { ANTHROPIC_AUTH_TOKEN: "x" }, disableAllHooks: true });
    const loads = ["app", "tok", "ign"].map(async (name) => {
      const loaded = await operator.jackin(["load", name, "--detach"], {
        env: { LAB_TOKEN: token },
      });
      expect(loaded, loaded.stderr).toMatchObject({ code: 0, stdout: `${name}\n` });
      return [name, await operator.container(name), loaded.stderr] as const;
    });
    const loaded = await Promise.all(loads);
    for (const [, container] of loaded) await lookInside(container);
    containers = Object.fromEntries(loaded.map(([name, container]) => [name, container]));
    said = Object.fromEntries(loaded.map(([name, , stderr]) => [name, stderr]));
  });
  afterAll(async () => {
    await operator?.jackin(["exile"]);
    await operator?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const settingsFile = (name: string) => join(operator.home, name, ".claude/settings.json");
  async function settings(name: string, content: object): Promise<void> {
    await mkdir(join(operator.home, name, ".claude"), { recursive: true });
    await writeFile(settingsFile(name), JSON.stringify(content));
  }

  /** A Claude Code beside the running agent, in its environment, that takes many turns. */
  function open(name: string): Session {
    const claude = `exec env -i "$@" CLAUDE_CODE_MAX_RETRIES=0 claude ${streaming.join(" ")}`;
    const script = `exec 3<&0; xargs -0 -a /proc/$(cat /jackin/run/pid)/environ sh -c '${claude} <&3' --`;
    const command = ["docker", "exec", "-i", containers[name]!, "sh", "-c", script] as const;
    return openPiped(name, command, { env: process.env, cwd: operator.home });
  }

  async function alertOf(name: string): Promise<Shown["alert"]> {
    const { code, stdout, stderr } = await operator.jackin(["status", "--json"]);
    expect(code, stderr).toBe(0);
    return (JSON.parse(stdout) as Shown[]).find(({ instance }) => instance === name)?.alert;
  }

  /** Says something that is refused; the operator is told this. */
  async function expectHint(session: Session, prompt: string, text: RegExp, next: RegExp) {
    const { name } = session;
    const answer = await session.say(prompt);
    const alert = await eventually(`the hint for: ${answer}`, async () => {
      const found = await alertOf(name);
      return found && text.test(found.text) && found;
    });
    expect(alert.next).toMatch(next);
  }

  async function journal(): Promise<readonly string[]> {
    const text = await readFile(join(operator.state, "keeper/journal.jsonl"), "utf8");
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { text: string }).text);
  }

  it("are warned of at their launch, when something is in the way", () => {
    expect(said["app"]).not.toContain("outranks");
    expect(said["ign"]).toContain(
      `warning: ANTHROPIC_AUTH_TOKEN (${settingsFile("ign")}) outranks what mode ignore provides`,
    );
    expect(said["ign"]).toContain(`→ take env.ANTHROPIC_AUTH_TOKEN out of ${settingsFile("ign")}`);
    expect(said["ign"]).toContain(`${settingsFile("ign")} turns hooks off`);
  });

  it("in mode sync are told what helps the host's login, or that it cannot help", async () => {
    const explain = /^jackin auth explain app/;
    await using session = open("app");
    await expectHint(session, "refused", /refused with the login that the host has/, /auth login/);
    await expectHint(session, "malformed", /no whole token/, explain);
    await expectHint(session, "scope", /has no scope for/, /^claude auth login/);
    await expectHint(session, "organization", /the organization that app is signed in to/, explain);
    await expectHint(session, "scope", /has no scope for/, /^claude auth login/);
    await expectHint(session, "disabled", /the organization that app is signed in to/, explain);

    for (const prompt of ["limit", "balance"]) await session.say(prompt);
    const limits = () => journal().then((all) => all.filter((text) => /met a limit/.test(text)));
    await eventually("two words of a limit", async () => (await limits()).length >= 2);
    expect((await alertOf("app"))?.text).toMatch(/organization/);
  });

  it("are told of what outranks their mode, by file and key, and so does auth explain", async () => {
    await settings("app", { env: { ANTHROPIC_API_KEY: "sk-ant-api03-x" } });
    const file = settingsFile("app");
    const take = `take env.ANTHROPIC_API_KEY out of ${file}`;
    await using session = open("app");
    await expectHint(
      session,
      "hello",
      /refused with ANTHROPIC_API_KEY \(.*settings\.json\), which outranks mode sync/,
      /^take env\.ANTHROPIC_API_KEY out of /,
    );
    const explained = await operator.jackin(["auth", "explain", "app"]);
    expect(explained).toMatchObject({ code: 0 });
    expect(explained.stdout).toContain(`! USED  ANTHROPIC_API_KEY (${file})`);
    expect(explained.stdout).toContain(`→ ${take}`);
    expect(explained.stdout).toContain(`- login (${forwarded})`);
    await rm(file);
    const without = await operator.jackin(["auth", "explain", "app"]);
    expect(without.stdout).toContain(`✓ USED  login (${forwarded})`);
  });

  it("in mode token are told to make another token, and only if that can help", async () => {
    await using session = open("tok");
    await expectHint(session, "refused", /"Failed to auth.*does not say that/, /explain tok/);
    await expectHint(session, "malformed", /stored one was cut short/, /108 characters/);
    lab.revoke(token);
    const rotate = /^jackin workspace claude-token rotate tok /;
    await expectHint(session, "hello", /token of tok was revoked/, rotate);
    const { stdout, stderr } = await operator.jackin(["status"]);
    expect(stdout + stderr).toContain("→ jackin workspace claude-token rotate tok");
  });

  it("in mode ignore are sent to their own login", async () => {
    await rm(settingsFile("ign"));
    await using session = open("ign");
    const login = /^jackin hardline ign .*\/login/;
    await expectHint(session, "hello", /mode ignore forwards nothing/, login);
    const hollow = { accessToken: "", refreshToken: "", expiresAt: 0, scopes: [] };
    await signInInside(JSON.stringify({ claudeAiOauth: hollow }));
    await expectHint(session, "hello", /cannot be renewed any more/, login);
    const { stdout } = await operator.jackin(["auth", "explain", "ign"]);
    expect(stdout).toMatch(/✗ login \(.*\): blanked/);
    const own = lab.newLogin({ account: "own@example.test" });
    await signInInside(JSON.stringify(own));
    expect(await session.say("hello")).toBe("pong");
    await operator.jackin(["eject", "ign"]);
    const loaded = await operator.jackin(["load", "ign", "--detach", "--auth", "sync"]);
    expect(loaded.stderr).toContain("note: ign has a login of its own");
    expect(loaded.stderr).toContain("→ jackin load ign --auth ignore");
  });

  async function signInInside(login: string): Promise<void> {
    const script = `umask 077; printf %s "$0" > /jackin/claude/.credentials.json`;
    await docker("exec", containers["ign"]!, "sh", "-c", script, login);
  }
});
