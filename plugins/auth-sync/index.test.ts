import { describe, expect, it } from "vitest";
import { fingerprint } from "../../core/index.ts";
import type { GrantRequest, Sharer } from "../../core/index.ts";
import { testAuthProvider } from "../../test/conformance/auth.ts";
import { visible } from "../../test/conformance/visible.ts";
import {
  createContextDouble,
  createHostDouble,
  programMissing,
  programTooSlow,
} from "../../test/doubles/host.ts";
import type {
  ExecScript,
  FileDouble,
  HostDouble,
  HostDoubleInit,
} from "../../test/doubles/host.ts";
import { authSync } from "./index.ts";

const now = Date.UTC(2026, 10, 25, 12);
const hour = 3_600_000;
const file = "/home/me/.claude/.credentials.json";
const accessToken = "sk-ant-oat01-canary-access";
const refreshToken = "sk-ant-ort01-canary-refresh";
const line = "claude auth: forwarded host session (sync)";

const login = (changes: object = {}) => ({
  accessToken,
  refreshToken,
  expiresAt: now + 8 * hour,
  scopes: ["user:inference", "user:profile"],
  subscriptionType: "max",
  rateLimitTier: "default_claude_max_20x",
  ...changes,
});
const stored = (changes: object = {}) =>
  JSON.stringify({ mcpOAuth: { server: "kept" }, claudeAiOauth: login(changes) });
const accountFile = (email: string, organizationName?: string) =>
  JSON.stringify({ oauthAccount: { emailAddress: email, organizationName } });

const worldOf = (credentials: FileDouble | undefined, init: HostDoubleInit = {}) =>
  createHostDouble({
    now,
    ...init,
    files: { ...(credentials !== undefined && { [file]: credentials }), ...init.files },
  });

const grantFrom = async (
  host: HostDouble,
  options: GrantRequest["options"] = {},
  others: readonly Sharer[] = [],
) => {
  const ctx = createContextDouble(host);
  const request = { instance: "my-app", options, others };
  const grant = await authSync().grant(request, ctx);
  expect(host.changes).toEqual([]);
  expect(visible([grant, ctx.lines])).not.toContain("canary");
  return grant;
};
const forwarded = async (host: HostDouble, options: GrantRequest["options"] = {}) => {
  const grant = await grantFrom(host, options);
  expect(grant).toMatchObject({ line, login: "forwarded", env: {} });
  expect(grant.files.map((item) => item.name)).toEqual([".credentials.json"]);
  return JSON.parse(grant.files[0]!.content.reveal()) as unknown;
};
/** What the one notice of a launch says that could forward nothing. */
const refusal = async (host: HostDouble, options: GrantRequest["options"] = {}) => {
  const grant = await grantFrom(host, options);
  expect(grant).toMatchObject({ line, login: "own", files: [], env: {} });
  expect(grant.notices).toMatchObject([{ level: "warning" }]);
  expect(grant.notices[0]?.text).toMatch(
    /nothing was forwarded, and what the container has is kept$/,
  );
  return grant.notices[0]!;
};
const healthOf = (host: HostDouble, options: GrantRequest["options"] = {}) =>
  authSync().health!({ options }, createContextDouble(host));

for (const refresh of ["host", "container"])
  describe(`refresh = "${refresh}"`, () => {
    testAuthProvider("auth-sync", {
      make: authSync,
      line,
      options: { refresh },
      host: () =>
        worldOf(stored(), { files: { "/home/me/.claude.json": accountFile("me@example.test") } }),
      canaries: [accessToken, refreshToken],
    });
  });

describe("what is forwarded", () => {
  it('holds access token and scopes only with refresh = "host", which is the default', async () => {
    const { accessToken, scopes, subscriptionType, rateLimitTier } = login();
    const expected = { claudeAiOauth: { accessToken, scopes, subscriptionType, rateLimitTier } };
    expect(await forwarded(worldOf(stored()))).toEqual(expected);
    expect(await forwarded(worldOf(stored()), { refresh: "host" })).toEqual(expected);
  });

  it("leaves out what the host's login does not have", async () => {
    const bare = JSON.stringify({ claudeAiOauth: { accessToken, scopes: ["user:inference"] } });
    expect(await forwarded(worldOf(bare))).toEqual(JSON.parse(bare));
  });

  it('is the whole file, byte for byte, with refresh = "container"', async () => {
    const text = `${stored({ somethingNew: 1 })}\n `;
    const grant = await grantFrom(worldOf(text), { refresh: "container" });
    expect(grant.files[0]?.content.reveal()).toBe(text);
  });

  it("tells the account and the end of validity", async () => {
    const host = worldOf(stored(), {
      files: { "/home/me/.claude.json": accountFile("me@example.test", "Acme") },
    });
    expect(await grantFrom(host)).toMatchObject({
      account: "me@example.test (Acme)",
      expiresAt: now + 8 * hour,
      notices: [],
    });
  });

  it.each([
    ["is not there", undefined],
    ["is torn", '{"oauthAccount":{"emailAddress":"me@'],
    ["may not be read", { denied: true } as const],
    ["says nothing of it", '{"oauthAccount":null}'],
    ["is null", "null"],
    ["is of another form", '{"oauthAccount":{"emailAddress":7}}'],
    ["is over 32 MiB", accountFile("me@example.test", "x".repeat(32 * 1024 * 1024))],
  ])("goes on without an account when .claude.json %s", async (_, content) => {
    const host = worldOf(stored(), {
      files: content === undefined ? {} : { "/home/me/.claude.json": content },
    });
    const grant = await grantFrom(host);
    expect(grant).toMatchObject({ login: "forwarded", notices: [] });
    expect(grant).not.toHaveProperty("account");
  });

  it("leaves out an organization that only repeats the address", async () => {
    const email = "me@example.test";
    const host = worldOf(stored(), {
      files: { "/home/me/.claude.json": accountFile(email, `${email}'s Organization`) },
    });
    expect((await grantFrom(host)).account).toBe(email);
  });

  it.each([
    ["far ahead", now + 401 * 24 * hour],
    ["negative", -1],
    ["no whole number", 1.5],
    ["null", null],
  ])("takes a stamp that is %s for none", async (_, expiresAt) => {
    const host = worldOf(stored({ expiresAt }), { exec: () => ({}) });
    const grant = await grantFrom(host);
    expect(grant).toMatchObject({ login: "forwarded", notices: [] });
    expect(grant).not.toHaveProperty("expiresAt");
    expect(host.calls).toEqual([]);
  });
});

describe("where the host's login is", () => {
  const other = "sk-ant-oat01-canary-other";
  const at = (path: string) => ({ files: { [path]: stored({ accessToken: other }) } });

  it.each([
    ["CLAUDE_CONFIG_DIR", { CLAUDE_CONFIG_DIR: "/cfg" }, "/cfg/.credentials.json"],
    ["CLAUDE_CONFIG_DIR with a slash", { CLAUDE_CONFIG_DIR: "/cfg/" }, "/cfg/.credentials.json"],
    [
      "CLAUDE_SECURESTORAGE_CONFIG_DIR first",
      { CLAUDE_CONFIG_DIR: "/cfg", CLAUDE_SECURESTORAGE_CONFIG_DIR: "/sec" },
      "/sec/.credentials.json",
    ],
  ])("follows %s", async (_, env, path) => {
    const host = worldOf(stored(), { env, ...at(path) });
    expect(await forwarded(host)).toMatchObject({ claudeAiOauth: { accessToken: other } });
  });

  it("takes an empty variable for none", async () => {
    const env = { CLAUDE_CONFIG_DIR: "", CLAUDE_SECURESTORAGE_CONFIG_DIR: "" };
    expect(await forwarded(worldOf(stored(), { env }))).toMatchObject({
      claudeAiOauth: { accessToken },
    });
  });

  it.each(["/work/.claude-2", "/work/.claude-2/", "~/.claude-2"])(
    "takes source_dir %s before all variables, with its own account",
    async (source_dir) => {
      const folder = source_dir.replace("~", "/home/me").replace(/\/$/, "");
      const host = worldOf(stored(), {
        env: { CLAUDE_CONFIG_DIR: "/cfg", CLAUDE_SECURESTORAGE_CONFIG_DIR: "/sec" },
        files: {
          ...at(`${folder}/.credentials.json`).files,
          "/cfg/.credentials.json": stored(),
          "/sec/.credentials.json": stored(),
          "/home/me/.claude.json": accountFile("default@example.test"),
          [`${folder}/.claude.json`]: accountFile("two@example.test"),
        },
      });
      expect(await forwarded(host, { source_dir })).toMatchObject({
        claudeAiOauth: { accessToken: other },
      });
      expect((await grantFrom(host, { source_dir })).account).toBe("two@example.test");
    },
  );

  it("never falls back from a source_dir without a login", async () => {
    const host = worldOf(stored(), { files: { "/my work/x.txt": "" } });
    expect(await refusal(host, { source_dir: "/my work" })).toMatchObject({
      text: expect.stringContaining("the host has no login at /my work/.credentials.json"),
      next: "CLAUDE_CONFIG_DIR='/my work' claude auth login",
    });
  });

  it.each([
    ["is missing", "/gone", "source_dir /gone does not exist"],
    ["is a file", file, `source_dir ${file} is no folder`],
  ])("stops the launch when source_dir %s", async (_, source_dir, message) => {
    await expect(grantFrom(worldOf(stored()), { source_dir })).rejects.toMatchObject({
      code: "login-unusable",
      message: `[auth-sync] ${message}`,
      hint: expect.stringContaining("source_dir under [claude.sync]"),
    });
  });

  it("reads a file that is a link", async () => {
    const host = worldOf({ link: "/dotfiles/login" }, { files: { "/dotfiles/login": stored() } });
    expect(await forwarded(host)).toMatchObject({ claudeAiOauth: { accessToken } });
  });

  it("stops the launch on a host without files", async () => {
    const ctx = createContextDouble(createHostDouble({ hasFiles: false }));
    const request = { instance: "my-app", options: {}, others: [] };
    await expect(authSync().grant(request, ctx)).rejects.toMatchObject({ code: "login-unusable" });
  });
});

describe("a host's login that is no good is reported and never forwarded", () => {
  it("missing", async () => {
    const notice = await refusal(worldOf(undefined));
    expect(notice.text).toContain(`the host has no login at ${file}`);
    expect(notice.next).toBe("claude auth login");
  });

  it("signed out, with the logins of other servers left", async () => {
    const notice = await refusal(worldOf('{"mcpOAuth":{"a":{"accessToken":"canary"}}}'));
    expect(notice.text).toContain("is signed out");
  });

  it.each([
    ["hollow", stored({ accessToken: "", refreshToken: "", expiresAt: 0 }), "was blanked"],
    ["blank", stored({ accessToken: " " }), "was blanked"],
    ["empty", "", "is empty"],
    ["no JSON", "canary {", "is not whole JSON"],
    ["no object", "[1]", "has a form that jackin does not know"],
    ["of another form", '{"claudeAiOauth":"canary"}', "does not know (claudeAiOauth)"],
    ["without scopes", stored({ scopes: undefined }), "(claudeAiOauth.scopes)"],
    ["with no scope in its list", stored({ scopes: [] }), "(claudeAiOauth.scopes)"],
    ["with a token that is none", stored({ accessToken: 7 }), "(claudeAiOauth.accessToken)"],
  ])("%s", async (_, content, reason) => {
    const host = worldOf(content, { exec: () => ({}) });
    const notice = await refusal(host);
    expect(notice.text).toContain(`the host's login ${file} `);
    expect(notice.text).toContain(reason);
    expect(notice.next).toBe("claude auth login");
    expect(host.calls).toEqual([]);
  });

  it.each<[string, FileDouble, string]>([
    ["unreadable", { denied: true }, "permission denied"],
    ["oversized", `${stored()}${" ".repeat(1024 * 1024)}`, "larger than 1048576 bytes"],
    ["a folder", { kind: "folder" }, "is no plain file"],
    ["a link to a pipe", { link: "/run/pipe" }, "is no plain file"],
  ])("%s", async (_, content, reason) => {
    const notice = await refusal(worldOf(content, { files: { "/run/pipe": { kind: "other" } } }));
    expect(notice.text).toContain(reason);
    expect(notice.next).toBe(`ls -l ${file}`);
  });

  it("but one that was read in the middle of a write is read once more", async () => {
    const torn = { reads: [stored().slice(0, 40), stored()] };
    expect(await forwarded(worldOf(torn))).toMatchObject({ claudeAiOauth: { accessToken } });
    const longer = { reads: ["", "{", stored()] };
    expect((await refusal(worldOf(longer))).text).toContain("is not whole JSON");
  });
});

describe("a login that runs out", () => {
  const renewing =
    (changes: object): ExecScript =>
    () => {
      host.disk.set(file, stored(changes));
      return { stdout: '{"loggedIn":true}' };
    };
  let host: HostDouble;

  it.each([
    ["has expired", now - hour, "had expired"],
    ["was stamped 0", 0, "had expired"],
    ["has less than five minutes", now + 299_000, "was about to expire"],
  ])("is renewed by the host's own claude when it %s", async (_, expiresAt, state) => {
    const exec = renewing({ accessToken: "sk-ant-oat01-canary-new" });
    host = worldOf(stored({ expiresAt }), { exec });
    const ctx = createContextDouble(host);
    const request = { instance: "my-app", options: {}, others: [] };
    const grant = await authSync().grant(request, ctx);
    expect(JSON.parse(grant.files[0]!.content.reveal())).toMatchObject({
      claudeAiOauth: { accessToken: "sk-ant-oat01-canary-new" },
    });
    expect(grant.expiresAt).toBe(now + 8 * hour);
    expect(grant.notices).toEqual([
      {
        level: "info",
        text: `the host's login ${state} and was renewed by the host's own claude, valid until 2026-11-25 20:00 UTC`,
      },
    ]);
    expect(ctx.lines).toEqual(["the host's login runs out: asking its own claude to renew it"]);
  });

  it("is asked for in the second way when the cheap one leaves it, without hooks and servers", async () => {
    const renew = renewing({ accessToken: "sk-ant-oat01-canary-new" });
    host = worldOf(stored({ expiresAt: now + 60_000 }), {
      exec: (call) => (call.args[0] === "auth" ? {} : renew(call)),
    });
    expect((await grantFrom(host)).notices).toMatchObject([{ level: "info" }]);
    expect(host.calls.map(({ args }) => args.slice(0, 2))).toEqual([
      ["auth", "status"],
      ["-p", "/cost"],
    ]);
    expect(host.calls[1]).toMatchObject({
      args: expect.arrayContaining(["--strict-mcp-config", '{"disableAllHooks":true}']),
      options: { stdin: "", ownSession: true, cwd: "/home/me" },
    });
  });

  it("counts as renewed also when the new one is short-lived", async () => {
    host = worldOf(stored({ expiresAt: now - 1 }), { exec: renewing({ expiresAt: now + 60_000 }) });
    expect((await grantFrom(host)).notices).toMatchObject([
      { level: "info", text: expect.stringContaining("valid until 2026-11-25 12:01 UTC") },
    ]);
  });

  it("is left alone while it has five minutes", async () => {
    host = worldOf(stored({ expiresAt: now + 5 * 60_000 }), { exec: () => ({}) });
    expect((await grantFrom(host)).notices).toEqual([]);
    expect(host.calls).toEqual([]);
  });

  it("is renewed with that login alone in view", async () => {
    host = worldOf(stored({ expiresAt: now - 1 }), {
      exec: renewing({}),
      env: {
        ANTHROPIC_API_KEY: "canary",
        CLAUDE_CODE_OAUTH_TOKEN: "canary",
        CLAUDE_CODE_USE_BEDROCK: "1",
        HTTPS_PROXY: "http://127.0.0.1:1",
      },
    });
    await grantFrom(host);
    expect(host.calls).toMatchObject([
      { command: "claude", args: ["auth", "status", "--json"], options: { limitMs: 60_000 } },
    ]);
    expect(host.calls[0]?.options.cwd).toBe("/home/me");
    expect(host.calls[0]?.options.env).toStrictEqual({
      ANTHROPIC_API_KEY: undefined,
      CLAUDE_CODE_OAUTH_TOKEN: undefined,
      CLAUDE_CODE_USE_BEDROCK: undefined,
      DISABLE_AUTOUPDATER: "1",
    });
  });

  it("is renewed in its source_dir, whatever the host's variables say", async () => {
    host = createHostDouble({
      now,
      env: { CLAUDE_SECURESTORAGE_CONFIG_DIR: "/sec" },
      files: { "/two/.credentials.json": stored({ expiresAt: now - 1 }) },
      exec: () => ({}),
    });
    await grantFrom(host, { source_dir: "/two" });
    expect(host.calls[0]?.options.env).toStrictEqual({
      CLAUDE_CONFIG_DIR: "/two",
      CLAUDE_SECURESTORAGE_CONFIG_DIR: undefined,
      DISABLE_AUTOUPDATER: "1",
    });
  });

  it.each<[string, ExecScript | undefined, string]>([
    ["claude changes nothing", () => ({}), "the host's own claude left it as it was"],
    ["claude fails", () => ({ code: 1 }), "claude -p /cost ended with exit code 1"],
    ["the host has no claude", () => Promise.reject(programMissing("claude")), "not found on PATH"],
    ["claude hangs", () => Promise.reject(programTooSlow("claude")), "claude took too long"],
    ["the host runs no programs", undefined, "this host runs no programs"],
  ])("is forwarded with a warning when %s", async (_, exec, why) => {
    host = worldOf(stored({ expiresAt: now - hour }), exec && { exec });
    const grant = await grantFrom(host);
    expect(grant.login).toBe("forwarded");
    const next = why.startsWith("not found") ? "Install claude, or" : "claude auth login";
    expect(grant.notices).toMatchObject([
      { level: "warning", next: expect.stringContaining(next) },
    ]);
    expect(grant.notices[0]?.text).toContain("the host's login expired at 2026-11-25 11:00 UTC");
    expect(grant.notices[0]?.text).toContain(why);
  });

  it("is not forwarded when the host's claude could only blank it", async () => {
    host = worldOf(stored({ expiresAt: now - 1 }), {
      exec: renewing({ accessToken: "", refreshToken: "", expiresAt: 0 }),
    });
    expect((await refusal(host)).text).toContain("was blanked");
  });

  it("lets a renewal finish when it is cancelled: cut off, it could log the host out", async () => {
    const abort = new AbortController();
    const finished = renewing({ accessToken: "sk-ant-oat01-canary-new" });
    host = worldOf(stored({ expiresAt: now - 1 }), {
      async exec(call) {
        abort.abort();
        await new Promise((resolve) => setTimeout(resolve, 20));
        return await finished(call);
      },
    });
    const ctx = createContextDouble(host, abort.signal);
    const request = { instance: "my-app", options: {}, others: [] };
    await expect(authSync().grant(request, ctx)).rejects.toMatchObject({ code: "cancelled" });
    expect(host.calls[0]?.options).toMatchObject({ ownSession: true });
    expect(host.calls[0]?.options.signal).toBeUndefined();
    expect(host.disk.get("/home/me/.claude/.credentials.json")).toContain("canary-new");
  });
});

describe("on macOS", () => {
  const mac = (exec: ExecScript, init: HostDoubleInit = {}, credentials?: FileDouble) =>
    worldOf(credentials, { platform: "darwin", exec, ...init });
  const args = (service: string) => ["find-generic-password", "-a", "me", "-s", service, "-w"];

  it("reads the Keychain first", async () => {
    const fromFile = stored({ accessToken: "sk-ant-oat01-canary-file" });
    const host = mac(() => ({ stdout: `${stored()}\n` }), {}, fromFile);
    expect(await forwarded(host)).toMatchObject({ claudeAiOauth: { accessToken } });
    expect(host.calls[0]).toMatchObject({
      command: "security",
      args: args("Claude Code-credentials"),
    });
  });

  // printf /home/me/.claude-work | sha256sum
  it.each<[string, HostDoubleInit, GrantRequest["options"]]>([
    ["CLAUDE_CONFIG_DIR", { env: { CLAUDE_CONFIG_DIR: "/home/me/.claude-work" } }, {}],
    ["source_dir", {}, { source_dir: "~/.claude-work" }],
  ])("asks for the item of %s", async (_, init, options) => {
    const files = { "/home/me/.claude-work/.claude.json": "{}" };
    const host = mac(() => ({ stdout: stored() }), { ...init, files });
    await forwarded(host, options);
    expect(host.calls[0]?.args).toEqual(args("Claude Code-credentials-95e632f0"));
  });

  it("reads the file when the Keychain has no item", async () => {
    const host = mac(() => ({ code: 44 }), {}, stored());
    expect(await forwarded(host)).toMatchObject({ claudeAiOauth: { accessToken } });
    expect((await refusal(mac(() => ({ code: 44 })))).text).toContain("the host has no login at");
  });

  it.each<[string, ExecScript, string]>([
    ["is locked", () => ({ code: 36, stdout: "canary" }), "security ended with exit code 36"],
    ["asks and nobody answers", () => Promise.reject(programTooSlow("security")), "too long"],
  ])("reports a Keychain that %s, unless the file has a login", async (_, exec, why) => {
    const notice = await refusal(mac(exec));
    expect(notice.text).toContain("the Keychain did not hand out the host's login");
    expect(notice.text).toContain(why);
    expect(notice.next).toBe("security unlock-keychain");
    await forwarded(mac(exec, {}, stored()));
  });
});

describe("who shares the login", () => {
  const email = "me@example.test";
  const files = {
    "/home/me/.claude.json": accountFile(email),
    "/home/me/.claude/sessions/41.json": "{}",
    "/home/me/.claude/sessions/42.json": "{}",
    "/home/me/.claude/sessions/notes.txt": "",
  };
  const alive = { "/proc/42/status": "" };
  const others = [
    { instance: "my-app", mode: "sync", account: email },
    { instance: "my-app-2", mode: "sync", account: email },
    { instance: "elsewhere", mode: "sync", account: "you@example.test" },
    { instance: "unknown", mode: "sync" },
    { instance: "by-token", mode: "token", account: email },
  ];

  it("is told as far as it runs on the host; core names the instances", async () => {
    const host = worldOf(stored(), { files: { ...files, ...alive } });
    expect((await grantFrom(host, {}, others)).notices).toEqual([
      { level: "info", text: "also used by 1 session on the host" },
    ]);
  });

  it("is nobody when only left-over session files are there", async () => {
    expect((await grantFrom(worldOf(stored(), { files }))).notices).toEqual([]);
  });

  it("asks ps where there is no /proc", async () => {
    const exec: ExecScript = ({ command }) =>
      command === "ps" ? { stdout: "   41\n   42\n" } : { code: 44 };
    const host = worldOf(stored(), { platform: "darwin", exec, files });
    expect((await grantFrom(host)).notices).toMatchObject([
      { text: "also used by 2 sessions on the host" },
    ]);
    expect(host.calls.at(-1)?.args).toEqual(["-o", "pid=", "-p", "41,42"]);
  });

  it("is a warning that names both instances when each has a whole copy", async () => {
    const host = worldOf(stored(), { files });
    const grant = await grantFrom(host, { refresh: "container" }, others);
    expect(grant.notices).toEqual([
      {
        level: "warning",
        text: `my-app, my-app-2 hold copies of one login (${email}): the first that renews it logs the others and the host out`,
        next: 'set refresh = "host" under [claude.sync]',
      },
    ]);
  });

  it("takes two accounts that are not known for one", async () => {
    const grant = await grantFrom(worldOf(stored()), { refresh: "container" }, others);
    expect(grant.notices[0]?.text).toContain("my-app, unknown hold copies of one login:");
  });
});

describe("options", () => {
  it.each([{ refresh: "both" }, { source_dir: "relative/dir" }, { source_dir: "" }, { other: 1 }])(
    "refuse %o",
    async (options) => {
      await expect(grantFrom(worldOf(stored()), options)).rejects.toThrow();
    },
  );
});

describe("health", () => {
  const files = { "/home/me/.claude.json": accountFile("me@example.test") };

  it("is good while the login is valid, and tells whose it is and until when", async () => {
    const credential = {
      state: "whole",
      access: await fingerprint(accessToken),
      refresh: await fingerprint(refreshToken),
    };
    expect(await healthOf(worldOf(stored(), { files }))).toEqual({
      state: "good",
      credential: { ...credential, expiresAt: now + 8 * hour },
      text: "the host's login is valid until 2026-11-25 20:00 UTC",
      account: "me@example.test",
      expiresAt: now + 8 * hour,
    });
    expect(await healthOf(worldOf(stored({ expiresAt: null })))).toEqual({
      state: "good",
      text: "the host is signed in",
      credential,
    });
  });

  it("asks nobody to renew", async () => {
    const host = worldOf(stored({ expiresAt: now - 1 }), { exec: () => ({}) });
    expect(await healthOf(host)).toMatchObject({
      state: "warning",
      text: expect.stringContaining("expired at 2026-11-25 11:59 UTC"),
    });
    expect(host.calls).toEqual([]);
  });

  it.each<[string, FileDouble | undefined, string]>([
    ["missing", undefined, "the host has no login"],
    ["hollow", stored({ accessToken: "" }), "was blanked"],
    ["expired for good", stored({ expiresAt: now - 1, refreshToken: "" }), "cannot be renewed"],
  ])("is bad when the login is %s", async (_, content, text) => {
    expect(await healthOf(worldOf(content))).toMatchObject({
      state: "bad",
      text: expect.stringContaining(text),
      next: "claude auth login",
    });
  });
});
