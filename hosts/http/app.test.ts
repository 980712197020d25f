import { hc } from "hono/client";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as v from "valibot";
import { createRedactor, createSecret, errorCodes, JackinError } from "../../core/index.ts";
import type {
  AuthProvider,
  Host,
  InstanceStatus,
  Jackin,
  Launched,
  LaunchRequest,
} from "../../core/index.ts";
import { createApp } from "./index.ts";
import type { AppOptions, AppType } from "./index.ts";
import * as schemas from "./schemas.ts";

const token = "token-canary-0123456789abcdef";
const running: InstanceStatus = {
  instance: "my-app",
  workspace: "my-app",
  workdir: "/w/app",
  mode: "sync",
  account: "me@example.com",
  expiresAt: 99,
  runtime: "docker",
  image: "own:1",
  state: "running",
  startedAt: 1,
};
const launch: Launched = {
  instance: running,
  line: "claude auth: forwarded host session (sync)",
  sharedWith: ["other"],
  notices: [{ level: "info", text: "one more", next: "jackin hardline my-app" }],
};

function setUp(jackin: Partial<Jackin> = {}, options: Partial<AppOptions> = {}) {
  const requests: LaunchRequest[] = [];
  const ejected: string[] = [];
  const host: Host = { platform: "unknown", env: {}, clock: { now: () => 1 } };
  const fake = {
    redactor: createRedactor(),
    host,
    plugins: [],
    config: async () => ({
      config: { workspaces: { "my-app": { workdir: "/w/app" } } },
      notices: [],
    }),
    load: async (request) => (requests.push(request), launch),
    status: async () => ({ instances: [running], notices: [{ level: "warning", text: "slow" }] }),
    eject: async (instance) => (ejected.push(instance), { ...running, state: "stopped" }),
    context: () => ({
      host,
      signal: new AbortController().signal,
      secret: createSecret,
      progress: () => {},
    }),
    ...jackin,
  } as Jackin;
  const app = createApp({ jackin: fake, token, ...options });
  const call = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) =>
    app.request(path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    call("/v1/instances", {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  return { app, call, post, requests, ejected, jackin: fake };
}

async function problemOf(answer: Response): Promise<schemas.Problem> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const problem = v.parse(v.strictObject(schemas.problem.entries), await answer.json());
  expect(problem.status).toBe(answer.status);
  expect(problem.type).toBe(`urn:jackin:error:${problem.code}`);
  return problem;
}

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

describe("refusals", () => {
  const paths = ["/v1/instances", "/v1/instances/my-app", "/v1/auth", "/v1/nothing", "/v1"];
  it.each(paths)("%s asks for the token", async (path) => {
    const { app, jackin } = setUp();
    for (const [name, value] of [
      ["x-other", "1"],
      ["authorization", ""],
      ["authorization", token],
      ["authorization", `Basic ${token}`],
      ["authorization", `Bearer ${token}x`],
      ["authorization", `Bearer ${token.slice(1)}`],
      ["authorization", "Bearer "],
    ] as const) {
      const answer = await app.request(path, { headers: { [name]: value } });
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="jackin"');
      expect(await problemOf(answer)).toMatchObject({ status: 401, code: "unauthorized" });
    }
    expect(jackin.redactor.redact(token)).toBe("***");
  });

  it.each(["", "short", "with a space in it....", "line\nbreak-0123456789"])(
    "a token such as %j is refused at once",
    (weak) => {
      expect(() => setUp({}, { token: weak })).toThrow(
        expect.objectContaining({ code: "usage" }) as Error,
      );
    },
  );

  it("takes the token as a secret too, and the scheme in any case", async () => {
    const { app } = setUp({}, { token: createSecret(token) });
    const answer = await app.request("/v1/instances", {
      headers: { authorization: `bearer ${token}` },
    });
    expect(answer.status).toBe(200);
  });

  it.each([
    ["localhost", 200],
    ["LOCALHOST:7667", 200],
    ["127.0.0.1:1", 200],
    ["[::1]", 200],
    ["[::1]:7667", 200],
    ["evil.example", 403],
    ["evil.example:7667", 403],
    ["127.0.0.1.evil.example", 403],
    ["localhost.evil.example:80", 403],
    ["localhost@evil.example", 403],
    ["0.0.0.0:7667", 403],
    ["[::1]evil", 403],
    ["", 403],
  ])("Host %j gets %d", async (host, status) => {
    const { call, app } = setUp();
    const answer = await call("/v1/instances", { headers: { host } });
    expect(answer.status).toBe(status);
    if (status === 403) expect((await problemOf(answer)).code).toBe("unauthorized");
    expect((await app.request("/healthz", { headers: { host } })).status).toBe(status);
  });

  it("judges the address where there is no Host header, and takes other names when told", async () => {
    const { call } = setUp({}, { allowedHosts: ["API.example", "other.example:81"] });
    expect((await call("http://api.example:9/v1/instances")).status).toBe(200);
    expect((await call("http://other.example:81/v1/instances")).status).toBe(200);
    expect((await call("http://other.example:82/v1/instances")).status).toBe(403);
    expect((await call("http://localhost/v1/instances")).status).toBe(403);
  });

  it("refuses a browser's page unless its origin is listed", async () => {
    const { call, app } = setUp({}, { allowedOrigins: ["https://app.example"] });
    for (const origin of [
      "https://evil.example",
      "null",
      "http://localhost",
      "https://app.example.evil",
    ]) {
      const answer = await call("/v1/instances", { headers: { origin } });
      expect(answer.headers.get("access-control-allow-origin")).toBe(null);
      expect(await problemOf(answer)).toMatchObject({ status: 403, code: "unauthorized" });
    }
    const origin = "https://app.example";
    const answer = await call("/v1/instances", { headers: { origin } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    const preflight = await app.request("/v1/instances", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("authorization");
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonx", undefined])(
    "refuses a body of type %s",
    async (type) => {
      const { call, requests } = setUp();
      const answer = await call("/v1/instances", {
        method: "POST",
        // Bytes: a text would bring a content type of its own.
        body: new TextEncoder().encode('{"workspace":"my-app"}'),
        headers: type === undefined ? {} : { "content-type": type },
      });
      expect(await problemOf(answer)).toMatchObject({ status: 415, code: "usage" });
      expect(requests).toEqual([]);
    },
  );

  it.each([
    ["{", "JSON"],
    ["", "JSON"],
    ["null", "must be a JSON object"],
    ['"my-app"', "must be a JSON object"],
    [{}, "either a workspace or a directory"],
    [[], "either a workspace or a directory"],
    [{ workspace: "my-app", directory: "/w" }, "either a workspace or a directory"],
    [{ workspce: "my-app" }, 'unknown key "workspce". Did you mean "workspace"?'],
    [{ workspace: "my-app", cwd: "/" }, 'unknown key "cwd".'],
    ['{"workspace":"my-app","__proto__":{}}', 'unknown key "__proto__".'],
    [{ workspace: "/etc" }, "workspace: is no name of a workspace"],
    [{ workspace: 7 }, "workspace: must be text"],
    [{ directory: "relative" }, "directory: must be an absolute path"],
    [{ directory: "~/x" }, "directory: must be an absolute path"],
    [{ directory: "/x\0y" }, "directory: must not hold a NUL character"],
    [{ workspace: "my-app", mode: "" }, "mode: must not be empty"],
    [{ workspace: "my-app", args: "-c" }, "args: must be a list"],
    [{ workspace: "my-app", args: ["-c", 1] }, "args.1: must be text"],
    [{ workspace: "my-app", args: ["a\0"] }, "args.0: must not hold a NUL character"],
  ])("refuses the body %j", async (body, detail) => {
    const { post, requests } = setUp();
    const problem = await problemOf(await post(body));
    expect(problem).toMatchObject({ status: 400, code: "usage" });
    expect(problem.detail).toContain(detail);
    expect(requests).toEqual([]);
  });

  it("names every fault of a body at once, and echoes no value of it", async () => {
    const body = { directory: "canary-directory", args: "canary-args", mode: ["canary-mode"] };
    const { detail } = await problemOf(await setUp().post(body));
    for (const key of ["directory", "args", "mode"]) expect(detail).toContain(`${key}: `);
    expect(detail).not.toContain("canary");
  });

  it("refuses a workspace that is not there, with the nearest", async () => {
    const { post, requests } = setUp();
    const problem = await problemOf(await post({ workspace: "my-ap" }));
    expect(problem).toMatchObject({ status: 404, code: "not-found" });
    expect(problem.detail).toContain('Did you mean "my-app"?');
    expect(requests).toEqual([]);
  });

  it("refuses a body over 64 KiB, also one without a length", async () => {
    const { post, call } = setUp();
    const long = JSON.stringify({ workspace: "my-app", args: ["a".repeat(64 * 1024)] });
    expect(await problemOf(await post(long))).toMatchObject({ status: 413, code: "usage" });
    expect((await problemOf(await post(long, { "content-length": `${long.length}` }))).status).toBe(
      413,
    );
    const answer = await call("/v1/instances", {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ workspace: "my-app", args: ["a".repeat(60 * 1024)] }),
    });
    expect(answer.status).toBe(201);
  });

  it.each([
    ["GET", "/"],
    ["GET", "/v1/nothing"],
    ["PUT", "/v1/instances"],
    ["POST", "/v1/instances/my-app"],
    ["DELETE", "/v1/instances"],
  ])("%s %s is not there", async (method, path) => {
    const problem = await problemOf(await setUp().call(path, { method }));
    expect(problem).toMatchObject({ status: 404, code: "not-found" });
    expect(problem.detail).toContain(`${method} ${path}`);
  });
});

describe("errors", () => {
  it.each(Object.entries(errorCodes))(
    "%s has the command's code and its status",
    async (code, { status }) => {
      const error = new JackinError({
        code: code as keyof typeof errorCodes,
        message: "m",
        hint: "h",
      });
      const { post } = setUp({ load: () => Promise.reject(error) });
      expect(await problemOf(await post({ workspace: "my-app" }))).toEqual({
        type: `urn:jackin:error:${code}`,
        title: code.replaceAll("-", " "),
        status,
        code,
        detail: "m",
        hint: "h",
      });
    },
  );

  it("a defect is `internal`, and logged with its stack", async () => {
    const lines: string[] = [];
    const options = { log: (line: string) => void lines.push(line) };
    const { post } = setUp({ load: () => Promise.reject(new Error("boom")) }, options);
    expect(await problemOf(await post({ workspace: "my-app" }))).toMatchObject({
      code: "internal",
    });
    expect(lines.join()).toContain("Error: boom\n");
  });

  it("a caller that goes away cancels the launch", async () => {
    const seen = Promise.withResolvers<AbortSignal>();
    const { call } = setUp({
      load: (_, { signal } = {}) => {
        seen.resolve(signal!);
        return new Promise((_resolve, reject) =>
          signal!.addEventListener("abort", () => reject(signal!.reason as Error)),
        );
      },
    });
    const caller = new AbortController();
    const answer = call("/v1/instances", {
      method: "POST",
      body: '{"workspace":"my-app"}',
      headers: { "content-type": "application/json" },
      signal: caller.signal,
    });
    expect((await seen.promise).aborted).toBe(false);
    caller.abort();
    expect(await problemOf(await answer)).toMatchObject({ status: 499, code: "cancelled" });
  });
});

describe("no answer and no log holds a secret", () => {
  // With quotes and a line break: as a whole it stands in JSON in another form.
  const canary = 'canary "one"\nlong-second-line-of-the-canary';
  const cases: readonly (readonly [
    string,
    Partial<Jackin>,
    (s: ReturnType<typeof setUp>) => Promise<Response> | Response,
  ])[] = [
    [
      "a launch's error",
      { load: () => Promise.reject(failed()) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "a defect",
      { load: () => Promise.reject(new Error(`boom ${canary}`)) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "what is thrown and no error",
      { load: () => Promise.reject(canary) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "a launch's notice",
      { load: async () => ({ ...launch, notices: [{ level: "info", text: canary }] }) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "a status",
      { status: async () => ({ instances: [{ ...running, account: canary }], notices: [] }) },
      ({ call }) => call("/v1/instances"),
    ],
    [
      "a failing status",
      { status: () => Promise.reject(failed()) },
      ({ call }) => call("/v1/instances/my-app"),
    ],
    [
      "a failing eject",
      { eject: () => Promise.reject(failed()) },
      ({ call }) => call("/v1/instances/my-app", { method: "DELETE" }),
    ],
    [
      "a failing configuration",
      { config: () => Promise.reject(failed()) },
      ({ call }) => call("/v1/auth"),
    ],
    ["an unknown route", {}, ({ call }) => call("/v1/long-second-line-of-the-canary")],
    ["an unknown instance", {}, ({ call }) => call("/v1/instances/long-second-line-of-the-canary")],
    ["an unknown key", {}, ({ post }) => post({ [canary]: 1 })],
    [
      "a content type",
      {},
      ({ post }) => post({}, { "content-type": "long-second-line-of-the-canary" }),
    ],
    [
      "a Host",
      {},
      ({ call }) => call("/v1/auth", { headers: { host: "long-second-line-of-the-canary" } }),
    ],
    [
      "an Origin",
      {},
      ({ call }) => call("/v1/auth", { headers: { origin: "long-second-line-of-the-canary" } }),
    ],
  ];

  function failed(): JackinError {
    return new JackinError({
      code: "start-failed",
      message: `m ${canary}`,
      hint: `h ${canary}`,
      cause: canary,
    });
  }

  it.each(cases)("%s", async (_, fake, ask) => {
    const lines: string[] = [];
    const world = setUp(fake, { log: (line) => void lines.push(line) });
    world.jackin.redactor.add(createSecret(canary));
    const answer = await ask(world);
    const shown = [await answer.text(), ...answer.headers.values(), ...lines].join("\n");
    expect(shown).toContain("***");
    expect(shown).not.toContain("second-line");
    expect(shown).not.toContain('canary "one');
    expect(shown).not.toContain('canary \\"one');
    expect(() => JSON.parse(shown.split("\n")[0]!) as unknown).not.toThrow();
  });

  it("a secret that looks like JSON leaves JSON behind", async () => {
    const { call, jackin } = setUp();
    jackin.redactor.add(createSecret('","workdir":"'));
    jackin.redactor.add(createSecret("instance"));
    expect(await (await call("/v1/instances/my-app")).json()).toEqual(running);
  });
});

describe("/openapi.json", () => {
  it("lists every route, its answers and its failures, in schemas that resolve", async () => {
    const { app } = setUp();
    const answer = await app.request("/openapi.json");
    const document = (await answer.json()) as OpenApi;
    expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "jackin" } });

    const routes = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed.toSorted()).toEqual([...new Set(routes)].toSorted());

    const ids = new Set<string>();
    for (const operation of Object.values(document.paths).flatMap((item) => Object.values(item))) {
      ids.add(operation.operationId);
      expect(operation.summary).toMatch(/\w/);
      const codes = Object.keys(operation.responses);
      expect(codes).toContain("500");
      expect(codes.includes("401")).toBe(operation.security?.length !== 0);
      for (const { description, content } of Object.values(operation.responses)) {
        expect(description).toMatch(/\w/);
        for (const { schema } of Object.values(content ?? {})) expect(schema).toBeTypeOf("object");
      }
    }
    expect(ids.size).toBe(listed.length);
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
      const found = reference!
        .slice(2)
        .split("/")
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
      expect(found, reference).toBeTypeOf("object");
    }
    const post = document.paths["/v1/instances"]!["post"]!;
    expect(post).toMatchObject({
      requestBody: {
        required: true,
        content: { "application/json": { schema: { $ref: "#/components/schemas/Launch" } } },
      },
      responses: {
        201: {
          content: { "application/json": { schema: { $ref: "#/components/schemas/Launched" } } },
        },
      },
    });
    const { Launch } = document.components.schemas;
    expect(Launch).toMatchObject({ type: "object", additionalProperties: false });
    expect(Object.keys(Launch!.properties)).toEqual(Object.keys(schemas.launchBody.entries));
  });

  interface OpenApi {
    readonly paths: Record<
      string,
      Record<
        string,
        {
          readonly operationId: string;
          readonly summary: string;
          readonly security?: readonly unknown[];
          readonly responses: Record<
            string,
            {
              readonly description: string;
              readonly content?: Record<string, { readonly schema: unknown }>;
            }
          >;
        }
      >
    >;
    readonly components: { readonly schemas: Record<string, { readonly properties: object }> };
  }
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
