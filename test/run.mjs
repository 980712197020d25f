// Runs every check, shows each in full, and ends with one line: `N passed, M failed[, K skipped]`.
// Plain JavaScript: the system's Node 20 may start it. The steps get the project's own Node.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The list to extend. `vitest: true`: the command is a vitest run and its tests are counted. Otherwise only a failure counts, as one.
 * `minutes`: how long a step may take before it is ended and counted as failed, 20 unless told. `single: true`: it keeps one
 * processor busy, so such neighbours run two at a time, and each is shown when it has ended.
 */
const steps = [
  { name: "ready", command: ["bash", "test/lab/ready.sh"] },
  { name: "build", command: ["node", "test/build.ts"] },
  { name: "exports", command: ["node", "test/exports.ts"] },
  { name: "types", command: ["npm", "run", "--silent", "types"], single: true },
  { name: "lint", command: ["npm", "run", "--silent", "lint"], single: true },
  { name: "deno", command: ["node", "test/runtimes/run.ts", "deno"], vitest: true, single: true },
  { name: "bun", command: ["node", "test/runtimes/run.ts", "bun"], vitest: true, single: true },
  {
    name: "workerd",
    command: ["node", "test/runtimes/run.ts", "workerd"],
    vitest: true,
    single: true,
  },
  { name: "unit", command: ["vitest", "run", "--project", "unit"], vitest: true },
  { name: "e2e", command: ["vitest", "run", "--project", "e2e"], vitest: true, minutes: 40 },
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const env = {
  ...process.env,
  PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
};

/** Names on the command line choose steps: `node test/run.mjs types unit`. */
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `No such step: ${unknown.join(", ")}. There are: ${steps.map((step) => step.name).join(", ")}.`,
  );
  process.exit(2);
}

const reports = mkdtempSync(join(tmpdir(), "jackin-test-"));
const running = new Set();
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    for (const child of running) end(child, signal);
    rmSync(reports, { recursive: true });
    process.exit(130);
  });

const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
const waiting = steps.filter(({ name }) => chosen.length === 0 || chosen.includes(name));
while (waiting.length > 0) {
  const others = waiting.findIndex(({ single }) => !single);
  const singles = waiting.splice(0, others === -1 ? waiting.length : others);
  const oneByOne = async () => {
    for (let step = singles.shift(); step; step = singles.shift()) await take(step);
  };
  await Promise.all([oneByOne(), oneByOne()]);
  if (waiting.length > 0) await take(waiting.shift());
}
rmSync(reports, { recursive: true });

console.log(`\n=== summary\n${lines.join("\n")}`);
console.log(summary(total));
process.exitCode = total.failed > 0 ? 1 : 0;

/** Runs a step, shows it and counts it. */
async function take(step) {
  const title = `\n=== ${step.name}: ${step.command.join(" ")}`;
  if (!step.single) console.log(title);
  const report = join(reports, `${step.name}.json`);
  const started = Date.now();
  const { trouble, output } = await run(step, report);
  if (step.single) process.stdout.write(`${title}\n${output}`);
  const counted = step.vitest
    ? count(report, trouble)
    : { passed: 0, failed: trouble ? 1 : 0, skipped: 0 };
  for (const key of Object.keys(total)) total[key] += counted[key];
  const seconds = Math.round((Date.now() - started) / 1000);
  lines.push(
    `${step.name.padEnd(10)} ${step.vitest ? summary(counted) : counted.failed ? "FAILED" : "ok"}${trouble ? ` (${trouble})` : ""}, ${seconds} s`,
  );
}

/** `trouble`: what went wrong with the process, or nothing. `output`: what a single one has printed. */
function run({ command: [file, ...args], vitest, single, minutes = 20 }, report) {
  const reporters = vitest
    ? ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
    : [];
  const shown = single ? "pipe" : "inherit";
  return new Promise((resolve) => {
    const child = spawn(file, [...args, ...reporters], {
      cwd: root,
      env,
      stdio: ["ignore", shown, shown],
      // A group of its own, so that a step that hangs goes with all its children.
      detached: true,
    });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => (output += text));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end(child, "SIGKILL");
    }, minutes * 60_000);
    const done = (trouble) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ trouble, output });
    };
    child.on("error", (error) => done(error.message));
    child.on("close", (code, signal) =>
      done(
        late
          ? `still running after ${minutes} min`
          : signal
            ? `ended by ${signal}`
            : code
              ? `exit ${code}`
              : undefined,
      ),
    );
  });
}

/** With all its children. */
function end(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended by itself, or was never there.
  }
}

/** Counts tests; a file that could not be loaded, a failed hook and a run that broke otherwise count as one failure each. */
function count(file, trouble) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter(
    (result) =>
      result.status === "failed" &&
      !result.assertionResults.some((test) => test.status === "failed"),
  );
  const failed = report.numFailedTests + broken.length;
  for (const { name, message } of broken)
    console.log(`failed outside of its tests: ${name}: ${message}`);
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && (trouble || report.numPassedTests === 0) ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}
