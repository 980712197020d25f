/** An operator of jackin on this machine, for the end-to-end tests: own home, own configuration, own instances. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { claudeBin } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { readProc } from "./proc.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The lab's certificate in each workspace; `NODE_EXTRA_CA_CERTS` may name it. */
export const labCertificate = "lab-ca.pem";

export interface OperatorOptions {
  readonly lab: Lab;
  /** Runs everything as this user, with no other group than `groups`. Needs root. Default: who runs the tests. */
  readonly as?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** Where jackin is installed; default: this checkout, built. */
  readonly installed?: Installed;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallInit {
  readonly env?: Record<string, string | undefined>;
  readonly cwd?: string;
  readonly input?: string;
  readonly kill?: Kill;
}

export interface Kill {
  readonly signal: NodeJS.Signals;
  /** When it resolves, or when stderr says this. */
  readonly after: Promise<unknown> | RegExp;
  /** The programs that jackin runs get it too, as by Ctrl-C on a terminal. */
  readonly group?: boolean;
}

export interface Operator extends AsyncDisposable {
  readonly home: string;
  readonly state: string;
  readonly env: Record<string, string>;
  /** The command line that runs jackin, for a terminal. */
  readonly command: readonly string[];
  /** Gives everything in the home to the operator, after the test wrote there. */
  own(): Promise<void>;
  /** A new folder for a workspace. */
  folder(name: string): Promise<string>;
  /** Writes `config.toml` and after it the lab's variables as `[env]`, unless `bare`. */
  configure(toml: string, options?: { bare?: boolean }): Promise<void>;
  jackin(args: readonly string[], init?: CallInit): Promise<Outcome>;
  /** The name of an instance's container. */
  container(instance: string): Promise<string>;
  /** The names of this operator's containers, running or not. */
  containers(): Promise<readonly string[]>;
}

export async function createOperator(options: OperatorOptions): Promise<Operator> {
  const { lab, as } = options;
  const installed = options.installed ?? inPlace();
  const home = await realpath(await mkdtemp(join(tmpdir(), "jackin-operator-")));
  const state = join(home, ".jackin");
  const own = async (path: string) => as && (await chown(path, as.uid, as.gid));
  await own(home);
  const env: Record<string, string> = {
    ...lab.hostClaude(home),
    ...(options.installed && { PATH: [installed.bin, process.env["PATH"]].join(delimiter) }),
    HOME: home,
    JACKIN_HOME_DIR: state,
    JACKIN_CONFIG_DIR: join(home, "config"),
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
  };
  const asUser = as
    ? [
        "setpriv",
        `--reuid=${as.uid}`,
        `--regid=${as.gid}`,
        as.groups.length > 0 ? `--groups=${as.groups.join(",")}` : "--clear-groups",
      ]
    : [];
  const command = [...asUser, installed.node, installed.main];

  async function jackin(args: readonly string[], init: CallInit = {}): Promise<Outcome> {
    const [program, ...first] = command;
    const child = spawn(program!, [...first, ...args], {
      cwd: init.cwd ?? home,
      env: { ...env, ...init.env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: init.kill?.group === true,
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.stdin.on("error", () => undefined).end(init.input ?? "");
    if (init.kill) void killIt(child, init.kill);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      // What a killed jackin had started goes on, and may keep its output open.
      child.once(init.kill?.signal === "SIGKILL" ? "exit" : "close", (status, signal) =>
        resolve(status ?? (signal === "SIGKILL" ? 137 : 143)),
      );
    });
    return { code, ...output };
  }

  async function containers(instance?: string): Promise<readonly string[]> {
    const labels = [
      `label=jackin.home=${state}`,
      ...(instance === undefined ? [] : [`label=jackin.instance=${instance}`]),
    ];
    const filters = labels.flatMap((label) => ["--filter", label]);
    const { stdout } = await run("docker", ["ps", "-a", ...filters, "--format", "{{.Names}}"]);
    return stdout.split("\n").filter(Boolean);
  }

  return {
    home,
    state,
    env,
    command,
    jackin,
    containers: () => containers(),
    async container(instance) {
      const [name] = await containers(instance);
      if (name === undefined) throw new Error(`no container of ${instance}`);
      return name;
    },
    async own() {
      if (as) await run("chown", ["-R", `${as.uid}:${as.gid}`, home]);
    },
    async folder(name) {
      const path = join(home, name);
      await mkdir(path, { recursive: true });
      await own(path);
      // Renewals inside a container need the lab's certificate; the workspace is what a container has of this machine.
      await cp(lab.caPath, join(path, labCertificate));
      await chmod(join(path, labCertificate), 0o644);
      return path;
    },
    async configure(toml, { bare } = {}) {
      const folder = env["JACKIN_CONFIG_DIR"]!;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { NODE_EXTRA_CA_CERTS: _, ...reach } = lab.forContainers.env;
      const lines = Object.entries(reach).map(
        ([key, value]) => `${key} = ${JSON.stringify(value)}`,
      );
      const path = join(folder, "config.toml");
      await writeFile(path, bare ? toml : `${toml}\n[env]\n${lines.join("\n")}\n`, { mode: 0o600 });
      await own(folder);
      await own(path);
    },
    async [Symbol.asyncDispose]() {
      await endKeepers(state);
      const left = await containers();
      if (left.length > 0) await run("docker", ["rm", "-f", ...left]);
      // What was just stopped may still write its last file.
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}

/** A keeper outlives the command that started it, and its home must not go before it. */
async function endKeepers(state: string): Promise<void> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const keepers = pids.filter(
    (pid) =>
      readProc(pid, "cmdline").endsWith("\0keeper\0run\0") &&
      readProc(pid, "environ").split("\0").includes(`JACKIN_HOME_DIR=${state}`),
  );
  for (const pid of keepers) process.kill(pid, "SIGTERM");
  await eventually("the end of the keeper", async () =>
    keepers.every((pid) => readProc(pid, "cmdline") === ""),
  );
}

async function killIt(child: ChildProcessWithoutNullStreams, kill: Kill): Promise<void> {
  const { signal, after, group } = kill;
  let seen = "";
  if (after instanceof RegExp)
    await new Promise<void>((resolve) =>
      child.stderr.on("data", (text: string) => after.test((seen += text)) && resolve()),
    );
  else await after;
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (group) process.kill(-child.pid!, signal);
  else child.kill(signal);
}

export interface Installed extends AsyncDisposable {
  readonly node: string;
  readonly main: string;
  /** The folder with `claude`. */
  readonly bin: string;
}

function inPlace(): Omit<Installed, keyof AsyncDisposable> {
  return { node: process.execPath, main: join(root, "dist/hosts/cli/main.js"), bin: claudeBin };
}

/** jackin as a package that every user of this machine can read, wherever the checkout is and whoever may enter it. */
export async function installForAll(): Promise<Installed> {
  const folder = await mkdtemp("/var/tmp/jackin-installed-");
  const { stdout } = await run("npm", ["ls", "--omit=dev", "--all", "--parseable"], { cwd: root });
  const packages = stdout.split("\n").filter((path) => path.includes("node_modules"));
  const parts = ["dist", "package.json", ...packages.map((path) => relative(root, path))];
  for (const part of parts) await cp(join(root, part), join(folder, part), { recursive: true });
  const bin = join(folder, "bin");
  await mkdir(bin);
  await cp(process.execPath, join(bin, "node"));
  await cp(await realpath(join(claudeBin, "claude")), join(bin, "claude"));
  await run("chmod", ["-R", "a+rX", folder]);
  return {
    node: join(bin, "node"),
    main: join(folder, "dist/hosts/cli/main.js"),
    bin,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** Waits until `ready` answers something; fails with what it saw last. Generous: machines of CI are slow. */
export async function eventually<T>(
  what: string,
  ready: () => Promise<T | undefined | false>,
  limitMs = 60_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await ready();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`still not there after ${limitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function docker(...args: readonly string[]): Promise<string> {
  return (await run("docker", args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

export async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}
