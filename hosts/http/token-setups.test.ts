import { describe, expect, it } from "vitest";
import * as v from "valibot";
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

  it("tells what is odd about a token that works all the same", async () => {
    const world = setUpTokens();
    const begun = await world.begin();
    world.captures[0]!.show({ step: "done", doubt: "is 100 characters long" });
    let now = begun;
    while (now.state === "url" || now.state === "installing") now = await world.after(now);
    expect(now).toMatchObject({
      state: "done",
      notices: [{ level: "warning", text: "the token is 100 characters long" }],
    });
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
