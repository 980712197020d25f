import { describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import { problemOf } from "./app-double.ts";
import { code, finish, made, setUpTokens } from "./token-double.ts";
import type { Setup } from "./token-schemas.ts";

const canary = made.slice(13, 29);
const wanted = { workspace: "my-app", place: "vault" };

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
