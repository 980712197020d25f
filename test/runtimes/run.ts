/**
 * Runs the portable tests on one runtime: `node test/runtimes/run.ts node|deno|bun|workerd [--outputFile.json FILE]`. The
 * counts, shaped as in vitest's JSON, go to FILE, else to stdout. What cannot start counts as failed. Needs the build.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runInWorkerd } from "./workerd/run.ts";

interface Counts {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
}

const root = new URL("../..", import.meta.url).pathname;
const vitest = [
  "node_modules/vitest/vitest.mjs",
  "run",
  "--config",
  "test/runtimes/vitest.config.ts",
];

const targets: Readonly<Record<string, () => Promise<Counts>>> = {
  node: () => runVitest("Node.js", [process.execPath]),
  bun: () => runVitest("Bun", ["node_modules/.bin/bun", "--bun"]),
  async deno() {
    const deno = "node_modules/.bin/deno";
    const tests = await runVitest("Deno", [deno, "run", "--allow-all"]);
    const bare = await run(deno, ["run", "--no-prompt", "test/runtimes/without-permission.mjs"]);
    return sum(tests, toCounts(bare === 0));
  },
  async workerd() {
    const { passed, skipped, failures } = await runInWorkerd(root);
    for (const failure of failures) console.error(failure);
    return {
      numPassedTests: passed,
      numFailedTests: failures.length,
      numPendingTests: skipped,
    };
  },
};

const { values, positionals } = parseArgs({
  // `--reporter` is taken and ignored, so that this can stand where a vitest run does.
  options: { "outputFile.json": { type: "string" }, reporter: { type: "string", multiple: true } },
  allowPositionals: true,
});
const target = targets[positionals[0] ?? ""];
if (!target) {
  console.error(`Name a runtime: ${Object.keys(targets).join(", ")}`);
  process.exit(2);
}
const counts = await target().catch((error: unknown) => {
  console.error(error);
  return toCounts(false);
});
const report = JSON.stringify({ ...counts, numTodoTests: 0, testResults: [] });
const file = values["outputFile.json"];
if (file === undefined) console.log(report);
else await writeFile(file, report);
process.exitCode = counts.numFailedTests > 0 || counts.numPassedTests === 0 ? 1 : 0;

async function runVitest(
  runtime: string,
  [command, ...args]: readonly [string, ...string[]],
): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), "jackin-runtimes-"));
  const file = join(folder, "results.json");
  try {
    const reports = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const code = await run(command, [...args, ...vitest, ...reports], {
      JACKIN_TEST_RUNTIME: runtime,
    });
    const counts = JSON.parse(await readFile(file, "utf8")) as Counts;
    // A file that cannot be loaded has no test that could fail.
    return code !== 0 && counts.numFailedTests === 0 ? sum(counts, toCounts(false)) : counts;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Its output goes to stderr: stdout is for the counts. */
function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", 2, 2],
    });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

function toCounts(passed: boolean): Counts {
  return { numPassedTests: passed ? 1 : 0, numFailedTests: passed ? 0 : 1, numPendingTests: 0 };
}

function sum(a: Counts, b: Counts): Counts {
  return {
    numPassedTests: a.numPassedTests + b.numPassedTests,
    numFailedTests: a.numFailedTests + b.numFailedTests,
    numPendingTests: a.numPendingTests + b.numPendingTests,
  };
}
