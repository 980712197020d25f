import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { JackinError } from "../../core/index.ts";
import type { Step } from "../../test/doubles/token-world.ts";
import { problemOf } from "./app-double.ts";
import { code, finish, setUpTokens } from "./token-double.ts";
import * as schemas from "./token-schemas.ts";
import type { Setup } from "./token-schemas.ts";

const wanted = { workspace: "my-app", place: "vault" };

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
