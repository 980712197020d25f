/** What goes wrong with a launch: one clear message, nothing left that jackin does not know, and the next `load` works. */
import { execFile } from "node:child_process";
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { dockerEvent, recordOf, settled } from "./moments.ts";
import { createOperator, docker, eventually, installForAll } from "./operator.ts";
import type { CallInit, Operator, Outcome } from "./operator.ts";

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let lab: Lab;
let operator: Operator;
/** jackin's own image. */
let ownImage: string;
let volumes: string;

/** Containers' names are the machine's: other tests may run beside these. */
let count = 0;
const newName = () => `failing-${process.pid}-${++count}`;

beforeAll(async () => {
  lab = await startLab({ containers: true });
  operator = await createOperator({ lab });
  await operator.configure("");
  // The first launch on a machine builds the image, which takes longer than a test may.
  const name = newName();
  const { code, stderr } = await load(await operator.folder(name));
  expect(code, stderr).toBe(0);
  ownImage = (await statusOf(name))!.image;
  await operator.jackin(["exile"]);
  volumes = await docker("volume", "ls", "-q");
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  // One test's failure is not the next one's.
  const left = await operator.containers();
  if (left.length > 0) await docker("rm", "-f", "-v", ...left);
});

interface Status {
  readonly instance: string;
  readonly state: string;
  readonly image: string;
}

async function statusOf(instance: string, who = operator): Promise<Status | undefined> {
  const { code, stdout, stderr } = await who.jackin(["status", "--json"]);
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as Status[]).find((item) => item.instance === instance);
}

function load(folder: string, args: readonly string[] = [], init: CallInit = {}, who = operator) {
  return who.jackin(["load", folder, "--auth", "ignore", "--detach", ...args], init);
}

/** The lines that say what went wrong; progress comes before them. */
function failure({ stderr }: Outcome): string {
  const at = stderr.search(/^error: /m);
  expect(at, stderr).not.toBe(-1);
  expect(stderr.match(/^error: /gm)).toHaveLength(1);
  return stderr.slice(at);
}

async function expectNothingLeft(instance: string, who = operator): Promise<void> {
  expect(await who.containers()).toEqual([]);
  expect(await docker("volume", "ls", "-q")).toBe(volumes);
  expect(await statusOf(instance, who)).toBeUndefined();
}

async function expectLoads(folder: string, instance: string, who = operator): Promise<void> {
  const outcome = await load(folder, [], {}, who);
  expect(outcome).toMatchObject({ code: 0, stdout: `${instance}\n` });
  expect(await who.containers()).toEqual([`jackin-${instance}`]);
  // It names what ran.
  expect(await who.jackin(["exile"])).toMatchObject({ code: 0, stdout: `${instance}\n` });
  expect(await who.containers()).toEqual([]);
}

describe("without Docker", () => {
  it.each([
    [
      "there is no docker command",
      { PATH: "/nowhere" },
      /There is no docker command/,
      /Install Docker/,
    ],
    [
      "nobody answers at its socket",
      { DOCKER_HOST: "unix:///nowhere/docker.sock" },
      /Docker is installed but does not answer/,
      /Start it/,
    ],
  ])("%s: says so and what to do, --runtime local among it", async (_, env, what, next) => {
    const name = newName();
    const folder = await operator.folder(name);
    const outcome = await load(folder, [], { env });
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(failure(outcome)).toMatch(what);
    expect(failure(outcome)).toMatch(next);
    expect(failure(outcome)).toContain("--runtime local");
    await expectNothingLeft(name);
    await expectLoads(folder, name);
  });

  // Becoming another user takes root.
  it.skipIf(!isRoot)("this user may not talk to it: says how to permit it", async () => {
    await using installed = await installForAll();
    const as = { uid: 2345, gid: 2345, groups: [] };
    await using stranger = await createOperator({ lab, as, installed });
    const name = newName();
    const outcome = await load(await stranger.folder(name), ["--json"], {}, stranger);
    expect(outcome.code).toBe(1);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ error: { code: "runtime-denied" } });
    expect(failure(outcome)).toContain("sudo usermod -aG docker $USER");
    expect(failure(outcome)).toContain("--runtime local");
    await expectNothingLeft(name, stranger);
  });
});

describe("a folder that is gone", () => {
  it("of a workspace: names both", async () => {
    const name = newName();
    const folder = await operator.folder(name);
    await operator.configure(`[workspaces.${name}]\nworkdir = "${folder}"\n`);
    await rm(folder, { recursive: true });
    const outcome = await load(name);
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(failure(outcome)).toBe(
      `error: The folder of workspace ${name} is gone: ${folder}\n→ Bring it back, or point the workspace to where it is now: jackin workspace edit ${name}\n`,
    );
    await expectNothingLeft(name);
    await operator.folder(name);
    await expectLoads(name, name);
  });
});

describe("an image", () => {
  const built: string[] = [];
  afterAll(() => built.length > 0 && docker("rmi", "-f", ...built));

  async function build(dockerfile: string): Promise<string> {
    const tag = `jackin-test:${newName()}`;
    built.push(tag);
    const building = run("docker", ["build", "-q", "-t", tag, "-"]);
    building.child.stdin!.end(dockerfile);
    await building;
    return tag;
  }

  async function expectFailure(image: string, what: RegExp | string): Promise<void> {
    const name = newName();
    const folder = await operator.folder(name);
    const outcome = await load(folder, ["--image", image]);
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(failure(outcome)).toMatch(what);
    expect(failure(outcome)).toMatch(/^→ /m);
    await expectNothingLeft(name);
    await expectLoads(folder, name);
  }

  const program = (path: string, ...lines: string[]) =>
    `RUN printf '%s\\n' '#!/bin/sh' ${lines.map((line) => `'${line}'`).join(" ")} > ${path} && chmod 0755 ${path}\n`;

  it("that does not exist", async () => {
    // A registry that refuses the connection at once.
    await expectFailure(
      "127.0.0.1:9/no/such:1",
      /127\.0\.0\.1:9\/no\/such:1 is not here and cannot be pulled/,
    );
  });

  it("without claude", async () => {
    await expectFailure("debian:bookworm-slim", "The image debian:bookworm-slim has no claude.");
  });

  it("without tmux", async () => {
    const image = await build(
      `FROM debian:bookworm-slim\n${program("/usr/local/bin/claude", "exit 0")}`,
    );
    await expectFailure(image, `The image ${image} has no tmux.`);
  });

  it("whose container dies at its start: the end of its log is shown", async () => {
    const image = await build(
      `FROM ${ownImage}\nUSER root\nVOLUME /data\n${program("/usr/local/bin/sh", "echo the shell is on strike", "exit 7")}`,
    );
    await expectFailure(image, /died at its start[^]*the shell is on strike/);
  });

  it("whose claude ends at once: its last lines are shown", async () => {
    const image = await build(
      `FROM ${ownImage}\nUSER root\nVOLUME /data\n${program("/usr/local/bin/claude", "echo the moon is in the wrong phase", "exit 3")}`,
    );
    await expectFailure(image, /the moon is in the wrong phase/);
  });
});

describe("a build of jackin's own image", () => {
  // The real image stays: a plugin brings the same runtime with a version that nobody has built, and a proxy of this
  // test's own is all that its build can reach for it.
  let proxy: Server;
  let asked: () => void;
  let mode: "refuse" | "hold";
  let dockerConfig: string;

  beforeAll(async () => {
    proxy = createServer().on("connect", (_, socket) => {
      socket.on("error", () => undefined);
      asked();
      if (mode === "refuse") socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    });
    const { hostname } = new URL(lab.forContainers.env["ANTHROPIC_BASE_URL"]!);
    await once(proxy.listen(0, hostname), "listening");
    const address = proxy.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const httpsProxy = `http://${hostname}:${address.port}`;
    dockerConfig = join(operator.home, "docker-config");
    await mkdir(dockerConfig);
    await writeFile(
      join(dockerConfig, "config.json"),
      JSON.stringify({ proxies: { default: { httpsProxy } } }),
    );
    const plugin = join(operator.env["JACKIN_CONFIG_DIR"]!, "other");
    await mkdir(plugin, { recursive: true });
    await writeFile(join(plugin, "package.json"), '{ "type": "module" }');
    const dist = new URL(
      "../../plugins/runtime-docker/index.js",
      pathToFileURL(operator.command.at(-1)!),
    );
    await writeFile(
      join(plugin, "index.js"),
      `import { runtimeDocker } from ${JSON.stringify(dist)};
export default (options) => ({ ...runtimeDocker(options), name: "runtime-other", runtime: "other" });`,
    );
  });
  afterAll(async () => {
    proxy.closeAllConnections();
    proxy.close();
    await operator.configure("");
  });

  async function build(version: string, init: CallInit = {}): Promise<Outcome> {
    await operator.configure(`[plugins."./other"]\nclaudeVersion = "${version}"\n`);
    const folder = await operator.folder(`built-${version}`);
    return await load(folder, ["--runtime", "other"], {
      ...init,
      env: { DOCKER_CONFIG: dockerConfig },
    });
  }

  /** Containers in which a step of the build runs. */
  async function steps(version: string): Promise<string> {
    const ids = (await docker("ps", "-aq", "--filter", "label=jackin.image"))
      .split("\n")
      .filter(Boolean);
    if (ids.length === 0) return "";
    const { stdout } = await run("docker", [
      "inspect",
      "--format",
      "{{.Id}} {{.Config.Env}} {{.Config.Cmd}}",
      ...ids,
    ]).catch((error: { stdout: string }) => error);
    return stdout
      .split("\n")
      .filter((line) => line.includes(version))
      .join("\n");
  }

  it("that fails half-way: its last lines are shown", async () => {
    mode = "refuse";
    asked = () => undefined;
    const version = `0.0.1-${newName()}`;
    const outcome = await build(version);
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(failure(outcome)).toMatch(/could not be built[^]*npm ERR! .*403 Forbidden/);
    expect(failure(outcome)).toMatch(/^→ .*run the same command again/m);
    expect(await docker("images", "-q", `jackin/agent:${version}-*`)).toBe("");
    expect(await steps(version)).toBe("");
    await expectNothingLeft(`built-${version}`);
    await expectLoads(join(operator.home, `built-${version}`), `built-${version}`);
  });

  it("that Ctrl-C interrupts", async () => {
    mode = "hold";
    const version = `0.0.2-${newName()}`;
    const after = new Promise<void>((resolve) => (asked = resolve));
    const outcome = await build(version, { kill: { signal: "SIGINT", group: true, after } });
    expect(outcome).toMatchObject({
      code: 130,
      stdout: "",
      stderr: expect.stringMatching(/\nCancelled\.\n$/),
    });
    expect(await docker("images", "-q", `jackin/agent:${version}-*`)).toBe("");
    await eventually(
      "the end of the build's containers",
      async () => (await steps(version)) === "",
    );
    await expectNothingLeft(`built-${version}`);
    await expectLoads(join(operator.home, `built-${version}`), `built-${version}`);
  });
});

describe("a launch that is interrupted", () => {
  const moments: readonly [string, (instance: string) => Promise<void> | RegExp][] = [
    ["as it begins", () => /./],
    ["when its record is there", (instance) => recordOf(operator, instance)],
    ["when its container is made", () => dockerEvent(operator, /^create/)],
    ["while the container is filled", () => dockerEvent(operator, /^exec_start: sh/)],
    ["while the agent starts", () => dockerEvent(operator, /^exec_start.*begin/)],
  ];

  it.each(moments)("by Ctrl-C %s: cancelled, and nothing is left", async (_, moment) => {
    const name = newName();
    const folder = await operator.folder(name);
    const outcome = await load(folder, [], {
      kill: { signal: "SIGINT", group: true, after: moment(name) },
    });
    expect(outcome).toMatchObject({ code: 130, stdout: "" });
    expect(outcome.stderr).toMatch(/\nCancelled\.\n$/);
    expect(outcome.stderr).not.toContain("error:");
    await expectNothingLeft(name);
    await expectLoads(folder, name);
  });

  it.each(moments.slice(1))(
    "by SIGKILL %s: status and exile know what is left",
    async (_, moment) => {
      const name = newName();
      const folder = await operator.folder(name);
      const { code } = await load(folder, [], { kill: { signal: "SIGKILL", after: moment(name) } });
      expect(code).toBe(137);
      await settled(name);
      const running = await docker("ps", "-q", "--filter", `label=jackin.instance=${name}`);
      const state = (await statusOf(name))?.state;
      if (running !== "") expect(state).toBe("running");
      else expect(state).toBeOneOf(["stopped", undefined]);
      expect(await operator.jackin(["exile"])).toMatchObject({
        code: 0,
        stdout: running === "" ? "" : `${name}\n`,
      });
      expect(await operator.containers()).toEqual([]);
      expect(await docker("volume", "ls", "-q")).toBe(volumes);
      await expectLoads(folder, name);
    },
  );

  it("by SIGKILL, and started again at once: takes over what is left, under the same name", async () => {
    const name = newName();
    const folder = await operator.folder(name);
    const after = dockerEvent(operator, /^create/);
    await load(folder, [], { kill: { signal: "SIGKILL", after } });
    await expectLoads(folder, name);
  });

  it("by SIGKILL in the middle of a headless turn: status knows the agent, and the next launch takes its place", async () => {
    await lab.signIn(operator.home, lab.newLogin());
    const release = lab.hold();
    const name = newName();
    const folder = await operator.folder(name);
    const seen = lab.seen.length;
    const after = eventually("the turn", async () =>
      lab.seen.slice(seen).some((call) => call.kind === "message"),
    );
    const args = ["load", folder, "--auth", "sync", "--print", "ping"];
    const { code } = await operator.jackin(args, { kill: { signal: "SIGKILL", after } });
    expect(code).toBe(137);
    expect(await statusOf(name)).toMatchObject({ state: "running" });
    expect(await load(folder)).toMatchObject({ code: 0, stdout: `${name}\n` });
    release();
    expect(await operator.jackin(["exile"])).toMatchObject({ code: 0, stdout: `${name}\n` });
    expect(await operator.containers()).toEqual([]);
  });
});

// Mounting takes root.
describe.skipIf(!isRoot)("a full disk", () => {
  let poor: Operator;
  const ballast = () => join(poor.state, "ballast");

  beforeAll(async () => {
    poor = await createOperator({ lab });
    await poor.configure("");
    await mkdir(poor.state);
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "jackin-test", poor.state]);
  });
  afterAll(async () => {
    await run("umount", ["-l", poor.state]);
    await poor[Symbol.asyncDispose]();
  });

  afterEach(() => rm(ballast(), { force: true }));

  /** Leaves room for that many files of a page. */
  async function fill(pages: number): Promise<void> {
    const { bavail, bsize } = await statfs(poor.state);
    await writeFile(ballast(), new Uint8Array((bavail - pages) * bsize));
  }

  // Two are enough for the lock and the record, not for what the agent is given.
  it.each([0, 2])("with room for %i files: says so, and nothing is left", async (pages) => {
    const name = newName();
    const folder = await poor.folder(name);
    await fill(pages);
    const outcome = await load(folder, [], {}, poor);
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(failure(outcome)).toMatch(/no space[^]*df -h/i);
    await expectNothingLeft(name, poor);
    await rm(ballast());
    await expectLoads(folder, name, poor);
  });

  it("does not keep agents from being stopped", async () => {
    const name = newName();
    await load(await poor.folder(name), [], {}, poor);
    await fill(0);
    expect(await poor.jackin(["exile"])).toMatchObject({ code: 0, stdout: `${name}\n` });
    await rm(ballast());
    expect(await poor.containers()).toEqual([]);
    expect(await statusOf(name, poor)).toMatchObject({ state: "stopped" });
  });
});
