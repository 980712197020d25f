import { spawn } from "node:child_process";
import { once } from "node:events";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { portableTests } from "../portable.ts";
import type { WorkerReport } from "./worker.ts";

/** Bundles the portable tests and the built core, runs them in bare `workerd serve`, and asks it for the result. */
export async function runInWorkerd(
  root: string,
): Promise<Pick<WorkerReport, "passed" | "skipped" | "failures">> {
  const here = join(root, "test/runtimes/workerd");
  const files: string[] = [];
  for await (const file of glob([...portableTests], { cwd: root })) files.push(file);
  await bundle(root, here, files.sort());
  const report = await ask(join(root, "node_modules/.bin/workerd"), here);
  const failures = [...report.failures];
  if (!report.userAgent.startsWith("Cloudflare-Workers"))
    failures.push(`ran in ${report.userAgent}`);
  if (report.nodeGlobals.length > 0)
    failures.push(`not bare: it has ${report.nodeGlobals.join(", ")}`);
  return { ...report, failures };
}

async function bundle(root: string, here: string, files: readonly string[]): Promise<void> {
  const lazy = files.map((file) => `${JSON.stringify(file)}: () => import("./${file}"),`);
  await build({
    stdin: {
      contents: `import { createWorker } from "./test/runtimes/workerd/worker.ts";
import { it } from "./test/runtimes/workerd/vitest.ts";
export default createWorker({ ${lazy.join("\n")}
  async "the built core"() {
    const { checkBuiltCore } = await import("./test/runtimes/built-core.mjs");
    it("launches", checkBuiltCore);
  },
});`,
      resolveDir: root,
      loader: "ts",
    },
    alias: { vitest: join(here, "vitest.ts") },
    outfile: join(here, "dist/tests.js"),
    bundle: true,
    format: "esm",
    target: "esnext",
    // Neutral: an import of `node:` anything is an error, not a polyfill.
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
  });
}

async function ask(workerd: string, here: string): Promise<WorkerReport> {
  const child = spawn(workerd, ["serve", "config.capnp", "--control-fd=3"], {
    cwd: here,
    stdio: ["ignore", 2, 2, "pipe"],
  });
  try {
    const port = await Promise.race([
      portOf(child.stdio[3] as Readable),
      once(child, "exit").then(([code]) => {
        throw new Error(`workerd ended with ${code} before it listened`);
      }),
    ]);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    if (!answer.ok) throw new Error(`workerd answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as WorkerReport;
  } finally {
    child.kill();
  }
}

/** workerd writes an event a line. */
async function portOf(events: Readable): Promise<number> {
  for await (const line of createInterface({ input: events })) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === "listen" && port !== undefined) return port;
  }
  throw new Error("workerd did not say where it listens");
}
