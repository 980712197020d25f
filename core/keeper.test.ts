import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../test/doubles/eventually.ts";
import { createHostDouble } from "../test/doubles/host.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import type { AuthProvider, FollowRequest, Grant, Host, JackinEvent, Journal } from "./index.ts";
import { createJackin, createSecret, JackinError } from "./index.ts";

const ends: AbortController[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

const credential = (access: string) =>
  createSecret(JSON.stringify({ claudeAiOauth: { accessToken: `canary-${access}` } }));

function setUp(init: { readonly process?: Host["process"]; readonly follows?: boolean } = {}) {
  const runtime = createRuntimeDouble();
  const followers: FollowRequest[] = [];
  let disposed = 0;
  const grant = (access: string, more: Partial<Grant> = {}): Grant => ({
    line: "sync",
    login: "forwarded",
    files: [{ name: ".credentials.json", content: credential(access) }],
    replaceable: true,
    env: {},
    account: "me",
    notices: [],
    ...more,
  });
  let launched = grant("one");
  const provider: AuthProvider = {
    kind: "auth",
    name: "auth-sync",
    mode: "sync",
    grant: async () => launched,
    ...(init.follows !== false && {
      async follow(request) {
        followers.push(request);
        return { [Symbol.asyncDispose]: async () => void disposed++ };
      },
    }),
  };
  const host = createHostDouble({
    files: { "/w/a/file": "", "/w/b/file": "", "/w/c/file": "" },
  });
  const events: JackinEvent[] = [];
  const journal: Journal = {
    write: async (event) => void events.push(event),
    recent: async () => events,
    async *follow() {},
  };
  const store = createStoreDouble();
  const started: string[] = [];
  const config = { fails: undefined as string | undefined };
  const jackin = createJackin({
    host: { ...host, ...(init.process && { process: init.process }) },
    plugins: [runtime, provider],
    store,
    journal,
    startKeeper: async () => void started.push("keeper"),
    async config() {
      if (config.fails !== undefined)
        throw new JackinError({ code: "config-invalid", message: config.fails });
      return { config: {}, notices: [] };
    },
  });
  const keep = (stay = false) => {
    const end = new AbortController();
    ends.push(end);
    return { end, done: jackin.keep({ signal: end.signal, stay }) };
  };
  const tokens = () =>
    runtime.put.map(([instance, file]) => [
      instance,
      /canary-(\w+)/.exec(file.content.reveal())?.[1],
    ]);
  const said = (kind: JackinEvent["kind"]) => events.filter((event) => event.kind === kind);
  return {
    jackin,
    runtime,
    host,
    store,
    followers,
    keep,
    tokens,
    said,
    events,
    grant,
    started,
    config,
    disposed: () => disposed,
    launchWith: (next: Grant) => void (launched = next),
  };
}

const alive = (id: string, living: readonly string[] = [id]) => ({
  id,
  isAlive: async (other: string) => living.includes(other),
});

describe("keeping", () => {
  it("brings each running agent what its mode delivers, once, and ends after the last one", async () => {
    const { jackin, keep, followers, tokens, grant, said, disposed, events, host } = setUp();
    await jackin.load({ target: "/w/a" });
    await jackin.load({ target: "/w/b" });
    const { done } = keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await followers[0]!.deliver(grant("one"));
    expect(tokens()).toEqual([]);
    await followers[0]!.deliver(grant("two", { expiresAt: 7 }));
    await followers[0]!.deliver(grant("two", { expiresAt: 7 }));
    // They are brought side by side, so which is first is chance.
    expect(tokens().toSorted()).toEqual([
      ["a", "two"],
      ["b", "two"],
    ]);
    expect(
      said("updated")
        .map(({ instance }) => instance)
        .toSorted(),
    ).toEqual(["a", "b"]);
    expect((await jackin.status()).instances.map(({ expiresAt }) => expiresAt)).toEqual([7, 7]);
    await jackin.eject("a");
    await jackin.eject("b");
    expect(await done).toBe("done");
    expect(disposed()).toBe(1);
    expect(host.watched).toEqual([]);
    expect(JSON.stringify(events)).not.toContain("canary");
  });

  it("brings one that starts later what was delivered before", async () => {
    const { jackin, keep, followers, tokens, grant } = setUp();
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await followers[0]!.deliver(grant("two"));
    await jackin.load({ target: "/w/b" });
    await eventually(() =>
      expect(tokens()).toEqual([
        ["a", "two"],
        ["b", "two"],
      ]),
    );
    expect(followers).toHaveLength(1);
  });

  it("never gives an agent another account's login; it is told, once", async () => {
    const { jackin, keep, followers, tokens, grant, said, runtime, host } = setUp();
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    for (const name of ["two", "three"])
      await followers[0]!.deliver(grant(name, { account: "you" }));
    expect(tokens()).toEqual([]);
    expect(said("warning")).toMatchObject([
      {
        instance: "a",
        text: "a: it is signed in as me, the host as you",
        next: "jackin eject a, then load it again",
      },
    ]);
    expect(runtime.told).toHaveLength(1);
    expect(host.notified).toHaveLength(1);
    expect((await jackin.status()).instances).toMatchObject([
      { alert: { text: "a: it is signed in as me, the host as you" } },
    ]);
    await followers[0]!.deliver(grant("four"));
    expect(tokens()).toEqual([["a", "four"]]);
    expect((await jackin.status()).instances[0]!.alert).toBeUndefined();
  });

  it("takes an account that its launch did not know for the agent's from then on", async () => {
    const { jackin, keep, followers, tokens, grant, launchWith } = setUp();
    const { account: _, ...unknown } = grant("one");
    launchWith(unknown);
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await followers[0]!.deliver(grant("two"));
    await followers[0]!.deliver(grant("three", { account: "you" }));
    expect(tokens()).toEqual([["a", "two"]]);
  });

  it("leaves an agent alone that has signed in by itself", async () => {
    const { jackin, keep, followers, grant, said, runtime } = setUp();
    await jackin.load({ target: "/w/a" });
    runtime.putAnswers.set("a", "own");
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    for (const name of ["two", "three"]) await followers[0]!.deliver(grant(name));
    const asked = runtime.putAsked.length;
    await jackin.load({ target: "/w/b" });
    await eventually(async () =>
      expect((await jackin.status()).keeper).toMatchObject({ keeps: 2 }),
    );
    expect(runtime.putAsked.filter((instance) => instance === "a")).toHaveLength(asked);
    expect(said("updated").filter(({ instance }) => instance === "a")).toEqual([]);
    expect(said("keeper").filter(({ instance }) => instance === "a")).toMatchObject([
      { text: expect.stringContaining("signed in by itself") },
    ]);
    expect(runtime.told).toEqual([]);
  });

  it("tells what the mode tells on each agent's terminal, once, until a good login comes", async () => {
    const { jackin, keep, followers, grant, said, runtime } = setUp();
    await jackin.load({ target: "/w/a" });
    await jackin.load({ target: "/w/b" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    const notice = { level: "warning", text: "it is hollow", next: "claude auth login" } as const;
    followers[0]!.tell(notice);
    followers[0]!.tell(notice);
    await eventually(() => expect(runtime.told).toHaveLength(2));
    expect(said("warning").map(({ instance }) => instance)).toEqual(["a", "b"]);
    expect((await jackin.status()).instances).toMatchObject([
      { alert: { text: "it is hollow", next: "claude auth login" } },
      { alert: { text: "it is hollow" } },
    ]);
    await followers[0]!.deliver(grant("one"));
    expect((await jackin.status()).instances.map(({ alert }) => alert)).toEqual([
      undefined,
      undefined,
    ]);
    followers[0]!.tell(notice);
    await eventually(() => expect(runtime.told).toHaveLength(4));
  });

  it("goes on warning of the host's login, whoever starts or stops meanwhile", async () => {
    const { jackin, keep, followers, grant, host, runtime } = setUp();
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await followers[0]!.deliver(grant("one"));
    followers[0]!.tell({ level: "warning", text: "it is hollow" });
    await eventually(() => expect(runtime.told).toHaveLength(1));
    await jackin.load({ target: "/w/b" });
    await eventually(async () =>
      expect((await jackin.status()).keeper).toMatchObject({ keeps: 2 }),
    );
    expect((await jackin.status()).instances[0]).toMatchObject({ alert: { text: "it is hollow" } });
    expect(host.notified).toHaveLength(1);
  });

  it("tells of another account anew when the right one was there in between", async () => {
    const { jackin, keep, followers, grant, said } = setUp();
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    for (const account of ["you", "me", "you"])
      await followers[0]!.deliver(grant("one", { account }));
    expect(said("warning")).toHaveLength(2);
    expect((await jackin.status()).instances[0]!.alert).toBeDefined();
  });

  it("shows five notifications a minute at most, and tells all in the log", async () => {
    const { jackin, keep, followers, said, host } = setUp();
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    const tell = (count: number) =>
      followers[0]!.tell({ level: "warning", text: `trouble ${count}` });
    for (let count = 1; count <= 7; count++) tell(count);
    await eventually(() => expect(said("warning")).toHaveLength(7));
    expect(host.notified).toHaveLength(5);
    host.clock.time += 60_000;
    tell(8);
    await eventually(() => expect(host.notified).toHaveLength(6));
  });

  it("keeps although it cannot write down how many", async () => {
    const { jackin, keep, followers, grant, tokens, store } = setUp();
    await jackin.load({ target: "/w/a" });
    const { setItem } = store;
    Object.assign(store, {
      setItem: async (key: string, value: object) => {
        if (key.startsWith("keeper:") && "keeps" in value && value.keeps === 1)
          throw new JackinError({ code: "host-failed", message: "no space is left" });
        await setItem(key, value);
      },
    });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await followers[0]!.deliver(grant("two"));
    expect(tokens()).toEqual([["a", "two"]]);
    expect((await jackin.status()).keeper).toBeDefined();
  });

  it("goes on with the others when one cannot be brought its login, and tries that again", async () => {
    const { jackin, keep, followers, tokens, grant, said, runtime } = setUp();
    for (const name of ["a", "b"]) await jackin.load({ target: `/w/${name}` });
    runtime.putFails.add("a");
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await followers[0]!.deliver(grant("two"));
    expect(tokens()).toEqual([["b", "two"]]);
    expect(said("warning")).toMatchObject([{ instance: "a" }]);
    runtime.putFails.delete("a");
    await jackin.load({ target: "/w/c" });
    await eventually(() => expect(tokens()).toContainEqual(["a", "two"]));
  });

  it("brings the newest last, however fast they come", async () => {
    const { jackin, keep, followers, tokens, grant } = setUp();
    await jackin.load({ target: "/w/a" });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => followers[0]!.deliver(grant(`n${index}`))),
    );
    expect(tokens().at(-1)).toEqual(["a", "n19"]);
  });

  it("keeps agents of modes that follow nothing too, for their reports", async () => {
    const { jackin, keep } = setUp({ follows: false });
    await jackin.load({ target: "/w/a" });
    const { done } = keep();
    await eventually(async () =>
      expect((await jackin.status()).keeper).toMatchObject({ keeps: 1, state: "running" }),
    );
    await jackin.exile();
    expect(await done).toBe("done");
    expect((await jackin.status()).keeper).toBeUndefined();
  });

  it("goes on with a configuration that cannot be read, and says so once", async () => {
    const { jackin, keep, followers, grant, tokens, said, config } = setUp();
    for (const name of ["a", "b", "c"]) await jackin.load({ target: `/w/${name}` });
    keep();
    await eventually(() => expect(followers).toHaveLength(1));
    config.fails = "it is broken";
    const troubles = () => said("keeper").filter(({ text }) => text === "it is broken");
    await jackin.eject("a");
    await eventually(() => expect(troubles()).toHaveLength(1));
    await jackin.eject("b");
    await eventually(async () =>
      expect((await jackin.status()).keeper).toMatchObject({ keeps: 1 }),
    );
    await followers[0]!.deliver(grant("two"));
    expect(tokens()).toContainEqual(["c", "two"]);
    expect(troubles()).toHaveLength(1);
  });

  it("stays without an agent when it is to, until its signal", async () => {
    const { jackin, keep } = setUp();
    const { done, end } = keep(true);
    await eventually(async () => expect((await jackin.status()).keeper).toBeDefined());
    end.abort();
    expect(await done).toBe("done");
    expect((await jackin.status()).keeper).toBeUndefined();
  });
});

describe("one keeper of a machine", () => {
  it("is handed over by a headless run also when that cannot be taken down", async () => {
    const { jackin, runtime, started } = setUp({ process: alive("m/1/1") });
    await jackin.load({ target: "/w/a" });
    Object.assign(runtime, { stop: () => Promise.reject(new Error("it does not answer")) });
    await expect(jackin.print({ target: "/w/b" }, { capture: true })).rejects.toThrow("not answer");
    expect((await jackin.status()).keeper).toBeUndefined();
    expect(started).toEqual(["keeper"]);
  });

  it("is taken while another lives, and taken over when it was killed", async () => {
    const living = ["m/1/1"];
    const first = setUp({ process: alive("m/1/1", living) });
    await first.jackin.load({ target: "/w/a" });
    first.keep();
    await eventually(async () => expect((await first.jackin.status()).keeper).toBeDefined());
    expect(await first.keep().done).toBe("taken");
    await first.jackin.ensureKept();
    expect(first.started).toEqual([]);
    living.length = 0;
    expect((await first.jackin.status()).keeper).toMatchObject({ state: "gone" });
    await first.jackin.ensureKept();
    expect(first.started).toEqual(["keeper"]);
  });

  it("is started by whoever needs it, and not when nothing runs", async () => {
    const { jackin, started, runtime } = setUp({ process: alive("m/1/1") });
    await jackin.ensureKept();
    expect(started).toEqual([]);
    await jackin.load({ target: "/w/a" });
    await jackin.ensureKept();
    expect(started).toEqual(["keeper"]);
    await jackin.eject("a");
    await jackin.ensureKept();
    expect(started).toEqual(["keeper"]);
    await jackin.load({ target: "/w/b" });
    // It ends by itself.
    runtime.running.clear();
    await jackin.ensureKept();
    expect(started).toEqual(["keeper"]);
  });
});
