import { hc } from "hono/client";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as v from "valibot";
import { JackinError } from "../../core/index.ts";
import type {
  AuthProvider,
  InstanceStatus,
  JackinEvent,
  Launched,
  LaunchRequest,
  Refreshed,
  Status,
} from "../../core/index.ts";
import { launch, problemOf, refreshed, running, setUp, token } from "./app-double.ts";
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

  it("GET /v1/instances tells of the keeper", async () => {
    const keeper = { state: "gone", process: "m/1/2", since: 3, keeps: 4 } as const;
    const { call } = setUp({ status: async () => ({ instances: [], notices: [], keeper }) });
    const body = await (await call("/v1/instances")).json();
    expect(body).toEqual({ instances: [], notices: [], keeper });
    expect(v.is(schemas.status, body)).toBe(true);
  });

  it("POST /v1/instances has it kept, and a failure of that is a notice", async () => {
    let asked = 0;
    const kept = setUp({ ensureKept: async () => void asked++ });
    expect(await (await kept.post({ workspace: "my-app" })).json()).toEqual(launch);
    expect(asked).toBe(1);
    const error = new JackinError({ code: "host-failed", message: "no room", hint: "make room" });
    const { post } = setUp({ ensureKept: () => Promise.reject(error) });
    const answer = await post({ workspace: "my-app" });
    expect([answer.status, await answer.json()]).toEqual([
      201,
      {
        ...launch,
        notices: [
          ...launch.notices,
          { level: "warning", text: "Nobody keeps it signed in: no room", next: "make room" },
        ],
      },
    ]);
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

  it("POST /v1/auth/sync brings all up to date, or the one of its body", async () => {
    const { call, synced } = setUp();
    const answer = await call("/v1/auth/sync", { method: "POST" });
    const body = await answer.json();
    expect([answer.status, body]).toEqual([200, [refreshed]]);
    expect(v.is(schemas.refreshed, body)).toBe(true);
    const json = { "content-type": "application/json" };
    for (const text of ["{}", '{"instance":"my-app"}'])
      await call("/v1/auth/sync", { method: "POST", body: text, headers: json });
    expect(synced).toEqual(["all", "all", "my-app"]);
  });

  it("POST /v1/auth/sync refuses a body that it would have to guess at", async () => {
    const { call, synced } = setUp();
    const post = (body: string, type: string) =>
      call("/v1/auth/sync", { method: "POST", body, headers: { "content-type": type } });
    const form = await problemOf(
      await post("instance=my-app", "application/x-www-form-urlencoded"),
    );
    expect(form).toMatchObject({ status: 415, code: "usage" });
    const wrong = await problemOf(await post('{"instanc":"my-app"}', "application/json"));
    expect(wrong).toMatchObject({ status: 400, code: "usage" });
    expect(wrong.detail).toContain('unknown key "instanc". Did you mean "instance"?');
    const long = `{"instance":"${"x".repeat(70_000)}"}`;
    expect((await post(long, "application/json")).status).toBe(413);
    expect(synced).toEqual([]);
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
    const synced = await client.v1.auth.sync.$post({ json: { instance: "my-app" } });
    const [first] = await synced.json();
    expectTypeOf(first!.outcome).toEqualTypeOf<Refreshed["outcome"]>();
    expect(first).toEqual(refreshed);
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
    expectTypeOf<keyof v.InferOutput<typeof schemas.status>>().toEqualTypeOf<keyof Status>();
    expectTypeOf<keyof v.InferOutput<typeof schemas.event>>().toEqualTypeOf<keyof JackinEvent>();
    expectTypeOf<v.InferOutput<typeof schemas.event>["kind"]>().toEqualTypeOf<
      JackinEvent["kind"]
    >();
    expectTypeOf<keyof v.InferOutput<typeof schemas.refreshed>[number]>().toEqualTypeOf<
      keyof Refreshed
    >();
    // A restart alone names its instance.
    type Mapped = "target" | "cwd" | "instance";
    expectTypeOf<
      Exclude<keyof v.InferOutput<typeof schemas.launchBody>, "workspace" | "directory">
    >().toEqualTypeOf<Exclude<keyof LaunchRequest, Mapped>>();
    expect(Object.keys(schemas.instanceStatus.entries)).toEqual(
      expect.arrayContaining(Object.keys(running)),
    );
  });
});
