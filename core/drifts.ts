/** Looks into all running agents and compares what they hold with what they should. */
import type { Health, Plugin, PluginContext } from "./contracts.ts";
import type { Config } from "./config.ts";
import type { Drift } from "./drift.ts";
import { toDrift } from "./drift.ts";
import { eachAtMost } from "./each-at-most.ts";
import { throwIfAborted } from "./error.ts";
import { readInstance } from "./instances.ts";
import { readLedger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { modeOptions, scopesOf } from "./scope.ts";
import { providerOf } from "./teller.ts";
import { findToken } from "./token.ts";
import { readTokenEntry } from "./token-ledger.ts";
import { toReference } from "./token-use.ts";
import { within } from "./within.ts";

/** ms; for one agent */
const limitMs = 15_000;

export async function lookAtDrift(
  machine: Machine,
  running: readonly InstanceStatus[],
  { config, plugins }: { readonly config: Config; readonly plugins: readonly Plugin[] },
  ctx: PluginContext,
): Promise<readonly Drift[]> {
  const healths = new Map<string, Promise<Health | undefined>>();
  const drifts = new Map<string, Drift>();
  await eachAtMost(8, running, async (status) => {
    const { instance, runtime } = status;
    const what = `[${runtime}] a look into ${instance}`;
    const surroundings = await within({ limitMs, signal: ctx.signal, what }, async (signal) =>
      runtimeOf(machine, runtime).surroundings?.(instance, { ...ctx, signal }),
    ).catch(() => throwIfAborted(ctx.signal));
    const ledger = await readLedger(machine.store, instance);
    const now = machine.host.clock.now();
    const question = {
      status,
      ledger,
      health: await healthOf(status),
      now,
      surroundings: surroundings ?? undefined,
      ...(await tokenOf(status)),
    };
    drifts.set(instance, toDrift(question));
  });
  return running.flatMap(({ instance }) => drifts.get(instance) ?? []);

  async function tokenOf({ instance, mode, workspace, role }: InstanceStatus) {
    if (!providerOf(plugins, mode)?.needsToken) return {};
    const asFile = (await readInstance(machine.store, instance))?.replaceable;
    const { wanted, of = {} } = findToken(scopesOf(config, { workspace, role }));
    if (!wanted) return { asFile };
    const reference = toReference(wanted.value);
    const entry = await readTokenEntry(machine.store, reference);
    return { asFile, token: { reference, of, entry } };
  }

  /** Asked once for all agents with the same options. */
  function healthOf({ mode, workspace, role }: InstanceStatus): Promise<Health | undefined> {
    const provider = providerOf(plugins, mode);
    if (!provider?.health) return Promise.resolve(undefined);
    const options = modeOptions(scopesOf(config, { workspace, role }), provider);
    const key = `${mode} ${JSON.stringify(options)}`;
    const asked = healths.get(key) ?? provider.health({ options }, ctx).catch(() => undefined);
    healths.set(key, asked);
    return asked;
  }
}
