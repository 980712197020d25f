import { execa } from "execa";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { fingerprint, startLab } from "./lab.ts";
import type { Credentials, Lab } from "./lab.ts";
import { signInByHand } from "./sign-in.ts";

// The real Claude Code, as package.json pins it, against the stand-in.
describe("the lab", { timeout: 60_000 }, () => {
  let lab: Lab;
  let homes: string[];

  beforeEach(async () => {
    lab = await startLab();
    homes = [];
    return async () => {
      await lab[Symbol.asyncDispose]();
      for (const home of homes) await rm(home, { recursive: true, force: true });
    };
  });

  async function operator(login: object): Promise<{
    home: string;
    file: string;
    claude: (...args: string[]) => ReturnType<typeof run>;
  }> {
    const home = await mkdtemp(join(tmpdir(), "lab-home-"));
    homes.push(home);
    const file = await lab.signIn(home, login);
    return { home, file, claude: (...args) => run(home, args) };
  }
  function run(home: string, args: string[], more: Record<string, string> = {}) {
    return execa("claude", args, {
      env: { ...lab.hostClaude(home), ...more },
      extendEnv: false,
      cwd: home,
      input: "",
      reject: false,
    });
  }
  const oauth = async (file: string) =>
    (JSON.parse(await readFile(file, "utf8")) as Credentials).claudeAiOauth;
  const turns = () => lab.seen.filter((call) => call.kind === "message");
  const renewals = () => lab.seen.filter((call) => call.kind === "renewal");

  it("answers a turn for a good login", async () => {
    lab.reply = (prompt) => `you said: ${prompt}`;
    const login = lab.newLogin({ account: "a@example.test" });
    const { claude } = await operator(login);
    const { stdout, exitCode } = await claude("-p", "hello");
    expect([exitCode, stdout]).toEqual([0, "you said: hello"]);
    expect(turns()).toMatchObject([
      {
        ok: true,
        account: "a@example.test",
        prompt: "hello",
        token: fingerprint(login.claudeAiOauth.accessToken),
      },
    ]);
    expect(lab.seen.filter((call) => call.kind === "unknown")).toEqual([]);
  });

  it("answers a turn for a long-lived token, and refuses it once revoked", async () => {
    const token = lab.newLongLivedToken();
    expect(token).toMatch(/^sk-ant-oat01-.{95}$/);
    const home = await mkdtemp(join(tmpdir(), "lab-home-"));
    homes.push(home);
    const good = await run(home, ["-p", "hello"], { CLAUDE_CODE_OAUTH_TOKEN: token });
    expect([good.exitCode, good.stdout]).toEqual([0, "pong"]);
    lab.revoke(token);
    const refused = await run(home, ["-p", "hello"], { CLAUDE_CODE_OAUTH_TOKEN: token });
    expect(refused.exitCode).toBe(1);
    expect(turns().at(-1)).toMatchObject({ status: 401, token: fingerprint(token) });
  });

  it("refuses a token it never issued, in the words of the real API", async () => {
    const { claude } = await operator({
      claudeAiOauth: { accessToken: `sk-ant-oat01-${"x".repeat(95)}`, scopes: ["user:inference"] },
    });
    const { stdout, exitCode } = await claude("-p", "hello");
    expect([exitCode, stdout]).toEqual([
      1,
      "Failed to authenticate. API Error: 401 Invalid authentication credentials",
    ]);
  });

  it("renews an expired login of the host on `claude auth status`", async () => {
    const login = lab.newLogin({ lifetimeMs: -1000 });
    const { claude, file } = await operator(login);
    expect((await claude("auth", "status")).exitCode).toBe(0);
    const renewed = await oauth(file);
    expect(renewed.accessToken).not.toBe(login.claudeAiOauth.accessToken);
    expect(renewed.expiresAt).toBeGreaterThan(Date.now());
    expect(renewals()).toMatchObject([
      { ok: true, token: fingerprint(login.claudeAiOauth.refreshToken) },
    ]);
  });

  it("lets the first of two copies renew, and the second blanks its own file", async () => {
    const login = lab.newLogin({ lifetimeMs: -1000 });
    const first = await operator(login);
    const second = await operator({ ...login, mcpOAuth: { kept: true } });
    await first.claude("auth", "status");
    await second.claude("auth", "status");
    expect(renewals().map((call) => call.status)).toEqual([200, 400]);
    expect(await oauth(second.file)).toMatchObject({
      accessToken: "",
      refreshToken: "",
      expiresAt: 0,
    });
    expect(JSON.parse(await readFile(second.file, "utf8"))).toMatchObject({
      mcpOAuth: { kept: true },
    });
    expect((await oauth(first.file)).accessToken).not.toBe("");
  });

  it("sees no renewal from a file that holds an access token only", async () => {
    const { accessToken, scopes } = lab.newLogin({ lifetimeMs: -1000 }).claudeAiOauth;
    const { claude, file } = await operator({ claudeAiOauth: { accessToken, scopes } });
    const before = await readFile(file, "utf8");
    const { stdout, exitCode } = await claude("-p", "hello");
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining("401 OAuth token has expired")]);
    expect(renewals()).toEqual([]);
    expect(await readFile(file, "utf8")).toBe(before);
  });

  it("signs an operator in by hand", async () => {
    const { home, file } = await operator({});
    const { code, output } = await signInByHand(lab, ["claude", "auth", "login"], {
      env: lab.hostClaude(home),
      cwd: home,
      account: "b@example.test",
    });
    expect([code, output]).toEqual([0, expect.stringContaining("Login successful.")]);
    expect(lab.seen.find((call) => call.kind === "login")).toMatchObject({
      ok: true,
      account: "b@example.test",
    });
    expect((await oauth(file)).refreshToken).toMatch(/^sk-ant-ort01-/);
  });

  it("holds a turn in its middle", async () => {
    const release = lab.hold();
    const { claude } = await operator(lab.newLogin());
    const turn = claude("-p", "hello");
    await lab.until((call) => call.kind === "message");
    // A whole process comes and goes meanwhile; an answer that was not held would have left by then.
    await claude("auth", "status");
    lab.reply = () => "decided late";
    release();
    expect((await turn).stdout).toBe("decided late");
  });

  it("runs beside another lab and knows none of its tokens", async () => {
    await using other = await startLab();
    const login = other.newLogin();
    const { claude } = await operator(login);
    expect((await claude("-p", "hello")).exitCode).toBe(1);
    expect(other.seen).toEqual([]);
    expect(() => lab.revoke(login.claudeAiOauth.accessToken)).toThrow("never issued");
  });
});
