import { describe, expect, it, vi } from "vitest";
import { createTokenWorld, day, tokenOne, tokenTwo } from "../test/doubles/token-world.ts";
import type { Step } from "../test/doubles/token-world.ts";
import { createSecret, fingerprint, JackinError } from "./index.ts";
import type { Config, InstallRequest, SecretResolver } from "./index.ts";
import { readTokenEntries } from "./token-ledger.ts";

const config: Config = {
  roles: { reviewer: {} },
  workspaces: {
    "my-app": { workdir: "/w/app", env: { CLAUDE_CODE_OAUTH_TOKEN: "vault://old", ORG: "acme" } },
    site: { workdir: "/w/site" },
  },
};
const scope = { workspace: "my-app" };
const request: InstallRequest = {
  scopes: [scope],
  from: { value: createSecret(tokenOne), place: "vault" },
  probe: true,
};
const problem = (message: string) =>
  new JackinError({ code: "secret-failed", message, hint: "do that" });

/** Waits of that long are over at once; on every runtime, so without fake timers. */
function hurry(limitMs: number): Disposable {
  const { setTimeout } = globalThis;
  const hurried = (work: () => void, ms?: number) => setTimeout(work, ms === limitMs ? 0 : ms);
  Object.assign(globalThis, { setTimeout: hurried });
  return { [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout }) };
}

describe("installing a new token", () => {
  it("stores, reads back, proves, notes and configures, in this order", async () => {
    const world = createTokenWorld(config);
    const lines: string[] = [];
    const { entry, replaced } = await world.jackin.tokens.install(request, {
      progress: (line) => void lines.push(line),
    });
    // The launch of each proof reads it once more.
    const proof = (by: string) => ["read", "start", by];
    expect(world.steps).toEqual(["write", "read", ...proof("status"), ...proof("turn"), "config"]);
    const createdAt = world.host.clock.now();
    expect(entry).toEqual({
      reference: "vault://token-1",
      fingerprint: await fingerprint(tokenOne),
      scopes: [scope],
      store: "secret-vault",
      isOurs: true,
      createdAt,
      expiresAt: createdAt + 365 * day,
      provenAt: createdAt,
      provenBy: "turn",
    });
    expect(replaced).toEqual(["vault://old"]);
    expect(world.config.workspaces!["my-app"]).toEqual({
      workdir: "/w/app",
      claude: { auth_forward: "token", oauth_token_source: "vault://token-1" },
      env: { ORG: "acme" },
    });
    expect(world.config.workspaces!["site"]).toEqual({ workdir: "/w/site" });
    expect(lines.join("\n")).not.toContain("oneone");
    expect(JSON.stringify(world.snapshot().states)).not.toContain("oneone");
  });

  it("proves it in an instance of its own that is gone afterwards", async () => {
    const world = createTokenWorld(config);
    await world.jackin.tokens.install(request);
    const [spec] = world.runtime.starts;
    expect(spec).toMatchObject({ workdir: "/home/me/.jackin/proof", session: false });
    expect(spec!.env["ORG"]!.reveal()).toBe("acme");
    expect(spec!.grant.env["CLAUDE_CODE_OAUTH_TOKEN"]!.reveal()).toBe(tokenOne);
    expect(world.runs.map(({ args }) => args[0])).toEqual(["auth", "-p"]);
    expect(JSON.stringify(world.runs)).not.toContain("oneone");
    expect(world.runtime.running.size).toBe(0);
    expect((await world.jackin.status()).instances).toEqual([]);
    expect([...world.host.disk.keys()].filter((path) => path.includes("/instances/"))).toEqual([]);
  });

  it("takes no turn unless asked", async () => {
    const world = createTokenWorld(config);
    const { entry } = await world.jackin.tokens.install({ ...request, probe: false });
    expect(world.steps).not.toContain("turn");
    expect(entry.provenBy).toBe("status");
  });

  it("remembers the place", async () => {
    const world = createTokenWorld(config);
    expect(await world.jackin.tokens.places()).toMatchObject([{ place: "vault", isUsual: false }]);
    await world.jackin.tokens.install(request);
    expect(await world.jackin.tokens.places()).toMatchObject([{ place: "vault", isUsual: true }]);
  });

  it("offers the place that was used last first, and last what does not work", async () => {
    const world = createTokenWorld(config);
    const store = world.jackin.plugins.find(
      ({ name }) => name === "secret-vault",
    ) as SecretResolver;
    const place = (name: string, error?: JackinError) => ({
      place: `vault://${name}`,
      text: name,
      ...(error && { error }),
    });
    const places = async () => [place("sealed", problem("sealed")), place("one"), place("two")];
    Object.assign(store, { places });
    const order = async () => (await world.jackin.tokens.places()).map(({ text }) => text);
    expect(await order()).toEqual(["one", "two", "sealed"]);
    const from = { value: createSecret(tokenOne), place: "vault://two" };
    await world.jackin.tokens.install({ ...request, from });
    expect(await order()).toEqual(["two", "one", "sealed"]);
  });

  it("does without places that a store cannot tell, and without having a place remembered", async () => {
    const world = createTokenWorld(config);
    const { setItem } = world.states;
    world.states.setItem = async (key, value) => {
      if (key === "token-place") throw new Error("no room");
      await setItem(key, value);
    };
    await world.jackin.tokens.install(request);
    expect(await world.jackin.tokens.places()).toMatchObject([{ isUsual: false }]);
    const store = world.jackin.plugins.find(
      ({ name }) => name === "secret-vault",
    ) as SecretResolver;
    Object.assign(store, { places: () => Promise.reject(new Error("boom")) });
    expect(await world.jackin.tokens.places()).toMatchObject([
      { place: "vault", error: { code: "secret-failed", message: "[secret-vault] boom" } },
    ]);
  });

  it.each([
    [{}, "claude"],
    [{ role: "reviewer" }, "roles.reviewer.claude"],
    [{ workspace: "site", role: "reviewer" }, "workspaces.site.roles.reviewer.claude"],
  ])("configures the scope %j", async (one, table) => {
    const world = createTokenWorld(config);
    await world.jackin.tokens.install({ ...request, scopes: [one] });
    const found = table
      .split(".")
      .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], world.config);
    expect(found).toEqual({ auth_forward: "token", oauth_token_source: "vault://token-1" });
  });

  const role = "workspace site × role reviewer";
  const other = "workspace site × role other";
  it.each([
    [{}, ["role reviewer", "role other", "workspace site", role, other]],
    [{ role: "reviewer" }, ["workspace site", role]],
    [{ workspace: "site" }, [role, other]],
    [{ workspace: "my-app" }, []],
    [{ workspace: "site", role: "reviewer" }, []],
  ])("says which scopes go before %j", async (one, expected) => {
    const own = (name: string) => ({ claude: { oauth_token_source: `vault://${name}` } });
    const world = createTokenWorld({
      ...own("global"),
      roles: { reviewer: own("role"), other: own("other") },
      workspaces: {
        "my-app": { workdir: "/w/app" },
        site: {
          workdir: "/w/site",
          ...own("site"),
          roles: { reviewer: own("both"), other: own("both-other") },
        },
      },
    });
    const { notices, entry } = await world.jackin.tokens.install({ ...request, scopes: [one] });
    const said = notices.map(({ text }) => /^(.*) goes before it/.exec(text)?.[1]);
    expect(said.toSorted()).toEqual(expected.toSorted());
    // One that has the same token does not go before it.
    const from = { reference: entry.reference };
    await world.jackin.tokens.install({ scopes: [{ workspace: "site" }], from });
    const again = await world.jackin.tokens.install({ scopes: [{}], from });
    expect(again.notices.map(({ text }) => text).join()).not.toContain("workspace site goes");
  });

  it("takes out whatever else named a token in that scope", async () => {
    const site = { workdir: "/w/site", claude: { oauth_token_env: "OLD" } };
    const world = createTokenWorld({ workspaces: { site } });
    const { replaced } = await world.jackin.tokens.install({
      ...request,
      scopes: [{ workspace: "site" }],
    });
    expect(replaced).toEqual(["env://OLD"]);
    expect(world.config.workspaces!["site"]!.claude).toEqual({
      auth_forward: "token",
      oauth_token_source: "vault://token-1",
    });
  });
});

describe("what goes wrong is undone", () => {
  const failing: Record<string, (world: ReturnType<typeof createTokenWorld>) => string | RegExp> = {
    "the store refuses": ({ before }) => {
      before.write = () => Promise.reject(problem("the store is full"));
      return "the store is full";
    },
    "it cannot be read back": ({ script }) => {
      script.read = () => ({ status: "absent" });
      return "vault://token-1 is not there";
    },
    "another value is read back": ({ script }) => {
      script.read = () => ({ status: "value", value: createSecret("something else") });
      return "does not answer what was just stored";
    },
    "the proof cannot start": ({ before }) => {
      before.start = () => Promise.reject(problem("no room"));
      return "no room";
    },
    "Claude Code is not signed in with it": ({ script }) => {
      script.status = { code: 1, stdout: '{"loggedIn":false,"authMethod":"none"}' };
      return "Claude Code is not signed in";
    },
    "something outranks it": ({ script }) => {
      script.status = { code: 0, stdout: '{"loggedIn":true,"authMethod":"api_key"}' };
      return "would sign in by api_key instead";
    },
    "a variable outranks it of which claude auth status says nothing": ({ runtime }) => {
      const credential = { state: "none", path: "/none" } as const;
      const env = ["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
      runtime.surroundingsOf.set("jackin-proof", { env, credential, settings: [] });
      return "would use ANTHROPIC_AUTH_TOKEN (environment of the agent) instead";
    },
    "the image's own token goes before the file with it": ({ script }) => {
      script.deliver = "file";
      script.status = { code: 0, stdout: '{"loggedIn":true,"authMethod":"oauth_token"}' };
      return "would sign in by oauth_token instead";
    },
    "claude auth status is not understood": ({ script }) => {
      script.status = { code: 3, stdout: "Segmentation fault" };
      return "claude auth status ended with exit code 3";
    },
    "the API refuses it": ({ script }) => {
      script.turn = {
        code: 1,
        stdout: "Failed to authenticate. API Error: 401 Invalid authentication credentials",
      };
      return "401 Invalid authentication credentials";
    },
    "the turn fails for another reason": ({ script }) => {
      script.turn = { code: 1, stdout: "API Error: 500 overloaded" };
      return "for another reason than the token: API Error: 500";
    },
    "the configuration is locked": ({ before }) => {
      before.config = () => Promise.reject(problem("config.toml is busy"));
      return "config.toml is busy";
    },
  };

  it.each(Object.keys(failing))("when %s", async (name) => {
    const world = createTokenWorld(config);
    const before = world.snapshot();
    const words = failing[name]!(world);
    const error: unknown = await world.jackin.tokens.install(request).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(JackinError);
    const { message } = error as JackinError;
    expect(message).toMatch(words);
    expect(message).toContain("All is as it was before.");
    expect(message.includes("Undone: ")).toBe(name !== "the store refuses");
    expect(world.snapshot()).toEqual(before);
  });

  it.each<Step>(["write", "read", "start", "status", "turn", "config"])(
    "when it is cancelled at %s",
    async (step) => {
      const world = createTokenWorld(config);
      const snapshot = world.snapshot();
      const abort = new AbortController();
      world.before[step] = () => abort.abort();
      const done = world.jackin.tokens.install(request, { signal: abort.signal });
      await expect(done).rejects.toMatchObject({ code: "cancelled" });
      expect(world.snapshot()).toEqual(snapshot);
    },
  );

  it("and what cannot be undone is said, and tried again by the next setup once this process has ended", async () => {
    const world = createTokenWorld(config);
    world.before.config = () => Promise.reject(problem("config.toml is busy"));
    world.script.undoError = problem("the vault is sealed");
    await expect(world.jackin.tokens.install(request)).rejects.toMatchObject({
      code: "secret-failed",
      message:
        "config.toml is busy\nUndone: what jackin had noted of it.\nCould not be undone: vault://token-1 in its store (the vault is sealed).",
      hint: "do that",
    });
    expect([...world.vault.keys()]).toEqual(["vault://token-1"]);
    delete world.before.config;
    world.script.undoError = undefined;
    world.script.isAlive = false;
    await world.jackin.tokens.install(request);
    expect([...world.vault.keys()]).toEqual(["vault://token-2"]);
    expect([...world.states.items.keys()].filter((key) => key.includes("pending"))).toEqual([]);
  });

  it("that a store does after it was cancelled is waited for", async () => {
    const world = createTokenWorld(config);
    const snapshot = world.snapshot();
    const abort = new AbortController();
    world.script.isDeaf = true;
    world.before.write = async () => {
      abort.abort();
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const done = world.jackin.tokens.install(request, { signal: abort.signal });
    await expect(done).rejects.toMatchObject({
      code: "cancelled",
      message: expect.stringContaining("Undone: vault://token-1 in its store"),
    });
    expect(world.snapshot()).toEqual(snapshot);
  });

  it("that a store does when nobody waits any more is told of before, and taken back all the same", async () => {
    using _hurried = hurry(75_000);
    const world = createTokenWorld(config);
    const abort = new AbortController();
    const hung = Promise.withResolvers<void>();
    world.script.isDeaf = true;
    world.before.write = () => (abort.abort(), hung.promise);
    const done = world.jackin.tokens.install(request, { signal: abort.signal });
    const failed = done.catch((error: unknown) => error as JackinError);
    const { code, message } = (await failed) as JackinError;
    expect(code).toBe("cancelled");
    expect(message).toContain("Could not be undone: a token that may still come to vault");
    const pending = () => [...world.states.items.keys()].filter((key) => key.includes("pending"));
    expect(pending()).toHaveLength(1);
    hung.resolve();
    await vi.waitFor(() => expect(pending()).toEqual([]));
    expect([...world.vault.keys()]).toEqual([]);
  });

  it("as far as its store answers", async () => {
    using _hurried = hurry(300_000);
    const world = createTokenWorld(config);
    world.script.undoing = new Promise(() => {});
    world.before.status = () => Promise.reject(problem("no room"));
    const done = world.jackin.tokens.install(request).catch((error: unknown) => error);
    expect(((await done) as JackinError).message).toMatch(
      /Could not be undone: vault:\/\/token-1 in its store \(.*did not answer within 300 s\)/,
    );
  });

  it("unless the configuration has it by now, as far as it came", async () => {
    const whole = createTokenWorld(config);
    whole.script.landing = { changes: 9, error: problem("the schema beside it is read-only") };
    const { entry } = await whole.jackin.tokens.install(request);
    expect([...whole.vault.keys()]).toEqual([entry.reference]);

    const half = createTokenWorld(config);
    half.script.landing = { changes: 4, error: problem("no room") };
    const scopes = [scope, { workspace: "site" }];
    const failed = half.jackin.tokens.install({ ...request, scopes });
    await expect(failed).rejects.toMatchObject({
      message: expect.stringMatching(
        /^no room\nCould not be undone: .*vault:\/\/token-1 in its store \(workspace my-app names it by now\)/,
      ),
      hint: expect.stringContaining("jackin workspace claude-token revoke my-app"),
    });
    expect([...half.vault.keys()]).toEqual(["vault://token-1"]);
    expect((await half.jackin.tokens.list())[0]).toMatchObject({ entry: { isOurs: true } });
  });

  const interrupted = (world: ReturnType<typeof createTokenWorld>) => {
    world.vault.set("vault://theirs", "x");
    world.ours.add("vault://theirs");
    world.script.isAlive = false;
    const note = { process: "you:2", place: "vault", reference: "vault://theirs" };
    return world.states.setItem("token-pending:1", note);
  };

  it("keeps what a killed process had configured while this one waited for it", async () => {
    const world = createTokenWorld(config);
    world.script.onLock = async (name) => {
      if (name !== "tokens") return;
      await interrupted(world);
      world.config = { ...config, claude: { oauth_token_source: "vault://theirs" } };
    };
    await world.jackin.tokens.install(request);
    expect([...world.vault.keys()]).toContain("vault://theirs");
  });

  it("does not fail for what a killed process has left where it cannot be removed now", async () => {
    const world = createTokenWorld(config);
    await interrupted(world);
    world.script.removeError = problem("the vault is sealed");
    const lines: string[] = [];
    const progress = (line: string) => void lines.push(line);
    await world.jackin.tokens.install(request, { progress });
    expect(lines.join("\n")).toContain("the vault is sealed");
    world.script.removeError = undefined;
    await world.jackin.tokens.install(request);
    expect([...world.vault.keys()]).not.toContain("vault://theirs");
  });

  it("removes nothing from a place that held something before", async () => {
    const world = createTokenWorld(config);
    await interrupted(world);
    world.states.items.clear();
    // Killed: nothing is undone.
    world.script.undoError = problem("killed");
    world.before.status = () => Promise.reject(problem("killed"));
    const from = { value: createSecret(tokenOne), place: "vault://theirs" };
    await expect(world.jackin.tokens.install({ ...request, from })).rejects.toThrow("killed");
    delete world.before.status;
    await world.jackin.tokens.install(request);
    expect(world.vault.get("vault://theirs")).toBe(tokenOne);
  });

  it("keeps what another process, which is alive, is just storing", async () => {
    const world = createTokenWorld(config);
    world.vault.set("vault://theirs", "x");
    world.ours.add("vault://theirs");
    const note = { process: "you:2", place: "vault", reference: "vault://theirs" };
    await world.states.setItem("token-pending:1", note);
    await world.jackin.tokens.install(request);
    expect([...world.vault.keys()]).toContain("vault://theirs");
  });
});

describe("a request that cannot be", () => {
  it.each<[string, Partial<InstallRequest>, string, RegExp]>([
    ["names no scope", { scopes: [] }, "usage", /No scope/],
    [
      "names no workspace that is there",
      { scopes: [{ workspace: "my-ap" }] },
      "not-found",
      /my-app/,
    ],
    ["names no role that is there", { scopes: [{ role: "review" }] }, "not-found", /reviewer/],
    [
      "names no store that is there",
      { from: { value: createSecret(tokenOne), place: "vult" } },
      "usage",
      /Did you mean "vault"/,
    ],
    ["brings a token for a reference", { from: { reference: tokenOne } }, "usage", /token itself/],
    ["brings a text for a reference", { from: { reference: "claude" } }, "usage", /no reference/],
    [
      "names an empty place",
      { from: { reference: "vault://nothing" } },
      "secret-failed",
      /not there/,
    ],
  ])("%s", async (_, part, code, message) => {
    const world = createTokenWorld(config);
    const before = world.snapshot();
    const done = world.jackin.tokens.install({ ...request, ...part });
    const error = (await done.catch((e: unknown) => e)) as JackinError;
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message + String(error.hint)).not.toContain("oneone");
    expect(world.snapshot()).toEqual(before);
  });
});

describe("reusing one that is stored already", () => {
  it("writes nothing to the store and does not know its age", async () => {
    const world = createTokenWorld(config);
    world.vault.set("vault://mine", `${tokenOne}\n`);
    const { entry } = await world.jackin.tokens.install({
      ...request,
      from: { reference: "vault://mine" },
    });
    expect(world.steps).not.toContain("write");
    expect(entry).toMatchObject({ reference: "vault://mine", isOurs: false });
    expect(entry.fingerprint).toBe(await fingerprint(tokenOne));
    expect(entry).not.toHaveProperty("expiresAt");
  });

  it.each([
    ["pasted once more", { value: createSecret(tokenOne), place: "vault" }],
    ["stored elsewhere too", { reference: "vault://copy" }],
  ])("knows how old it is, %s", async (_, from) => {
    const world = createTokenWorld(config);
    world.vault.set("vault://copy", tokenOne);
    const first = await world.jackin.tokens.install(request);
    world.host.clock.time += 10 * day;
    const { entry } = await world.jackin.tokens.install({ scopes: [{}], from });
    expect(entry.reference).not.toBe(first.entry.reference);
    expect(entry.expiresAt).toBe(first.entry.expiresAt);
  });

  it("is jackin's no more once another was put into its place", async () => {
    const world = createTokenWorld(config);
    const { entry } = await world.jackin.tokens.install(request);
    const from = { reference: entry.reference };
    world.vault.set(entry.reference, tokenTwo);
    const other = await world.jackin.tokens.install({ ...request, from });
    expect(other.entry).toMatchObject({ isOurs: false, scopes: [scope] });
    expect(other.entry).not.toHaveProperty("createdAt");
  });

  it("leaves what was known of it when it fails", async () => {
    const world = createTokenWorld(config);
    const { entry } = await world.jackin.tokens.install(request);
    world.host.clock.time += 10 * day;
    world.before.config = () => Promise.reject(problem("config.toml is busy"));
    const again = { scopes: [{}], from: { reference: entry.reference } };
    await expect(world.jackin.tokens.install(again)).rejects.toThrow("config.toml is busy");
    expect(await readTokenEntries(world.states)).toEqual([entry]);
  });

  it("keeps what is known of it, and adds the scope", async () => {
    const world = createTokenWorld(config);
    const first = await world.jackin.tokens.install(request);
    world.host.clock.time += 10 * day;
    const { entry } = await world.jackin.tokens.install({
      scopes: [{ workspace: "site" }],
      from: { reference: first.entry.reference },
    });
    expect(entry).toMatchObject({
      createdAt: first.entry.createdAt,
      expiresAt: first.entry.expiresAt,
      isOurs: true,
      provenAt: world.host.clock.now(),
      scopes: [scope, { workspace: "site" }],
    });
  });
});
