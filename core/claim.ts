import * as v from "valibot";
import type { PluginContext } from "./contracts.ts";
import { readInstances } from "./instances.ts";
import type { Machine } from "./machine.ts";
import type { KeeperStatus } from "./roster.ts";
import { takeRoster } from "./roster.ts";
import { uncancelled } from "./uncancelled.ts";

const claimSchema = v.object({
  process: v.string(),
  /** ms since the epoch */
  since: v.number(),
  keeps: v.number(),
});

/** That this process, and no other of this machine, keeps the agents of this jackin home. */
export interface Claim {
  /** Says how many agents are kept, for whoever asks. */
  keeps(count: number): Promise<void>;
  /** Under the lock: gives the claim up if `isIdle` still holds, so that a launch at the same moment is not forgotten. */
  releaseIf(isIdle: () => Promise<boolean>): Promise<boolean>;
  release(): Promise<void>;
}

/** Undefined: another process that lives has it. A claim of one that was killed is taken over. */
export async function claimKeeping(
  machine: Machine,
  ctx: PluginContext,
): Promise<Claim | undefined> {
  const { store, host } = machine;
  const key = keyOf(machine);
  const process = host.process?.id ?? "embedded";
  const since = host.clock.now();
  const own = { process, since, keeps: 0 };
  await using _lock = await lockKeeping(ctx);
  const found = await readClaim(machine);
  // Of this process too: it keeps once.
  if (found && (await host.process?.isAlive(found.process))) return undefined;
  await store.setItem(key, own);
  const isOurs = async () => {
    const now = await readClaim(machine);
    return now?.process === process && now.since === since;
  };
  // Its end is not cancelled by what ended it.
  const calm = uncancelled(ctx);
  return {
    async keeps(count) {
      if (await isOurs()) await store.setItem(key, { ...own, keeps: count });
    },
    async releaseIf(isIdle) {
      await using _held = await lockKeeping(calm);
      if (!(await isIdle())) return false;
      if (await isOurs()) await store.removeItem(key);
      return true;
    },
    async release() {
      await using _held = await lockKeeping(calm);
      if (await isOurs()) await store.removeItem(key);
    },
  };
}

/** Who keeps the agents of this machine; undefined when nobody does and nobody has to. */
export async function keeperStatus(machine: Machine): Promise<KeeperStatus | undefined> {
  const claim = await readClaim(machine);
  if (!claim) return undefined;
  const isAlive = await machine.host.process?.isAlive(claim.process);
  return { ...claim, state: isAlive === false ? "gone" : "running" };
}

/** Has somebody keep what runs, unless nothing runs or somebody does already. */
export async function startUnlessKept(
  machine: Machine,
  startKeeper: () => Promise<void>,
  ctx: PluginContext,
): Promise<void> {
  const { records } = await readInstances(machine.store);
  if (!records.some(({ phase }) => phase === "running")) return;
  const isKept = async () => (await keeperStatus(machine))?.state === "running";
  if (await isKept()) return;
  // A record does not know of an agent that has ended by itself.
  const { instances } = await takeRoster(machine, ctx);
  if (instances.every(({ state }) => state === "stopped")) return;
  await using _lock = await lockKeeping(ctx);
  if (!(await isKept())) await startKeeper();
}

/** Who starts a keeper holds this, so that two commands at once start one. */
async function lockKeeping({ host, signal }: PluginContext) {
  return await host.lock?.("keeper", { signal });
}

async function readClaim(machine: Machine) {
  const result = v.safeParse(claimSchema, await machine.store.getItem(keyOf(machine)));
  return result.success ? result.output : undefined;
}

/** With one store for several machines each has a keeper of its own: agents run where their runtime is. */
function keyOf({ host }: Machine): string {
  return `keeper:${host.process?.id.split("/")[0] ?? "embedded"}`;
}
