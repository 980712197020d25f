import { describe, expect, it } from "vitest";
import { createHostDouble } from "../test/doubles/host.ts";
import type { FileDouble } from "../test/doubles/host.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import type { AuthProvider, Config, Grant, Health, Surroundings } from "./index.ts";
import { createJackin, createSecret } from "./index.ts";

function provider(
  mode: string,
  more: Partial<AuthProvider> = {},
  grant: Partial<Grant> = {},
): AuthProvider {
  return {
    kind: "auth",
    name: `auth-${mode}`,
    mode,
    grant: async () => ({
      line: `claude auth: ${mode}`,
      login: "forwarded",
      files: [],
      env: {},
      notices: [],
      ...grant,
    }),
    ...more,
  };
}

function setUp(config: Config, files: Readonly<Record<string, FileDouble>> = {}) {
  const health: { now: Health } = { now: { state: "good", text: "the host is signed in" } };
  const runtime = createRuntimeDouble();
  const host = createHostDouble({
    files: { "/w/app/file": "", "/w/other/file": "", ...files },
  });
  const env = { CLAUDE_CODE_OAUTH_TOKEN: createSecret("canary") };
  const plugins = [
    runtime,
    provider("sync", { health: async () => health.now }),
    provider("ignore", {}, { login: "own" }),
    provider("token", { needsToken: true }, { env }),
  ];
  const jackin = createJackin({
    host,
    plugins,
    store: createStoreDouble(),
    config: async () => ({ config, notices: [] }),
  });
  const home = (instance: string) => `${host.files!.state}/instances/${instance}`;
  return { jackin, runtime, health, host, home };
}

const app: Config = { workspaces: { app: { workdir: "/w/app" } } };
const path = "/c/.credentials.json";
const signedIn: Surroundings = {
  env: [],
  settings: [],
  credential: { state: "access", access: "abc", path },
};

describe("explaining", () => {
  it("looks into the running agents of a workspace, or into the one that is named", async () => {
    const { jackin, runtime } = setUp(app);
    for (const instance of ["app", "app-2"]) {
      await jackin.load({ target: "app" });
      runtime.surroundingsOf.set(instance, signedIn);
    }
    await jackin.load({ target: "/w/other" });
    const both = await jackin.explain({ target: "app" });
    expect(both.map(({ instance, isRunning }) => [instance, isRunning])).toEqual([
      ["app", true],
      ["app-2", true],
    ]);
    const one = await jackin.explain({ target: "app-2" });
    expect(one).toMatchObject([{ instance: "app-2", workspace: "app", mode: "sync" }]);
    expect(one[0]?.sources[0]).toMatchObject({ source: "login", where: path, state: "wins" });
  });

  it("tells a running agent's variable by the scope that sets it", async () => {
    const config: Config = {
      ...app,
      env: { ANTHROPIC_AUTH_TOKEN: "canary" },
      roles: { dev: { env: { CLAUDE_CODE_USE_BEDROCK: "1" } } },
      workspaces: {
        app: {
          workdir: "/w/app",
          role: "dev",
          env: { CLAUDE_CODE_USE_VERTEX: "1" },
          roles: { dev: { env: { ANTHROPIC_API_KEY: "canary" } } },
        },
      },
    };
    const { jackin, runtime } = setUp(config);
    await jackin.load({ target: "app" });
    const env = [
      "CLAUDE_CODE_USE_BEDROCK",
      "CLAUDE_CODE_USE_VERTEX",
      "ANTHROPIC_AUTH_TOKEN",
      "ANTHROPIC_API_KEY",
    ];
    runtime.surroundingsOf.set("app", { ...signedIn, env });
    const [found] = await jackin.explain({ target: "app" });
    expect(found?.sources.filter(({ next }) => next).map(({ next }) => next)).toEqual([
      "jackin config env unset CLAUDE_CODE_USE_BEDROCK --role dev",
      "jackin workspace env unset app CLAUDE_CODE_USE_VERTEX",
      "jackin config env unset ANTHROPIC_AUTH_TOKEN",
      "jackin workspace env unset app ANTHROPIC_API_KEY --role dev",
    ]);
    expect(JSON.stringify(found)).not.toContain("canary");
  });

  it("shows what a launch would have: the mode's health, the configuration, the files that are there", async () => {
    const config: Config = { ...app, env: { ANTHROPIC_API_KEY: "canary", X: "1" } };
    const { jackin, health, host, home } = setUp(config);
    await jackin.load({ target: "app" });
    await jackin.eject("app");
    host.disk.set("/w/app/.claude/settings.json", '{"apiKeyHelper":"echo canary"}');
    host.disk.set(`${home("app")}/claude/settings.json`, { link: "/w/app/.claude/settings.json" });
    health.now = { state: "bad", text: "the host has no login", next: "claude auth login" };
    const [found] = await jackin.explain({ target: "app" });
    expect(found).toMatchObject({ workspace: "app", mode: "sync", isRunning: false });
    const shown = found!.sources.filter(({ state }) => state !== "absent");
    expect(shown.map(({ source, where, state }) => [source, where, state])).toEqual([
      ["ANTHROPIC_API_KEY", "environment of the agent", "wins"],
      ["apiKeyHelper", "/w/app/.claude/settings.json", "shadowed"],
      ["login", "the agent's credential folder", "dead"],
      ["settings", `${home("app")}/claude/settings.json`, "dead"],
    ]);
    expect(shown[2]).toMatchObject({ text: "the host has no login", next: "claude auth login" });
    expect(JSON.stringify(found)).not.toContain("canary");
    health.now = { state: "warning", text: "it runs out" };
    const [better] = await jackin.explain({ target: "app" });
    expect(better!.sources.find(({ source }) => source === "login")).toMatchObject({
      state: "shadowed",
      text: expect.stringContaining("it runs out"),
    });
  });

  it("finds the token by the configuration alone", async () => {
    const token = { auth_forward: "token", oauth_token_source: "op://a/b/c" };
    const states = async (config: Config) => {
      const [found] = await setUp(config).jackin.explain({ target: "/w/other" });
      const row = found!.sources.find(({ source }) => source === "CLAUDE_CODE_OAUTH_TOKEN");
      return [row?.state, row?.next];
    };
    expect(await states({ claude: token })).toEqual(["wins", undefined]);
    expect(await states({ claude: { auth_forward: "token" } })).toEqual([
      "absent",
      expect.stringMatching(/^jackin config auth setup-token /),
    ]);
    const asFile: Config = { claude: { ...token, token: { deliver: "file" } } };
    expect(await states(asFile)).toEqual(["absent", undefined]);
    const [found] = await setUp(asFile).jackin.explain({ target: "/w/other" });
    expect(found!.sources.filter(({ state }) => state === "wins")).toMatchObject([
      { source: "login", outranks: false },
    ]);
    // Only a mode that needs it gives it to the agent.
    expect(await states({ env: { CLAUDE_CODE_OAUTH_TOKEN: "$X" } })).toEqual(["absent", undefined]);
  });

  it("finds the login that mode ignore would bring back", async () => {
    const { jackin, host, home } = setUp(app);
    await jackin.load({ target: "app" });
    await jackin.eject("app");
    const login = '{"claudeAiOauth":{"accessToken":"canary","refreshToken":"canary"}}';
    host.disk.set(`${home("app")}/kept/.credentials.json`, login);
    const [found] = await jackin.explain({ target: "app", mode: "ignore" });
    expect(found?.sources[0]).toMatchObject({
      source: "login",
      where: `${home("app")}/claude/.credentials.json`,
      state: "wins",
      text: "a whole login, which renews itself",
    });
    const [sync] = await jackin.explain({ target: "app" });
    expect(sync?.sources[0]?.text).toBe("the host is signed in");
  });

  it("explains a stopped agent by its name, although another one runs", async () => {
    const { jackin } = setUp(app);
    await jackin.load({ target: "app" });
    await jackin.load({ target: "app" });
    await jackin.eject("app-2");
    const [found] = await jackin.explain({ target: "app-2" });
    expect(found).toMatchObject({ instance: "app-2", isRunning: false });
  });
});

describe("a launch", () => {
  it("warns of what its runtime found, once", async () => {
    const config: Config = { ...app, env: { ANTHROPIC_API_KEY: "x", ANTHROPIC_AUTH_TOKEN: "" } };
    const { jackin, runtime } = setUp(config);
    runtime.surroundingsOf.set("app", {
      ...signedIn,
      env: ["ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_VERTEX"],
    });
    const { notices } = await jackin.load({ target: "app" });
    expect(notices.map(({ text }) => text)).toEqual([
      "ANTHROPIC_API_KEY (global) outranks what mode sync provides: Claude Code uses it instead",
      "CLAUDE_CODE_USE_VERTEX (environment of the agent) outranks what mode sync provides: Claude Code uses it instead",
    ]);
    expect(notices[1]?.next).toMatch(/^jackin workspace env set app CLAUDE_CODE_USE_VERTEX '' /);
  });

  it("says that the agent's own login is put aside, and how it comes back", async () => {
    const { jackin, host, home } = setUp(app);
    await jackin.load({ target: "app", mode: "ignore" });
    await jackin.eject("app");
    host.disk.set(`${home("app")}/kept/.credentials.json`, "{}");
    const notice = {
      level: "info",
      text: "app has a login of its own, from an earlier /login; it is put aside while mode sync is used",
      next: "jackin load app --auth ignore   brings it back",
    };
    expect((await jackin.load({ target: "app" })).notices).toEqual([notice]);
    await jackin.eject("app");
    expect((await jackin.load({ target: "app", mode: "ignore" })).notices).toEqual([]);
  });
});
