/** The command as a process: signals, a reader that leaves, an exit that does not wait for a plugin's open handle. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const main = join(import.meta.dirname, "main.ts");
const children: ChildProcess[] = [];
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "jackin-main-"));
});
afterEach(async () => {
  // A test that failed must not leave one that hangs.
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(home, { recursive: true });
});

/** A runtime that says where it is and hangs there. */
const runtime = `
const never = () => new Promise(() => {});
const untilAborted = ({ signal }) => new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
export default ({ stop }) => ({
  kind: "runtime", name: "hanging", runtime: "hanging",
  probe: async () => (setInterval(() => {}, 1000), { ready: true, detail: "" }),
  start: (spec, ctx) => (process.stdout.write("started\\n"), ctx.progress("start hangs"), untilAborted(ctx)),
  stop: async (name, ctx) => (process.stderr.write("stop is asked\\n"), stop === "hangs" ? never() : undefined),
  list: async () => [], attach: never, run: never,
});`;

async function plug(stop: "hangs" | "works"): Promise<void> {
  const folder = join(home, ".config/jackin/hanging");
  await mkdir(folder, { recursive: true });
  await mkdir(join(home, "app"));
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await writeFile(join(folder, "index.js"), runtime);
  const config = `[plugins."./hanging"]\nstop = "${stop}"\n[claude]\nauth_forward = "ignore"\n`;
  await writeFile(join(home, ".config/jackin/config.toml"), config);
}

function start(...args: string[]) {
  const env = { PATH: process.env["PATH"], HOME: home, DOCKER_HOST: "unix:///nowhere" };
  const child = spawn(process.execPath, [main, ...args], { env });
  children.push(child);
  let stderr = "";
  const waiting: (() => void)[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const look of waiting) look();
  });
  return {
    child,
    exit: once(child, "close").then(([code, signal]) => ({ code, signal, stderr })),
    until: (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => stderr.includes(text) && resolve();
        waiting.push(look);
        child.once("close", () => reject(new Error(`ended without "${text}": ${stderr}`)));
        look();
      }),
  };
}

const launch = () => start("load", join(home, "app"), "--runtime", "hanging", "--detach");

describe("a signal", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s takes the launch down, says so and ends with %i", async (signal, code) => {
    await plug("works");
    const jackin = launch();
    await jackin.until("start hangs");
    jackin.child.kill(signal);
    const end = await jackin.exit;
    expect(end).toMatchObject({ code, signal: null });
    expect(end.stderr).toMatch(/start hangs\nstopping\nstop is asked\nCancelled\.\n$/);
  });

  it.each([
    // The shell and the system each tell of a terminal that is gone.
    ["SIGHUP", 129],
    // `timeout` tells its child, and then its whole group.
    ["SIGTERM", 143],
  ] as const)("%s may come twice, and what is under way is still cleared", async (signal, code) => {
    await plug("works");
    const jackin = launch();
    await jackin.until("start hangs");
    jackin.child.kill(signal);
    jackin.child.kill(signal);
    await jackin.until("stopping");
    jackin.child.kill(signal);
    const end = await jackin.exit;
    expect(end).toMatchObject({ code, signal: null });
    expect(end.stderr).toMatch(/stop is asked\nCancelled\.\n$/);
  });

  it("that comes twice ends at once, whatever hangs", async () => {
    await plug("hangs");
    const jackin = launch();
    await jackin.until("start hangs");
    jackin.child.kill("SIGINT");
    await jackin.until("stop is asked");
    jackin.child.kill("SIGINT");
    expect(await jackin.exit).toMatchObject({ code: 130, signal: null });
  });
});

describe("a reader that has left", () => {
  it("ends a result early and nothing else", async () => {
    const jackin = start("--help");
    jackin.child.stdout.destroy();
    expect(await jackin.exit).toEqual({ code: 0, signal: null, stderr: "" });
  });

  it("does not end what goes on", async () => {
    await plug("works");
    const jackin = launch();
    jackin.child.stderr.destroy();
    await Promise.race([once(jackin.child.stdout, "data"), jackin.exit]);
    jackin.child.kill("SIGINT");
    expect(await jackin.exit).toMatchObject({ code: 130, signal: null });
  });
});

it.skipIf(process.platform !== "linux")("fails when its result cannot be written", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [main, "config", "path"], {
    env: { HOME: home },
    stdio: ["ignore", full, "pipe"],
  });
  children.push(child);
  closeSync(full);
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  expect((await once(child, "close"))[0]).toBe(1);
  expect(stderr).toBe(
    "error: The result cannot be written: ENOSPC: no space left on device, write\n",
  );
});

it("writes a long result whole into a pipe that is read slowly", async () => {
  const names = Array.from({ length: 3000 }, (_, at) => `[roles.role-${at}]\n`);
  await mkdir(join(home, ".config/jackin"), { recursive: true });
  await writeFile(join(home, ".config/jackin/config.toml"), names.join(""));
  const { child, exit } = start("config", "auth", "show", "--json");
  child.stdout.setEncoding("utf8").pause();
  const closed = once(child, "exit");
  let text = "";
  child.stdout.on("data", (part: string) => (text += part)).pause();
  // Whatever fits into the pipe is written; the rest waits for the reader.
  await Promise.race([closed, new Promise((resolve) => setImmediate(resolve))]);
  child.stdout.resume();
  expect((await exit).code).toBe(0);
  expect(JSON.parse(text)).toHaveLength(3001);
});

describe("a current folder that is gone", () => {
  const inGone = async (command: string) => {
    const gone = join(home, "gone");
    await mkdir(gone);
    const env = { PATH: process.env["PATH"], HOME: home, DOCKER_HOST: "unix:///nowhere" };
    const script = `cd '${gone}' && rmdir '${gone}' && exec '${process.execPath}' '${main}' ${command}`;
    const child = spawn("sh", ["-c", script], { env });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    const [code] = await once(child, "close");
    return { code, output, gone };
  };

  it("is no matter to commands that do not need it", async () => {
    expect(await inGone("config path")).toMatchObject({
      code: 0,
      output: `${home}/.config/jackin/config.toml\n`,
    });
  });

  it("is told by a launch that does", async () => {
    const { code, output, gone } = await inGone("load --runtime local");
    expect(code).toBe(1);
    expect(output).toContain(`No workspace and no folder "${gone}"`);
  });
});
