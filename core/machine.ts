import type { PluginContext, Runtime } from "./contracts.ts";
import type { Host, StateStore } from "./host.ts";
import { JackinError } from "./error.ts";
import { forgetLedger } from "./ledger.ts";
import { forgetInstance, readInstance, writeInstance } from "./instances.ts";

/** What instances live on: the state, the runtimes, the machine. */
export interface Machine {
  readonly store: StateStore;
  /** The first is the default one. */
  readonly runtimes: readonly Runtime[];
  readonly host: Host;
}

export function runtimeOf({ runtimes }: Machine, name: string): Runtime {
  const runtime = runtimes.find((item) => item.runtime === name);
  if (runtime) return runtime;
  throw new JackinError({
    code: "plugin-missing",
    message: `No runtime "${name}" is installed.`,
    hint: "Add its plugin under [plugins].",
  });
}

/** The instance's persistent folder. */
export function homeOf({ host }: Machine, instance: string): string {
  return `${host.files?.state ?? ""}/instances/${instance}`;
}

/** Takes the promise away first, so that a launch under way stops itself, then whatever runs, on a full disk too. */
export async function takeDown(
  machine: Machine,
  instance: string,
  runtime: string,
  ctx: PluginContext,
): Promise<void> {
  const { store } = machine;
  const record = await readInstance(store, instance);
  let unwritten: unknown;
  if (record) {
    const { launcher: _, ...rest } = record;
    await writeInstance(store, { ...rest, phase: "stopped" }).catch(
      (error: unknown) => (unwritten = error),
    );
  }
  await runtimeOf(machine, runtime).stop(instance, ctx);
  // What runs is known from its runtime; of a launch that has not come so far only the record tells.
  if (unwritten !== undefined && record?.phase === "starting") throw unwritten;
}

/** Removes the instance's folder and its record. */
export async function forget(machine: Machine, instance: string): Promise<void> {
  await machine.host.files?.remove(homeOf(machine, instance));
  await forgetLedger(machine.store, instance);
  await forgetInstance(machine.store, instance);
}
