/**
 * `npm run bench`: how long `jackin load --detach` and `jackin status` take beside what a user would type instead; how long a
 * change of the host's login takes to reach 50 sessions, and what it costs to keep 100 that are idle, beside a shell loop.
 * Of `load` more than a second is Claude Code's own start: it ends once the agent has drawn its screen and lives.
 * Pairs in one run, medians and ratios; needs root, Docker, 3 GB of memory and a build. Prints nothing but a table; asserts
 * nothing. The 100 sessions are real containers of `jackin load` whose `claude` is a program that sleeps.
 */
import { performance } from "node:perf_hooks";
import { createOperator, docker } from "./e2e/operator.ts";
import { startLab } from "./lab/lab.ts";
import type { Cost } from "./survival/fleet.ts";
import {
  buildIdleImage,
  costOf,
  growFleet,
  keeperOf,
  propagate,
  propagateByLoop,
  startLoop,
} from "./survival/fleet.ts";

const pairs = 7;

await using lab = await startLab({ containers: true });
await using operator = await createOperator({ lab });
const app = await operator.folder("bench");
await operator.configure("");
await lab.signIn(operator.home, lab.newLogin());

async function jackin(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await operator.jackin(args);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
const name = (await jackin("load", app, "--detach")).trim();
const image = (
  await docker("inspect", "--format", "{{.Config.Image}}", await operator.container(name))
).trim();
await jackin("eject", name);

async function time(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** What somebody without jackin types: no login, no session holder, no folder kept. */
async function byHand(): Promise<void> {
  const id = (
    await docker(
      "run",
      "-d",
      "--init",
      "-v",
      `${app}:${app}`,
      "-w",
      app,
      "--entrypoint",
      "sleep",
      image,
      "60",
    )
  ).trim();
  await docker("exec", id, "claude", "--version");
  started.push(id);
}
const started: string[] = [];
const rows: { what: string; ours: number[]; theirs: number[]; peer: string }[] = [
  {
    what: "load --detach",
    ours: [],
    theirs: [],
    peer: "docker run -d, docker exec claude --version",
  },
  { what: "status", ours: [], theirs: [], peer: "docker ps" },
];
for (let pair = 0; pair <= pairs; pair++) {
  const load = [await time(() => jackin("load", app, "--detach")), await time(byHand)];
  const status = [await time(() => jackin("status")), await time(() => docker("ps"))];
  await jackin("eject", name);
  await docker("rm", "-f", ...started.splice(0));
  // The first pair warms the caches and is not counted.
  if (pair === 0) continue;
  for (const [index, [ours, theirs]] of [load, status].entries()) {
    rows[index]!.ours.push(ours!);
    rows[index]!.theirs.push(theirs!);
  }
}
for (const { what, ours, theirs, peer } of rows) {
  const ratio = median(ours.map((value, index) => value / theirs[index]!));
  console.log(
    `${what.padEnd(14)} ${median(ours).toFixed(0).padStart(6)} ms   ${ratio.toFixed(2)} × ${peer} (${median(theirs).toFixed(0)} ms)`,
  );
}

const idle = await buildIdleImage(image);
await followed(50, 5);
await kept(100, 2);
await docker("rmi", "-f", idle);

async function followed(count: number, rounds: number): Promise<void> {
  const fleet = await growFleet(operator, app, idle, count);
  await jackin("status");
  await keeperOf(operator, count);
  using loop = await startLoop(operator, fleet);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = [
      await propagate(operator, lab, fleet),
      await propagateByLoop(loop.file, fleet),
    ] as const;
    if (round === 0) continue;
    ours.push(...pair[0]);
    theirs.push(...pair[1]);
  }
  const show = (values: number[]) => {
    const at = (share: number) =>
      values.toSorted((a, b) => a - b)[Math.round(share * (values.length - 1))]!.toFixed(0);
    return `min ${at(0)}, median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)} ms`;
  };
  const ratio = (median(ours) / median(theirs)).toFixed(2);
  console.log(
    `${`following, ${count}`.padEnd(14)} ${show(ours)}   ${ratio} × shell loop each second (${show(theirs)})`,
  );
}

async function kept(count: number, minutes: number): Promise<void> {
  const fleet = await growFleet(operator, app, idle, count);
  await jackin("status");
  const keeper = await keeperOf(operator, count);
  using loop = await startLoop(operator, fleet);
  const [ours, theirs] = (await costOf([keeper, loop.pid], minutes)) as [Cost, Cost];
  const show = ({ memory, cpu, wakeUps, seconds }: Cost) =>
    `${memory.toFixed(0)} MB; a minute ${cpu.toFixed(0)} ms of CPU, ${wakeUps.toFixed(0)} wake-ups in ${seconds.toFixed(0)} of its seconds`;
  const ratio = (ours.cpu / theirs.cpu).toFixed(2);
  console.log(
    `${`keeping, ${count}`.padEnd(14)} ${show(ours)}   ${ratio} × the CPU of that loop (${show(theirs)})`,
  );
}
