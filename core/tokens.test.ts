import { describe, expect, it } from "vitest";
import { createTokenWorld, day, tokenOne, tokenTwo } from "../test/doubles/token-world.ts";
import { cancelled, createSecret, fingerprint, JackinError } from "./index.ts";
import type { Config, TokenScope } from "./index.ts";

const config: Config = {
  workspaces: {
    "my-app": { workdir: "/w/app" },
    site: { workdir: "/w/site" },
    bare: { workdir: "/w/app" },
  },
};
const app = { workspace: "my-app" };

async function withToken(
  scopes: readonly TokenScope[] = [app],
  world = createTokenWorld(config),
  value = tokenOne,
) {
  const { entry, replaced } = await world.jackin.tokens.install({
    scopes,
    from: { value: createSecret(value), place: "vault" },
  });
  world.steps.length = 0;
  return { world, tokens: world.jackin.tokens, reference: entry.reference, replaced };
}

const bad401 = "Failed to authenticate. API Error: 401 Invalid authentication credentials";

describe("a sign-in", () => {
  it("does not begin where no token could be proven", async () => {
    const { jackin, runtime } = createTokenWorld(config);
    const error = new JackinError({ code: "runtime-missing", message: "Docker does not answer." });
    runtime.probe = async () => ({ ready: false, error });
    await expect(jackin.tokens.capture()).rejects.toBe(error);
    await expect(jackin.tokens.capture({ runtime: "nope" })).rejects.toMatchObject({
      code: "usage",
    });
  });
});

describe("a token's expiry", () => {
  it.each<[left: number, level: string | undefined, text: string]>([
    [365, undefined, ""],
    [30.01, undefined, ""],
    [30, "warning", "expires in 30 days, on 2027-"],
    [7.01, "warning", "expires in 7 days, on"],
    [7, "urgent", "expires in 7 days, on"],
    [1.5, "urgent", "expires tomorrow, on"],
    [0.5, "urgent", "expires today, on"],
    [0, "urgent", "has expired on 2027-11-25 (estimated)"],
    [-9, "urgent", "has expired on 2027-11-25 (estimated)"],
  ])("with %s days left is told everywhere as %s", async (left, level, text) => {
    const { world, tokens, reference } = await withToken();
    world.host.clock.time += (365 - left) * day;
    const banner = level && {
      level,
      text: expect.stringContaining(`${reference} ${text}`),
      next: "jackin workspace claude-token rotate my-app",
    };
    const banners = banner ? [banner] : [];
    expect((await tokens.list())[0]!.banner).toEqual(banner);
    expect((await world.jackin.status()).notices).toEqual(banners);
    const launched = await world.jackin.load({ target: "my-app" });
    expect(launched.notices.filter(({ text: line }) => line.includes("token"))).toEqual(banners);
    expect(launched.instance.expiresAt).toBe(Date.UTC(2027, 10, 25, 12));
    expect((await tokens.ofLaunch({ target: "my-app" }))?.banner).toEqual(banner);
  });

  it("is not told of a token that was replaced by hand in its place", async () => {
    const { world, reference } = await withToken();
    world.host.clock.time += 364 * day;
    world.vault.set(reference, tokenTwo);
    const launched = await world.jackin.load({ target: "my-app" });
    expect(launched.notices).toEqual([]);
    expect(launched.instance.expiresAt).toBeUndefined();
  });

  it.each([
    [{}, "config auth rotate-token"],
    [{ role: "r" }, "config auth rotate-token --role r"],
    [{ workspace: "my-app", role: "r" }, "workspace claude-token rotate my-app --role r"],
  ])("names the command for the scope %j", async (scope, command) => {
    const world = createTokenWorld({ ...config, roles: { r: {} } });
    await withToken([scope], world);
    world.host.clock.time += 364 * day;
    expect((await world.jackin.status()).notices).toMatchObject([{ next: `jackin ${command}` }]);
  });

  it("is told of one that only agents hold, which is gone with their next start", async () => {
    const { world, reference } = await withToken();
    await world.jackin.load({ target: "my-app" });
    await withToken([app], world, tokenTwo);
    world.host.clock.time += 364 * day;
    expect((await world.jackin.status()).notices).toMatchObject([
      { next: "jackin workspace claude-token rotate my-app" },
      {
        text: expect.stringContaining(reference),
        next: "jackin eject my-app, then load it again",
      },
    ]);
  });

  it("is not told of one that nobody uses", async () => {
    const { world } = await withToken();
    world.host.clock.time += 364 * day;
    world.config = config;
    expect((await world.jackin.status()).notices).toEqual([]);
  });

  it("leaves status alone while the configuration cannot be read", async () => {
    const { world } = await withToken();
    await world.states.setItem("tokens:torn", { reference: 1 });
    world.script.configError = new Error("torn");
    expect((await world.jackin.status()).notices).toEqual([]);
  });
});

describe("the list of tokens", () => {
  it("has each once, with who names it and which agents hold it, and asks no store", async () => {
    const { world, tokens, reference } = await withToken([app, { workspace: "site" }]);
    world.config = { ...world.config, claude: { oauth_token_env: "TOKEN" } };
    await world.jackin.load({ target: "site" });
    world.steps.length = 0;
    expect(await tokens.list()).toEqual([
      expect.objectContaining({ reference: "env://TOKEN", scopes: [{}], agents: [] }),
      expect.objectContaining({
        reference,
        scopes: [app, { workspace: "site" }],
        agents: ["site"],
        entry: expect.objectContaining({ isOurs: true }),
      }),
    ]);
    expect(world.steps).toEqual([]);
  });

  it("never shows a token that stands in the configuration", async () => {
    const world = createTokenWorld({ ...config, env: { CLAUDE_CODE_OAUTH_TOKEN: tokenOne } });
    const list = await world.jackin.tokens.list();
    expect(list).toMatchObject([{ reference: "literal", scopes: [{}] }]);
    expect(JSON.stringify(list)).not.toContain("oneone");
  });

  it("takes two tokens that stand in the configuration for two", async () => {
    const inFile = (value: string) => ({ env: { CLAUDE_CODE_OAUTH_TOKEN: value } });
    const site = { workspace: "site" };
    const world = createTokenWorld({
      claude: { auth_forward: "token" },
      ...inFile(tokenOne),
      workspaces: {
        "my-app": { workdir: "/w/app", ...inFile(tokenTwo) },
        site: { workdir: "/w/site", ...inFile(tokenOne) },
      },
    });
    const { tokens } = world.jackin;
    await world.jackin.load({ target: "my-app" });
    await world.jackin.load({ target: "site" });
    expect(await tokens.list()).toMatchObject([
      { reference: "literal", scopes: [{}, site], agents: ["site"] },
      { reference: "literal", scopes: [app], agents: ["my-app"] },
    ]);
    expect(await tokens.ofLaunch({ target: "my-app" })).toMatchObject({ agents: ["my-app"] });
    expect(await tokens.examine(app)).toMatchObject({ scopes: [app], agents: ["my-app"] });
    expect(await tokens.release({ scopes: [{}, site], mode: "ignore" })).toMatchObject({
      agents: ["site"],
    });
    expect(await tokens.retire("literal")).toMatchObject({ outcome: "absent" });
    expect(await tokens.list()).toMatchObject([
      { scopes: [app], agents: ["my-app"] },
      { reference: "literal", scopes: [], agents: ["site"] },
    ]);
  });

  it("tells what a launch would take, and nothing in a mode without one", async () => {
    const { tokens, reference } = await withToken();
    expect(await tokens.ofLaunch({ target: "my-app" })).toMatchObject({ reference, scopes: [app] });
    expect(await tokens.ofLaunch({ target: "my-app", mode: "ignore" })).toBeUndefined();
  });
});

describe("examining", () => {
  const states = async (
    world: ReturnType<typeof createTokenWorld>,
    scope: TokenScope,
    probe = false,
  ) => {
    const report = await world.jackin.tokens.examine(scope, { probe });
    expect(JSON.stringify(report)).not.toMatch(/oneone|twotwo/);
    return Object.fromEntries(report.checks.map(({ name, state }) => [name, state]));
  };

  it("finds all in order", async () => {
    const { world } = await withToken();
    expect(await states(world, app)).toEqual({
      value: "good",
      age: "good",
      mode: "good",
      precedence: "good",
    });
    world.steps.length = 0;
    expect(await states(world, app, true)).toMatchObject({ turn: "good" });
    expect(world.steps).toContain("turn");
  });

  it.each<
    [string, (world: ReturnType<typeof createTokenWorld>, reference: string) => void, object]
  >([
    ["one that is gone", ({ vault }, at) => vault.delete(at), { value: "bad" }],
    [
      "one that was replaced by hand",
      ({ vault }, at) => vault.set(at, tokenTwo),
      { value: "warning", age: "warning" },
    ],
    [
      "one that was cut short",
      ({ vault }, at) => vault.set(at, "sk-ant-oat01-x"),
      { value: "warning" },
    ],
    [
      "one that is an API key",
      ({ vault }, at) => vault.set(at, "sk-ant-api03-x"),
      { value: "bad" },
    ],
    ["one that is old", ({ host }) => (host.clock.time += 350 * day), { age: "warning" }],
    ["one that is too old", ({ host }) => (host.clock.time += 366 * day), { age: "bad" }],
    [
      "an API key in the environment",
      (world) => (world.config = { ...world.config, env: { ANTHROPIC_API_KEY: "vault://key" } }),
      { precedence: "bad" },
    ],
    [
      "another mode",
      (world) => {
        const { claude, ...mine } = world.config.workspaces!["my-app"]!;
        const now = { ...mine, claude: { ...claude, auth_forward: "ignore" } };
        world.config = { workspaces: { ...world.config.workspaces, "my-app": now } };
      },
      { mode: "warning" },
    ],
  ])("finds %s", async (_, change, expected) => {
    const { world, reference } = await withToken();
    change(world, reference);
    expect(await states(world, app)).toMatchObject(expected);
  });

  it("says of each what was seen", async () => {
    const { world, tokens, reference } = await withToken();
    const texts = async () => (await tokens.examine(app)).checks.map(({ text }) => text);
    // The clock was set back.
    for (const [days, made] of [
      [-3, "made today"],
      [4, "made yesterday"],
    ] as const) {
      world.host.clock.time += days * day;
      expect((await texts())[1]).toContain(`${made}, valid for about`);
    }
    world.host.clock.time += 9 * day;
    expect(await texts()).toEqual([
      `${reference} is there, fingerprint ${await fingerprint(tokenOne)}`,
      "made 10 days ago, valid for about 355 days more (estimated); proven 2026-11-25 12:00 UTC by claude auth status",
      "workspace my-app is in mode token",
      "nothing that jackin can see outranks it",
    ]);
    await tokens.install({ scopes: [app], from: { reference }, probe: true });
    expect((await texts())[1]).toMatch(/; proven 2026-12-05 12:00 UTC by a turn$/);
  });

  it("says what is wrong with one, and what helps", async () => {
    const role = { workspace: "my-app", role: "r" };
    const workspaces = { "my-app": { workdir: "/w/app", env: { ANTHROPIC_API_KEY: "" } } };
    const world = createTokenWorld({ roles: { r: {} }, workspaces });
    const { reference, tokens } = await withToken([role], world);
    const check = async (wanted: string, scope: TokenScope = role) =>
      (await tokens.examine(scope, { probe: true })).checks.find(({ name }) => name === wanted);
    const rotate = "jackin workspace claude-token rotate my-app --role r";
    expect(await check("precedence")).toMatchObject({ state: "good" });
    world.script.turn = { code: 1, stdout: bad401 };
    expect(await check("turn")).toEqual({
      name: "turn",
      state: "bad",
      text: `it is refused: ${bad401}`,
      next: rotate,
    });
    const credential = { state: "none", path: "/none" } as const;
    const env = ["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
    world.runtime.surroundingsOf.set("jackin-proof", { env, credential, settings: [] });
    expect(await check("turn")).toMatchObject({
      text: expect.stringMatching(/^it was not tried: .*ANTHROPIC_AUTH_TOKEN/),
      next: "jackin auth explain my-app",
    });
    world.vault.set(reference, tokenOne.slice(0, 50));
    expect(await check("value")).toMatchObject({
      state: "warning",
      text: expect.stringContaining("replaced by hand"),
      next: `jackin workspace claude-token setup my-app --role r --reuse '${reference}'   notes the new one`,
    });
    world.states.items.clear();
    expect(await check("value")).toMatchObject({
      text: expect.stringContaining("; it is 50 characters long"),
    });
    world.vault.delete(reference);
    expect(await check("value")).toMatchObject({ state: "bad" });
    expect(await check("turn")).toBeUndefined();
    const { claude: _, ...rest } = world.config.workspaces!["my-app"]!.roles!["r"]!;
    const held = { ...rest, env: { CLAUDE_CODE_OAUTH_TOKEN: tokenOne } };
    const mine = { ...world.config.workspaces!["my-app"]!, roles: { r: held } };
    world.config = { ...world.config, workspaces: { "my-app": mine } };
    expect(await check("value")).toEqual({
      name: "value",
      state: "warning",
      text: "it stands in the configuration itself",
      next: "jackin workspace claude-token setup my-app --role r   puts one into a store",
    });
    expect(await check("mode")).toMatchObject({
      next: "jackin config auth set token --workspace my-app --role r",
    });
  });

  it("proposes to replace it where it is named", async () => {
    const { world, tokens } = await withToken([{}]);
    const begun = world.host.clock.now();
    const age = async () =>
      (await tokens.examine(app)).checks.find(({ name }) => name === "age")?.next;
    for (const left of [20, -1]) {
      world.host.clock.time = begun + (365 - left) * day;
      expect(await age()).toBe("jackin config auth rotate-token");
    }
    world.states.items.clear();
    expect(await age()).toBe("jackin config auth rotate-token   makes one whose age is known");
  });

  it("finds what is in its way inside a running agent, each thing once", async () => {
    const { world, tokens } = await withToken();
    await world.jackin.load({ target: "my-app" });
    const precedence = async () =>
      (await tokens.examine(app)).checks.find(({ name }) => name === "precedence");
    const credential = { state: "none", path: "/none" } as const;
    const seen = { credential, settings: [], env: ["CLAUDE_CODE_OAUTH_TOKEN"] };
    world.runtime.surroundingsOf.set("my-app", seen);
    expect(await precedence()).toMatchObject({ state: "good" });
    const env = ["ANTHROPIC_API_KEY", ...seen.env];
    world.runtime.surroundingsOf.set("my-app", { ...seen, env });
    expect(await precedence()).toMatchObject({
      state: "bad",
      text: "outranked by ANTHROPIC_API_KEY (environment of the agent): Claude Code uses that instead",
      next: "jackin auth explain my-app",
    });
    world.config = { ...world.config, env: { ANTHROPIC_API_KEY: "vault://key" } };
    expect(await precedence()).toMatchObject({
      text: "outranked by ANTHROPIC_API_KEY (global): Claude Code uses that instead",
    });
    world.config = { ...world.config, env: {} };
    const layer = {
      layer: "user",
      path: "/etc/x.json",
      env: [],
      apiKeyHelper: true,
      withoutHooks: false,
    } as const;
    world.runtime.surroundingsOf.set("my-app", { ...seen, settings: [layer] });
    expect(await precedence()).toMatchObject({
      state: "bad",
      text: expect.stringContaining("apiKeyHelper (/etc/x.json)"),
    });
  });

  it("finds what it can when a running agent cannot be looked into", async () => {
    const { world } = await withToken();
    await world.jackin.load({ target: "my-app" });
    const failing = async () => {
      throw new JackinError({ code: "host-failed", message: "my-app is frozen" });
    };
    Object.assign(world.runtime, { surroundings: failing });
    const { checks } = await world.jackin.tokens.examine(app);
    expect(checks).toMatchObject([
      { name: "value", state: "good" },
      { name: "age", state: "good" },
      { name: "mode", state: "good" },
      { name: "precedence", state: "warning", text: expect.stringContaining("my-app is frozen") },
    ]);
  });

  it("finds one that the API refuses, and one that cannot be tried", async () => {
    const { world } = await withToken();
    world.script.turn = { code: 1, stdout: bad401 };
    expect(await states(world, app, true)).toMatchObject({ turn: "bad" });
    world.script.turn = { code: 1, stdout: "API Error: 500" };
    expect(await states(world, app, true)).toMatchObject({ turn: "warning" });
  });

  it("says whose token a scope uses, and when there is none", async () => {
    const { world, tokens } = await withToken([{}]);
    const { checks } = await tokens.examine({ workspace: "site" });
    expect(checks[0]!.text).toContain("named by global");
    world.config = config;
    await expect(tokens.examine(app)).rejects.toMatchObject({
      code: "token-missing",
      message: expect.stringContaining("there is none to look at"),
    });
    world.config = { claude: { oauth_token_source: "vault://none" } };
    const [value] = (await tokens.examine({})).checks;
    expect(value).toMatchObject({ state: "bad", text: "vault://none is not there" });
    world.config = config;
    await expect(tokens.examine({ workspace: "my" })).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("replacing a token under running agents", () => {
  it.each(["env", "file"] as const)("delivered as %s", async (deliver) => {
    const { world, tokens, reference: old } = await withToken([app, { workspace: "site" }]);
    world.script.deliver = deliver;
    await world.jackin.load({ target: "my-app" });
    await world.jackin.load({ target: "site" });
    const { reference, replaced } = await withToken([app], world, tokenTwo);
    expect(replaced).toEqual([old]);
    const brought = await tokens.bringAlong(reference);
    // The other workspace still names the old one.
    expect(brought).toMatchObject([
      { instance: "my-app", outcome: deliver === "file" ? "switched" : "restart" },
    ]);
    const put = world.runtime.put.map(([instance, file]) => [instance, file.content.reveal()]);
    expect(put).toEqual(deliver === "file" ? [["my-app", tokenTwo]] : []);
    const holds = async () =>
      (await world.jackin.status()).instances.map(({ instance, token }) => [instance, token]);
    expect(await holds()).toEqual([
      ["my-app", deliver === "file" ? reference : old],
      ["site", old],
    ]);
    if (deliver === "file") return;
    await tokens.restart("my-app");
    expect(await holds()).toEqual([
      ["my-app", reference],
      ["site", old],
    ]);
  });

  it("finds those that an earlier rotation has left behind", async () => {
    const { world, tokens } = await withToken([app, { workspace: "site" }]);
    for (const target of ["my-app", "site"]) await world.jackin.load({ target });
    await withToken([app], world, tokenTwo);
    const { reference } = await withToken([app], world, tokenOne);
    expect(await tokens.bringAlong(reference)).toMatchObject([
      { instance: "my-app", outcome: "restart" },
    ]);
    await tokens.restart("my-app");
    expect(await tokens.bringAlong(reference)).toEqual([]);
  });

  it("restarts in the conversation that there is, and only what runs", async () => {
    const { world, tokens } = await withToken();
    await world.jackin.load({ target: "my-app" });
    await tokens.restart("my-app");
    expect(world.runtime.starts.at(-1)!.args).toEqual([]);
    const projects = "/home/me/.jackin/instances/my-app/claude/projects";
    world.host.disk.set(`${projects}/-w-app/1.jsonl`, "");
    await tokens.restart("my-app");
    expect(world.runtime.starts.at(-1)!.args).toEqual(["--continue"]);
    // Spoken without a screen only.
    world.before.start = () => {
      delete world.before.start;
      const message = "It ended at once:\nNo conversation found to continue";
      throw new JackinError({ code: "plugin-failed", message });
    };
    await tokens.restart("my-app");
    expect(world.runtime.starts.at(-1)!.args).toEqual([]);
    await world.jackin.exile();
    await expect(tokens.restart("my-app")).rejects.toMatchObject({ code: "conflict" });
  });

  it("restarts that very agent, in its image and in the mode that is asked for", async () => {
    const { world, tokens } = await withToken();
    const { claude, ...bare } = world.config.workspaces!["my-app"]!;
    const ignoring = { ...bare, claude: { ...claude, auth_forward: "ignore" } };
    world.config = { workspaces: { "my-app": ignoring } };
    const request = { target: "my-app", mode: "token", image: "theirs:1" };
    await world.jackin.load(request);
    await world.jackin.load(request);
    await world.jackin.eject("my-app");
    await tokens.restart("my-app-2", { mode: "token" });
    expect(world.runtime.starts.at(-1)).toMatchObject({ instance: "my-app-2", image: "theirs:1" });
    const states = async () =>
      (await world.jackin.status()).instances.map((one) => [one.instance, one.state, one.mode]);
    expect(await states()).toEqual([
      ["my-app", "stopped", "token"],
      ["my-app-2", "running", "token"],
    ]);
    await tokens.restart("my-app-2");
    expect((await states())[1]).toEqual(["my-app-2", "running", "ignore"]);
  });

  it("says how an agent is started that was stopped and did not start again", async () => {
    const { world, tokens } = await withToken();
    await world.jackin.load({ target: "my-app" });
    world.before.start = () =>
      Promise.reject(new JackinError({ code: "host-failed", message: "No room.", hint: "df" }));
    await expect(tokens.restart("my-app")).rejects.toMatchObject({
      code: "host-failed",
      message: "my-app is stopped now, and does not start again: No room.",
      hint: "df\njackin load my-app --runtime double   starts it",
    });
    const abort = new AbortController();
    delete world.before.start;
    await world.jackin.load({ target: "my-app" });
    world.before.start = () => abort.abort();
    await expect(tokens.restart("my-app", { signal: abort.signal })).rejects.toMatchObject({
      code: "cancelled",
      hint: "jackin load my-app --runtime double   starts it",
    });
  });

  it("stops none that could not be started again as things are configured", async () => {
    const { world, tokens } = await withToken();
    await world.jackin.load({ target: "my-app" });
    world.host.disk.delete("/w/app/file");
    await expect(tokens.restart("my-app")).rejects.toMatchObject({ code: "not-found" });
    expect([...world.runtime.running.keys()]).toEqual(["my-app"]);
  });

  it("names one that is just starting with the old one", async () => {
    const { world, tokens } = await withToken();
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    world.before.start = () => (begun.resolve(), end.promise);
    const loaded = world.jackin.load({ target: "my-app" });
    await begun.promise;
    delete world.before.start;
    expect((await tokens.list())[0]).toMatchObject({ agents: ["my-app"] });
    const { reference } = await withToken([app], world, tokenTwo);
    expect(await tokens.bringAlong(reference)).toEqual([
      { instance: "my-app", outcome: "failed", text: "it is just starting with the old one" },
    ]);
    end.resolve();
    await loaded;
    expect(await tokens.bringAlong(reference)).toMatchObject([{ outcome: "restart" }]);
  });

  it("leaves those alone that do not run, and whoever starts meanwhile waits", async () => {
    const { world, tokens } = await withToken();
    await world.jackin.load({ target: "my-app" });
    await world.jackin.eject("my-app");
    const { reference } = await withToken([app], world, tokenTwo);
    const locks: string[] = [];
    world.script.onLock = (name) => void locks.push(name);
    expect(await tokens.bringAlong(reference)).toEqual([]);
    expect(locks).toEqual(["instances"]);
  });

  it("leaves one that answers a single prompt to its end", async () => {
    const { world, tokens } = await withToken();
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    world.before.status = () => (begun.resolve(), end.promise);
    const printed = world.jackin.print({ target: "my-app" }, { capture: true });
    await begun.promise;
    delete world.before.status;
    const { reference } = await withToken([app], world, tokenTwo);
    expect(await tokens.bringAlong(reference)).toEqual([
      {
        instance: "my-app",
        outcome: "failed",
        text: "it answers one prompt, with the old one, and ends by itself",
      },
    ]);
    await expect(tokens.restart("my-app")).rejects.toMatchObject({ code: "conflict" });
    expect([...world.runtime.running.keys()]).toEqual(["my-app"]);
    end.resolve();
    await printed;
  });

  it("removes the old one once nobody names it, and only if it is jackin's", async () => {
    const { world, tokens, reference: old } = await withToken([app, { workspace: "site" }]);
    const second = await withToken([app], world, tokenTwo);
    expect(await tokens.retire(old)).toMatchObject({
      outcome: "kept",
      text: expect.stringContaining("workspace site still names it"),
    });
    await tokens.install({
      scopes: [{ workspace: "site" }],
      from: { reference: second.reference },
    });
    world.script.removeError = Object.assign(new Error("sealed"), {
      name: "JackinError",
      code: "secret-failed",
    }) as never;
    expect(await tokens.retire(old)).toMatchObject({ outcome: "failed" });
    expect(world.vault.has(old)).toBe(true);
    world.script.removeError = cancelled();
    await expect(tokens.retire(old)).rejects.toMatchObject({ code: "cancelled" });
    world.script.removeError = undefined;
    expect(await tokens.retire(old)).toMatchObject({ outcome: "removed" });
    expect([...world.vault.keys()]).toEqual([second.reference]);
    expect((await tokens.list()).map((one) => one.reference)).toEqual([second.reference]);
  });

  it("removes none that jackin has not put there, whatever its store would do", async () => {
    const { world, tokens } = await withToken();
    for (const mine of ["vault://unknown", "vault://reused"]) {
      world.vault.set(mine, tokenTwo);
      // Of another machine's jackin, say.
      world.ours.add(mine);
    }
    const from = { reference: "vault://reused" };
    await tokens.install({ scopes: [{ workspace: "site" }], from });
    await tokens.release({ scopes: [{ workspace: "site" }], mode: "ignore" });
    for (const mine of ["vault://unknown", "vault://reused"]) {
      expect(await tokens.retire(mine)).toEqual({
        outcome: "kept",
        text: `${mine} is kept: jackin did not put it there`,
      });
      expect(world.vault.has(mine)).toBe(true);
    }
    expect((await tokens.list()).map(({ reference }) => reference)).not.toContain("vault://reused");
  });

  it("does not deny that jackin put one there that its store does not remove", async () => {
    const { world, tokens, reference } = await withToken();
    world.ours.delete(reference);
    await tokens.release({ scopes: [app], mode: "ignore" });
    expect(await tokens.retire(reference)).toEqual({
      outcome: "kept",
      text: `${reference} is kept: its place was chosen by hand`,
    });
  });

  it("keeps the old one for a scope that names it in another way", async () => {
    const { world, tokens, reference: old } = await withToken();
    world.script.names.set("vault://by-name", old);
    await withToken([app], world, tokenTwo);
    const { workspaces } = world.config;
    const claude = { oauth_token_source: "vault://by-name" };
    world.config = { workspaces: { ...workspaces, site: { workdir: "/w/site", claude } } };
    expect(await tokens.retire(old)).toMatchObject({
      outcome: "kept",
      text: expect.stringContaining("workspace site still names it"),
    });
    expect(world.vault.has(old)).toBe(true);
  });

  it("tells whether the API still takes the old one", async () => {
    const { world, tokens, reference } = await withToken();
    expect(await tokens.isAccepted(reference)).toBe("accepted");
    world.script.turn = { code: 1, stdout: bad401 };
    expect(await tokens.isAccepted(reference)).toBe("refused");
    world.script.turn = { code: 1, stdout: "API Error: 403 oauth_org_not_allowed" };
    await expect(tokens.isAccepted(reference)).rejects.toMatchObject({ code: "start-failed" });
    expect(world.config.claude).toBeUndefined();
    // As an agent of the scope would.
    const [mine] = Object.values(world.config.workspaces!);
    const claude = { oauth_token_source: "vault://new" };
    world.vault.set("vault://new", tokenTwo);
    const there = { ...mine, workdir: "/w/app", env: { ORG: "acme" }, claude };
    world.config = { workspaces: { "my-app": there } };
    world.script.turn = { code: 0, stdout: "pong" };
    await tokens.isAccepted(reference, { scope: app });
    const { env, grant } = world.runtime.starts.at(-1)!;
    expect(env["ORG"]?.reveal()).toBe("acme");
    expect(grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal()).toBe(tokenOne);
    // It is nowhere to be read any more: the word is refused, and that would say nothing.
    world.script.turn = { code: 1, stdout: bad401 };
    await expect(tokens.isAccepted("literal")).rejects.toMatchObject({ code: "usage" });
  });
});

describe("releasing", () => {
  it("takes the token out of a scope's configuration, sets its mode, and names who holds it", async () => {
    const { world, tokens, reference } = await withToken([app, { workspace: "site" }]);
    await world.jackin.load({ target: "my-app" });
    await world.jackin.load({ target: "site" });
    expect(await tokens.release({ scopes: [app], mode: "ignore" })).toEqual({
      references: [reference],
      agents: ["my-app"],
    });
    expect(world.config.workspaces!["my-app"]!.claude).toEqual({ auth_forward: "ignore" });
    expect(world.config.workspaces!["site"]!.claude).toMatchObject({ auth_forward: "token" });
  });

  it("names only those agents that it was taken from", async () => {
    const world = createTokenWorld({ ...config, roles: { r: {}, s: {} } });
    const { tokens } = await withToken([{}, { role: "r" }, { role: "s" }], world);
    await world.jackin.load({ target: "my-app" });
    await world.jackin.load({ target: "site", role: "r" });
    await world.jackin.load({ target: "bare", role: "s" });
    const { agents } = await tokens.release({ scopes: [{ role: "r" }], mode: "ignore" });
    expect(agents).toEqual(["site"]);
  });

  it("leaves a token alone that was configured meanwhile", async () => {
    const { world, tokens, reference } = await withToken();
    const other = { auth_forward: "token", oauth_token_source: "vault://other" };
    const { workspaces } = world.config;
    const now = { workspaces: { ...workspaces, "my-app": { workdir: "/w/app", claude: other } } };
    world.before.config = () => void (world.config = now);
    await expect(tokens.release({ scopes: [app], mode: "ignore" })).rejects.toMatchObject({
      code: "conflict",
    });
    expect(world.config).toEqual(now);
    delete world.before.config;
    const request = { scopes: [app], mode: "ignore", reference };
    await expect(tokens.release(request)).rejects.toMatchObject({ code: "conflict" });
    expect(world.config).toEqual(now);
    await tokens.release({ ...request, reference: "vault://other" });
    expect(world.config).not.toEqual(now);
  });

  it("leaves nobody in a mode that needs a token", async () => {
    const { world, tokens } = await withToken();
    const before = world.snapshot();
    for (const mode of ["token", "ignor"])
      await expect(tokens.release({ scopes: [app], mode })).rejects.toMatchObject({
        code: "usage",
        message: expect.stringContaining(`no mode "${mode}" that needs no token`),
      });
    expect(world.snapshot()).toEqual(before);
  });

  it("of a scope that has none of its own changes nothing", async () => {
    const { world, tokens } = await withToken([{}]);
    const before = world.snapshot();
    await expect(tokens.release({ scopes: [app], mode: "ignore" })).rejects.toMatchObject({
      code: "token-missing",
      hint: expect.stringMatching(/^jackin config auth revoke-token\n/),
    });
    expect(world.snapshot()).toEqual(before);
  });
});
