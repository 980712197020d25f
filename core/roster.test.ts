import { expect, it } from "vitest";
import { createContextDouble, createHostDouble } from "../test/doubles/host.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import { writeInstance } from "./instances.ts";
import { takeRoster } from "./roster.ts";

it("does not wait for ever for a runtime that never answers", async () => {
  const host = createHostDouble();
  const store = createStoreDouble();
  const record = { schema: 1, key: "k", workdir: "/w", mode: "sync", startedAt: 0 } as const;
  for (const runtime of ["hangs", "double"])
    await writeInstance(store, { ...record, instance: runtime, runtime, phase: "running" });
  const stopped = Promise.withResolvers<void>();
  const hanging = {
    ...createRuntimeDouble({ runtime: "hangs" }),
    list: ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => stopped.resolve());
      return new Promise<never>(() => {});
    },
  };
  const runtimes = [hanging, createRuntimeDouble()];
  const roster = await takeRoster({ store, runtimes, host }, createContextDouble(host), 20);
  expect(roster.instances).toMatchObject([
    { instance: "double", state: "stopped" },
    { instance: "hangs", state: "unknown" },
  ]);
  expect(roster.notices).toMatchObject([
    {
      level: "warning",
      text: "[runtime-hangs] the list of instances did not answer within 0.02 s",
    },
  ]);
  await stopped.promise;
});
