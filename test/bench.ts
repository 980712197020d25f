/**
 * `npm run bench`: how long `jackin load --detach` and `jackin status` take beside what a user would type instead. Pairs in
 * one run, medians and ratios; needs Docker and a build. Prints nothing but a table; asserts nothing.
 */
import { performance } from "node:perf_hooks";
import { createOperator, docker } from "./e2e/operator.ts";
import { startLab } from "./lab/lab.ts";

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
