import { hc } from "hono/client";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as v from "valibot";
import { createSecret, JackinError } from "../../core/index.ts";
import type {
  Brought,
  Check,
  Released,
  Retired,
  TokenEntry,
  TokenPlace,
  TokenReport,
  TokenStatus,
} from "../../core/index.ts";
import { day } from "../../test/doubles/token-world.ts";
import { problemOf, token as bearer } from "./app-double.ts";
import type { AppType } from "./index.ts";
import { made, setUpTokens, url } from "./token-double.ts";
import * as schemas from "./token-schemas.ts";

const app = { workspace: "my-app" };

async function withToken() {
  const world = setUpTokens();
  await world.jackin.tokens.install({
    scopes: [app, { workspace: "site" }],
    from: { value: createSecret(made), place: "vault" },
  });
  await world.jackin.load({ target: "my-app" });
  return world;
}

describe("tokens", () => {
  it("GET / lists each token, who uses it and until when it is good", async () => {
    const world = await withToken();
    world.host.clock.time += 360 * day;
    const body = await world.json("GET", "");
    expect(body).toMatchObject({
      tokens: [
        {
          reference: "vault://token-1",
          scopes: [app, { workspace: "site" }],
          agents: ["my-app"],
          entry: { isOurs: true, store: "secret-vault" },
          banner: { level: "urgent", next: "jackin workspace claude-token rotate my-app" },
        },
      ],
    });
    expect(v.parse(schemas.tokenList, body)).toEqual(body);
    for (const text of world.shown) expect(text).not.toContain(made.slice(13, 29));
  });

  it("GET / names no token that stands in the configuration itself", async () => {
    const config = {
      workspaces: { x: { workdir: "/w/app", env: { CLAUDE_CODE_OAUTH_TOKEN: made } } },
    };
    const world = setUpTokens({ config });
    expect(await world.json("GET", "")).toEqual({
      tokens: [{ reference: "literal", scopes: [{ workspace: "x" }], agents: [] }],
    });
  });

  it("GET /places says where one can be stored, and what is wrong with a place", async () => {
    const world = setUpTokens();
    const places = await world.jackin.tokens.places();
    const error = new JackinError({
      code: "secret-failed",
      message: "it is locked",
      hint: "unlock",
    });
    world.jackin.tokens.places = async () => [
      ...places,
      { ...places[0]!, place: "vault://b", error },
    ];
    const body = await world.json("GET", "/places");
    const place = {
      place: "vault",
      text: "the vault",
      plugin: "secret-vault",
      scheme: "vault",
      isUsual: false,
    };
    expect(body).toEqual({
      places: [
        place,
        {
          ...place,
          place: "vault://b",
          problem: {
            type: "urn:jackin:error:secret-failed",
            title: "secret failed",
            status: 424,
            code: "secret-failed",
            detail: "it is locked",
            hint: "unlock",
          },
        },
      ],
    });
    expect(v.parse(schemas.placeList, body)).toEqual(body);
  });

  it("POST /examine looks at the token of a scope, with a turn if that is asked for", async () => {
    const world = await withToken();
    const body = await world.json("POST", "/examine", app);
    expect(body).toMatchObject({ reference: "vault://token-1", agents: ["my-app"] });
    expect(v.parse(schemas.tokenReport, body)).toEqual(body);
    const names = (report: unknown) =>
      v.parse(schemas.tokenReport, report).checks.map(({ name }) => name);
    expect(names(body)).not.toContain("turn");
    expect(names(await world.json("POST", "/examine", { ...app, probe: true }))).toContain("turn");
    for (const text of world.shown) expect(text).not.toContain(made.slice(13, 29));
  });

  it("POST /examine refuses a scope that is not there, or has none", async () => {
    const world = setUpTokens();
    const ask = async (body: unknown) => problemOf(await world.call("POST", "/examine", body));
    expect(await ask({})).toMatchObject({ status: 424, code: "token-missing" });
    expect(await ask({ workspace: "my-ap" })).toMatchObject({ status: 404, code: "not-found" });
    expect((await ask({ workspce: "my-app" })).detail).toContain('Did you mean "workspace"?');
  });

  it("POST /release takes it from a scope, and keeps it for the others", async () => {
    const world = await withToken();
    const body = await world.json("POST", "/release", { ...app, retire: true });
    expect(body).toMatchObject({
      references: ["vault://token-1"],
      agents: ["my-app"],
      retired: [{ reference: "vault://token-1", outcome: "kept" }],
    });
    expect(v.parse(schemas.released, body)).toEqual(body);
    expect(world.config.workspaces!["my-app"]!.claude).toEqual({ auth_forward: "ignore" });
    expect(world.vault.size).toBe(1);
    expect(await world.json("POST", "/release", { workspace: "site", mode: "ignore" })).toEqual({
      references: ["vault://token-1"],
      agents: [],
      retired: [],
    });
    expect(world.vault.size).toBe(1);
  });

  it("POST /release takes the last one out of its store when that is asked for", async () => {
    const world = await withToken();
    await world.json("POST", "/release", { workspace: "site" });
    expect(await world.json("POST", "/release", { ...app, retire: true })).toMatchObject({
      retired: [{ outcome: "removed" }],
    });
    expect(world.vault.size).toBe(0);
  });

  it.each([
    [{ ...app, mode: "ignor" }, 400, 'Did you mean "ignore"?'],
    [{ ...app, mode: "token" }, 400, 'no mode "token" that needs no token'],
    [{ workspace: "my-ap" }, 404, 'Did you mean "my-app"?'],
    [{}, 424, "global"],
    [{ mod: "ignore" }, 400, 'Did you mean "mode"?'],
  ])("POST /release refuses %j", async (body, status, detail) => {
    const world = await withToken();
    const before = world.config;
    const problem = await problemOf(await world.call("POST", "/release", body));
    expect(problem.status).toBe(status);
    expect(problem.detail).toContain(detail);
    expect(world.config).toEqual(before);
  });

  it("are in hc, a typed client", async () => {
    const world = setUpTokens();
    const client = hc<AppType>("http://localhost", {
      fetch: world.app.request,
      headers: { authorization: `Bearer ${bearer}` },
    });
    const { setups } = client.v1.tokens;
    const answer = await setups.$post({ json: { workspace: "my-app", place: "vault" } });
    const begun = await answer.json();
    expectTypeOf(begun.state).toEqualTypeOf<schemas.Setup["state"]>();
    if (begun.state !== "url") throw new Error(begun.state);
    expect(begun.url).toBe(url);
    const param = { id: begun.id };
    // @ts-expect-error no such key
    await setups.$post({ json: { plce: "vault" } });
    const one = await setups[":id"].$get({ param, query: {} });
    expect(await one.json()).toEqual(begun);
    const given = await setups[":id"].code.$post({ param, json: { code: "a#b" } });
    expect((await given.json()).state).toBe("code");
    const ended = await (await setups[":id"].$delete({ param })).json();
    expect(ended.state).toBe("cancelled");
    const listed = await (await client.v1.tokens.$get()).json();
    expectTypeOf<(typeof listed.tokens)[number]["reference"]>().toEqualTypeOf<string>();
    expect(listed.tokens).toEqual([]);
  });

  it("have the members of core's types, all of them", () => {
    type Keys<S extends v.GenericSchema> = keyof v.InferOutput<S>;
    type Done = Extract<schemas.Setup, { state: "done" }>;
    expectTypeOf<Keys<typeof schemas.tokenStatus>>().toEqualTypeOf<keyof TokenStatus>();
    expectTypeOf<Keys<typeof schemas.tokenReport>>().toEqualTypeOf<keyof TokenReport>();
    expectTypeOf<keyof v.InferOutput<typeof schemas.tokenReport>["checks"][number]>().toEqualTypeOf<
      Exclude<keyof Check, "credential">
    >();
    expectTypeOf<keyof Done["entry"]>().toEqualTypeOf<keyof TokenEntry>();
    expectTypeOf<keyof NonNullable<Done["agents"]>[number]>().toEqualTypeOf<keyof Brought>();
    expectTypeOf<keyof NonNullable<Done["retired"]>>().toEqualTypeOf<keyof Retired | "reference">();
    expectTypeOf<Keys<typeof schemas.released>>().toEqualTypeOf<keyof Released | "retired">();
    expectTypeOf<keyof v.InferOutput<typeof schemas.placeList>["places"][number]>().toEqualTypeOf<
      Exclude<keyof TokenPlace, "error"> | "problem"
    >();
    expect(Object.keys(schemas.tokenStatus.entries)).toContain("banner");
  });
});
