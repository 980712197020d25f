/**
 * Secrets are nowhere but with the agent. Needs root: it reads what Docker keeps and the environment of every process.
 *
 * Who may have what, and nobody else:
 * - `login` (the host's access token): in mode sync a file in the container's memory; no environment, no arguments.
 * - `refresh`: nothing of the container, in no mode; the host's own file only.
 * - `token` (long-lived, by `op://`): the environment of the agent, in mode token; with `deliver = "file"` a file in the
 *   container's memory.
 * - `api` (a variable by `op://`): the environment of the agent and of what the agent starts.
 * - `shell` (a variable by `$NAME`): as `api`; and, as the operator has exported it, jackin and the programs that it starts.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { createOp } from "../lab/op/op.ts";
import type { Canary } from "./canary.ts";
import {
  createCanary,
  findIn,
  findInDocker,
  findInFolder,
  findInMemoryFolders,
  findInProcesses,
  newSecret,
} from "./canary.ts";
import { inside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, docker, eventually } from "./operator.ts";
import { watchProcesses } from "./process-watch.ts";
import type { Sighting } from "./process-watch.ts";

const run = promisify(execFile);

let lab: Lab;
let operator: Operator;
let canaries: readonly Canary[];
/** What the operator has exported. */
let exported: Record<string, string>;
let opFolder: string;

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error("This test reads what is root's: run it as root.");
  lab = await startLab({ containers: true });
  operator = await createOperator({ lab });
  const login = lab.newLogin({ account: "host@example.test" });
  const token = lab.newLongLivedToken();
  const [api, shell] = [newSecret(), newSecret()];
  canaries = [
    createCanary("login", login.claudeAiOauth.accessToken),
    createCanary("refresh", login.claudeAiOauth.refreshToken),
    createCanary("token", token),
    createCanary("api", api),
    createCanary("shell", shell),
  ];
  opFolder = await mkdtemp(join(tmpdir(), "jackin-op-"));
  // Characters that a careless shell, CSV or JSON writer would trip over, and the search would not.
  const values = { token, api: `it's "${api}" \\ $HOME`, other: "plain" };
  const op = await createOp(opFolder, {
    accounts: { "my.example": { vaults: { Work: { acme: values } } } },
  });
  exported = {
    PATH: [op.path, operator.env["PATH"]].join(delimiter),
    MY_SHELL: shell,
    JACKIN_DEBUG: "1",
  };
  await lab.signIn(operator.home, login);
  const app = await operator.folder("canary");
  const workspace = (name: string, more = "") => `[workspaces.${name}]
workdir = "${app}"
claude.oauth_token_source = "op://Work/acme/token"
env.API = "op://Work/acme/api"
env.SHELL_VALUE = "$MY_SHELL"
${more}`;
  await operator.configure(
    [
      workspace("canary"),
      workspace("filed", 'claude.token.deliver = "file"\n'),
      workspace("bad", 'env.BAD = "op://Work/acme/nothing"\n'),
    ].join("\n"),
  );
});
afterEach(async () => {
  await operator.jackin(["exile"]);
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  if (opFolder) await rm(opFolder, { recursive: true });
});

const load = (...args: string[]) => operator.jackin(["load", ...args], { env: exported });
const isAgent = (argv: string) => /^claude( |$)/.test(argv);
/** It is the agent, or was started by it. */
const isOfAgent = ({ lineage, byClaude }: Pick<Sighting, "lineage" | "byClaude">) =>
  byClaude || lineage.some(isAgent);
const isJackin = (argv: string) => argv.includes(operator.command.at(-1)!);
/** Whoever has it besides those who may. */
function unexpected(sightings: readonly Sighting[], allowed: readonly string[]): Sighting[] {
  const mayHave = (seen: Sighting) =>
    seen.where === "environ" &&
    (seen.inContainer
      ? allowed.includes(seen.canary) && isOfAgent(seen)
      : seen.canary === "shell" && seen.lineage.some(isJackin));
  return sightings.filter((seen) => !mayHave(seen));
}

/** What is left on the machine: all of jackin's folders, its configuration too, and whatever others can read. */
async function findLeft(since: number): Promise<string[]> {
  const newAndPublic = ["-perm", "/o=r", "-newerct", `@${since / 1000 - 1}`];
  const folders = ["/tmp", "/var/tmp", "/dev/shm", tmpdir()];
  const found = [
    await findInFolder(operator.home, canaries, "-not", "-path", `${operator.home}/.claude/*`),
    ...(await Promise.all(folders.map((one) => findInFolder(one, canaries, ...newAndPublic)))),
  ];
  return found.flat();
}

it("finds what it looks for, in every form", async () => {
  const secret = newSecret();
  const canary = createCanary("it", secret);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const texts = [
    secret,
    JSON.stringify({ a: `"${secret}"` }),
    base64(secret),
    base64(`a${secret}b`),
    base64(`ab${secret}`),
    Buffer.from(secret).toString("hex"),
    secret.slice(0, 30),
    secret.slice(-30),
  ];
  expect(texts.map((text) => findIn(`before ${text} after`, [canary]))).toEqual(
    texts.map(() => ["it"]),
  );
  expect(findIn(newSecret(), [canary])).toEqual([]);
  expect(await findInFolder(`${operator.home}/.claude`, canaries)).toEqual([
    `login in ${operator.home}/.claude/.credentials.json`,
    `refresh in ${operator.home}/.claude/.credentials.json`,
  ]);
});

it.each([
  ["canary", "sync", ["api", "shell"], ["login in /jackin/run/credentials/.credentials.json"]],
  ["canary", "token", ["api", "shell", "token"], []],
  ["filed", "token", ["api", "shell"], ["token in /jackin/run/credentials/.credentials.json"]],
  ["canary", "ignore", ["api", "shell"], []],
] as const)(
  "%s, %s: only the agent's own process has secrets",
  async (name, mode, allowed, inMemory) => {
    const container = `jackin-${name}`;
    const since = Date.now();
    await using watch = await watchProcesses(canaries);
    const detached = await load(name, "--auth", mode, "--detach");
    expect(detached).toMatchObject({ code: 0, stdout: `${name}\n` });
    const agent = await eventually("the agent has its number and its name", async () => {
      const argv = await inside(container, "tr '\\0' ' ' < /proc/$(cat /jackin/run/pid)/cmdline");
      return isAgent(argv) && Number(await inside(container, "cat /jackin/run/pid"));
    });
    const { holders, pids } = await findInProcesses(container, canaries);
    const own = holders.filter((holder) => holder.inside === agent);
    expect.soft(own.map(({ canary }) => canary).sort()).toEqual(allowed);
    expect.soft(holders.filter((holder) => !isOfAgent(holder))).toEqual([]);
    expect(pids.length).toBeGreaterThan(own.length);
    expect.soft(await findInMemoryFolders(own[0]!.pid, canaries)).toEqual(inMemory);
    const screen = await inside(container, "tmux -S /jackin/run/tmux capture-pane -p -S -");
    expect.soft(findIn(screen, canaries)).toEqual([]);
    expect.soft(await findInDocker(container, since, canaries)).toEqual([]);

    const printed = await load(name, "--auth", mode, "--print", "ping");
    expect(printed.code, printed.stderr).toBe(mode === "ignore" ? 1 : 0);
    const status = await operator.jackin(["status", "--json"], { env: exported });
    const sightings = await watch.stop();
    for (const { stdout, stderr } of [detached, printed, status])
      expect.soft(findIn(stdout + stderr, canaries)).toEqual([]);
    expect.soft(unexpected(sightings, allowed)).toEqual([]);
    // The agent was seen with its own, so that the watcher has not looked past it.
    const agents = sightings.filter((seen) => seen.inContainer && isAgent(seen.lineage[0]!));
    expect.soft([...new Set(agents.map(({ canary }) => canary))].sort()).toEqual(allowed);
    expect.soft(await findLeft(since)).toEqual([]);
  },
);

/** Dockerfiles of images with which no agent comes up. */
const broken = {
  "an image without claude": "FROM debian:bookworm-slim",
  "a container that dies at start": "FROM debian:bookworm-slim\nRUN rm /usr/bin/mkfifo",
} as const;

it.each([
  ["an image without claude", "sync", 1],
  ["a container that dies at start", "token", 1],
  ["a reference to nothing", "token", 3],
] as const)("a failing launch, %s, mode %s: nobody has them", async (what, mode, code) => {
  const tag = `jackin-canary:${newSecret().toLowerCase()}`;
  const image = what in broken ? broken[what as keyof typeof broken] : undefined;
  if (image !== undefined) await build(tag, image);
  try {
    const since = Date.now();
    await using watch = await watchProcesses(canaries);
    const failed = await load(
      ...(image === undefined ? ["bad"] : ["canary", "--image", tag]),
      "--auth",
      mode,
      "--detach",
      "--json",
    );
    const sightings = await watch.stop();
    expect(failed.code, failed.stderr).toBe(code);
    expect.soft(findIn(failed.stdout + failed.stderr, canaries)).toEqual([]);
    expect.soft(unexpected(sightings, [])).toEqual([]);
    expect(await operator.containers()).toEqual([]);
    expect.soft(await findLeft(since)).toEqual([]);
  } finally {
    if (image !== undefined) await docker("rmi", tag);
  }
});

async function build(tag: string, dockerfile: string): Promise<void> {
  const built = run("docker", ["build", "-q", "-t", tag, "-"]);
  built.child.stdin!.end(dockerfile);
  await built;
}
