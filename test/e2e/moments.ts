/** Moments of a launch that can be seen from outside. */
import { spawn } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Operator } from "./operator.ts";
import { eventually } from "./operator.ts";

/** Resolves when Docker tells, from now on, an event of one of this operator's containers: `create`, `start`, `exec_start: …`. */
export async function dockerEvent({ state }: Operator, fits: RegExp): Promise<void> {
  const since = (Date.now() / 1000).toFixed(3);
  const filter = ["--filter", "type=container", "--filter", `label=jackin.home=${state}`];
  const events = spawn(
    "docker",
    ["events", "--since", since, ...filter, "--format", "{{.Action}}"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    for await (const line of createInterface(events.stdout)) if (fits.test(line)) return;
    throw new Error(`docker events ended before ${fits}`);
  } finally {
    events.kill();
  }
}

/** Resolves when the launch has written down that it starts this instance. */
export async function recordOf({ state }: Operator, instance: string): Promise<void> {
  const path = join(state, "store", `instances%3a${instance}.json`);
  await eventually(path, () => stat(path).catch(() => undefined));
}

/** Resolves when no program runs that names the instance: what a killed jackin had asked of Docker has come to its end. */
export async function settled(instance: string): Promise<void> {
  await eventually(`the end of what is done for ${instance}`, async () => {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    return !lines.some((line) =>
      line.startsWith("docker\0") || line.includes("/docker\0") ? line.includes(instance) : false,
    );
  });
}
