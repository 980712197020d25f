import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { FailureCause, SignInRequest } from "../../core/index.ts";
import { testAuthProvider } from "../../test/conformance/auth.ts";
import { visible } from "../../test/conformance/visible.ts";
import {
  createContextDouble,
  createHostDouble,
  programMissing,
  programTooSlow,
} from "../../test/doubles/host.ts";
import type { ExecCall, FileDouble, HostDoubleInit } from "../../test/doubles/host.ts";
import { authSession } from "./index.ts";

const now = Date.UTC(2026, 10, 25, 12);
const day = 24 * 3_600_000;
const state = "/home/me/.jackin";
const tokens = ["sk-ant-oat01-canary-access", "sk-ant-ort01-canary-refresh"] as const;

const login = (changes: object = {}) => ({
  accessToken: tokens[0],
  refreshToken: tokens[1],
  // A whole login renews itself: this is no news.
  expiresAt: now - 1,
  refreshTokenExpiresAt: now + 30 * day,
  scopes: ["user:inference"],
  accountUuid: "uuid of me@example.test",
  ...changes,
});
const stored = (changes: object = {}, more: object = {}) =>
  JSON.stringify({ ...more, claudeAiOauth: login(changes) });
const accountFile = (emailAddress = "me@example.test", organizationName?: string) =>
  JSON.stringify({
    oauthAccount: { emailAddress, organizationName, accountUuid: `uuid of ${emailAddress}` },
  });

const at = (account = "default") => ({
  folder: `${state}/sessions/${account}`,
  credentials: `${state}/sessions/${account}/.credentials.json`,
  config: `${state}/session-accounts/${account}/config/.claude.json`,
});
const signedIn = (account = "default", email = "me@example.test"): Record<string, FileDouble> => ({
  [at(account).credentials]: stored({ accountUuid: `uuid of ${email}` }),
  [at(account).config]: accountFile(email),
});

/** A machine that records which locks were held when. */
function worldOf(init: HostDoubleInit = {}, signal?: AbortSignal) {
  const host = createHostDouble({ now, files: signedIn(), ...init });
  const lock = (name: string) => {
    host.changes.push(`lock ${name}`);
    return Promise.resolve({
      [Symbol.asyncDispose]: async () => void host.changes.push(`unlock ${name}`),
    });
  };
  const locking = { ...host, lock, files: { ...host.files!, lock } };
  return { host, ctx: createContextDouble(locking, signal) };
}

describe("the suite of auth plugins", () => {
  testAuthProvider("auth-session", {
    make: authSession,
    line: "claude auth: jackin session (shared)",
    host: () => createHostDouble({ now, files: signedIn() }),
    canaries: tokens,
  });
});

describe("a launch", () => {
  const grant = ({ ctx }: ReturnType<typeof worldOf>, account = "default") =>
    authSession().grant({ instance: "my-app", options: { account }, others: [] }, ctx);
  const with_ = (changes: object, account = "default") =>
    worldOf({ files: { ...signedIn(account), [at(account).credentials]: stored(changes) } });

  it("gets the account's folder, who is signed in, and until when", async () => {
    expect(
      await grant(worldOf({ files: { ...signedIn(), ...signedIn("work", "w@x.test") } }), "work"),
    ).toEqual({
      line: "claude auth: jackin session (shared)",
      login: "shared",
      folder: at("work").folder,
      files: [],
      env: {},
      notices: [],
      account: "w@x.test",
      expiresAt: now + 30 * day,
    });
  });

  it("names an organization that says more than the address", async () => {
    const organization = (name: string) =>
      worldOf({ files: { ...signedIn(), [at().config]: accountFile("me@example.test", name) } });
    expect((await grant(organization("Acme"))).account).toBe("me@example.test (Acme)");
    expect((await grant(organization("me@example.test's Organization"))).account).toBe(
      "me@example.test",
    );
  });

  it.each<readonly [string, FileDouble | undefined, RegExp]>([
    ["is not there", undefined, /account work is not signed in$/],
    ["holds only other logins", '{"mcpOAuth":{}}', /account work is not signed in$/],
    ["is hollow", stored({ accessToken: "", refreshToken: "" }), /work was blanked/],
    ["is torn", stored().slice(0, 40), /work is not whole JSON$/],
    ["cannot renew itself", stored({ refreshToken: null }), /work cannot renew itself/],
    ["is of another form", '{"claudeAiOauth":7}', /a form that jackin does not know$/],
    ["is too large", `"${"x".repeat(1024 * 1024)}"`, /work cannot be used: /],
    ["may not be read", { denied: true }, /work cannot be used: /],
    // An agent may have put it there.
    ["is a link", { link: "/home/me/.claude/.credentials.json" }, /work cannot be used: /],
  ])("does not start when the login %s", async (_, content, message) => {
    const world = worldOf({
      files: {
        "/home/me/.claude/.credentials.json": stored(),
        [at("work").config]: accountFile(),
        ...(content !== undefined && { [at("work").credentials]: content }),
      },
    });
    await expect(grant(world, "work")).rejects.toMatchObject({
      code: "login-unusable",
      message: expect.stringMatching(/^\[auth-session\] /),
      hint: "jackin auth login --account work",
    });
    await expect(grant(world, "work")).rejects.toThrow(message);
    await expect(grant(world, "work").catch(visible)).resolves.not.toContain("canary");
  });

  it("says how to sign in where the account has no name", async () => {
    await expect(grant(worldOf({ files: {} }))).rejects.toMatchObject({
      message: "[auth-session] session account default is not signed in",
      hint: "jackin auth login",
    });
  });

  it.each([
    [2 * day, "ends at 2026-11-27 12:00 UTC"],
    [-day, "ended at 2026-11-24 12:00 UTC"],
  ])("warns when the sign-in itself has %i ms left", async (left, text) => {
    const { notices, expiresAt } = await grant(with_({ refreshTokenExpiresAt: now + left }));
    expect(expiresAt).toBe(now + left);
    expect(notices).toMatchObject([
      { level: "warning", text: expect.stringContaining(text), next: "jackin auth login" },
    ]);
  });

  it("takes no stamp for no end", async () => {
    const granted = await grant(with_({ refreshTokenExpiresAt: undefined }));
    expect(granted.notices).toEqual([]);
    expect(granted).not.toHaveProperty("expiresAt");
  });

  it("says so when an agent has signed in as somebody else, and names nobody", async () => {
    const granted = await grant(with_({ accountUuid: "another" }));
    expect(granted).not.toHaveProperty("account");
    expect(granted.notices).toMatchObject([
      { level: "warning", text: expect.stringContaining("was signed in as me@example.test") },
    ]);
  });

  it("needs a place for the login", async () => {
    const ctx = createContextDouble(createHostDouble({ hasFiles: false }));
    const request = { instance: "my-app", options: {}, others: [] };
    await expect(authSession().grant(request, ctx)).rejects.toMatchObject({
      code: "login-unusable",
      message: expect.stringContaining("no files"),
    });
  });
});

describe("the name of an account", () => {
  const valid = (account: unknown) => v.safeParse(authSession().options!, { account }).success;

  it.each(["work", "a", "Work.2_x-y"])("may be %s", (name) => expect(valid(name)).toBe(true));

  it.each(["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "x".repeat(64), 7])(
    "may not be %j",
    (name) => expect(valid(name)).toBe(false),
  );

  it("is default without one", () => {
    expect(v.parse(authSession().options!, {})).toEqual({ account: "default" });
  });
});

/** `claude auth login` and `logout` as they act on the folders that they are given. */
function claudeDouble(brought: Record<string, FileDouble> | undefined, code = 0) {
  let disk: Map<string, FileDouble>;
  const revoked: unknown[] = [];
  const exec = ({ args, options }: ExecCall) => {
    const { CLAUDE_SECURESTORAGE_CONFIG_DIR: folder, CLAUDE_CONFIG_DIR: config } = options.env!;
    const file = `${folder}/.credentials.json`;
    if (args[1] === "logout") {
      revoked.push(disk.get(file));
      disk.delete(file);
      return { stdout: "Successfully logged out from your Anthropic account.\n" };
    }
    const { login: text, account } = brought ?? {};
    if (text !== undefined) disk.set(file, text);
    disk.set(`${config}/.claude.json`, account ?? "{}");
    return { code };
  };
  return {
    revoked,
    world(init: HostDoubleInit = {}, signal?: AbortSignal) {
      const world = worldOf({ exec, ...init }, signal);
      disk = world.host.disk;
      return world;
    },
  };
}

const newLogin = stored({
  accessToken: "sk-ant-oat01-canary-new",
  accountUuid: "uuid of b@x.test",
});
const asB = { login: newLogin, account: accountFile("b@x.test") };

describe("signing in", () => {
  const signIn = (
    { ctx }: ReturnType<typeof worldOf>,
    account = "default",
    mayReplace?: SignInRequest["mayReplace"],
  ) => authSession().signIn!({ options: { account }, ...(mayReplace && { mayReplace }) }, ctx);
  const rest = (disk: ReadonlyMap<string, FileDouble>) =>
    Object.fromEntries([...disk].filter(([, content]) => typeof content === "string"));

  it("is done by the operator's own claude, on the operator's terminal, in a place aside", async () => {
    const { world } = claudeDouble(asB);
    const secrets = {
      ANTHROPIC_API_KEY: "k",
      CLAUDE_CODE_OAUTH_TOKEN: "t",
      ANTHROPIC_BASE_URL: "u",
    };
    const made = world({ files: {}, env: { ...secrets, HTTPS_PROXY: "http://proxy" } });
    expect(await signIn(made, "work")).toEqual({
      state: "good",
      text: "session account work is signed in and renews itself until 2026-12-25 12:00 UTC",
      account: "b@x.test",
      expiresAt: now + 30 * day,
    });
    const scratch = `${state}/session-accounts/work/fresh`;
    expect(made.host.calls).toMatchObject([
      {
        command: "claude",
        args: ["auth", "login"],
        options: { inherit: "terminal", cwd: `${scratch}/login` },
      },
    ]);
    expect(made.host.calls[0]!.options.env).toEqual({
      ...Object.fromEntries(Object.keys(secrets).map((key) => [key, undefined])),
      DISABLE_AUTOUPDATER: "1",
      CLAUDE_CONFIG_DIR: `${scratch}/config`,
      CLAUDE_SECURESTORAGE_CONFIG_DIR: `${scratch}/login`,
    });
    expect(rest(made.host.disk)).toEqual({
      [at("work").credentials]: newLogin,
      [at("work").config]: accountFile("b@x.test"),
    });
    expect(visible(made.ctx.lines)).not.toContain("canary");
  });

  it("puts the login into place at once, under Claude Code's own lock, one sign-in at a time", async () => {
    const { host, ctx } = claudeDouble(asB).world({ files: {} });
    await signIn({ host, ctx });
    const order = host.changes.filter((line) => /lock|write/.test(line));
    expect(order).toEqual([
      "lock session:default",
      `lock ${at().folder}/.oauth_refresh`,
      `write ${at().credentials}`,
      `unlock ${at().folder}/.oauth_refresh`,
      "unlock session:default",
    ]);
  });

  it("keeps what else is in the file, and takes the place of what an agent has put there", async () => {
    const old = stored({}, { mcpOAuth: { server: "kept" } });
    const kept = claudeDouble(asB).world({ files: { [at().credentials]: old } });
    await signIn(kept);
    expect(JSON.parse(kept.host.disk.get(at().credentials) as string)).toEqual({
      mcpOAuth: { server: "kept" },
      ...(JSON.parse(newLogin) as object),
    });
    const host = "/home/me/.claude/.credentials.json";
    const linked = claudeDouble(asB).world({
      files: { [host]: stored(), [at().credentials]: { link: host } },
    });
    await signIn(linked);
    expect(rest(linked.host.disk)).toMatchObject({
      [host]: stored(),
      [at().credentials]: newLogin,
    });
  });

  it("asks before the account changes, and only then", async () => {
    const asked: string[][] = [];
    const ask = (answer: boolean) => async (from: string, to: string) => {
      asked.push([from, to]);
      return answer;
    };
    await signIn(
      claudeDouble({ login: stored(), account: accountFile() }).world(),
      "default",
      ask(false),
    );
    await signIn(claudeDouble(asB).world({ files: {} }), "default", ask(false));
    expect(asked).toEqual([]);
    const changed = claudeDouble(asB).world();
    await signIn(changed, "default", ask(true));
    expect(changed.host.disk.get(at().credentials)).toBe(newLogin);

    const { world, revoked } = claudeDouble(asB);
    const declined = world();
    await expect(signIn(declined, "default", ask(false))).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(asked).toEqual([
      ["me@example.test", "b@x.test"],
      ["me@example.test", "b@x.test"],
    ]);
    expect(rest(declined.host.disk)).toEqual(signedIn());
    expect(revoked).toEqual([newLogin]);
  });

  it.each<readonly [string, ReturnType<typeof claudeDouble>, HostDoubleInit, string, RegExp]>([
    [
      "a wrong code",
      claudeDouble(undefined, 1),
      {},
      "login-unusable",
      /exit code 1; nothing was changed/,
    ],
    ["Ctrl-C that claude took", claudeDouble(undefined, 130), {}, "cancelled", /Cancelled/],
    ["no file afterwards", claudeDouble(undefined), {}, "login-unusable", /left no login/],
    [
      "the macOS Keychain",
      claudeDouble(undefined),
      { platform: "darwin" },
      "login-unusable",
      /On macOS .* Keychain, where no container can share them/,
    ],
    [
      "a login that is no good",
      claudeDouble({ login: stored({ accessToken: "" }) }),
      {},
      "login-unusable",
      /made was blanked/,
    ],
    [
      "no claude",
      claudeDouble(undefined),
      { exec: ({ command }) => Promise.reject(programMissing(command)) },
      "host-failed",
      /^\[auth-session\] signing in .* own Claude Code: claude was not found on PATH\.$/,
    ],
    [
      "nobody who answers",
      claudeDouble(undefined),
      { exec: ({ command }) => Promise.reject(programTooSlow(command)) },
      "timeout",
      /took too long/,
    ],
  ])("leaves all as it was after %s", async (_, claude, init, code, message) => {
    const world = claude.world(init);
    const failure = signIn(world);
    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow(message);
    expect(rest(world.host.disk)).toEqual(signedIn());
    expect([...world.host.disk.keys()].filter((path) => path.includes("/fresh"))).toEqual([]);
    expect(world.host.changes.at(-1)).toBe("unlock session:default");
  });

  it("leaves all as it was after Ctrl-C", async () => {
    const stop = new AbortController();
    const exec = () => {
      stop.abort("SIGINT");
      return new Promise<never>(() => {});
    };
    const world = claudeDouble(undefined).world({ exec }, stop.signal);
    await expect(signIn(world)).rejects.toMatchObject({ code: "cancelled" });
    expect(rest(world.host.disk)).toEqual(signedIn());
    expect(world.host.changes.at(-1)).toBe("unlock session:default");
  });

  it("clears what a killed one has left", async () => {
    const stale = `${state}/session-accounts/default/fresh/login/.credentials.json`;
    const world = claudeDouble(undefined).world({ files: { [stale]: stored() } });
    await expect(signIn(world)).rejects.toThrow("left no login");
    expect(rest(world.host.disk)).toEqual({});
  });
});

describe("signing out", () => {
  const signOut = ({ ctx }: ReturnType<typeof worldOf>) =>
    authSession().signOut!({ options: {} }, ctx);
  const files = {
    ...signedIn(),
    [`${at().folder}/left-by-an-agent`]: "x",
    ...signedIn("work", "w@x.test"),
  };

  it("revokes a copy by the operator's own claude and removes all of this account", async () => {
    const { world, revoked } = claudeDouble(undefined);
    const { host, ctx } = world({ files });
    const before = host.disk.get(at().credentials);
    expect(await signOut({ host, ctx })).toEqual({
      state: "good",
      text: "session account default is signed out",
    });
    expect(revoked).toEqual([before]);
    expect(host.calls[0]!.options.env).toMatchObject({
      CLAUDE_SECURESTORAGE_CONFIG_DIR: `${state}/session-accounts/default/fresh/login`,
    });
    expect(Object.fromEntries(host.disk)).toEqual(signedIn("work", "w@x.test"));
    expect(host.changes.filter((line) => line.startsWith("lock"))).toEqual([
      "lock session:default",
      `lock ${at().folder}/.oauth_refresh`,
    ]);
  });

  it.each<readonly [string, HostDoubleInit["exec"] & {}, string]>([
    [
      "is no claude",
      () => Promise.reject(programMissing("claude")),
      "claude was not found on PATH",
    ],
    [
      "is no confirmation",
      () => ({ stdout: "Logged out, but it didn't confirm.\n" }),
      "Logged out, but it didn't confirm.",
    ],
    ["was a failure", () => ({ code: 1, stderr: "no network\n" }), "no network"],
  ])("removes it too when there %s, and says what is left to do", async (_, exec, why) => {
    const world = worldOf({ exec });
    expect(await signOut(world)).toEqual({
      state: "warning",
      text: `session account default is signed out here, and may not be revoked: ${why}`,
      next: "revoke it at https://claude.ai/settings/claude-code",
    });
    expect([...world.host.disk.keys()]).toEqual([]);
  });

  it("empties no folder that an agent has put there: it may put a link into its place meanwhile", async () => {
    const inner = `${at().folder}/made-by-an-agent/inner`;
    const made = claudeDouble(undefined).world({ files: { ...files, [inner]: "kept" } });
    expect(await signOut(made)).toMatchObject({ state: "good" });
    expect(Object.fromEntries(made.host.disk)).toEqual({
      ...signedIn("work", "w@x.test"),
      [inner]: "kept",
    });
  });

  it("follows no link that an agent has put there", async () => {
    const host = "/home/me/.claude/.credentials.json";
    const { world, revoked } = claudeDouble(undefined);
    const made = world({ files: { [host]: stored(), [at().credentials]: { link: host } } });
    expect(await signOut(made)).toMatchObject({ state: "good" });
    expect(revoked).toEqual([]);
    expect(Object.fromEntries(made.host.disk)).toEqual({ [host]: stored() });
  });

  it("has nothing to do where nobody is signed in", async () => {
    const world = worldOf({ files: {} });
    expect(await signOut(world)).toMatchObject({ text: expect.stringContaining("not signed in") });
    expect(world.host.changes).toEqual([]);
  });
});

describe("health", () => {
  const health = (files: Record<string, FileDouble>) =>
    authSession().health!({ options: {} }, worldOf({ files }).ctx);
  const hollow = stored({ accessToken: "", refreshToken: "" });

  it("tells who is signed in, that it renews itself, and the other accounts", async () => {
    const files = {
      ...signedIn(),
      ...signedIn("work", "w@x.test"),
      [at("old").credentials]: hollow,
      [at("gone").folder]: { kind: "folder" } as const,
    };
    expect(await health(files)).toEqual({
      state: "good",
      text: "session account default is signed in and renews itself until 2026-12-25 12:00 UTC; other accounts: work (w@x.test), old (must be signed in again)",
      account: "me@example.test",
      expiresAt: now + 30 * day,
    });
  });

  it.each([
    ["nobody is signed in", {}, "bad", "is not signed in"],
    ["it is hollow", { [at().credentials]: hollow }, "bad", "was blanked"],
    [
      "it ends soon",
      { ...signedIn(), [at().credentials]: stored({ refreshTokenExpiresAt: now + day }) },
      "warning",
      "until 2026-11-26",
    ],
    [
      "it is somebody else's",
      { ...signedIn(), [at().credentials]: stored({ accountUuid: "another" }) },
      "warning",
      "somebody else",
    ],
  ])("says what to do when %s", async (_, files, expected, text) => {
    expect(await health(files)).toMatchObject({
      state: expected,
      text: expect.stringContaining(text),
      next: "jackin auth login",
    });
  });
});

it.each<readonly [FailureCause, string | undefined]>([
  ["not-signed-in", "is signed out"],
  ["not-renewed", "could not be renewed"],
  ["expired", "has expired"],
  ["revoked", "was revoked"],
  ["refused", "was refused"],
  ["malformed", undefined],
  ["scope", undefined],
  ["policy", undefined],
  ["quota", undefined],
  ["unknown", undefined],
])("after %s it says %s", (cause, text) => {
  const failure = { cause, text: "401", instance: "my-app", mode: "session", at: now };
  const notice = authSession().recover!(failure);
  if (text === undefined) expect(notice).toBeUndefined();
  else
    expect(notice).toMatchObject({
      text: expect.stringContaining(`the jackin session of my-app ${text}`),
      next: expect.stringMatching(/^jackin auth login/),
    });
});
