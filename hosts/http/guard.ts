import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { timingSafeEqual } from "hono/utils/buffer";
import type { Redactor, Secret } from "../../core/index.ts";
import { toProblem } from "./problem.ts";

/** With any port. */
export const loopbackHosts: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** The last word on every answer: no text in it holds a secret, and nobody keeps a copy. */
export function redactAnswers(redactor: Redactor): MiddlewareHandler {
  return async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
    if (!c.res.headers.get("content-type")?.includes("json")) return;
    // Value by value: a secret such as `running` or `","` must not turn the answer into something else than JSON.
    const text = JSON.stringify(
      JSON.parse(await c.res.text(), (_, value: unknown) =>
        typeof value === "string" ? redactor.redact(value) : value,
      ),
    );
    const answer = new Response(text, c.res);
    c.res = undefined;
    c.res = answer;
  };
}

/** Hono handles errors only; anything else that is thrown would pass by all of this and end up in the server's own log. */
export const throwErrors: MiddlewareHandler = async (_, next) => {
  try {
    await next();
  } catch (thrown) {
    throw thrown instanceof Error ? thrown : new Error(String(thrown));
  }
};

/** A page that points its own name at this machine (DNS rebinding) arrives with that name. */
export function checkHost(allowed: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const host = (c.req.header("host") ?? new URL(c.req.url).host).toLowerCase();
    const withoutPort = host.replace(/:\d*$/, "");
    if (allowed.includes(host) || allowed.includes(withoutPort)) return next();
    return toProblem(c, {
      code: "unauthorized",
      status: 403,
      message: `Host ${JSON.stringify(host)} is not served here.`,
      hint: `Use one of ${[...new Set(allowed)].join(", ")}, or allow this one where the server is started.`,
    });
  };
}

/** Tools send no Origin; a browser does, for the page that asks. */
export function checkOrigin(allowed: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const origin = c.req.header("origin");
    if (origin === undefined || allowed.includes(origin)) return next();
    return toProblem(c, {
      code: "unauthorized",
      status: 403,
      message: `Pages of ${JSON.stringify(origin)} may not use this API.`,
      hint: "Allow that origin where the server is started, if it is yours.",
    });
  };
}

export function checkToken(token: Secret): MiddlewareHandler {
  return async (c, next) => {
    const given = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (given !== undefined && (await timingSafeEqual(given, token.reveal()))) return next();
    c.header("www-authenticate", 'Bearer realm="jackin"');
    return toProblem(c, {
      code: "unauthorized",
      message: given === undefined ? "A bearer token is needed." : "The bearer token is not right.",
      hint: "Send the header `Authorization: Bearer TOKEN`; the server said where its token is.",
    });
  };
}

/** bytes; a launch is a few hundred */
const longestBody = 64 * 1024;

export const limitBody = bodyLimit({ maxSize: longestBody, onError: (c) => toProblem(c, tooLong) });

const tooLong = {
  code: "usage",
  status: 413,
  message: `The body is longer than ${longestBody} bytes.`,
} as const;

/** A body of another type would be passed over, and the call mean something else. */
export const requireJsonIfAny: MiddlewareHandler = async (c, next) =>
  (await c.req.text()) === "" ? next() : requireJson(c, next);

/** A form of a foreign page cannot send this type without asking first. */
export const requireJson: MiddlewareHandler = async (c, next) => {
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") return next();
  return toProblem(c, {
    code: "usage",
    status: 415,
    message: `The body must be application/json${type ? `, not ${JSON.stringify(type)}` : ""}.`,
    hint: "Send the header `Content-Type: application/json`.",
  });
};
