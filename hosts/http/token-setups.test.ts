import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { createSecret, JackinError } from "../../core/index.ts";
import type { Step } from "../../test/doubles/token-world.ts";
import { problemOf } from "./app-double.ts";
import { code, finish, made, setUpTokens, url } from "./token-double.ts";
import * as schemas from "./token-schemas.ts";
import type { Setup } from "./token-schemas.ts";

const canary = made.slice(13, 29);
const wanted = { workspace: "my-app", place: "vault" };

describe("a setup", () => {
  it("goes from the sign-in to a scope that is proven, and shows the token to nobody", async () => {
    const world = setUpTokens();
    const answer = await world.call("POST", "/setups", { ...wanted, probe: true });
    const begun = (await answer.json()) as Setup;
    expect([answer.status, begun]).toEqual([201, { id: begun.id, state: "url", url }]);
    expect(answer.headers.get("location")).toBe(`/v1/tokens/setups/${begun.id}`);
    expect(await world.json("GET", `/setups/${begun.id}`)).toEqual(begun);

    const given = await world.call("POST", `/setups/${begun.id}/code`, { code });
    const exchanged = (await given.json()) as Setup;
    expect([given.status, exchanged]).toEqual([202, { id: begun.id, state: "code" }]);
    const [capture] = world.captures;
    capture!.show({ step: "url", url, refused: "it is not whole" });
    expect(await world.after(exchanged)).toEqual({ ...begun, refused: "it is not whole" });

    const done = await finish(world, begun);
    expect(capture!.codes).toEqual([code, code]);
    expect(capture!.isDisposed).toBe(true);
    expect(done).toMatchObject({
      id: begun.id,
      state: "done",
      entry: {
        reference: "vault://token-1",
        isOurs: true,
        provenBy: "turn",
        scopes: [{ workspace: "my-app" }],
      },
      replaced: [],
      notices: [],
    });
    expect(v.parse(schemas.setup, done)).toEqual(done);
    expect(await world.json("GET", "/setups")).toEqual({ setups: [done] });
    expect([...world.vault.values()]).toEqual([made]);
    expect(world.config.workspaces!["my-app"]!.claude).toEqual({
      auth_forward: "token",
      oauth_token_source: "vault://token-1",
    });
    // Not even where the redactor would have to step in.
    for (const text of world.shown) {
      expect(text).not.toContain(canary);
      expect(text).not.toContain("***");
    }
  });

  it("takes a token that is stored already without a sign-in", async () => {
    const world = setUpTokens();
    world.vault.set("vault://mine", made);
    const begun = await world.begin({ role: "reviewer", reference: "vault://mine" });
    expect(begun.state).toMatch(/^(installing|done)$/);
    const done = begun.state === "done" ? begun : await world.after(begun);
    expect(done).toMatchObject({
      state: "done",
      entry: { reference: "vault://mine", isOurs: false, scopes: [{ role: "reviewer" }] },
    });
    expect(world.captures).toEqual([]);
    expect(world.config.roles!["reviewer"]!.claude).toMatchObject({ auth_forward: "token" });
  });

  it("tells the step it is at", async () => {
    const world = setUpTokens();
    const go = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    world.before.status = () => (reached.resolve(), go.promise);
    const begun = await world.begin();
    const end = finish(world, begun);
    await reached.promise;
    expect(await world.json("GET", `/setups/${begun.id}`)).toEqual({
      id: begun.id,
      state: "installing",
      progress: "proving it: claude auth status in a container",
    });
    go.resolve();
    expect((await end).state).toBe("done");
  });

  it("goes on beside another", async () => {
    const world = setUpTokens();
    const one = await world.begin();
    const two = await world.begin({ workspace: "site", place: "vault" });
    expect(one.id).not.toBe(two.id);
    await world.json("POST", `/setups/${two.id}/code`, { code: "second#code" });
    await world.json("POST", `/setups/${one.id}/code`, { code: "first#code" });
    expect(world.captures.map(({ codes }) => codes)).toEqual([["first#code"], ["second#code"]]);
    for (const capture of world.captures) capture.show({ step: "done" });
    for (let now of [one, two]) {
      while (/url|code|installing/.test(now.state)) now = await world.after(now);
      expect(now).toMatchObject({ state: "done" });
    }
    expect(world.config.workspaces!["my-app"]!.claude).toMatchObject({ auth_forward: "token" });
    expect(world.config.workspaces!["site"]!.claude).toMatchObject({ auth_forward: "token" });
    expect(world.vault.size).toBe(2);
  });

  it("answers as it is when there is no news for long", async () => {
    const world = setUpTokens({ waitMs: 1, onCapture: () => {} });
    const begun = await world.begin();
    expect(begun).toEqual({ id: begun.id, state: "start" });
    expect(await world.after(begun)).toEqual(begun);
    world.captures[0]!.show({ step: "url", url });
    for (let now = begun; now.state !== "url";) now = await world.after(now);
  });
});

describe("a rotation", () => {
  async function withAgent(deliver: "env" | "file") {
    const world = setUpTokens();
    world.script.deliver = deliver;
    await world.jackin.tokens.install({
      scopes: [{ workspace: "my-app" }, { workspace: "site" }],
      from: { value: createSecret(`sk-ant-oat01-${"old".repeat(31)}AA`), place: "vault" },
    });
    await world.jackin.load({ target: "my-app" });
    return world;
  }

  it.each([
    ["env", "restart"],
    ["file", "switched"],
  ] as const)("says of an agent that has it as %s: %s", async (deliver, outcome) => {
    const world = await withAgent(deliver);
    const done = await finish(world, await world.begin({ ...wanted, rotate: "all" }));
    expect(done).toMatchObject({
      state: "done",
      entry: { reference: "vault://token-2" },
      replaced: ["vault://token-1"],
      agents: [{ instance: "my-app", outcome }],
      retired: { reference: "vault://token-1", outcome: "removed" },
      notices: [{ level: "info", next: "https://claude.ai/settings/claude-code" }],
    });
    expect(v.parse(schemas.setup, done)).toEqual(done);
    expect([...world.vault.keys()]).toEqual(["vault://token-2"]);
    for (const { claude } of Object.values(world.config.workspaces!))
      expect(claude).toMatchObject({ oauth_token_source: "vault://token-2" });
  });

  it("leaves the old one to scopes that name it still", async () => {
    const world = await withAgent("env");
    const done = await finish(world, await world.begin({ ...wanted, rotate: "scope" }));
    expect(done).toMatchObject({ retired: { outcome: "kept" }, notices: [] });
    expect([...world.vault.keys()]).toEqual(["vault://token-1", "vault://token-2"]);
    expect(world.config.workspaces!["site"]!.claude).toMatchObject({
      oauth_token_source: "vault://token-1",
    });
  });

  it("is done also when what comes after fails, and says so", async () => {
    const world = await withAgent("env");
    world.script.removeError = new JackinError({ code: "secret-failed", message: "locked" });
    const done = await finish(world, await world.begin({ ...wanted, rotate: "all" }));
    expect(done).toMatchObject({ state: "done", retired: { outcome: "failed" } });
    const other = await withAgent("env");
    other.jackin.tokens.bringAlong = () => Promise.reject(new Error("boom"));
    const told = await finish(other, await other.begin({ ...wanted, rotate: "all" }));
    expect(told).toMatchObject({ state: "done", notices: [{}, { level: "warning" }] });
    expect(JSON.stringify(told)).toContain("not all that held it was seen to: boom");
  });

  it("is refused before anybody signs in when the scope names none", async () => {
    const world = setUpTokens();
    const answer = await world.call("POST", "/setups", { ...wanted, rotate: "scope" });
    expect(await problemOf(answer)).toMatchObject({ status: 424, code: "token-missing" });
    expect(world.captures).toEqual([]);
  });
});

describe("a setup that fails", () => {
  const broken = new JackinError({ code: "host-failed", message: "no claude", hint: "install it" });

  it.each([
    ["to begin", () => Promise.reject(broken)],
    ["before there is a page", (capture) => capture.show({ step: "failed", error: broken })],
  ] as [string, NonNullable<Parameters<typeof setUpTokens>[0]>["onCapture"]][])(
    "%s is the answer's error, and forgotten",
    async (_, onCapture) => {
      const world = setUpTokens({ onCapture: onCapture! });
      const answer = await world.call("POST", "/setups", wanted);
      expect(await problemOf(answer)).toMatchObject({
        code: "host-failed",
        detail: "no claude",
        hint: "install it",
      });
      expect(await world.json("GET", "/setups")).toEqual({ setups: [] });
    },
  );

  it.each([
    [{ workspace: "my-ap", place: "vault" }, 404, 'Did you mean "my-app"?'],
    [{ workspace: "my-app", role: "reviewr", place: "vault" }, 404, 'Did you mean "reviewer"?'],
    [{ workspace: "my-app", place: "vualt" }, 400, 'Did you mean "vault"?'],
    [{ workspace: "my-app", place: "env://X" }, 400, 'No store "env"'],
  ])("for %j is refused before anybody signs in", async (body, status, detail) => {
    const world = setUpTokens();
    const problem = await problemOf(await world.call("POST", "/setups", body));
    expect(problem.status).toBe(status);
    expect(problem.detail).toContain(detail);
    expect(world.captures).toEqual([]);
  });

  it("for a place that does not work now is refused before anybody signs in", async () => {
    const world = setUpTokens();
    const error = new JackinError({ code: "secret-failed", message: "it is locked" });
    const places = await world.jackin.tokens.places();
    world.jackin.tokens.places = async () => places.map((place) => ({ ...place, error }));
    for (const place of ["vault", "vault://deep"]) {
      const answer = await world.call("POST", "/setups", { workspace: "my-app", place });
      expect(await problemOf(answer)).toMatchObject({ status: 424, detail: "it is locked" });
    }
    expect(world.captures).toEqual([]);
  });

  it("later says why, and nothing has changed", async () => {
    const world = setUpTokens();
    const before = world.snapshot();
    const begun = await world.begin();
    world.captures[0]!.show({ step: "failed", error: broken });
    const failed = await world.after(begun);
    expect(failed).toMatchObject({
      state: "failed",
      problem: { code: "host-failed", status: 500 },
    });
    expect(v.parse(schemas.setup, failed)).toEqual(failed);
    expect(await world.after(failed)).toEqual(failed);
    expect(world.captures[0]!.isDisposed).toBe(true);
    expect(world.snapshot()).toEqual(before);
  });

  it.each<Step>(["write", "read", "start", "status", "config"])(
    "at the step %s has undone what came before, and says so",
    async (step) => {
      const world = setUpTokens();
      const before = world.snapshot();
      const begun = await world.begin();
      world.before[step] = () =>
        Promise.reject(new JackinError({ code: "conflict", message: "no" }));
      const failed = await finish(world, begun);
      expect(failed).toMatchObject({ state: "failed", problem: { code: expect.any(String) } });
      if (failed.state === "failed") expect(failed.problem.detail).toContain("All is as it was");
      expect(world.snapshot()).toEqual(before);
      for (const text of world.shown) expect(text).not.toContain(canary);
    },
  );

  it("by a defect is logged with its stack, and without the token", async () => {
    const world = setUpTokens();
    world.jackin.tokens.install = () => Promise.reject(new Error(`boom ${made}`));
    world.jackin.redactor.add(createSecret(made));
    const failed = await finish(world, await world.begin());
    expect(failed).toMatchObject({ state: "failed", problem: { code: "internal" } });
    expect(world.lines.join("\n")).toMatch(/^Error: boom \*\*\*\n +at /m);
    for (const text of world.shown) expect(text).not.toContain(canary);
  });
});

describe("a setup that is cancelled", () => {
  const ends = async (world: ReturnType<typeof setUpTokens>, { id }: Pick<Setup, "id">) =>
    (await world.json("DELETE", `/setups/${id}`)) as Setup;

  it("before there is a page", async () => {
    const reached = Promise.withResolvers<void>();
    const world = setUpTokens({ onCapture: () => reached.resolve() });
    const asked = world.call("POST", "/setups", wanted);
    await reached.promise;
    const { setups } = (await world.json("GET", "/setups")) as { setups: Setup[] };
    expect(setups).toMatchObject([{ state: "start" }]);
    expect(await ends(world, setups[0]!)).toMatchObject({ state: "cancelled" });
    expect(await problemOf(await asked)).toMatchObject({ status: 499, code: "cancelled" });
    expect(world.captures[0]!.isDisposed).toBe(true);
  });

  it("by a caller who leaves before there is a page", async () => {
    const reached = Promise.withResolvers<void>();
    const world = setUpTokens({ onCapture: () => reached.resolve() });
    const caller = new AbortController();
    const asked = world.call("POST", "/setups", wanted, caller.signal);
    await reached.promise;
    caller.abort();
    expect(await problemOf(await asked)).toMatchObject({ status: 499, code: "cancelled" });
    expect(world.captures[0]!.isDisposed).toBe(true);
    expect(await world.json("GET", "/setups")).toEqual({ setups: [] });
  });

  it("not by a caller who leaves after the answer", async () => {
    const world = setUpTokens();
    const caller = new AbortController();
    const answer = await world.call("POST", "/setups", wanted, caller.signal);
    caller.abort();
    const begun = (await answer.json()) as Setup;
    expect((await finish(world, begun)).state).toBe("done");
  });

  it.each(["url", "code"])("in state %s", async (state) => {
    const world = setUpTokens();
    const before = world.snapshot();
    const begun = await world.begin();
    if (state === "code") await world.json("POST", `/setups/${begun.id}/code`, { code });
    const ended = await ends(world, begun);
    expect(ended).toMatchObject({ id: begun.id, state: "cancelled", problem: { status: 499 } });
    expect(v.parse(schemas.setup, ended)).toEqual(ended);
    expect(await world.json("GET", `/setups/${begun.id}`)).toEqual(ended);
    expect(world.captures[0]!.isDisposed).toBe(true);
    expect(world.snapshot()).toEqual(before);
  });

  it.each<Step>(["write", "read", "start", "status", "config"])(
    "while it is installed, at the step %s",
    async (step) => {
      const world = setUpTokens();
      const before = world.snapshot();
      const begun = await world.begin();
      const reached = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      world.before[step] = () => (reached.resolve(), go.promise);
      const end = finish(world, begun);
      await reached.promise;
      delete world.before[step];
      const ended = ends(world, begun);
      await world.stopped();
      go.resolve();
      expect(await ended).toMatchObject({ state: "cancelled", problem: { code: "cancelled" } });
      expect(await end).toEqual(await ended);
      expect(world.snapshot()).toEqual(before);
    },
  );

  it("says what could not be undone", async () => {
    const world = setUpTokens();
    const begun = await world.begin();
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    world.before.status = () => (reached.resolve(), go.promise);
    world.script.undoError = new JackinError({ code: "secret-failed", message: "it is locked" });
    const end = finish(world, begun);
    await reached.promise;
    const ended = ends(world, begun);
    await world.stopped();
    go.resolve();
    expect(JSON.stringify(await ended)).toContain("Could not be undone: vault://token-1");
    expect((await end).state).toBe("cancelled");
  });

  it("by the end of the app, which can wait for it", async () => {
    const stop = new AbortController();
    const world = setUpTokens({ signal: stop.signal });
    const before = world.snapshot();
    const one = await world.begin();
    const two = await world.begin({ workspace: "site", place: "vault" });
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    world.before.status = () => (reached.resolve(), go.promise);
    await world.json("POST", `/setups/${two.id}/code`, { code });
    world.captures[1]!.show({ step: "done" });
    await reached.promise;
    expect(world.vault.size).toBe(1);
    stop.abort();
    go.resolve();
    expect(world.work).toHaveLength(2);
    await Promise.all(world.work);
    expect(world.captures.every(({ isDisposed }) => isDisposed)).toBe(true);
    expect(world.snapshot()).toEqual(before);
    for (const { id } of [one, two])
      expect(await world.json("GET", `/setups/${id}`)).toMatchObject({ state: "cancelled" });
    const late = await world.call("POST", "/setups", wanted);
    expect(await problemOf(late)).toMatchObject({ code: "cancelled" });
    expect(world.captures).toHaveLength(2);
  });
});

describe("what cannot be", () => {
  it("a code that nobody waits for", async () => {
    const world = setUpTokens();
    const begun = await world.begin();
    const give = () => world.call("POST", `/setups/${begun.id}/code`, { code });
    expect((await give()).status).toBe(202);
    expect(await problemOf(await give())).toMatchObject({
      status: 409,
      detail: expect.stringContaining("state code"),
    });
    world.captures[0]!.show({
      step: "failed",
      error: new JackinError({ code: "timeout", message: "late" }),
    });
    await world.after({ id: begun.id, state: "code" });
    expect(await problemOf(await give())).toMatchObject({
      status: 409,
      detail: expect.stringContaining("state failed"),
    });
    expect(world.captures[0]!.codes).toEqual([code]);
  });

  it("a setup that is not there", async () => {
    const world = setUpTokens();
    const { id } = await world.begin();
    for (const [method, path, body] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/code", { code }],
    ] as const) {
      const answer = await world.call(method, `/setups/${id.slice(0, -1)}${path}`, body);
      const problem = await problemOf(answer);
      expect(problem).toMatchObject({ status: 404, code: "not-found" });
      expect(problem.detail).toContain(`Did you mean "${id}"?`);
    }
    expect(world.captures[0]!.codes).toEqual([]);
  });

  it("more than four at once", async () => {
    const world = setUpTokens();
    const begun: Setup[] = [];
    for (let i = 0; i < 4; i++) begun.push(await world.begin());
    const problem = await problemOf(await world.call("POST", "/setups", wanted));
    expect(problem).toMatchObject({ status: 409, code: "conflict" });
    for (const { id } of begun) expect(problem.hint).toContain(id);
    expect(world.captures).toHaveLength(4);
    await world.json("DELETE", `/setups/${begun[1]!.id}`);
    expect((await world.begin()).state).toBe("url");
  });

  it("one that has ended and is forgotten", async () => {
    const world = setUpTokens();
    const [done, other] = [await world.begin(), await world.begin()];
    await finish({ ...world, captures: [world.captures[0]!] }, done);
    const path = `/setups/${done.id}`;
    world.host.clock.time += 15 * 60_000 - 1;
    expect((await world.call("GET", path)).status).toBe(200);
    world.host.clock.time += 1;
    expect((await world.call("GET", path)).status).toBe(404);
    // What has not ended is not forgotten.
    expect((await world.call("GET", `/setups/${other.id}`)).status).toBe(200);
    await world.call("DELETE", `/setups/${other.id}`);
    expect((await world.call("DELETE", `/setups/${other.id}`)).status).toBe(200);
    expect((await world.call("GET", `/setups/${other.id}`)).status).toBe(404);
  });

  it.each([
    ["/setups", { workspace: "my-app" }, "either a place or a reference"],
    ["/setups", { place: "vault", reference: "vault://x" }, "either a place or a reference"],
    ["/setups", { plce: "vault" }, 'unknown key "plce". Did you mean "place"?'],
    ["/setups", { place: "vault", token: made }, 'unknown key "token"'],
    ["/setups", { reference: made }, "reference: holds a token itself"],
    ["/setups", { place: `vault://${made}` }, "place: holds a token itself"],
    ["/setups", { workspace: "/etc", place: "vault" }, "workspace: is no name of a workspace"],
    ["/setups", { place: "vault", rotate: true }, "rotate: must be scope or all"],
    ["/setups", { place: "vault", probe: "yes" }, "probe: must be true or false"],
    ["/setups/x/code", {}, "code"],
    ["/setups/x/code", { code: "" }, "code: must be the whole code"],
    ["/setups/x/code", { code: "two words" }, "code: must be the whole code"],
    ["/setups/x/code", { code: "code\u0003" }, "code: must be the whole code"],
    ["/setups/x/code", { code: "code\r" }, "code: must be the whole code"],
    ["/setups/x/code", { cod: code }, 'unknown key "cod". Did you mean "code"?'],
  ])("POST %s with %j", async (path, body, detail) => {
    const world = setUpTokens();
    const problem = await problemOf(await world.call("POST", path, body));
    expect(problem).toMatchObject({ code: "usage", status: 400 });
    expect(problem.detail).toContain(detail);
    expect(JSON.stringify(problem)).not.toContain(canary);
    expect(world.captures).toEqual([]);
  });

  it("a code that is very long", async () => {
    const world = setUpTokens();
    const give = async (length: number) =>
      problemOf(await world.call("POST", "/setups/x/code", { code: "x".repeat(length) }));
    expect((await give(4097)).detail).toContain("code: must not be longer than 4096");
    expect((await give(70_000)).status).toBe(413);
    // Taken for a code, of a setup that is not there.
    expect((await give(4096)).status).toBe(404);
  });

  it("a question that is none", async () => {
    const world = setUpTokens();
    const { id } = await world.begin();
    for (const [query, detail] of [
      ["after=urll", "after: is no state"],
      ["aftr=url", 'unknown key "aftr". Did you mean "after"?'],
    ]) {
      const problem = await problemOf(await world.call("GET", `/setups/${id}?${query}`));
      expect(problem).toMatchObject({ status: 400, code: "usage" });
      expect(problem.detail).toContain(detail);
    }
  });
});
