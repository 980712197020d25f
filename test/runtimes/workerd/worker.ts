/** Runs test files inside a request, because workerd permits no timers and no random numbers outside of one. */
import { startTests } from "@vitest/runner";
import type { Task, VitestRunner } from "@vitest/runner";

export interface WorkerReport {
  readonly userAgent: string;
  /** Node's globals that are there; bare workerd has none. */
  readonly nodeGlobals: readonly string[];
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

export function createWorker(files: Readonly<Record<string, () => Promise<unknown>>>) {
  return {
    async fetch(): Promise<Response> {
      const tasks = await startTests(Object.keys(files), createRunner(files));
      const tests = tasks.flatMap(testsOf);
      const report: WorkerReport = {
        userAgent: navigator.userAgent,
        nodeGlobals: ["process", "Buffer", "require"].filter((name) => name in globalThis),
        passed: tests.filter((task) => task.result?.state === "pass").length,
        skipped: tests.filter((task) => task.mode === "skip").length,
        failures: [...tasks, ...tests]
          .filter((task) => task.result?.state === "fail" && task.result.errors?.length)
          .map(describe),
      };
      return Response.json(report);
    },
  };
}

function createRunner(files: Readonly<Record<string, () => Promise<unknown>>>): VitestRunner {
  return {
    config: {
      root: "/",
      name: "workerd",
      setupFiles: [],
      passWithNoTests: false,
      testNamePattern: undefined,
      allowOnly: false,
      sequence: { seed: 0, hooks: "stack", setupFiles: "list" },
      chaiConfig: undefined,
      maxConcurrency: 5,
      testTimeout: 60_000,
      hookTimeout: 60_000,
      retry: 0,
      includeTaskLocation: false,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    },
    importFile: (path) => files[path]!(),
  };
}

function testsOf(task: Task): Task[] {
  return task.type === "suite" ? task.tasks.flatMap(testsOf) : [task];
}

function describe(task: Task): string {
  const reasons = task.result?.errors?.map((error) => error.stack ?? error.message) ?? [];
  return [`${task.file.filepath} > ${task.name}`, ...reasons].join("\n");
}
