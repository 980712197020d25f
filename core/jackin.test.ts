import { describe, expect, it } from "vitest";
import { createHostDouble } from "../test/doubles/host.ts";
import type { HostDoubleInit } from "../test/doubles/host.ts";
import type { RuntimeDoubleInit } from "../test/doubles/runtime.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import type {
  AuthProvider,
  Config,
  Grant,
  GrantRequest,
  Host,
  SecretAnswer,
  SecretResolver,
  StartSpec,
} from "./index.ts";
import { createJackin, createSecret, JackinError } from "./index.ts";

const folders = {
  "/proc/1/environ": "",
  "/w/app/file": "",
  "/w/other/file": "",
  "/home/me/project/file": "",
};

function provider(mode: string, more: Partial<AuthProvider> = {}, grant: Partial<Grant> = {}) {
  const requests: GrantRequest[] = [];
  const made: AuthProvider = {
    kind: "auth",
    name: `auth-${mode}`,
    mode,
    grant: async (request) => {
      requests.push(request);
      return {
        line: `claude auth: ${mode}`,
        login: "forwarded",
        files: [],
        env: {},
        notices: [],
        ...grant,
      };
    },
    ...more,
  };
  return { made, requests };
}

const env: SecretResolver = {
  kind: "secret",
  name: "secret-env",
  scheme: "env",
  resolve: async (references) =>
    new Map(
      references.map((reference): [string, SecretAnswer] =>
        reference === "env://GONE"
          ? [reference, { status: "absent" }]
          : [reference, { status: "value", value: createSecret(`canary of ${reference}`) }],
      ),
    ),
};

function setUp(
  config: Config,
  init: {
    runtime?: RuntimeDoubleInit;
    host?: HostDoubleInit;
    alive?: () => boolean;
    account?: string;
  } = {},
) {
  const sync = provider("sync", {}, { account: init.account ?? "me@example.com", expiresAt: 99 });
  const token = provider("token", { needsToken: true });
  const ignore = provider("ignore", {}, { login: "own" });
  const runtime = createRuntimeDouble(init.runtime);
  const double = createHostDouble({ files: folders, ...init.host });
  const host: Host = {
    ...double,
    process: { id: "me:1", isAlive: async () => init.alive?.() ?? true },
  };
  const store = createStoreDouble();
  const other = createRuntimeDouble({ runtime: "other" });
  const plugins = [runtime, other, sync.made, ignore.made, token.made, env];
  const jackin = createJackin({
    host,
    plugins,
    store,
    config: async () => ({ config, notices: [] }),
  });
  return { jackin, runtime, other, sync, token, ignore, host: double, store };
}

const app: Config = { workspaces: { "my-app": { workdir: "/w/app" } } };

describe("load", () => {
  it("gives the runtime the grant, the environment and the workspace, and remembers no secret", async () => {
    const config: Config = {
      ...app,
      env: { ORG: "acme", API: "$API", CLAUDE_CODE_OAUTH_TOKEN: "$GONE" },
    };
    const { jackin, runtime, store } = setUp(config);
    const launched = await jackin.load({ target: "my-app", args: ["--model", "x"] });
    expect(launched).toMatchObject({
      instance: {
        instance: "my-app",
        workspace: "my-app",
        workdir: "/w/app",
        mode: "sync",
        state: "running",
        account: "me@example.com",
        expiresAt: 99,
      },
      line: "claude auth: sync",
      notices: [
        { level: "info", text: "CLAUDE_CODE_OAUTH_TOKEN (global) is not used in mode sync" },
      ],
    });
    const [spec] = runtime.starts;
    expect(spec).toMatchObject({
      instance: "my-app",
      home: "/home/me/.jackin/instances/my-app",
      workdir: "/w/app",
      image: "own:1",
      session: true,
      args: ["--model", "x"],
    });
    expect(Object.entries(spec!.env).map(([key, value]) => [key, value.reveal()])).toEqual([
      ["API", "canary of env://API"],
      ["ORG", "acme"],
    ]);
    expect(spec!.labels).toMatchObject({
      "jackin.workspace": "my-app",
      "jackin.mode": "sync",
      "jackin.workdir": "/w/app",
    });
    expect([...store.items.values()].join()).not.toContain("canary");
  });

  it("takes mode, image and role from the command line first", async () => {
    const config: Config = { roles: { r: { image: "role:1", env: { R: "1" } } }, ...app };
    const { jackin, runtime } = setUp(config);
    const launched = await jackin.load({ target: "my-app", role: "r", mode: "ignore" });
    expect(launched.line).toBe("claude auth: ignore");
    expect(runtime.starts[0]).toMatchObject({ image: "role:1" });
    await jackin.load({ target: "my-app", image: "mine:2" });
    expect(runtime.starts[1]).toMatchObject({ image: "mine:2" });
  });

  it.each([
    [
      { target: "my-ap" },
      "not-found",
      'No workspace and no folder "my-ap". Did you mean "my-app"?',
    ],
    [{ target: "my-app", role: "x" }, "not-found", 'No role "x" is defined.'],
    [{ target: "my-app", mode: "snyc" }, "usage", 'Unknown mode "snyc". Did you mean "sync"?'],
    [{ target: "my-app", runtime: "vm" }, "usage", 'Unknown runtime "vm".'],
    [{ target: "/home/me" }, "usage", "/home/me cannot be a workspace"],
    [{ target: "/proc/1" }, "usage", "/proc/1 cannot be a workspace"],
    [{ target: "/w/logins" }, "usage", "/w/logins cannot be a workspace: /w/logins/claude, which"],
    [{ target: "/w/keys" }, "usage", "/w/keys cannot be a workspace: ~/keys, which"],
    [{ target: "/home/me/.jackin/instances" }, "not-found", "No workspace and no folder"],
    [{}, "usage", "Name a workspace or a folder."],
  ])("refuses %j", async (request, code, message) => {
    const env = {
      CLAUDE_CONFIG_DIR: "/w/logins/claude",
      CLAUDE_SECURESTORAGE_CONFIG_DIR: "~/keys",
    };
    const files = {
      ...folders,
      "/w/logins/claude/file": "",
      "/home/me/keys": { link: "/w/keys" },
      "/w/keys/file": "",
    };
    const { jackin, runtime, store } = setUp(app, { host: { env, files } });
    await expect(jackin.load(request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect([runtime.starts.length, store.items.size]).toEqual([0, 0]);
  });

  it("does not propose to make a workspace of the folder that is not there", async () => {
    const { jackin } = setUp(app);
    await expect(jackin.load({ target: "/w/none" })).rejects.toMatchObject({
      hint: expect.not.stringContaining("/w/none"),
    });
  });

  it("says that a workspace's folder is gone", async () => {
    const { jackin } = setUp({ workspaces: { old: { workdir: "/w/gone" } } });
    await expect(jackin.load({ target: "old" })).rejects.toMatchObject({
      code: "not-found",
      message: "The folder of workspace old is gone: /w/gone",
    });
  });

  it.each([
    [{ cwd: "/w/app" }, "my-app"],
    [{ target: ".", cwd: "/home/me/project" }, "project"],
    [{ target: "/home/me/project" }, "project"],
    [{ target: "/w/app" }, "my-app"],
  ])("finds what is meant by %j", async (request, instance) => {
    const host = { files: { ...folders, "/home/me/project/.": { link: "/home/me/project" } } };
    const { jackin } = setUp(app, { host });
    await expect(jackin.load(request)).resolves.toMatchObject({ instance: { instance } });
  });

  it("asks the runtime whether it is ready before any secret is asked for", async () => {
    const error = new JackinError({ code: "runtime-missing", message: "no Docker" });
    const { jackin, runtime } = setUp(
      { ...app, env: { A: "$GONE" } },
      { runtime: { probe: { ready: false, error } } },
    );
    await expect(jackin.load({ target: "my-app" })).rejects.toBe(error);
    expect(runtime.starts).toEqual([]);
  });
});

describe("the token", () => {
  const withToken = (more: object): Config => ({
    workspaces: { "my-app": { workdir: "/w/app", claude: { auth_forward: "token" }, ...more } },
  });

  it("comes from the most specific token source, before the environment", async () => {
    const config: Config = {
      claude: { oauth_token_source: "env://GLOBAL" },
      env: { CLAUDE_CODE_OAUTH_TOKEN: "$FROM_ENV" },
      ...withToken({ role: "r", roles: { r: { claude: { oauth_token_env: "BOTH" } } } }),
    };
    const { jackin, token, runtime } = setUp(config);
    await jackin.load({ target: "my-app" });
    expect(token.requests[0]?.token?.value.reveal()).toBe("canary of env://BOTH");
    expect(token.requests[0]?.token?.source).toBe("env://BOTH (workspace my-app × role r)");
    expect(runtime.starts[0]?.env).toEqual({});
  });

  it("comes from the environment when no scope has a source", async () => {
    const { jackin, token } = setUp(withToken({ env: { CLAUDE_CODE_OAUTH_TOKEN: "$FROM_ENV" } }));
    await jackin.load({ target: "my-app" });
    expect(token.requests[0]?.token?.source).toBe("env://FROM_ENV (workspace my-app)");
  });

  it("stops the launch when no scope has one, and names every scope that was asked, in order", async () => {
    const { jackin, runtime, store } = setUp(withToken({}));
    await expect(jackin.load({ target: "my-app", mode: "token" })).rejects.toMatchObject({
      code: "token-missing",
      message: [
        "Mode token needs a long-lived token and no scope names one; nothing was started.",
        "Asked, in this order:",
        "  workspace my-app: [workspaces.my-app.claude] oauth_token_source: not set",
        "  global: [claude] oauth_token_source: not set",
        "  workspace my-app: [workspaces.my-app.env] CLAUDE_CODE_OAUTH_TOKEN: not set",
        "  global: [env] CLAUDE_CODE_OAUTH_TOKEN: not set",
      ].join("\n"),
      hint: expect.stringContaining(
        "jackin workspace env set my-app CLAUDE_CODE_OAUTH_TOKEN 'op://vault/item/field'",
      ),
    });
    expect([runtime.starts.length, store.items.size]).toEqual([0, 0]);
  });

  it("proposes what goes before a source that has none", async () => {
    const { jackin } = setUp(
      withToken({ claude: { auth_forward: "token", oauth_token_env: "GONE" } }),
    );
    await expect(jackin.load({ target: "my-app" })).rejects.toMatchObject({
      code: "token-missing",
      hint: expect.stringContaining("setup my-app --yes --reuse 'op://vault/item/field'"),
    });
  });

  it.each([["$GONE"], [""], ["  \n"]])(
    "stops the launch when it is %j, absent or empty",
    async (value) => {
      const { jackin, runtime } = setUp(withToken({ env: { CLAUDE_CODE_OAUTH_TOKEN: value } }));
      await expect(jackin.load({ target: "my-app" })).rejects.toMatchObject({
        code: "token-missing",
        message: expect.stringContaining("its value is empty or not there"),
      });
      expect(runtime.starts).toEqual([]);
    },
  );

  it.each(["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"])(
    "warns of %s, which outranks every mode",
    async (name) => {
      const { jackin } = setUp({ ...app, env: { [name]: "x" } });
      const { notices } = await jackin.load({ target: "my-app" });
      expect(notices).toEqual([
        expect.objectContaining({
          level: "warning",
          text: expect.stringContaining(`${name} (global) outranks`),
        }),
      ]);
    },
  );
});

describe("instances", () => {
  it("gives a stopped instance back to the next launch, and a running one company", async () => {
    const { jackin, sync } = setUp(app);
    await jackin.load({ target: "my-app" });
    const second = await jackin.load({ target: "my-app" });
    expect(second).toMatchObject({
      instance: { instance: "my-app-2" },
      sharedWith: ["my-app"],
      notices: [{ next: "jackin hardline my-app" }],
    });
    expect(sync.requests[1]?.others).toEqual([
      { instance: "my-app", mode: "sync", account: "me@example.com" },
    ]);
    await jackin.eject("my-app");
    await expect(jackin.load({ target: "my-app" })).resolves.toMatchObject({
      instance: { instance: "my-app" },
    });
  });

  it("never gives the instance of one workspace to another of a like name", async () => {
    const config: Config = {
      workspaces: { a: { workdir: "/w/app" }, "a-2": { workdir: "/w/other" } },
    };
    const { jackin } = setUp(config);
    await jackin.load({ target: "a" });
    await jackin.load({ target: "a" });
    await jackin.exile();
    const other = await jackin.load({ target: "a-2" });
    expect(other.instance).toMatchObject({ instance: "a-2-2", workdir: "/w/other" });
  });

  it("takes over from a launch that was killed, and not from one that goes on", async () => {
    let alive = true;
    const entered = Promise.withResolvers<void>();
    let starts = 0;
    const onStart = () =>
      ++starts === 1 ? (entered.resolve(), new Promise<void>(() => {})) : undefined;
    const { jackin } = setUp(app, { alive: () => alive, runtime: { onStart } });
    void jackin.load({ target: "my-app" });
    await entered.promise;
    expect((await jackin.status()).instances).toMatchObject([
      { instance: "my-app", state: "starting" },
    ]);
    alive = false;
    expect((await jackin.status()).instances).toMatchObject([
      { instance: "my-app", state: "stopped" },
    ]);
    await expect(jackin.load({ target: "my-app" })).resolves.toMatchObject({
      instance: { instance: "my-app" },
    });
  });

  it("knows what runs although its launch was killed", async () => {
    let alive = true;
    const entered = Promise.withResolvers<void>();
    const onStart = (spec: StartSpec) => {
      if (!alive) return undefined;
      made.runtime.running.set(spec.instance, spec);
      entered.resolve();
      return new Promise<void>(() => {});
    };
    const made = setUp(app, { alive: () => alive, runtime: { onStart } });
    void made.jackin.load({ target: "my-app" });
    await entered.promise;
    alive = false;
    expect((await made.jackin.status()).instances).toMatchObject([{ state: "running" }]);
    await expect(made.jackin.attach("my-app")).rejects.toMatchObject({
      code: "conflict",
      message: "my-app has no agent to come back to: its launch or its stop was interrupted.",
      hint: "jackin load my-app",
    });
    await expect(made.jackin.exile()).resolves.toEqual(["my-app"]);
    expect(made.runtime.running.size).toBe(0);
    await expect(made.jackin.load({ target: "my-app" })).resolves.toMatchObject({
      instance: { instance: "my-app" },
    });
  });

  it("knows what runs although its stop failed", async () => {
    const { jackin, runtime } = setUp(app);
    await jackin.load({ target: "my-app" });
    const { stop } = runtime;
    runtime.stop = () => Promise.reject(new Error("no answer"));
    await expect(jackin.eject("my-app")).rejects.toThrow("no answer");
    runtime.stop = stop;
    expect((await jackin.status()).instances).toMatchObject([{ state: "running" }]);
    await expect(jackin.exile()).resolves.toEqual(["my-app"]);
    expect(runtime.running.size).toBe(0);
  });

  it("does not give an instance of one runtime to another", async () => {
    const { jackin, runtime, other } = setUp(app);
    await jackin.load({ target: "my-app" });
    await jackin.eject("my-app");
    await jackin.load({ target: "my-app", runtime: "other" });
    expect(other.starts).toMatchObject([{ instance: "my-app-2" }]);
    await jackin.load({ target: "my-app" });
    expect(runtime.starts).toMatchObject([{ instance: "my-app" }, { instance: "my-app" }]);
  });

  it("says that it was cancelled when it is while all are stopped", async () => {
    const abort = new AbortController();
    const { jackin, runtime } = setUp(app);
    await jackin.load({ target: "my-app" });
    runtime.stop = () => (abort.abort(), Promise.reject(new Error("killed")));
    await expect(jackin.exile({ signal: abort.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  it("keeps the state that an instance without a record has when its launch fails", async () => {
    const { jackin, host } = setUp(app, {
      runtime: { onStart: () => Promise.reject(new Error("boom")) },
    });
    const login = "/home/me/.jackin/instances/my-app/claude/.credentials.json";
    host.disk.set(login, "its own login");
    await expect(jackin.load({ target: "my-app" })).rejects.toThrow("boom");
    expect(host.disk.get(login)).toBe("its own login");
  });

  it("leaves a successor alone when a prompt's instance was ejected and taken over", async () => {
    const { jackin, runtime } = setUp(app);
    runtime.run = async () => {
      await jackin.eject("my-app");
      await jackin.load({ target: "my-app" });
      return { code: 137, stdout: "" };
    };
    await jackin.print({ target: "my-app" }, { capture: true });
    expect([...runtime.running.keys()]).toEqual(["my-app"]);
    expect((await jackin.status()).instances).toMatchObject([{ state: "running" }]);
  });

  it("takes the place of a headless agent whose launch was killed, and of no other", async () => {
    let alive = true;
    const { jackin, runtime } = setUp(app, { alive: () => alive });
    const called = Promise.withResolvers<void>();
    runtime.run = () => (called.resolve(), new Promise<never>(() => {}));
    void jackin.print({ target: "my-app" }, { capture: true });
    await called.promise;
    const beside = await jackin.load({ target: "my-app" });
    expect(beside.instance.instance).toBe("my-app-2");
    alive = false;
    expect((await jackin.status()).instances).toMatchObject([
      { instance: "my-app", state: "running" },
      { instance: "my-app-2", state: "running" },
    ]);
    const next = await jackin.load({ target: "my-app" });
    expect(next.instance.instance).toBe("my-app");
    expect((await jackin.load({ target: "my-app" })).instance.instance).toBe("my-app-3");
  });

  it("clears what is left of agents that have ended when all are stopped", async () => {
    const { jackin, runtime } = setUp(app);
    await jackin.load({ target: "my-app" });
    const list = runtime.list.bind(runtime);
    runtime.list = async (ctx) => (await list(ctx)).map((item) => ({ ...item, running: false }));
    await expect(jackin.exile()).resolves.toEqual([]);
    expect(runtime.stops).toEqual(["my-app"]);
  });

  it("stops what runs when its record cannot be written", async () => {
    const { jackin, runtime, store } = setUp(app);
    await jackin.load({ target: "my-app" });
    const { setItem } = store;
    const full = new JackinError({ code: "host-failed", message: "no space" });
    store.setItem = () => Promise.reject(full);
    await expect(jackin.exile()).resolves.toEqual(["my-app"]);
    expect((await jackin.status()).instances).toMatchObject([{ state: "stopped" }]);
    store.setItem = (key, value) =>
      "phase" in value && value.phase === "starting" ? setItem(key, value) : Promise.reject(full);
    await expect(jackin.load({ target: "my-app" })).rejects.toThrow("no space");
    expect(runtime.running.size).toBe(0);
  });

  it.each([
    ["damaged", "[]"],
    ["of a later jackin", '{"schema":2,"instance":"my-app"}'],
  ])(
    "keeps folder and name of an instance whose record is %s, until it is purged",
    async (_, text) => {
      const { jackin, store, host } = setUp(app);
      store.items.set("instances:my-app", text);
      await expect(jackin.load({ target: "my-app" })).resolves.toMatchObject({
        instance: { instance: "my-app-2" },
      });
      expect(await jackin.status()).toMatchObject({
        instances: [{ instance: "my-app-2", state: "running" }],
        notices: [{ text: expect.stringContaining("my-app cannot be read"), level: "warning" }],
      });
      expect(store.items.get("instances:my-app")).toBe(text);
      await expect(jackin.purge("my-app")).resolves.toEqual(["my-app"]);
      expect(host.changes.at(-1)).toBe("remove /home/me/.jackin/instances/my-app");
      expect((await jackin.status()).notices).toEqual([]);
    },
  );

  it("leaves nothing of a first launch that failed", async () => {
    const { jackin, runtime, store, host } = setUp(app, {
      runtime: { onStart: () => Promise.reject(new Error("boom")) },
    });
    await expect(jackin.load({ target: "my-app" })).rejects.toMatchObject({
      code: "start-failed",
      message: "[runtime-double] boom",
    });
    expect([store.items.size, runtime.running.size]).toEqual([0, 0]);
    expect(host.changes.at(-1)).toBe("remove /home/me/.jackin/instances/my-app");
  });

  it("keeps the state of an instance whose later launch failed", async () => {
    let fail = false;
    const { jackin, host } = setUp(app, {
      runtime: { onStart: () => (fail ? Promise.reject(new Error("boom")) : undefined) },
    });
    await jackin.load({ target: "my-app" });
    await jackin.eject("my-app");
    fail = true;
    await expect(jackin.load({ target: "my-app" })).rejects.toThrow("boom");
    expect((await jackin.status()).instances).toMatchObject([
      { instance: "my-app", state: "stopped" },
    ]);
    expect(host.changes).not.toContain("remove /home/me/.jackin/instances/my-app");
  });

  it.each(["prepare", "start"] as const)(
    "takes a launch down that is cancelled in %s",
    async (step) => {
      const abort = new AbortController();
      const hook = () => abort.abort();
      const { jackin, runtime, store } = setUp(app, {
        runtime: step === "start" ? { onStart: hook } : { onPrepare: hook },
      });
      await expect(
        jackin.load({ target: "my-app" }, { signal: abort.signal }),
      ).rejects.toMatchObject({ code: "cancelled" });
      expect([runtime.running.size, store.items.size]).toEqual([0, 0]);
    },
  );

  it("stops a launch that is ejected while it starts", async () => {
    const made = setUp(app, {
      runtime: { onStart: async () => void (await made.jackin.eject("my-app")) },
    });
    await expect(made.jackin.load({ target: "my-app" })).rejects.toMatchObject({
      code: "cancelled",
      message: "my-app was ejected while it started.",
    });
    expect(made.runtime.running.size).toBe(0);
  });

  it("corrects what it remembers by what runs", async () => {
    const { jackin, runtime, store } = setUp(app);
    await jackin.load({ target: "my-app" });
    await jackin.load({ target: "my-app" });
    runtime.running.delete("my-app");
    store.items.delete("instances:my-app-2");
    expect((await jackin.status()).instances).toMatchObject([
      { instance: "my-app", state: "stopped" },
      {
        instance: "my-app-2",
        state: "running",
        workspace: "my-app",
        mode: "sync",
        workdir: "/w/app",
      },
    ]);
    await expect(jackin.exile()).resolves.toEqual(["my-app-2"]);
    expect(runtime.running.size).toBe(0);
  });

  it("says that it does not know when the runtime is silent", async () => {
    const runtime: { listError?: JackinError } & RuntimeDoubleInit = {};
    const { jackin } = setUp(app, { runtime });
    await jackin.load({ target: "my-app" });
    Object.assign(runtime, {
      listError: new JackinError({
        code: "runtime-missing",
        message: "no Docker",
        hint: "start it",
      }),
    });
    await expect(jackin.status()).resolves.toMatchObject({
      instances: [{ instance: "my-app", state: "unknown" }],
      notices: [{ level: "warning", text: "no Docker", next: "start it" }],
    });
  });

  it("purges what is stopped, a whole workspace at once, and nothing that runs", async () => {
    const { jackin, host, store } = setUp(app);
    await jackin.load({ target: "my-app" });
    await jackin.load({ target: "my-app" });
    await jackin.eject("my-app");
    await expect(jackin.purge("my-app-2")).rejects.toMatchObject({
      code: "conflict",
      hint: "jackin eject my-app-2",
    });
    await jackin.exile();
    await jackin.load({ target: "/home/me/project" });
    await jackin.exile();
    await expect(jackin.purge("my-app")).resolves.toEqual(["my-app"]);
    await expect(jackin.purge("my-app")).resolves.toEqual(["my-app-2"]);
    await expect(jackin.purge("my-app")).rejects.toMatchObject({ code: "not-found" });
    expect(host.changes.filter((change) => change.startsWith("remove"))).toEqual([
      "remove /home/me/.jackin/instances/my-app",
      "remove /home/me/.jackin/instances/my-app-2",
    ]);
    expect([...store.items.keys()].sort()).toEqual(["instances:project", "ledger:project"]);
  });

  it("never purges while a launch takes an instance", async () => {
    const { jackin, runtime, host } = setUp(app);
    await jackin.load({ target: "my-app" });
    await jackin.eject("my-app");
    const locked: string[] = [];
    Object.assign(jackin.host, {
      lock: async (name: string) => {
        locked.push(name);
        return { [Symbol.asyncDispose]: async () => void locked.pop() };
      },
    });
    const seen: string[][] = [];
    runtime.stop = async () => void seen.push([...locked]);
    await jackin.purge("my-app");
    expect(seen).toEqual([["instances"]]);
    expect(locked).toEqual([]);
    expect(host.changes.at(-1)).toBe("remove /home/me/.jackin/instances/my-app");
  });

  it("runs one prompt, answers its exit code and leaves nothing running", async () => {
    const { jackin, runtime } = setUp(app);
    const lines: string[] = [];
    const printed = await jackin.print(
      { target: "my-app", args: ["-p"] },
      { stdin: "hi", capture: true, onLaunched: ({ line }) => lines.push(line) },
    );
    expect(printed).toMatchObject({ code: 7, stdout: "-p < hi", line: "claude auth: sync" });
    expect(lines).toEqual(["claude auth: sync"]);
    expect(runtime.starts[0]).toMatchObject({ session: false, args: [] });
    expect([runtime.running.size, (await jackin.status()).instances[0]?.state]).toEqual([
      0,
      "stopped",
    ]);
  });

  it("names the nearest instance", async () => {
    const { jackin } = setUp(app);
    await jackin.load({ target: "my-app" });
    await expect(jackin.eject("my-pp")).rejects.toMatchObject({
      code: "not-found",
      message: 'No instance "my-pp". Did you mean "my-app"?',
    });
    await jackin.eject("my-app");
    await expect(jackin.attach("my-app")).rejects.toMatchObject({
      code: "conflict",
      hint: "jackin load my-app",
    });
  });
});
