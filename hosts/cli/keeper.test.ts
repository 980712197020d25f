/** The keeper as a process: started by commands, stopped, killed, gone with the last agent. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InstanceStatus, JackinEvent } from "../../core/index.ts";
import { createNodeHost } from "../node/host.ts";
import { commandOf } from "../node/process.ts";

vi.setConfig({ testTimeout: 180_000 }); // each command is a process, and the machine may be busy
const patient = { timeout: 60_000, interval: 200 };

const main = join(import.meta.dirname, "main.ts");
const { process: processes } = createNodeHost();
let home: string;
beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "jackin-keeper-")));
  await plug();
});
afterEach(async () => {
  // Nothing that a test has left running may outlive it.
  const found = await claim();
  await rm(join(home, "running"), { recursive: true, force: true });
  if (found && (await processes.isAlive(found.process))) process.kill(pidOf(found), "SIGKILL");
  await rm(home, { recursive: true });
});

/** A runtime whose agents are files. */
const runtime = `
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
export default ({ folder }) => ({
  kind: "runtime", name: "files", runtime: "files",
  probe: async () => ({ ready: true, detail: "" }),
  start: async ({ instance, labels }) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(folder + "/" + instance, JSON.stringify(labels));
    return { notices: [] };
  },
  stop: async (instance) => rmSync(folder + "/" + instance, { force: true }),
  list: async () => {
    if (process.env.DEFECT) setTimeout(() => { throw new Error(process.env.DEFECT); });
    mkdirSync(folder, { recursive: true });
    return readdirSync(folder).map((instance) => (
      { instance, running: true, labels: JSON.parse(readFileSync(folder + "/" + instance, "utf8")) }));
  },
  attach: async () => ({ ended: false, code: 0 }),
  run: async () => ({ code: 0, stdout: "" }),
});`;

async function plug(): Promise<void> {
  const folder = join(home, ".config/jackin/files");
  await mkdir(folder, { recursive: true });
  await mkdir(join(home, "app"));
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await writeFile(join(folder, "index.js"), runtime);
  const config = `[plugins."./files"]\nfolder = "${home}/running"\n[claude]\nauth_forward = "ignore"\n`;
  await writeFile(join(home, ".config/jackin/config.toml"), config);
}

async function jackin(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
) {
  const child = spawn(process.execPath, [...flags, main, ...argv], {
    cwd: join(home, "app"),
    env: { PATH: process.env["PATH"], HOME: home, DOCKER_HOST: "unix:///nowhere", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (output[name] += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

const load = () => jackin(["load", "--runtime", "files", "-d"]);

async function claim(state = join(home, ".jackin")) {
  const store = join(state, "store");
  const name = (await readdir(store).catch(() => [])).find((file) => file.startsWith("keeper"));
  const text = name && (await readFile(join(store, name), "utf8").catch(() => undefined));
  return text ? (JSON.parse(text) as { process: string; keeps: number }) : undefined;
}

const pidOf = (found: { readonly process: string }) => Number(found.process.split("/")[1]);

/** The keeper that runs; waits for one, and for it to keep so many. */
async function keeper(keeps: number, state?: string) {
  await expect.poll(async () => (await claim(state))?.keeps, patient).toBe(keeps);
  const found = (await claim(state))!;
  expect(await processes.isAlive(found.process)).toBe(true);
  return found;
}

const ended = (found: { readonly process: string }) =>
  expect.poll(() => processes.isAlive(found.process), patient).toBe(false);

it("is started by a launch, replaced when it was killed, and gone with the last agent", async () => {
  expect(await load()).toMatchObject({ code: 0, stdout: "app\n" });
  const first = await keeper(1);
  expect(commandOf(pidOf(first)).slice(-3)).toEqual([main, "keeper", "run"]);
  if (process.platform === "linux") {
    // Neither a terminal's end nor a folder that is to be unmounted has to do with it.
    const stat = (await readFile(`/proc/${pidOf(first)}/stat`, "utf8")).replace(/^.*\) /, "");
    expect(stat.split(" ")[3]).toBe(String(pidOf(first)));
    expect(await realpath(`/proc/${pidOf(first)}/cwd`)).toBe(home);
  }
  expect((await jackin(["status"])).stderr).toMatch(
    /^keeper: running for \d+ .*, keeps 1 agent signed in$/m,
  );
  expect(await load()).toMatchObject({ code: 0, stdout: "app-2\n" });
  expect(await keeper(2)).toMatchObject({ process: first.process });

  process.kill(pidOf(first), "SIGKILL");
  await ended(first);
  const { stderr, stdout } = await jackin(["status", "--json"]);
  expect([stderr, (JSON.parse(stdout) as InstanceStatus[]).length]).toEqual(["", 2]);
  await expect.poll(async () => (await claim())?.process, patient).not.toBe(first.process);
  const second = await keeper(2);

  expect(await jackin(["exile"])).toMatchObject({ code: 0, stdout: "app\napp-2\n" });
  await ended(second);
  expect(await claim()).toBeUndefined();
  const log = await jackin(["keeper", "log", "--json"]);
  const events = log.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JackinEvent);
  const words = events.map(({ kind, instance }) => (instance ? `${kind} ${instance}` : kind));
  expect(words.toSorted().join(", ")).toBe(
    "keeper, keeper, keeper, started app, started app-2, stopped app, stopped app-2",
  );
});

describe("keeper stop", () => {
  it("ends it, says what that means, and the next command starts another", async () => {
    await load();
    const first = await keeper(1);
    const { code, stdout, stderr } = await jackin(["keeper", "stop"]);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain(
      "The next command that looks at agents starts it again.\n→ jackin status",
    );
    expect([await processes.isAlive(first.process), await claim()]).toEqual([false, undefined]);
    expect((await jackin(["keeper", "stop"])).stderr).toBe("No keeper runs.\n");
    expect((await jackin(["status"])).stderr).toBe("keeper: starting\n");
    await keeper(1);
    await jackin(["exile"]);
  });

  it("does not end a process that does more than that, nor one that only has its number", async () => {
    const machine = processes.id.split("/")[0]!;
    const write = async (process: string) => {
      await mkdir(join(home, ".jackin/store"), { recursive: true });
      const file = join(
        home,
        `.jackin/store/${encodeURIComponent(`keeper:${machine}`).toLowerCase()}.json`,
      );
      await writeFile(file, JSON.stringify({ process, since: 1, keeps: 1 }));
    };
    await write(processes.id);
    const { code, stderr } = await jackin(["keeper", "stop"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`Process ${process.pid} keeps agents`),
    ]);
    await write(`${processes.id}0`);
    expect((await jackin(["keeper", "stop"])).stderr).toBe("No keeper runs.\n");
    await rm(join(home, ".jackin/store"), { recursive: true });
  });
});

describe("keeper run", () => {
  it("keeps in the foreground until no agent runs, and one of two leaves it to the other", async () => {
    await load();
    const found = await keeper(1);
    const second = await jackin(["keeper", "run"]);
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining("Another process") });
    await jackin(["exile"]);
    await ended(found);
    expect(await jackin(["keeper", "run"])).toMatchObject({
      code: 0,
      stderr: "No agent runs any more.\n",
    });
  });

  it("writes down what it died of", async () => {
    await jackin(["load", "--runtime", "files", "--json"]);
    const found = await keeper(1);
    process.kill(pidOf(found), "SIGKILL");
    await ended(found);
    expect((await jackin(["keeper", "run"], { DEFECT: "a timer's defect" })).code).toBe(1);
    const { stdout } = await jackin(["keeper", "log", "-n", "1"]);
    expect(stdout).toMatch(/ {2}keeper {3}failed: a timer's defect\n$/);
  });

  it("loads what a keeper needs, no prompts and no server", async () => {
    const loaded = join(home, "loaded");
    const hook = `import { registerHooks } from "node:module"; import { appendFileSync } from "node:fs";
      registerHooks({ load: (url, context, next) => (appendFileSync(${JSON.stringify(loaded)}, url + "\\n"), next(url, context)) });`;
    const flags = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`];
    expect((await jackin(["keeper", "run"], {}, flags)).code).toBe(0);
    const urls = await readFile(loaded, "utf8");
    expect(urls).toContain("/core/keeper.ts\n");
    expect(urls).not.toMatch(/clack|hono/);
  });

  it("has the folders that were named from elsewhere", async () => {
    const env = { JACKIN_HOME_DIR: "../state", JACKIN_CONFIG_DIR: "../.config/jackin" };
    await jackin(["load", "--runtime", "files", "-d"], env);
    const found = await keeper(1, join(home, "state"));
    await jackin(["exile"], env);
    await ended(found);
  });
});
