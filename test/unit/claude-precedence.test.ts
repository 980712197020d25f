import { execa } from "execa";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bearsOnSignIn, toCredential, toSettingsLayer } from "../../core/index.ts";
import type { SettingsLayer } from "../../core/index.ts";
import { environment, explain } from "../../core/explain.ts";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";

/** Values name their place, so that what the API is shown tells which one was used. */
interface Place {
  readonly env?: Record<string, string>;
  readonly user?: object | string;
  readonly project?: object;
  readonly local?: object;
}

const auth = (value: string) => ({ env: { ANTHROPIC_AUTH_TOKEN: value } });
const account = (value: string) => ({ env: { CLAUDE_CODE_OAUTH_TOKEN: value } });
const helper = (value: string) => ({ apiKeyHelper: value && `echo ${value}` });

// What 2.1.330 does with an API key and a helper at once is left out: it presents both.
const cases: Readonly<Record<string, Place>> = {
  "the login alone": {},
  "settings before the environment": { env: { ANTHROPIC_AUTH_TOKEN: "env" }, user: auth("user") },
  "the highest layer": { user: auth("user"), project: auth("project"), local: auth("local") },
  "a layer that sets it to nothing": {
    env: { ANTHROPIC_AUTH_TOKEN: "env" },
    user: auth("user"),
    project: auth(""),
  },
  "an empty variable": { env: { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: " " } },
  "a token before a key": { env: { ANTHROPIC_AUTH_TOKEN: "env", ANTHROPIC_API_KEY: "key" } },
  "a key before an account": { env: { ANTHROPIC_API_KEY: "env", CLAUDE_CODE_OAUTH_TOKEN: "x" } },
  "a helper before an account": {
    env: { CLAUDE_CODE_OAUTH_TOKEN: "env" },
    user: helper("user"),
    project: helper("project"),
  },
  "a helper that is set to nothing": { user: helper("user"), project: helper("") },
  "no account of a project": { project: account("project"), local: account("local") },
  "an account of the user": { env: { CLAUDE_CODE_OAUTH_TOKEN: "env" }, user: account("user") },
  "nothing of settings that cannot be used": { user: { ...auth("user"), apiKeyHelper: 5 } },
  "a switch that is off": { user: { env: { CLAUDE_CODE_USE_BEDROCK: "0" } } },
};

describe("what Claude Code uses is what is explained", { timeout: 120_000 }, () => {
  let lab: Lab;
  const homes: string[] = [];
  beforeAll(async () => {
    lab = await startLab();
    return () => lab[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    for (const home of homes) await rm(home, { recursive: true, force: true });
  });

  it.concurrent.each(Object.entries(cases))("%s", async (_, { env = {}, ...settings }) => {
    const home = await mkdtemp(join(tmpdir(), "lab-home-"));
    homes.push(home);
    const workdir = join(home, "work");
    await mkdir(join(workdir, ".claude"), { recursive: true });
    const login = { claudeAiOauth: { accessToken: "login", scopes: ["user:inference"] } };
    const credentials = await lab.signIn(home, login);
    const layers: SettingsLayer[] = [];
    for (const [layer, path] of [
      ["local", join(workdir, ".claude/settings.local.json")],
      ["project", join(workdir, ".claude/settings.json")],
      ["user", join(home, ".claude/settings.json")],
    ] as const) {
      if (settings[layer] === undefined) continue;
      await writeFile(path, JSON.stringify(settings[layer]));
      layers.push(toSettingsLayer(layer, path, await readFile(path, "utf8")));
    }
    const used = await usedBy({ ...lab.hostClaude(home), ...env }, workdir);

    const names = Object.keys(env).filter((name) => bearsOnSignIn(name) && env[name]!.trim());
    const credential = await toCredential(await readFile(credentials, "utf8"));
    const rows = explain(
      { env: names, settings: layers, credential: { ...credential, path: credentials } },
      { mode: "sync", now: 0 },
    );
    const { where, source } = rows.find(({ state }) => state === "wins")!;
    const place = layers.find(({ path }) => path === where)?.layer;
    expect(used).toBe(where === environment ? "env" : (place ?? source));
  });
});

/** What a turn presents to the API, which refuses it. */
async function usedBy(env: Record<string, string>, cwd: string): Promise<string | undefined> {
  let used: string | undefined;
  const body = JSON.stringify({
    type: "error",
    error: { type: "authentication_error", message: "Invalid authentication credentials" },
  });
  await using server = createServer((request, response) => {
    const { authorization, "x-api-key": key } = request.headers;
    if (request.url?.startsWith("/v1/messages"))
      used ??= authorization?.replace("Bearer ", "") ?? String(key);
    request.resume().on("end", () => {
      response.writeHead(request.method === "HEAD" ? 200 : 401, {
        "content-type": "application/json",
      });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const base = { ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`, CLAUDE_CODE_MAX_RETRIES: "0" };
  await execa("claude", ["-p", "hello"], {
    env: { ...env, ...base },
    extendEnv: false,
    cwd,
    input: "",
    reject: false,
  });
  return used;
}
