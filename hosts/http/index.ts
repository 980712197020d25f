import { Hono } from "hono";
import { cors } from "hono/cors";
import { openAPIRouteHandler, validator } from "hono-openapi";
import {
  authHealth,
  createSecret,
  didYouMean,
  effectiveModes,
  JackinError,
  toWarning,
} from "../../core/index.ts";
import type { Jackin, Notice, Secret } from "../../core/index.ts";
import {
  checkHost,
  checkOrigin,
  checkToken,
  limitBody,
  loopbackHosts,
  redactAnswers,
  requireJson,
  requireJsonIfAny,
  throwErrors,
} from "./guard.ts";
import { describe, documentation, optionalBody } from "./describe.ts";
import { streamEvents } from "./events.ts";
import { refuse, toErrorProblem, toProblem } from "./problem.ts";
import {
  alive,
  auth,
  event,
  instanceStatus,
  launchBody,
  launched,
  openApiDocument,
  refreshed,
  status,
  syncBody,
} from "./schemas.ts";
import { createSetups } from "./token-setups.ts";
import { tokenRoutes } from "./tokens.ts";

export { loopbackHosts } from "./guard.ts";
export type { Problem } from "./schemas.ts";

export interface AppOptions {
  readonly jackin: Jackin;
  /** What callers send as bearer token: at least 16 characters, no white space. */
  readonly token: Secret | string;
  /** `Host` values that are served: a name, for any port, or `name:port`. The names of loopback without it. */
  readonly allowedHosts?: readonly string[];
  /** Browser origins, e.g. `https://app.example`, whose pages may call. None without it. */
  readonly allowedOrigins?: readonly string[];
  /** Told of defects, redacted; nothing is logged without it. */
  readonly log?: (line: string) => void;
  /** Ends what would go on by itself: streams of events, setups of tokens. */
  readonly signal?: AbortSignal;
  /** ms between two signs of life in a stream of events; 15 000 without it */
  readonly heartbeatMs?: number;
  /** Given what goes on after its answer; whoever fires the signal waits for it, since it undoes itself then. */
  readonly waitUntil?: (work: Promise<void>) => void;
  /** ms that an answer about a token's setup waits for another state; 20 000 without it */
  readonly waitMs?: number;
}

/** For a typed client: `hc<AppType>(url)`. */
export type AppType = ReturnType<typeof createApp>;

/** jackin over HTTP: the operations of the command, for other tools. Runs wherever Hono does. */
export function createApp(options: AppOptions) {
  const { jackin, allowedHosts = loopbackHosts, allowedOrigins = [] } = options;
  const token = checkedToken(options.token);
  jackin.redactor.add(token);
  const log = (line: string) => options.log?.(jackin.redactor.redact(line));
  const setups = createSetups({
    jackin,
    log,
    signal: options.signal ?? new AbortController().signal,
    waitUntil: options.waitUntil ?? (() => {}),
    waitMs: options.waitMs ?? 20_000,
  });

  const app = new Hono()
    .use(redactAnswers(jackin.redactor))
    .use(throwErrors)
    .use(checkHost(allowedHosts.map((host) => host.toLowerCase())))
    .use(checkOrigin(allowedOrigins))
    .use(cors({ origin: [...allowedOrigins], allowHeaders: ["authorization", "content-type"] }))
    .use("/v1/*", checkToken(token))
    .get("/healthz", describe("Is the server up?", { 200: alive }, [], { security: [] }), (c) =>
      c.json({ status: "ok" as const }),
    )
    .get("/v1/instances", describe("All instances as they are now", { 200: status }), async (c) =>
      c.json(await jackin.status({ signal: c.req.raw.signal })),
    )
    .post(
      "/v1/instances",
      describe(
        "Start an instance with the agent in it. Closing the connection cancels the launch.",
        { 201: launched },
        ["400", "404", "413", "415", "422", "424", "502", "503"],
      ),
      requireJson,
      limitBody,
      validator("json", launchBody, (result) => {
        if (!result.success) throw refuse("body", result.error, Object.keys(launchBody.entries));
      }),
      async (c) => {
        const { workspace, directory, ...rest } = c.req.valid("json");
        if (workspace !== undefined) await requireWorkspace(jackin, workspace);
        const target = workspace ?? directory;
        const answer = await jackin.load({ target, ...rest }, { signal: c.req.raw.signal });
        const notices = [...answer.notices, ...(await ensureKept(jackin))];
        c.header("location", `/v1/instances/${answer.instance.instance}`);
        return c.json({ ...answer, notices }, 201);
      },
    )
    .get(
      "/v1/instances/:id",
      describe("One instance as it is now", { 200: instanceStatus }, ["404"]),
      async (c) => {
        const { instances } = await jackin.status({ signal: c.req.raw.signal });
        const id = c.req.param("id");
        const found = instances.find(({ instance }) => instance === id);
        if (found) return c.json(found);
        const near = didYouMean(
          id,
          instances.map(({ instance }) => instance),
        );
        throw new JackinError({ code: "not-found", message: `No instance "${id}".${near}` });
      },
    )
    .delete(
      "/v1/instances/:id",
      describe("Stop an instance; its folder stays", { 200: instanceStatus }, ["404"]),
      // Without the request's signal: a stop that was asked for is finished, also when nobody waits for the answer.
      async (c) => c.json(await jackin.eject(c.req.param("id"))),
    )
    .get(
      "/v1/auth",
      describe("Which mode each launch would have, and how each mode is doing", { 200: auth }),
      async (c) => {
        const { config } = await jackin.config();
        const modes = await authHealth(jackin, { signal: c.req.raw.signal });
        return c.json({ effective: effectiveModes(config), modes });
      },
    )
    .post(
      "/v1/auth/sync",
      limitBody,
      requireJsonIfAny,
      validator("json", syncBody, (result) => {
        if (!result.success) throw refuse("body", result.error, Object.keys(syncBody.entries));
      }),
      // After the validator, which would say that its body has to be there.
      describe(
        "Give running instances, one or all, the login that a launch would give them now",
        { 200: refreshed },
        ["400", "404", "409", "413", "415", "422", "424"],
        { requestBody: optionalBody },
      ),
      async (c) => {
        const { instance } = c.req.valid("json");
        return c.json(await jackin.refresh(instance, { signal: c.req.raw.signal }));
      },
    )
    .route("/v1/tokens", tokenRoutes(jackin, setups))
    .get(
      "/v1/events",
      describe(
        "What happens to agents and their logins from now on, as server-sent events; each has the name of its kind",
        { 200: event },
        [],
        { type: "text/event-stream" },
      ),
      (c) =>
        streamEvents(c, jackin, { log, signal: options.signal, heartbeatMs: options.heartbeatMs }),
    );

  app.get(
    "/openapi.json",
    describe("This document", { 200: openApiDocument }, [], { security: [] }),
    openAPIRouteHandler(app, { documentation, excludeStaticFile: false }),
  );
  app.notFound((c) =>
    toProblem(c, {
      code: "not-found",
      message: `There is no ${c.req.method} ${c.req.path}.`,
      hint: "See /openapi.json for what there is.",
    }),
  );
  app.onError((error, c) => toErrorProblem(c, error, log));
  return app;
}

function checkedToken(token: Secret | string): Secret {
  const secret = typeof token === "string" ? createSecret(token) : token;
  if (/^[\x21-\x7e]{16,}$/.test(secret.reveal())) return secret;
  throw new JackinError({
    code: "usage",
    message: "The API's token must have at least 16 characters, printable ASCII without spaces.",
    hint: "openssl rand -hex 32",
  });
}

/** A keeper that cannot be started is no failure of a launch. */
async function ensureKept(jackin: Jackin): Promise<readonly Notice[]> {
  try {
    await jackin.ensureKept();
    return [];
  } catch (error) {
    return [toWarning(error, "Nobody keeps it signed in: ")];
  }
}

/** Core also takes a path where a name is given; over HTTP the two have a key each. */
async function requireWorkspace(jackin: Jackin, name: string): Promise<void> {
  const known = Object.keys((await jackin.config()).config.workspaces ?? {});
  if (known.includes(name)) return;
  throw new JackinError({
    code: "not-found",
    message: `No workspace "${name}".${didYouMean(name, known)}`,
    hint: "jackin workspace list",
  });
}
