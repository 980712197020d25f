import { describe, expect, it } from "vitest";
import { createSecret } from "../../core/index.ts";
import { problemOf, setUp, token } from "./app-double.ts";

describe("refusals", () => {
  const paths = [
    "/v1/instances",
    "/v1/instances/my-app",
    "/v1/auth",
    "/v1/events",
    "/v1/tokens",
    "/v1/tokens/places",
    "/v1/tokens/setups",
    "/v1/tokens/setups/some",
    "/v1/nothing",
    "/v1",
  ];
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

  it("names each host that it is served at once", async () => {
    const { call } = setUp({}, { allowedHosts: ["localhost", "api.example", "API.example"] });
    const { hint } = await problemOf(await call("http://evil.example/v1/instances"));
    expect(hint).toMatch(/^Use one of localhost, api\.example, or /);
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
