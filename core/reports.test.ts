import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../test/doubles/eventually.ts";
import { createHostDouble } from "../test/doubles/host.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import type { AuthProvider, Grant, JackinEvent } from "./index.ts";
import { createJackin, createSecret, fingerprint } from "./index.ts";

const ends: AbortController[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

const folder = "/home/me/.jackin/instances/a/reports";
const report = (message: string) =>
  JSON.stringify({ error: "authentication_failed", last_assistant_message: message });
const refused = report("Please run /login · API Error: 401 Invalid authentication credentials");

async function setUp(mode = "sync") {
  const runtime = createRuntimeDouble();
  const host = createHostDouble({
    files: { "/w/a/file": "", "/w/b/file": "", [`${folder}/.keep`]: "" },
  });
  const login = { access: "one" };
  const grants: string[] = [];
  const slow: { until?: PromiseWithResolvers<void> } = {};
  const provider: AuthProvider = {
    kind: "auth",
    name: `auth-${mode}`,
    mode,
    async grant(): Promise<Grant> {
      grants.push(login.access);
      await slow.until?.promise;
      const text = JSON.stringify({ claudeAiOauth: { accessToken: login.access } });
      return {
        line: mode,
        login: "forwarded",
        files: [{ name: ".credentials.json", content: createSecret(text) }],
        replaceable: mode === "sync",
        env: {},
        notices: [],
      };
    },
    ...(mode === "sync" && { follow: async () => ({ [Symbol.asyncDispose]: async () => {} }) }),
    recover: ({ cause, instance }) => ({
      level: "warning",
      text: `${instance}: ${cause} in ${mode}`,
      next: "do this",
    }),
  };
  const events: JackinEvent[] = [];
  const jackin = createJackin({
    host,
    plugins: [runtime, provider],
    store: createStoreDouble(),
    journal: {
      write: async (event) => void events.push(event),
      recent: async () => events,
      async *follow() {},
    },
    config: async () => ({ config: { claude: { auth_forward: mode } }, notices: [] }),
  });
  await jackin.load({ target: "/w/a" });
  const held = async (access: string) =>
    runtime.surroundingsOf.set("a", {
      env: [],
      settings: [],
      credential: { state: "access", access: await fingerprint(access), path: "/c" },
    });
  await held("one");
  const end = new AbortController();
  ends.push(end);
  void jackin.keep({ signal: end.signal });
  let count = 0;
  const drop = (text: string, name = `${++count}-7.json`) => {
    host.disk.set(`${folder}/${name}`, text);
    host.fire(folder);
  };
  const said = (kind: JackinEvent["kind"]) => events.filter((event) => event.kind === kind);
  const alert = async () => (await jackin.status()).instances[0]?.alert;
  await eventually(() => expect(host.watched).toContain(folder));
  return { jackin, runtime, host, login, drop, said, alert, held, grants, slow };
}

describe("a refused turn", () => {
  it("is healed when the host has another login, and only said", async () => {
    const { runtime, login, drop, said, alert } = await setUp();
    login.access = "two";
    drop(refused);
    await eventually(() => expect(said("healed")).toHaveLength(1));
    expect(runtime.put).toHaveLength(1);
    expect(said("healed")).toMatchObject([
      { instance: "a", level: "info", next: "send the message again" },
    ]);
    expect(said("refused")).toEqual([]);
    expect(await alert()).toBeUndefined();
    expect(runtime.told).toMatchObject([["a", expect.stringContaining("has a newer login now")]]);
  });

  it.each([
    [5_000, "healed", "refused"],
    [120_000, "refused", "healed"],
  ] as const)("that ended %i ms after a newer login came is %s", async (after, is, isNot) => {
    const { jackin, login, drop, said, host } = await setUp();
    login.access = "two";
    await jackin.refresh("a");
    host.clock.time += after;
    drop(refused);
    await eventually(() => expect(said(is)).toHaveLength(1));
    expect(said(isNot)).toEqual([]);
  });

  it("is not healed by the same login once more", async () => {
    const { jackin, login, drop, said, alert, host } = await setUp();
    login.access = "two";
    await jackin.refresh("a");
    host.clock.time += 3_600_000;
    drop(refused);
    await eventually(() => expect(said("refused")).toHaveLength(1));
    host.clock.time += 30_000;
    drop(refused);
    await eventually(() => expect(host.disk.has(`${folder}/2-7.json`)).toBe(false));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(said("healed")).toEqual([]);
    await jackin.refresh("a");
    expect(await alert()).toMatchObject({ text: "a: refused in sync" });
  });

  it("of many agents at once has the login looked at once", async () => {
    const { jackin, host, drop, said, grants, slow } = await setUp();
    await jackin.load({ target: "/w/b" });
    const other = folder.replace("/a/", "/b/");
    host.disk.set(`${other}/.keep`, "");
    await jackin.refresh("b");
    await eventually(() => expect(host.watched).toContain(other));
    const before = grants.length;
    slow.until = Promise.withResolvers<void>();
    drop(refused);
    host.disk.set(`${other}/1-7.json`, refused);
    host.fire(other);
    await eventually(() => expect(host.disk.has(`${other}/1-7.json`)).toBe(false));
    await new Promise((resolve) => setTimeout(resolve, 20));
    slow.until.resolve();
    await eventually(() => expect(said("refused")).toHaveLength(2));
    expect(grants).toHaveLength(before + 1);
  });

  it("is told also when healing fails", async () => {
    const { runtime, login, drop, said, alert } = await setUp();
    login.access = "two";
    runtime.putFails.add("a");
    drop(refused);
    await eventually(() => expect(said("refused")).toHaveLength(1));
    expect(await alert()).toBeDefined();
    expect(said("keeper").at(-1)).toMatchObject({ instance: "a", text: expect.any(String) });
  });

  it("is told with what helps when the host has no other, in status and on the terminal", async () => {
    const { runtime, drop, said, alert, host } = await setUp();
    drop(refused);
    await eventually(() => expect(said("refused")).toHaveLength(1));
    expect(said("refused")).toMatchObject([
      { instance: "a", text: "a: refused in sync", next: "do this" },
    ]);
    expect(await alert()).toMatchObject({ text: "a: refused in sync", next: "do this" });
    expect(runtime.told).toEqual([["a", "jackin → do this: a: refused in sync"]]);
    expect(host.notified).toHaveLength(1);
    expect(host.disk.has(`${folder}/1-7.json`)).toBe(false);
  });

  it("is no news any more once the agent holds another login", async () => {
    const { jackin, drop, said, alert, held } = await setUp("ignore");
    drop(refused);
    await eventually(() => expect(said("refused")).toHaveLength(1));
    await held("signed in by hand");
    // Any change of what runs makes the keeper look.
    await jackin.eject("a").catch(() => undefined);
    await jackin.load({ target: "/w/a" });
    await eventually(async () => expect(await alert()).toBeUndefined());
  });

  it("is no news any more once what outranked its login is gone", async () => {
    const { jackin, runtime, drop, said, alert } = await setUp("ignore");
    const without = runtime.surroundingsOf.get("a")!;
    const layer = {
      layer: "project",
      path: "/w/a/.claude/settings.json",
      withoutHooks: false,
    } as const;
    runtime.surroundingsOf.set("a", {
      ...without,
      settings: [{ ...layer, apiKeyHelper: true, env: [] }],
    });
    drop(refused);
    await eventually(() => expect(said("refused")).toHaveLength(1));
    expect(await alert()).toMatchObject({ text: expect.stringContaining("apiKeyHelper") });
    runtime.surroundingsOf.set("a", {
      ...without,
      settings: [{ ...layer, apiKeyHelper: false, env: [] }],
    });
    // Any change of what runs makes the keeper look.
    await jackin.load({ target: "/w/b" });
    await eventually(async () => expect(await alert()).toBeUndefined());
  });

  it("asks no login of the host for what no login helps", async () => {
    const { drop, said, grants } = await setUp();
    const before = grants.length;
    drop(report("API Error: 429 rate_limit_error"));
    await eventually(() => expect(said("refused")).toHaveLength(1));
    expect(grants).toHaveLength(before);
  });

  it("of several is told once", async () => {
    const { drop, said, host } = await setUp();
    host.disk.set(`${folder}/1-1.json`, refused);
    host.disk.set(`${folder}/2-1.json`, refused);
    drop(refused, "3-1.json");
    await eventually(() => expect(said("refused")).toHaveLength(1));
    host.fire(folder);
    await eventually(() => expect(host.disk.has(`${folder}/3-1.json`)).toBe(false));
    expect(said("refused")).toHaveLength(1);
  });

  it("is told ten times a minute at most, however often an agent says so", async () => {
    const { drop, said, host } = await setUp("ignore");
    for (let count = 1; count <= 12; count++) {
      drop(refused);
      await eventually(() => expect(host.disk.has(`${folder}/${count}-7.json`)).toBe(false));
    }
    await eventually(() => expect(said("refused")).toHaveLength(10));
    host.clock.time += 61_000;
    drop(refused);
    await eventually(() => expect(said("refused")).toHaveLength(11));
  });

  it("has nothing removed but files: the agent may put a link into a folder's place", async () => {
    const { drop, said, host } = await setUp();
    host.disk.set(`${folder}/1-1.json/inner`, "kept");
    drop(refused, "2-1.json");
    await eventually(() => expect(said("refused")).toHaveLength(1));
    expect(host.disk.has(`${folder}/1-1.json/inner`)).toBe(true);
  });

  it.each<[string, Parameters<Awaited<ReturnType<typeof setUp>>["host"]["disk"]["set"]>[1]]>([
    ["is no JSON", "{"],
    ["is of something else", JSON.stringify({ error: "none", last_assistant_message: "hello" })],
    ["is a link", { link: "/home/me/.claude/.credentials.json" }],
    ["is a pipe", { kind: "other" }],
    ["is huge", "x".repeat(70_000)],
  ])("whose report %s is nothing, and the report is removed", async (_, content) => {
    const { drop, said, host } = await setUp();
    host.disk.set(`${folder}/1-1.json`, content);
    drop(refused, "2-1.json");
    await eventually(() => expect(said("refused")).toHaveLength(1));
    expect([...host.disk.keys()].filter((path) => path.startsWith(`${folder}/`))).toEqual([
      `${folder}/.keep`,
    ]);
  });
});
