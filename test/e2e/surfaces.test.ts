/** One launch by three ways: the command, curl at `jackin serve`, and the program in `examples`. */
import { execFile, spawn } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { codeFor } from "../lab/sign-in.ts";
import { inside, lookInside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, docker, eventually } from "./operator.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

interface Launched {
  readonly instance: Readonly<Record<string, unknown>> & { readonly instance: string };
  readonly line: string;
  readonly sharedWith: readonly string[];
  readonly notices: readonly { readonly text: string; readonly next?: string }[];
}

interface Container {
  readonly Image: string;
  readonly Args: unknown;
  readonly Config: Readonly<Record<string, unknown>> & {
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly { readonly Destination: string }[];
}

const secret = "a value that only the agent has";
let lab: Lab;
let operator: Operator;
let app: string;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await startLab({ containers: true });
  operator = await createOperator({ lab });
  app = await operator.folder("surfaces");
  env = { ...operator.env, MY_API: secret };
  await lab.signIn(operator.home, lab.newLogin({ account: "me@example.test" }));
  // Something to tell, so that the notices have more in them than the way to detach.
  await operator.configure(
    [
      `[workspaces.surfaces]\nworkdir = "${app}"`,
      `env.API = "$MY_API"`,
      `env.CLAUDE_CODE_OAUTH_TOKEN = "$MY_TOKEN"`,
      `claude.auth_forward = "copy"`,
    ].join("\n"),
  );
});
afterEach(async () => {
  await operator.jackin(["exile"]);
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** What is there after a launch; then everything of it is gone, so that the next one begins the same. */
async function takeAll(end: () => Promise<unknown>) {
  expect(await operator.containers()).toEqual(["jackin-surfaces"]);
  await eventually("the agent", () =>
    inside("jackin-surfaces", "grep -qa ^claude /proc/$(cat /jackin/run/pid)/cmdline").then(
      () => true,
      () => false,
    ),
  );
  const [seen] = JSON.parse(await docker("inspect", "jackin-surfaces")) as [Container];
  const { env: environ, ...logins } = await lookInside("jackin-surfaces");
  const { HOSTNAME: _name, ...known } = environ;
  const argv = await inside("jackin-surfaces", "cat /proc/$(cat /jackin/run/pid)/cmdline");
  const agent = { ...logins, env: known, argv: argv.split("\0") };
  await end();
  expect(await operator.containers()).toEqual([]);
  expect(await operator.jackin(["purge", "surfaces", "--yes"])).toMatchObject({ code: 0 });
  const { Hostname: _, ...config } = seen.Config;
  const { "jackin.started": started, ...labels } = config.Labels;
  expect(Number(started)).toBeGreaterThan(0);
  const { HostConfig, Image, Args } = seen;
  // Docker tells these in any order.
  const Env = config.Env.toSorted();
  const Mounts = seen.Mounts.toSorted((a, b) => (a.Destination < b.Destination ? -1 : 1));
  return {
    container: { Config: { ...config, Env, Labels: labels }, HostConfig, Image, Args, Mounts },
    agent,
  };
}

async function byCommand() {
  const { code, stdout, stderr } = await operator.jackin(
    ["load", "surfaces", "--detach", "--json"],
    { env },
  );
  expect(code, stderr).toBe(0);
  expect(stdout + stderr).not.toContain(secret);
  const eject = () => operator.jackin(["eject", "surfaces"]);
  return { launched: JSON.parse(stdout) as Launched, stderr, ...(await takeAll(eject)) };
}

async function byCurl() {
  await using server = await serve();
  const call = async (method: string, path: string, body?: object) => {
    // The header goes in by stdin: curl's arguments can be read by everyone.
    const asked = run("curl", [
      "--silent",
      "--show-error",
      "--config",
      "-",
      "--request",
      method,
      "--write-out",
      "\n%{http_code}",
      ...(body ? ["--json", JSON.stringify(body)] : []),
      server.url + path,
    ]);
    asked.child.stdin!.end(`header = "Authorization: Bearer ${server.token}"\n`);
    const { stdout } = await asked;
    expect(stdout).not.toContain(secret);
    const at = stdout.lastIndexOf("\n");
    return {
      status: Number(stdout.slice(at + 1)),
      body: JSON.parse(stdout.slice(0, at)) as unknown,
    };
  };
  const started = await call("POST", "/v1/instances", { workspace: "surfaces" });
  expect(started).toMatchObject({ status: 201 });
  expect(await call("GET", "/v1/instances/surfaces")).toMatchObject({
    status: 200,
    body: { instance: "surfaces", state: "running" },
  });
  const remove = async () =>
    expect(await call("DELETE", "/v1/instances/surfaces")).toMatchObject({
      status: 200,
      body: { instance: "surfaces", state: "stopped" },
    });
  return { launched: started.body as Launched, ...(await takeAll(remove)) };
}

/** `jackin serve` on a free port, with the token that it made. */
async function serve(): Promise<AsyncDisposable & { url: string; token: string }> {
  const [program, ...first] = operator.command;
  const child = spawn(program!, [...first, "serve", "--port", "0"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [listens, kept] = [await lines.next(), await lines.next()].map(({ value }) =>
    String(value),
  );
  const file = /token is in (.*)$/.exec(kept!)![1]!;
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  return {
    url: /http:\S+$/.exec(listens!)![0],
    token: (await readFile(file, "utf8")).trim(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** The example as it is, against the package as others import it. */
async function byProgram() {
  const args = ["examples/embed.ts", app];
  const { stdout } = await run(process.execPath, args, { cwd: root, env });
  expect(stdout).not.toContain(secret);
  const eject = () => operator.jackin(["eject", "surfaces"]);
  return { stdout, ...(await takeAll(eject)) };
}

it("is the same container, with the same labels and notices, by each way", async () => {
  const command = await byCommand();
  const curl = await byCurl();
  const program = await byProgram();

  expect(command.container).toMatchObject({
    Config: {
      Env: expect.arrayContaining(["CLAUDE_CONFIG_DIR=/jackin/claude"]),
      Labels: { "jackin.instance": "surfaces", "jackin.workspace": "surfaces" },
    },
    HostConfig: {
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Init: true,
      PidsLimit: expect.any(Number),
      Tmpfs: { "/jackin/run": expect.stringContaining("mode=0700") },
      Privileged: false,
    },
  });
  expect(command.agent.env).toMatchObject({ API: secret });
  expect(command.agent.forwarded).toMatchObject({ claudeAiOauth: expect.anything() });
  expect(JSON.stringify(command.container)).not.toContain(secret);
  for (const other of [curl, program]) {
    expect(other.container).toEqual(command.container);
    expect(other.agent).toEqual(command.agent);
  }

  const { line, notices } = command.launched;
  expect(line).toBe("claude auth: forwarded host session (sync)");
  expect(notices.map(({ text }) => text)).toEqual([
    expect.stringMatching(/"copy" .* is read as "sync"/),
    "CLAUDE_CODE_OAUTH_TOKEN (workspace surfaces) is not used in mode sync",
    expect.stringContaining("jackin hardline surfaces"),
  ]);
  const untimed = ({ instance, ...rest }: Launched) => {
    const { startedAt, ...others } = instance;
    expect(startedAt).toEqual(expect.any(Number));
    return { ...rest, instance: others };
  };
  expect(untimed(curl.launched)).toEqual(untimed(command.launched));
  expect(program.stdout.split("\n")).toEqual([
    `surfaces runs (${line})`,
    ...notices.flatMap(({ text, next }) => (next ? [text, `  ${next}`] : [text])),
    "",
  ]);
});

it("refuses the same by each way: one code, one hint", async () => {
  const missing = `${app}/nowhere`;
  const command = await operator.jackin(["load", missing, "--detach", "--json"], { env });
  const told = JSON.parse(command.stdout) as { error: { message: string; hint?: string } };
  expect(command.code).toBe(1);
  await using server = await serve();
  const answer = await fetch(`${server.url}/v1/instances`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    body: JSON.stringify({ directory: missing }),
  });
  const { detail, hint, code } = (await answer.json()) as Record<string, string>;
  expect({ message: detail, hint, code }).toEqual(told.error);
  const program = run(process.execPath, ["examples/embed.ts", missing], { cwd: root, env });
  await expect(program).rejects.toThrow(told.error.message);
  expect(await operator.containers()).toEqual([]);
});

it("makes a token by HTTP that no answer holds, and takes back what is unfinished when it ends", async () => {
  type Setup = Readonly<Record<"id" | "state" | "url" | "refused", string>>;
  const told: string[] = [];
  {
    await using server = await serve();
    const call = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${server.url}/v1/tokens${path}`, {
        method,
        headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      told.push(text);
      return JSON.parse(text) as Setup;
    };
    const until = async ({ id, state }: Setup, wanted: RegExp) => {
      let now = await call("GET", `/setups/${id}?after=${state}`);
      while (!wanted.test(now.state)) now = await call("GET", `/setups/${id}?after=${now.state}`);
      return now;
    };
    const begin = async (body: object) => {
      const begun = await call("POST", "/setups", body);
      return begun.state === "start" ? await until(begun, /url|failed/) : begun;
    };
    const begun = await begin({ workspace: "surfaces", place: "file", probe: true });
    expect(begun).toMatchObject({ state: "url", url: expect.stringContaining("https://") });
    const give = (code: string) => call("POST", `/setups/${begun.id}/code`, { code });
    const again = await until(await give(`wrong#${"x".repeat(43)}`), /url|failed/);
    expect(again).toMatchObject({ state: "url", refused: expect.stringMatching(/\w/) });
    const done = await until(await give(codeFor(lab, again.url)), /done|failed|cancelled/);
    expect(done).toMatchObject({ state: "done", entry: { isOurs: true, provenBy: "turn" } });
    expect(await begin({ place: "file" })).toMatchObject({ state: "url" });
    expect(await readdir(join(operator.state, "captures"))).toHaveLength(1);
  }
  expect(await readdir(join(operator.state, "captures"))).toEqual([]);
  const config = await readFile(join(operator.home, "config/config.toml"), "utf8");
  const stored = [...config.matchAll(/oauth_token_source = "file:\/\/([^"]+)"/g)];
  expect(stored).toHaveLength(1);
  const token = (await readFile(stored[0]![1]!, "utf8")).trim();
  expect(token).toMatch(/^sk-ant-oat01-[\w-]{95}$/);
  expect(told.join("\n")).not.toContain(token.slice(13, 33));
});
