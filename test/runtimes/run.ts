/**
 * Runs the portable tests on one runtime: `node test/runtimes/run.ts node|deno|bun|workerd [--out FILE]`. The counts,
 * named as in vitest's JSON, go to stdout or to FILE. What cannot start counts as failed.
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
    const { passed, failures } = await runInWorkerd(root);
    for (const failure of failures) console.error(failure);
    return { numPassedTests: passed, numFailedTests: failures.length };
  },
};

const { values, positionals } = parseArgs({
  options: { out: { type: "string" } },
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
if (values.out === undefined) console.log(JSON.stringify(counts));
else await writeFile(values.out, JSON.stringify(counts));
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
    const { numPassedTests, numFailedTests } = JSON.parse(await readFile(file, "utf8")) as Counts;
    // A file that cannot be loaded has no test that could fail.
    const more = code !== 0 && numFailedTests === 0 ? 1 : 0;
    return { numPassedTests, numFailedTests: numFailedTests + more };
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
  return { numPassedTests: passed ? 1 : 0, numFailedTests: passed ? 0 : 1 };
}

function sum(a: Counts, b: Counts): Counts {
  return {
    numPassedTests: a.numPassedTests + b.numPassedTests,
    numFailedTests: a.numFailedTests + b.numFailedTests,
  };
}
