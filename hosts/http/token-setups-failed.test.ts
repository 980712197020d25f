import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { createSecret, JackinError } from "../../core/index.ts";
import type { Step } from "../../test/doubles/token-world.ts";
import { problemOf } from "./app-double.ts";
import { finish, made, setUpTokens } from "./token-double.ts";
import * as schemas from "./token-schemas.ts";

const canary = made.slice(13, 29);
const wanted = { workspace: "my-app", place: "vault" };

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

  it("for a place that does not work now is refused before anybody signs in, and no other store is asked", async () => {
    const world = setUpTokens();
    const error = new JackinError({ code: "secret-failed", message: "it is locked" });
    const places = await world.jackin.tokens.places();
    const asked: unknown[] = [];
    world.jackin.tokens.places = async (call) => {
      asked.push(call?.of);
      return places.map((place) => ({ ...place, error }));
    };
    for (const place of ["vault", "vault://deep"]) {
      const answer = await world.call("POST", "/setups", { workspace: "my-app", place });
      expect(await problemOf(answer)).toMatchObject({ status: 424, detail: "it is locked" });
    }
    expect(asked).toEqual(["vault", "vault://deep"]);
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

  it("stays so, whatever its store says when it is over", async () => {
    const world = setUpTokens();
    let late: (line: string) => void = () => {};
    world.jackin.tokens.install = async (_, call) => {
      late = call!.progress!;
      throw broken;
    };
    const failed = await finish(world, await world.begin());
    late("looking once more");
    expect(await world.json("GET", `/setups/${failed.id}`)).toEqual(failed);
  });

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
