import { hc } from "hono/client";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as v from "valibot";
import type { AuthProvider, InstanceStatus, Launched, LaunchRequest } from "../../core/index.ts";
import { launch, problemOf, running, setUp, token } from "./app-double.ts";
import type { AppType } from "./index.ts";
import * as schemas from "./schemas.ts";

describe("routes", () => {
  it("GET /v1/instances answers the status", async () => {
    const answer = await setUp().call("/v1/instances");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const body = await answer.json();
    expect(body).toEqual({ instances: [running], notices: [{ level: "warning", text: "slow" }] });
    expect(v.is(schemas.status, body)).toBe(true);
  });

  it("POST /v1/instances starts a workspace and answers what the command prints", async () => {
    const { post, requests } = setUp();
    const answer = await post({
      workspace: "my-app",
      mode: "token",
      role: "reviewer",
      args: ["-c"],
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe("/v1/instances/my-app");
    const body = await answer.json();
    expect(body).toEqual(launch);
    expect(v.is(schemas.launched, body)).toBe(true);
    expect(requests).toEqual([{ target: "my-app", mode: "token", role: "reviewer", args: ["-c"] }]);
  });

  it("POST /v1/instances starts a folder", async () => {
    const { post, requests } = setUp();
    expect((await post({ directory: "/srv/x", runtime: "local", image: "i:1" })).status).toBe(201);
    expect(requests).toEqual([{ target: "/srv/x", runtime: "local", image: "i:1" }]);
  });

  it("GET /v1/instances/:id answers one, or 404 with the nearest", async () => {
    const { call } = setUp();
    const answer = await call("/v1/instances/my-app");
    expect([answer.status, await answer.json()]).toEqual([200, running]);
    const problem = await problemOf(await call("/v1/instances/my-ap"));
    expect(problem).toMatchObject({ status: 404, code: "not-found" });
    expect(problem.detail).toContain('Did you mean "my-app"?');
  });

  it("DELETE /v1/instances/:id stops one and answers how it is now", async () => {
    const { call, ejected } = setUp();
    const answer = await call("/v1/instances/my-app", { method: "DELETE" });
    expect([answer.status, await answer.json()]).toEqual([200, { ...running, state: "stopped" }]);
    expect(ejected).toEqual(["my-app"]);
  });

  it("GET /v1/auth answers the effective modes and each mode's health", async () => {
    const plugin: AuthProvider = {
      kind: "auth",
      name: "auth-sync",
      mode: "sync",
      grant: async () => Promise.reject(new Error("not asked")),
      health: async () => ({ state: "good", text: "signed in", account: "me", expiresAt: 5 }),
    };
    const answer = await setUp({ plugins: [plugin] }).call("/v1/auth");
    const body = await answer.json();
    expect(answer.status).toBe(200);
    expect(v.is(schemas.auth, body)).toBe(true);
    expect(body).toMatchObject({
      effective: [
        { mode: "sync", scope: "default" },
        { workspace: "my-app", mode: "sync" },
      ],
      modes: [{ mode: "sync", plugin: "auth-sync", health: { state: "good", text: "signed in" } }],
    });
  });

  it("GET /healthz needs no token", async () => {
    const answer = await setUp().app.request("/healthz");
    expect([answer.status, await answer.json()]).toEqual([200, { status: "ok" }]);
  });
});

describe("types", () => {
  it("hc is a typed client", async () => {
    const { app } = setUp();
    const client = hc<AppType>("http://localhost", {
      fetch: app.request,
      headers: { authorization: `Bearer ${token}` },
    });
    const answer = await client.v1.instances.$post({ json: { workspace: "my-app" } });
    const body = await answer.json();
    expectTypeOf(body.line).toEqualTypeOf<string>();
    expectTypeOf(body.instance.state).toEqualTypeOf<InstanceStatus["state"]>();
    expectTypeOf(body.instance.expiresAt).toEqualTypeOf<number | undefined>();
    expect(body).toEqual(launch);
    // @ts-expect-error no such key
    await client.v1.instances.$post({ json: { workspce: "my-app" } });
    const one = await client.v1.instances[":id"].$get({ param: { id: "my-app" } });
    expect(await one.json()).toEqual(running);
    const all = await (await client.v1.instances.$get()).json();
    expectTypeOf(all.instances[0]!.instance).toEqualTypeOf<string>();
    expect(all.instances).toHaveLength(1);
  });

  it("the schemas have the members of core's types, all of them", () => {
    expectTypeOf<keyof v.InferOutput<typeof schemas.instanceStatus>>().toEqualTypeOf<
      keyof InstanceStatus
    >();
    expectTypeOf<keyof v.InferOutput<typeof schemas.launched>>().toEqualTypeOf<keyof Launched>();
    type Mapped = "target" | "cwd";
    expectTypeOf<
      Exclude<keyof v.InferOutput<typeof schemas.launchBody>, "workspace" | "directory">
    >().toEqualTypeOf<Exclude<keyof LaunchRequest, Mapped>>();
    expect(Object.keys(schemas.instanceStatus.entries)).toEqual(
      expect.arrayContaining(Object.keys(running)),
    );
  });
});
