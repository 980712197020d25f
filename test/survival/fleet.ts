/** Many agents that do nothing, for measuring who keeps them: real containers of `jackin load`, with a program that sleeps as `claude`. */
import { execFile, spawn } from "node:child_process";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openJackin } from "../../hosts/node/index.ts";
import type { Operator } from "../e2e/operator.ts";
import { docker, eventually, readJson } from "../e2e/operator.ts";
import type { Lab } from "../lab/lab.ts";
import { hostLogin } from "./modes.ts";

export interface Fleet {
  /** The main process of each container, as this machine numbers it. */
  readonly pids: readonly number[];
  readonly containers: readonly string[];
}

const idleClaude = `#!/bin/sh
[ "$1" = auth ] && exec echo '{"loggedIn":true,"authMethod":"claude.ai"}'
echo idle
exec sleep infinity
`;

/** An image like jackin's own whose `claude` needs no memory. */
export async function buildIdleImage(image: string): Promise<string> {
  const tag = "jackin/bench-idle";
  const script = Buffer.from(idleClaude).toString("base64");
  const path = "/usr/local/bin/claude";
  const build = execFile("docker", ["build", "-q", "-t", tag, "-"]);
  build.stdin!.end(
    `FROM ${image}\nUSER root\nRUN echo ${script} | base64 -d > ${path} && chmod 755 ${path}\nUSER agent\n`,
  );
  const code = await new Promise((resolve) => build.once("close", resolve));
  if (code !== 0) throw new Error(`${tag} could not be built`);
  return tag;
}

/** Starts as many as are missing. */
export async function growFleet(
  operator: Operator,
  target: string,
  image: string,
  count: number,
): Promise<Fleet> {
  const { jackin } = await openJackin({ env: operator.env });
  let missing = count - (await operator.containers()).length;
  const starters = Array.from({ length: 4 }, async () => {
    while (missing-- > 0) await jackin.load({ target, image, cwd: operator.home });
  });
  await Promise.all(starters);
  const containers = await operator.containers();
  const pids = (await docker("inspect", "--format", "{{.State.Pid}}", ...containers))
    .trim()
    .split("\n")
    .map(Number);
  return { containers, pids };
}

/** The process of the keeper, once it keeps that many. */
export async function keeperOf({ state }: Operator, count: number): Promise<number> {
  const store = join(state, "store");
  return await eventually(`a keeper of ${count} agents`, async () => {
    const name = (await readdir(store)).find((file) => file.startsWith("keeper%3a"));
    if (name === undefined) return undefined;
    const claim = (await readJson(join(store, name))) as { process: string; keeps: number };
    const pid = Number(claim.process.split("/")[1]);
    return claim.keeps === count && isAlive(pid) && pid;
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What a user without jackin would leave running: looks each second, and copies to one container after the other. */
export async function startLoop(operator: Operator, { containers }: Fleet) {
  const folder = join(operator.home, "loop");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "login.json");
  await writeFile(file, "{}");
  const script = `cp "$0" "$0.last"
while sleep 1; do
  cmp -s "$0" "$0.last" && continue
  cp "$0" "$0.last"
  for container in "$@"; do
    docker exec -i "$container" sh -c 'umask 077; cat > /jackin/run/loop.new; mv /jackin/run/loop.new /jackin/run/loop.json' < "$0.last"
  done
done`;
  const child = spawn("bash", ["-c", script, file, ...containers], { stdio: "ignore" });
  return { file, pid: child.pid!, [Symbol.dispose]: () => void child.kill() };
}

/** ms from a change of the host's login until each session has it. */
export async function propagate(operator: Operator, lab: Lab, fleet: Fleet): Promise<number[]> {
  const text = JSON.stringify({ ...lab.newLogin(), accountUuid: "bench" });
  return await change(hostLogin(operator), text, fleet, "credentials/.credentials.json");
}

/** The same by the loop. */
export async function propagateByLoop(file: string, fleet: Fleet): Promise<number[]> {
  return await change(file, JSON.stringify({ now: Date.now() }), fleet, "loop.json");
}

/** A file's place in memory is seen from here, and its inode says when it came there. Needs root. */
async function change(file: string, text: string, { pids }: Fleet, path: string) {
  const places = pids.map((pid) => `/proc/${pid}/root/jackin/run/${path}`);
  const look = (place: string) => stat(place).catch(() => undefined);
  const before = await Promise.all(places.map(async (place) => (await look(place))?.ino));
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  const began = Date.now();
  await rename(`${file}.new`, file);
  return await eventually(`the change of ${file} in all sessions`, async () => {
    const now = await Promise.all(places.map(look));
    const all = now.every((found, index) => found && found.ino !== before[index]);
    return all && now.map((found) => Math.max(0, found!.ctimeMs - began));
  });
}

export interface Cost extends Counters {
  /** a minute, in which it woke at all */
  readonly seconds: number;
}

interface Counters {
  /** MB */
  readonly memory: number;
  /** ms a minute, with what it started; not what Docker's daemon does for it */
  readonly cpu: number;
  /** a minute, of all its own threads: each file that is read is a few */
  readonly wakeUps: number;
}

/** What these processes cost while nothing happens. */
export async function costOf(pids: readonly number[], minutes: number): Promise<Cost[]> {
  const look = () => Promise.all(pids.map(countersOf));
  const first = await look();
  const seconds = pids.map(() => 0);
  let last = first;
  for (let second = 0; second < minutes * 60; second++) {
    await sleep(1_000);
    const now = await look();
    now.forEach(({ wakeUps }, index) => {
      if (wakeUps > last[index]!.wakeUps) seconds[index]!++;
    });
    last = now;
  }
  return last.map(({ memory, cpu, wakeUps }, index) => ({
    memory,
    cpu: (cpu - first[index]!.cpu) / minutes,
    wakeUps: (wakeUps - first[index]!.wakeUps) / minutes,
    seconds: seconds[index]! / minutes,
  }));
}

async function countersOf(pid: number): Promise<Counters> {
  const numbers = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  // utime, stime, and both of the children that have ended; in hundredths of a second.
  const ticks = numbers.slice(11, 15).reduce((sum, text) => sum + Number(text), 0);
  const threads = await readdir(`/proc/${pid}/task`);
  const statuses = await Promise.all(
    threads.map((tid) => readFile(`/proc/${pid}/task/${tid}/status`, "utf8").catch(() => "")),
  );
  const field = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return {
    memory: field(await readFile(`/proc/${pid}/status`, "utf8"), "VmRSS") / 1024,
    cpu: ticks * 10,
    wakeUps: statuses.reduce((sum, text) => sum + field(text, "voluntary_ctxt_switches"), 0),
  };
}
