/** The app over a jackin that is scripted, for its tests on every runtime. */
import { expect } from "vitest";
import * as v from "valibot";
import { createRedactor, createSecret } from "../../core/index.ts";
import type {
  Host,
  InstanceStatus,
  Jackin,
  Launched,
  LaunchRequest,
  Refreshed,
} from "../../core/index.ts";
import { createApp } from "./index.ts";
import type { AppOptions } from "./index.ts";
import * as schemas from "./schemas.ts";

export const token = "token-canary-0123456789abcdef";
export const running: InstanceStatus = {
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
  alert: { at: 2, text: "was refused", next: "jackin auth sync my-app" },
};
export const launch: Launched = {
  instance: running,
  line: "claude auth: forwarded host session (sync)",
  sharedWith: ["other"],
  notices: [{ level: "info", text: "one more", next: "jackin hardline my-app" }],
};

export const refreshed: Refreshed = {
  instance: "my-app",
  outcome: "updated",
  text: "has the login that the host has now",
  expiresAt: 99,
  notices: [],
};

export function setUp(jackin: Partial<Jackin> = {}, options: Partial<AppOptions> = {}) {
  const requests: LaunchRequest[] = [];
  const ejected: string[] = [];
  const synced: string[] = [];
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
    refresh: async (instance = "all") => (synced.push(instance), [refreshed]),
    ensureKept: async () => {},
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
  return { app, call, post, requests, ejected, synced, jackin: fake };
}

export async function problemOf(answer: Response): Promise<schemas.Problem> {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const problem = v.parse(v.strictObject(schemas.problem.entries), await answer.json());
  expect(problem.status).toBe(answer.status);
  expect(problem.type).toBe(`urn:jackin:error:${problem.code}`);
  return problem;
}
