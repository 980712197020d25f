import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Half of a file's time is waiting; on two processors the default is one file at a time.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "core/**/*.test.ts",
            "plugins/**/*.test.ts",
            "hosts/**/*.test.ts",
            "test/unit/**/*.test.ts",
            "test/lab/**/*.test.ts",
          ],
          // Real programs run here, on machines that may be busy.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          // Real containers, on machines that may be busy.
          testTimeout: 300_000,
          hookTimeout: 600_000,
          // Its image cannot be had without a registry; what a killed run leaves is cleared by test/lab/ready.sh.
          env: { TESTCONTAINERS_RYUK_DISABLED: "true" },
          globalSetup: ["test/e2e/setup.ts"],
        },
      },
    ],
  },
});
