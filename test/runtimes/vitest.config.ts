import { defineConfig } from "vitest/config";
import { portableTests } from "./portable.ts";

/**
 * The portable tests under the runtime that runs vitest. Forks: threads end with an error under Deno 2.9, which lacks
 * `parentPort.removeAllListeners`.
 */
export default defineConfig({
  test: {
    pool: "forks",
    // Some wait for seconds, on machines that may be busy.
    testTimeout: 60_000,
    maxWorkers: 2,
    root: new URL("../..", import.meta.url).pathname,
    include: [...portableTests, "test/runtimes/where.test.ts"],
  },
});
