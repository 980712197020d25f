/** What is left when a process of ours ends, by itself or by `kill -9`: real processes. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { spawn as spawnPty } from "@lydell/node-pty";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createNodeHost } from "./host.ts";

vi.setConfig({ testTimeout: 120_000 }); // a busy machine starts a process slowly

const patient = { timeout: 60_000, interval: 20 };
const never = new AbortController().signal;
let state: string;
let started: ChildProcess[] = [];
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "jackin-end-"));
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  started = [];
  await rm(state, { recursive: true });
});

const script = (body: string) => `
  import { createNodeHost } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "host.ts")).href)};
  const host = createNodeHost({ stateDir: ${JSON.stringify(state)}, command: "jackin load" });
  const signal = new AbortController().signal;
  const say = (line) => process.stdout.write(line + "\\n");
  ${body}`;

/** A process of its own with a host on the same state. `line()` answers what it says, line by line. */
function start(body: string, { openFiles = "$(ulimit -n)" } = {}) {
  const limited = `ulimit -n ${openFiles} && exec "$@"`;
  const node = [process.execPath, "--input-type=module", "-e", script(body)];
  const child = spawn("sh", ["-c", limited, "sh", ...node], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string };
}

const holder = `await host.lock("a", { signal }); say(host.process.id); setInterval(() => {}, 1000)`;

describe("a lock", () => {
  it("is named by its holder, and free 5 s after the holder was killed", async () => {
    const { child, line } = start(holder);
    const id = await line();
    const host = createNodeHost({ stateDir: state });
    expect(await host.process.isAlive(id)).toBe(true);
    const owners: string[] = [];
    const next = host.lock("a", {
      signal: never,
      onWait(owner) {
        owners.push(owner);
        child.kill("SIGKILL");
      },
    });
    await (await next)[Symbol.asyncDispose]();
    expect(owners).toEqual([`jackin load (pid ${child.pid})`]);
    expect(await host.process.isAlive(id)).toBe(false);
  });

  it.each([
    ["ends", `process.exit(0)`],
    ["is asked to end", `process.kill(process.pid, "SIGTERM")`],
  ])("is free at once when its holder %s", async (_, end) => {
    const { child } = start(
      `await host.lock("a", { signal }); ${end}; setInterval(() => {}, 1000)`,
    );
    await once(child, "exit");
    expect(existsSync(join(state, "locks/a.lock"))).toBe(false);
  });

  it("goes to one of many that wait for a dead holder", async () => {
    const body = `
      import { appendFileSync } from "node:fs";
      const log = (text) => appendFileSync(${JSON.stringify(join(state, "log"))}, text + "\\n");
      say("ready");
      for (let round = 0; round < 3; round++) {
        await using lock = await host.lock("a", { signal });
        log("in " + process.pid);
        await new Promise((done) => setTimeout(done, 20));
        log("out " + process.pid);
      }`;
    const dead = start(holder);
    await dead.line();
    dead.child.kill("SIGKILL");
    await once(dead.child, "exit");
    // It seems alive however long the waiters take to start; then all of them find it dead at the same moment.
    const seem = (at: Date) => utimes(join(state, "locks/a.lock"), at, at);
    await seem(new Date(Date.now() + 3_600_000));
    const waiters = Array.from({ length: 6 }, () => start(body));
    const ended = waiters.map(({ child }) => once(child, "exit"));
    await Promise.all(waiters.map(({ line }) => line()));
    await seem(new Date(1_000));
    const ends = await Promise.all(ended);
    expect(ends).toEqual(waiters.map(() => [0, null]));
    expect(await readdir(join(state, "locks"))).toEqual([]);
    const log = readFileSync(join(state, "log"), "utf8").trim().split("\n");
    expect(log).toHaveLength(36);
    for (let i = 0; i < log.length; i += 2) expect(log[i + 1]).toBe(log[i]?.replace("in", "out"));
  });
});

describe("a program", () => {
  it.each([
    ["ends", `process.exit(0)`],
    ["is asked to end", `process.kill(process.pid, "SIGTERM")`],
    ["is interrupted", `process.kill(process.pid, "SIGINT")`],
  ])(
    "does not outlive a jackin that %s",
    async (_, end) => {
      const { line } = start(
        `await host.exec("sh", ["-c", "echo $$; exec sleep 600"], { onLine(pid) { say(pid); ${end}; } })`,
      );
      const pid = await line();
      expect(pid).toMatch(/^\d+$/);
      await vi.waitFor(() => expect(running(pid)).toBe(false), patient);
    },
    60_000,
  );

  it("that cannot be started for want of open files is told of, and ends nothing else", async () => {
    const body = `
      import { openSync } from "node:fs";
      try { for (;;) openSync("/dev/null"); } catch {}
      for (const options of [{}, { onLine() {} }, { stdin: "x" }])
        await host.exec("/bin/sh", ["-c", ":"], options).catch(({ message }) => say(message));
      say("goes on");`;
    const { line } = start(body, { openFiles: "256" });
    const told = "/bin/sh cannot be started: the system says EMFILE.";
    expect([await line(), await line(), await line(), await line()]).toEqual([
      told,
      told,
      told,
      "goes on",
    ]);
  });

  it("has the terminal to itself: Ctrl-C is its own", async () => {
    const program = `trap "echo heard; exit 7" INT; echo ready; while :; do sleep 0.05; done`;
    const body = `
      const { code, stdout } = await host.exec("sh", ["-c", ${JSON.stringify(program)}], { inherit: "terminal" });
      say("code " + code + " left " + process.listenerCount("SIGQUIT") + JSON.stringify(stdout));
      await host.exec("sh", ["-c", "read line; echo got $line"], { inherit: "terminal" });
      await host.exec("sh", ["-c", "read line || echo nothing to read"], { inherit: "output" });`;
    const terminal = spawnPty(process.execPath, ["--input-type=module", "-e", script(body)], {
      cols: 200,
    });
    let screen = "";
    terminal.onData((data) => (screen += data));
    const shows = (text: string) => vi.waitFor(() => expect(screen).toContain(text), patient);
    try {
      await shows("ready");
      terminal.write("\x03");
      await shows(`code 7 left 0""`);
      expect(screen).toContain("heard");
      terminal.write("typed\r");
      await shows("got typed");
      await shows("nothing to read");
    } finally {
      terminal.kill("SIGKILL");
    }
  });
});

describe("a process's id", () => {
  it("is not that of another process with the same number", async () => {
    const { isAlive, id } = createNodeHost({ stateDir: state }).process;
    const [machine, pid, begun] = id.split("/");
    expect(await isAlive(`${machine}/${pid}/${begun}0`)).toBe(false);
    expect(await isAlive(`${machine}/1073741824/${begun}`)).toBe(false);
    expect(await isAlive(`elsewhere/${pid}/${begun}`)).toBe(true);
  });

  it("is dead when the process only waits to be reaped", async () => {
    const { child, line } = start(`say(host.process.id); setInterval(() => {}, 1000)`);
    const id = await line();
    const { process: own, exec } = createNodeHost({ stateDir: state });
    expect(await own.isAlive(id)).toBe(true);
    const stop = new AbortController();
    const pids: string[] = [];
    // The parent sleeps and does not reap its child.
    const zombie = exec("sh", ["-c", `sh -c 'echo $$' & exec sleep 600`], {
      onLine: (pid) => pids.push(pid),
      signal: stop.signal,
    });
    await vi.waitFor(() => expect(pids[0] && stateOf(pids[0])).toBe("Z"), patient);
    expect(await own.isAlive(`${id.split("/")[0]}/${pids[0]}/${startOf(pids[0]!)}`)).toBe(false);
    stop.abort();
    await expect(zombie).rejects.toMatchObject({ code: "cancelled" });
    child.kill("SIGKILL");
    await vi.waitFor(async () => expect(await own.isAlive(id)).toBe(false), patient);
  });
});

function statOf(pid: string): string[] {
  return readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\)\s/s, "")
    .split(" ");
}

const stateOf = (pid: string) => statOf(pid)[0];
const startOf = (pid: string) => statOf(pid)[19];

/** Nobody may reap it in a container, so a zombie counts as gone. */
function running(pid: string): boolean {
  return existsSync(`/proc/${pid}`) && stateOf(pid) !== "Z";
}
