import { describe, expect, it } from "vitest";
import { createHostDouble } from "../test/doubles/host.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import { readLedger } from "./ledger.ts";
import type { AuthProvider, Config, Host, SecretResolver, TokenEntry } from "./index.ts";
import { cancelled, createJackin, createSecret, fingerprint } from "./index.ts";
import { writeTokenEntry } from "./token-ledger.ts";

const file = ".credentials.json";
const path = `/c/${file}`;

/** Agents of mode token; what is stored under each reference is `stored`. */
function setUp() {
  const runtime = createRuntimeDouble();
  const host = createHostDouble({ files: { "/w/a/file": "", "/w/b/file": "" } });
  const store = createStoreDouble();
  const stored = new Map([["vault://one", "canary-1"]]);
  const asked: string[] = [];
  /** Whose each value is: a mode's plugin may be able to tell. */
  const owners = new Map<string, string>();
  const deliver = { now: "file" };
  const claude: { now: Config["claude"] } = {
    now: { auth_forward: "token", oauth_token_source: "vault://one" },
  };
  const secrets: SecretResolver = {
    kind: "secret",
    name: "secret-vault",
    scheme: "vault",
    async resolve(references) {
      asked.push(...references);
      return new Map(
        references.map((reference) => {
          const value = stored.get(reference);
          return [
            reference,
            value === undefined
              ? { status: "absent" as const }
              : { status: "value" as const, value: createSecret(value) },
          ];
        }),
      );
    },
  };
  const provider: AuthProvider = {
    kind: "auth",
    name: "auth-token",
    mode: "token",
    needsToken: true,
    async grant({ token }) {
      const { value, expiresAt } = token!;
      const account = owners.get(value.reveal());
      const login = JSON.stringify({ claudeAiOauth: { accessToken: value.reveal() } });
      const isFile = deliver.now === "file";
      return {
        line: "claude auth: long-lived OAuth token",
        login: "forwarded",
        files: isFile ? [{ name: file, content: createSecret(login) }] : [],
        env: isFile ? {} : { CLAUDE_CODE_OAUTH_TOKEN: value },
        ...(isFile && { replaceable: true }),
        ...(account !== undefined && { account }),
        ...(expiresAt !== undefined && { expiresAt }),
        notices: [],
      };
    },
  };
  const held = new Set<string>();
  /** Who would wait for a lock of its own would wait for ever. */
  const lock: Host["lock"] = async (key) => {
    if (held.has(key)) throw new Error(`${key} is held already`);
    held.add(key);
    return { [Symbol.asyncDispose]: async () => void held.delete(key) };
  };
  const jackin = createJackin({
    host: { ...host, lock },
    plugins: [runtime, provider, secrets],
    store,
    config: async () => ({ config: { claude: claude.now }, notices: [] }),
  });
  /** What jackin knows of a stored token. */
  async function note(reference: string, known: Partial<TokenEntry> = {}): Promise<void> {
    const value = await fingerprint(stored.get(reference)!);
    const base = { reference, fingerprint: value, scopes: [{}], store: "vault", isOurs: true };
    await writeTokenEntry(store, { ...base, ...known });
  }
  const given = () =>
    runtime.put.map(([instance, { content }]) => [
      instance,
      JSON.parse(content.reveal()).claudeAiOauth.accessToken as string,
    ]);
  /** What the agent is seen to hold. */
  async function hold(instance: string, token: string | undefined): Promise<void> {
    const access = token === undefined ? undefined : await fingerprint(token);
    const state = access === undefined ? ({ state: "none" } as const) : { state: "access", access };
    runtime.surroundingsOf.set(instance, {
      env: deliver.now === "file" ? [] : ["CLAUDE_CODE_OAUTH_TOKEN"],
      settings: [],
      credential: { ...state, path } as { state: "none"; path: string },
    });
  }
  const name = (reference: string) => {
    claude.now = { auth_forward: "token", oauth_token_source: reference };
  };
  return { jackin, runtime, host, store, stored, asked, owners, deliver, given, note, hold, name };
}

describe("bringing the token", () => {
  it("gives running agents the one that is stored now, asking its store once for all", async () => {
    const { jackin, stored, asked, given } = setUp();
    await jackin.load({ target: "/w/a" });
    await jackin.load({ target: "/w/b" });
    stored.set("vault://one", "canary-2");
    asked.length = 0;
    const results = await jackin.refresh();
    expect(results.map(({ instance, outcome }) => [instance, outcome])).toEqual([
      ["a", "updated"],
      ["b", "updated"],
    ]);
    expect(given()).toEqual([
      ["a", "canary-2"],
      ["b", "canary-2"],
    ]);
    expect(asked).toEqual(["vault://one"]);
    expect(JSON.stringify(results)).not.toContain("canary");
  });

  it("remembers where the new one came from, whose it is and until when, also when less is known of it", async () => {
    const { jackin, store, stored, owners, note, name, host } = setUp();
    owners.set("canary-1", "me").set("canary-2", "you");
    const expiresAt = host.clock.now() + 1_000;
    await note("vault://one", { expiresAt });
    await jackin.load({ target: "/w/a" });
    const status = async () => (await jackin.status()).instances[0];
    expect(await status()).toMatchObject({ token: "vault://one", account: "me", expiresAt });
    stored.set("vault://two", "canary-2");
    await note("vault://two", { expiresAt: expiresAt + 1 });
    name("vault://two");
    expect(await jackin.refresh("a")).toMatchObject([
      {
        outcome: "updated",
        text: "has the token that its launch would take now",
        expiresAt: expiresAt + 1,
        notices: [{ level: "info", text: "a was signed in as me and goes on as you" }],
      },
    ]);
    expect(await status()).toMatchObject({
      token: "vault://two",
      account: "you",
      expiresAt: expiresAt + 1,
    });
    stored.set("vault://three", "canary-3");
    name("vault://three");
    expect(await jackin.refresh("a")).toMatchObject([{ outcome: "updated", notices: [] }]);
    const last = await status();
    expect([last?.token, last?.account, last?.expiresAt]).toEqual([
      "vault://three",
      undefined,
      undefined,
    ]);
    expect((await readLedger(store, "a"))?.access).toBe(await fingerprint("canary-3"));
  });

  it("leaves an agent that has its token in a variable, and asks no store for it", async () => {
    const { jackin, runtime, asked, deliver } = setUp();
    deliver.now = "env";
    await jackin.load({ target: "/w/a" });
    asked.length = 0;
    const text = "it keeps the token of its launch until it is started again";
    const restart = [{ outcome: "kept", text, needsRestart: true }];
    expect(await jackin.refresh("a")).toMatchObject(restart);
    expect([asked, runtime.put]).toEqual([[], []]);
    // The configuration may say otherwise by now; that changes nothing for it.
    deliver.now = "file";
    expect(await jackin.refresh("a")).toMatchObject(restart);
    expect([asked, runtime.put]).toEqual([[], []]);
    // Nor has one that has it in a file anywhere to take a variable.
    await jackin.load({ target: "/w/b" });
    deliver.now = "env";
    expect(await jackin.refresh("b")).toMatchObject(restart);
    expect(runtime.put).toEqual([]);
  });

  it("fails when the token is not there, and the agent keeps what it has", async () => {
    const { jackin, runtime, stored } = setUp();
    await jackin.load({ target: "/w/a" });
    stored.clear();
    const [result] = await jackin.refresh("a");
    expect(result).toMatchObject({
      outcome: "failed",
      text: expect.stringMatching(/its value is empty or not there; it keeps the one that it has/),
      notices: [{ next: expect.stringMatching(/^jackin config auth setup-token /) }],
    });
    expect(runtime.put).toEqual([]);
  });

  it("leaves an agent alone that has signed in by itself", async () => {
    const { jackin, runtime, store } = setUp();
    await jackin.load({ target: "/w/a" });
    runtime.putAnswers.set("a", "own");
    const before = await readLedger(store, "a");
    const [result] = await jackin.refresh("a");
    expect(result).toMatchObject({ outcome: "kept", text: expect.stringContaining("by itself") });
    expect(result).not.toHaveProperty("needsRestart");
    expect(await readLedger(store, "a")).toEqual(before);
  });
});

describe("bringing along", () => {
  it.each(["file", "env"])(
    "finds those that hold the former value of the same place, as %s",
    async (how) => {
      const { jackin, stored, note, given, deliver } = setUp();
      deliver.now = how;
      await note("vault://one");
      await jackin.load({ target: "/w/a" });
      expect(await jackin.tokens.bringAlong("vault://one")).toEqual([]);
      stored.set("vault://one", "canary-2");
      await note("vault://one");
      const outcome = how === "file" ? "switched" : "restart";
      const brought = await jackin.tokens.bringAlong("vault://one");
      expect(brought).toMatchObject([{ instance: "a", outcome }]);
      expect(given()).toEqual(how === "file" ? [["a", "canary-2"]] : []);
      expect(await jackin.tokens.bringAlong("vault://one")).toHaveLength(how === "file" ? 0 : 1);
    },
  );
});

describe("bringing along what fails", () => {
  async function replaced() {
    const all = setUp();
    const { jackin, stored, note } = all;
    await note("vault://one");
    for (const target of ["/w/a", "/w/b"]) await jackin.load({ target });
    stored.set("vault://one", "canary-2");
    await note("vault://one");
    return all;
  }

  it("keeps the others from nothing", async () => {
    const { jackin, runtime, given } = await replaced();
    runtime.putFails.add("a");
    expect(await jackin.tokens.bringAlong("vault://one")).toMatchObject([
      { instance: "a", outcome: "failed", text: expect.stringContaining("does not take it") },
      { instance: "b", outcome: "switched" },
    ]);
    expect(given()).toEqual([["b", "canary-2"]]);
  });

  it("is told of each when the token cannot be had", async () => {
    const { jackin, stored } = await replaced();
    stored.clear();
    const failed = {
      outcome: "failed",
      text: expect.stringMatching(/its value is empty or not there; it keeps the one that it has/),
    };
    expect(await jackin.tokens.bringAlong("vault://one")).toMatchObject([failed, failed]);
  });

  it("says of one whose runtime does not answer that it may have the old one", async () => {
    const { jackin, runtime } = await replaced();
    Object.assign(runtime, { list: () => Promise.reject(new Error("It hangs.")) });
    const text = "it may still run with the old one";
    const left = { outcome: "failed", text };
    expect(await jackin.tokens.bringAlong("vault://one")).toMatchObject([left, left]);
  });

  it("ends when it is cancelled", async () => {
    const { jackin, runtime } = await replaced();
    const abort = new AbortController();
    const putFiles = async () => {
      abort.abort();
      throw cancelled();
    };
    Object.assign(runtime, { putFiles });
    await expect(
      jackin.tokens.bringAlong("vault://one", { signal: abort.signal }),
    ).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("what an agent of mode token holds", () => {
  it("is fresh until its store has another, and again once that was brought", async () => {
    const { jackin, stored, hold, note, name, host } = setUp();
    await note("vault://one", { provenAt: host.clock.now() });
    await jackin.load({ target: "/w/a" });
    await hold("a", "canary-1");
    const drift = async () => (await jackin.drift())[0];
    expect(await drift()).toEqual({
      instance: "a",
      mode: "token",
      state: "fresh",
      text: "has the token that it was given last",
    });
    stored.set("vault://two", "canary-2");
    await note("vault://two", { provenAt: host.clock.now() });
    name("vault://two");
    expect(await drift()).toMatchObject({ state: "behind", next: "jackin auth sync a" });
    await jackin.refresh("a");
    await hold("a", "canary-2");
    expect(await drift()).toMatchObject({ state: "fresh" });
    await hold("a", undefined);
    expect(await drift()).toMatchObject({ state: "missing", next: "jackin auth sync a" });
  });

  it("is told of one in a variable too, which takes another start", async () => {
    const { jackin, stored, hold, name, deliver } = setUp();
    deliver.now = "env";
    await jackin.load({ target: "/w/a" });
    await hold("a", undefined);
    const text = "has the token that its launch gave it";
    expect(await jackin.drift()).toMatchObject([{ state: "fresh", text }]);
    stored.set("vault://two", "canary-2");
    name("vault://two");
    expect(await jackin.drift()).toMatchObject([
      { state: "behind", next: "jackin eject a, then load it again" },
    ]);
  });

  it("counts as shadowed when the image brings a variable, and its launch says so", async () => {
    const { jackin, runtime, hold } = setUp();
    await jackin.load({ target: "/w/a" });
    await hold("a", "canary-1");
    const winner = async () =>
      (await jackin.explain({ target: "a" }))[0]!.sources.find(({ state }) => state === "wins");
    expect(await winner()).toMatchObject({ source: "login", outranks: false });
    const seen = runtime.surroundingsOf.get("a")!;
    runtime.surroundingsOf.set("a", { ...seen, env: ["CLAUDE_CODE_OAUTH_TOKEN"] });
    expect(await winner()).toMatchObject({ source: "CLAUDE_CODE_OAUTH_TOKEN", outranks: true });
    expect(await jackin.drift()).toMatchObject([{ state: "shadowed" }]);
    await jackin.eject("a");
    const { notices } = await jackin.load({ target: "/w/a" });
    expect(notices.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^CLAUDE_CODE_OAUTH_TOKEN \(.*\) outranks what mode token provides/),
    ]);
  });
});
