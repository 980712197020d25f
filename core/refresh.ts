import type { TokenParts } from "./bring-token.ts";
import { bringToken } from "./bring-token.ts";
import type { Config } from "./config.ts";
import type { Notice, Plugin, PluginContext } from "./contracts.ts";
import type { Refreshed } from "./deliver.ts";
import { deliver } from "./deliver.ts";
import { toJackinError } from "./error.ts";
import { ofKind } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { toSharer } from "./roster.ts";
import { modeOptions, scopesOf } from "./scope.ts";

/**
 * Gives running instances the login that a launch would give them now. The caller holds the lock of instances. One that fails does not keep the others from it.
 */
export async function refreshInstances(
  machine: Machine,
  instances: readonly InstanceStatus[],
  all: readonly InstanceStatus[],
  { config, plugins }: { readonly config: Config; readonly plugins: readonly Plugin[] },
  ctx: PluginContext,
): Promise<readonly Refreshed[]> {
  const results: Refreshed[] = [];
  const resolved: TokenParts["resolved"] = new Map();
  for (const status of instances) {
    const others = all.filter(
      (item) => item.state !== "stopped" && item.instance !== status.instance,
    );
    try {
      results.push(await refreshOne(machine, status, others, { config, plugins, resolved }, ctx));
    } catch (error) {
      const failed = toJackinError(error);
      if (failed.code === "cancelled") throw failed;
      const notices: Notice[] =
        failed.hint === undefined
          ? []
          : [{ level: "warning", text: failed.message, next: failed.hint }];
      results.push({ instance: status.instance, outcome: "failed", text: failed.message, notices });
    }
  }
  return results;
}

async function refreshOne(
  machine: Machine,
  status: InstanceStatus,
  others: readonly InstanceStatus[],
  parts: TokenParts,
  ctx: PluginContext,
): Promise<Refreshed> {
  const { config, plugins } = parts;
  const { instance, mode, workspace, role } = status;
  const text = `mode ${mode} has nothing to renew`;
  const kept = (notices: readonly Notice[] = []): Refreshed => ({
    instance,
    outcome: "kept",
    text,
    notices,
  });
  const provider = ofKind(plugins, "auth").find((plugin) => plugin.mode === mode);
  const runtime = runtimeOf(machine, status.runtime);
  if (!provider || !runtime.putFiles) return kept();
  if (provider.needsToken) return await bringToken(machine, status, parts, ctx);
  const options = modeOptions(scopesOf(config, { workspace, role }), provider);
  const grant = await provider.grant({ instance, options, others: others.map(toSharer) }, ctx);
  if (!grant.replaceable) return kept(grant.notices.filter(({ level }) => level !== "info"));
  return await deliver(machine, instance, grant, { again: true }, ctx);
}
