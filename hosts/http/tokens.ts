/** Long-lived tokens over HTTP: looked at, set up, replaced, released. A token itself is in no request and no answer. */
import { Hono } from "hono";
import { validator } from "hono-openapi";
import type { Jackin, TokenPlace } from "../../core/index.ts";
import { describe } from "./describe.ts";
import { limitBody, requireJson } from "./guard.ts";
import { problemOf, refuse } from "./problem.ts";
import { codeBody, examineBody, releaseBody, setupBody, setupQuery } from "./token-bodies.ts";
import { placeList, released, setup, setupList, tokenList, tokenReport } from "./token-schemas.ts";
import { toScope } from "./token-setup.ts";
import type { Setups } from "./token-setups.ts";

const badBody = ["400", "413", "415", "422"];

export function tokenRoutes(jackin: Jackin, setups: Setups) {
  const { tokens } = jackin;
  return new Hono()
    .get(
      "/",
      describe("All tokens that the configuration names or jackin knows", { 200: tokenList }, [
        "422",
      ]),
      async (c) => c.json({ tokens: await tokens.list({ signal: c.req.raw.signal }) }),
    )
    .get(
      "/places",
      describe("Where a token can be stored now, the place that was used last first", {
        200: placeList,
      }),
      async (c) => {
        const places = await tokens.places({ signal: c.req.raw.signal });
        return c.json({ places: places.map(toPlace) });
      },
    )
    .post(
      "/examine",
      describe("The token of one scope, looked at from all sides", { 200: tokenReport }, [
        ...badBody,
        "404",
        "424",
      ]),
      requireJson,
      limitBody,
      validator("json", examineBody, (result) => {
        if (!result.success) throw refuse("body", result.error, Object.keys(examineBody.entries));
      }),
      async (c) => {
        const { probe, runtime, ...of } = c.req.valid("json");
        const call = { probe, runtime, signal: c.req.raw.signal };
        return c.json(await tokens.examine(toScope(of), call));
      },
    )
    .post(
      "/release",
      describe(
        "Take the token out of the configuration of a scope. Running agents keep what they have.",
        { 200: released },
        [...badBody, "404", "409", "424"],
      ),
      requireJson,
      limitBody,
      validator("json", releaseBody, (result) => {
        if (!result.success) throw refuse("body", result.error, Object.keys(releaseBody.entries));
      }),
      // Without the request's signal: it is finished, also when nobody waits for the answer.
      async (c) => {
        const { mode = "ignore", retire = false, ...of } = c.req.valid("json");
        const { references, agents } = await tokens.release({ scopes: [toScope(of)], mode });
        const retired = [];
        for (const reference of retire ? references : [])
          retired.push({ reference, ...(await tokens.retire(reference)) });
        return c.json({ references, agents, retired });
      },
    )
    .get("/setups", describe("All setups of this server", { 200: setupList }), (c) =>
      c.json({ setups: [...setups.list()] }),
    )
    .post(
      "/setups",
      describe(
        "Set up a token for a scope: sign in for a new one, or take one that is stored. Answers when there is a page to visit; the setup goes on until it is done, failed or cancelled, and what it had done is undone then unless it is done.",
        { 201: setup },
        [...badBody, "404", "409", "424", "504"],
      ),
      requireJson,
      limitBody,
      validator("json", setupBody, (result) => {
        if (!result.success) throw refuse("body", result.error, Object.keys(setupBody.entries));
      }),
      async (c) => {
        const begun = await setups.start(c.req.valid("json"), c.req.raw.signal);
        c.header("location", `/v1/tokens/setups/${begun.id}`);
        return c.json(begun, 201);
      },
    )
    .get(
      "/setups/:id",
      describe("Where a setup stands", { 200: setup }, ["400", "404"]),
      validator("query", setupQuery, (result) => {
        if (!result.success) throw refuse("query", result.error, Object.keys(setupQuery.entries));
      }),
      async (c) => {
        const { after } = c.req.valid("query");
        return c.json(await setups.look(c.req.param("id"), after, c.req.raw.signal));
      },
    )
    .delete(
      "/setups/:id",
      describe(
        "Cancel a setup and undo what it has done; forget one that has ended",
        { 200: setup },
        ["404"],
      ),
      async (c) => c.json(await setups.end(c.req.param("id"))),
    )
    .post(
      "/setups/:id/code",
      describe("Hand over the code that the page shows", { 202: setup }, [
        ...badBody,
        "404",
        "409",
      ]),
      requireJson,
      limitBody,
      validator("json", codeBody, (result) => {
        if (!result.success) throw refuse("body", result.error, Object.keys(codeBody.entries));
      }),
      (c) => c.json(setups.submit(c.req.param("id"), c.req.valid("json").code), 202),
    );
}

function toPlace({ error, ...place }: TokenPlace) {
  return { ...place, ...(error && { problem: problemOf(error) }) };
}
