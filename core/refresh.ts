import type { Config } from "./config.ts";
import type { Notice, Plugin, PluginContext } from "./contracts.ts";
import { toJackinError } from "./error.ts";
import { readInstance, writeInstance } from "./instances.ts";
import { ofKind } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { toSharer } from "./roster.ts";
import { modeOptions, scopesOf } from "./scope.ts";

/** What became of one running instance. */
export interface Refreshed {
  readonly instance: string;
  /** `updated`: it has what a launch would have now. `kept`: it has what it had, for the reason in `text`. */
  readonly outcome: "updated" | "kept" | "failed";
  readonly text: string;
  /** ms since the epoch, of what it has now */
  readonly expiresAt?: number | undefined;
  readonly notices: readonly Notice[];
}

/**
 * Gives running instances the login that a launch would give them now. Only what may be replaced under a running agent is,
 * and never by another account's. The caller holds the lock of instances. One that fails does not keep the others from it.
 */
export async function refreshInstances(
  machine: Machine,
  instances: readonly InstanceStatus[],
  all: readonly InstanceStatus[],
  { config, plugins }: { readonly config: Config; readonly plugins: readonly Plugin[] },
  ctx: PluginContext,
): Promise<readonly Refreshed[]> {
  const results: Refreshed[] = [];
  for (const status of instances) {
    const others = all.filter(
      (item) => item.state !== "stopped" && item.instance !== status.instance,
    );
    try {
      results.push(await refreshOne(machine, status, others, { config, plugins }, ctx));
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
  { config, plugins }: { readonly config: Config; readonly plugins: readonly Plugin[] },
  ctx: PluginContext,
): Promise<Refreshed> {
  const { instance, mode, workspace, role, account } = status;
  const kept = (text: string, notices: readonly Notice[] = []): Refreshed => ({
    instance,
    outcome: "kept",
    text,
    notices,
  });
  const provider = ofKind(plugins, "auth").find((plugin) => plugin.mode === mode);
  const runtime = runtimeOf(machine, status.runtime);
  if (!provider || provider.needsToken || !runtime.putFiles)
    return kept(`mode ${mode} has nothing to renew`);
  const options = modeOptions(scopesOf(config, { workspace, role }), provider);
  const grant = await provider.grant({ instance, options, others: others.map(toSharer) }, ctx);
  if (!grant.replaceable)
    return kept(
      `mode ${mode} has nothing to renew`,
      grant.notices.filter(({ level }) => level === "warning"),
    );
  const record = await readInstance(machine.store, instance);
  if (!record?.replaceable) return kept("it has what its launch gave it; a new launch brings more");
  if (account !== undefined && grant.account !== account) {
    const text = `it is signed in as ${account}, the host as ${grant.account ?? "somebody else"}`;
    return kept(text, [
      {
        level: "warning",
        text: `${instance}: ${text}`,
        next: `jackin eject ${instance}, then load it again`,
      },
    ]);
  }
  await runtime.putFiles(instance, grant.files, ctx);
  const { expiresAt } = grant;
  const { expiresAt: _, ...rest } = record;
  await writeInstance(machine.store, { ...rest, ...(expiresAt !== undefined && { expiresAt }) });
  return {
    instance,
    outcome: "updated",
    text: "has the login that the host has now",
    expiresAt,
    notices: grant.notices,
  };
}
