import { defineConfig } from "vitest/config";
import { portableTests } from "./portable.ts";

/**
 * The portable tests under the runtime that runs vitest. Forks: threads end with an error under Deno 2.9, which lacks
 * `parentPort.removeAllListeners`.
 */
export default defineConfig({
  test: {
    pool: "forks",
    root: new URL("../..", import.meta.url).pathname,
    include: [...portableTests, "test/runtimes/where.test.ts"],
  },
});
