// Runs every check one after another, shows each in full, and ends with one line: `N passed, M failed[, K skipped]`.
// Plain JavaScript: the system's Node 20 may start it. The steps get the project's own Node.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The list to extend. `vitest: true`: the command is a vitest run and its tests are counted. Otherwise only a failure counts, as one.
 * `minutes`: how long a step may take before it is ended and counted as failed, 20 unless told.
 */
const steps = [
  { name: "ready", command: ["bash", "test/lab/ready.sh"] },
  { name: "build", command: ["node", "test/build.ts"] },
  { name: "exports", command: ["node", "test/exports.ts"] },
  { name: "types", command: ["npm", "run", "--silent", "types"] },
  { name: "lint", command: ["npm", "run", "--silent", "lint"] },
  { name: "unit", command: ["vitest", "run", "--project", "unit"], vitest: true },
  { name: "deno", command: ["node", "test/runtimes/run.ts", "deno"], vitest: true },
  { name: "bun", command: ["node", "test/runtimes/run.ts", "bun"], vitest: true },
  { name: "workerd", command: ["node", "test/runtimes/run.ts", "workerd"], vitest: true },
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
const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
for (const step of steps.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
  console.log(`\n=== ${step.name}: ${step.command.join(" ")}`);
  const report = join(reports, `${step.name}.json`);
  const started = Date.now();
  const trouble = await run(step, report);
  const counted = step.vitest
    ? count(report, trouble)
    : { passed: 0, failed: trouble ? 1 : 0, skipped: 0 };
  for (const key of Object.keys(total)) total[key] += counted[key];
  const seconds = Math.round((Date.now() - started) / 1000);
  lines.push(
    `${step.name.padEnd(10)} ${step.vitest ? summary(counted) : counted.failed ? "FAILED" : "ok"}${trouble ? ` (${trouble})` : ""}, ${seconds} s`,
  );
}
rmSync(reports, { recursive: true });

console.log(`\n=== summary\n${lines.join("\n")}`);
console.log(summary(total));
process.exitCode = total.failed > 0 ? 1 : 0;

/** What went wrong with the process, or nothing. */
function run({ command: [file, ...args], vitest, minutes = 20 }, report) {
  const reporters = vitest
    ? ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
    : [];
  return new Promise((resolve) => {
    // A group of its own, so that a step that hangs goes with all its children.
    const child = spawn(file, [...args, ...reporters], {
      cwd: root,
      env,
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    let late = false;
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(() => {
      late = true;
      end("SIGKILL");
    }, minutes * 60_000);
    const interrupt = (signal) => {
      end(signal);
      rmSync(reports, { recursive: true });
      process.exit(130);
    };
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
    const done = (trouble) => {
      clearTimeout(timer);
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
      resolve(trouble);
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
