import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createNodeHost } from "../../hosts/node/host.ts";
import { editConfig } from "../../hosts/node/config-edit.ts";
import { readConfig } from "../../hosts/node/config-file.ts";

let folder: string;
let script: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "jackin-processes-")));
  // In one file: hundreds of processes start, and loading the sources would be most of their life.
  await build({
    config: false,
    silent: true,
    entry: ["test/fixtures/edit-process.ts"],
    outDir: folder,
    format: "cjs",
    target: "node22",
    noExternal: [/.*/],
  });
  script = join(folder, "edit-process.cjs");
}, 60_000);
afterAll(async () => {
  // After a failure some go on.
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => once(child, "exit")));
  await rm(folder, { recursive: true });
});

const running = new Set<ChildProcess>();

function start(home: string, path: string, ...args: string[]) {
  const child = spawn(process.execPath, [script, path, ...args], {
    env: { PATH: process.env["PATH"], HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

describe("processes that edit the configuration at once", () => {
  it("all take effect: fifty keys by fifty processes", { timeout: 120_000 }, async () => {
    const home = await mkdtemp(join(folder, "fifty-"));
    const path = join(home, "config.toml");
    const before = "# mine\n[env] # the keys\n";
    await writeFile(path, before);
    const keys = Array.from({ length: 50 }, (_, index) => `KEY_${index}`);
    const children = keys.map((key) => start(home, path, "once", key));
    const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
    expect(codes).toEqual(keys.map(() => 0));
    const text = await readFile(path, "utf8");
    expect(text.startsWith(before)).toBe(true);
    const lines = text.slice(before.length).trimEnd().split("\n");
    expect(lines.toSorted()).toEqual(keys.map((key) => `${key} = "1"`).toSorted());
  });

  it(
    "leave the old file or the new one when they are killed, and free the lock",
    { timeout: 180_000 },
    async () => {
      const lanes = Array.from({ length: 40 }, () => killOften(5));
      const killed = (await Promise.all(lanes)).flat();
      expect(killed).toHaveLength(200);
      const torn = killed.filter(
        ({ first, last, said }) => first !== last || first < said || first > said + 1,
      );
      expect(torn).toEqual([]);
      // Else the kills have not met the edits, and the above says nothing.
      expect(killed.filter(({ first, said }) => first === said + 1).length).toBeGreaterThan(0);
    },
  );
});

interface Killed {
  /** What the two keys hold after the kill. */
  readonly first: number;
  readonly last: number;
  /** The last number that the process had told as done. */
  readonly said: number;
}

/** A lane has a configuration of its own: a killed holder's lock stays for some seconds, and lanes wait side by side. */
async function killOften(times: number): Promise<Killed[]> {
  const home = await mkdtemp(join(folder, "killed-"));
  const path = join(home, "config.toml");
  const host = createNodeHost({ env: { HOME: home } });
  const killed: Killed[] = [];
  let said = 0;
  for (let time = 0; time < times; time++) {
    const child = start(home, path, "loop");
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => (said = Number(line)));
    const exited = once(child, "exit");
    // It edits at last: whoever was killed before had the lock, and it has come free.
    await once(lines, "line");
    await sleep(Math.random() * 60); // no waiting for something: any moment will do
    child.kill("SIGKILL");
    await Promise.all([exited, once(lines, "close")]);
    const { config } = await readConfig(host.files, path, []);
    const first = Number(config.env?.["FIRST"]);
    killed.push({ first, last: Number(config.roles?.["last"]?.env?.["LAST"]), said });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    said = first;
  }
  const signal = new AbortController().signal;
  await editConfig(host, { path, plugins: [], signal }, (draft) => draft.set(["env", "END"], "1"));
  return killed;
}
