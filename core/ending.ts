/** How instances end, and are forgotten. */
import type { PluginContext } from "./contracts.ts";
import { JackinError, throwIfAborted, toJackinError } from "./error.ts";
import { noInstance } from "./find-instance.ts";
import type { Machine } from "./machine.ts";
import { forget, runtimeOf, takeDown } from "./machine.ts";
import type { Roster } from "./roster.ts";

/** Stops all that runs or may run, also when one of them cannot be stopped; answers who was. */
export async function endAll(
  machine: Machine,
  { instances, isThere }: Roster,
  ctx: PluginContext,
  onEnded: (instance: string) => Promise<void>,
): Promise<readonly string[]> {
  const chosen = instances.filter((item) => item.state !== "stopped" || isThere(item.instance));
  const results = await Promise.allSettled(
    chosen.map(({ instance, runtime }) => takeDown(machine, instance, runtime, ctx)),
  );
  for (const [index, result] of results.entries())
    if (result.status === "fulfilled") await onEnded(chosen[index]!.instance);
  const failures = results.flatMap((result, index) =>
    result.status === "rejected"
      ? [`  ${chosen[index]!.instance}: ${toJackinError(result.reason).message}`]
      : [],
  );
  // That the rest of one that had ended is gone too is no news.
  if (failures.length === 0)
    return chosen.filter((item) => item.state !== "stopped").map((item) => item.instance);
  throwIfAborted(ctx.signal);
  throw new JackinError({
    code: "host-failed",
    message: `Not all could be stopped:\n${failures.join("\n")}`,
    hint: "jackin status",
  });
}

/** Forgets one instance, or all of a workspace. The caller holds the lock of instances. */
export async function purgeInstances(
  machine: Machine,
  target: string,
  { instances, unreadable }: Roster,
  ctx: PluginContext,
): Promise<readonly string[]> {
  const named = instances.filter((item) => item.instance === target);
  if (named.length === 0 && unreadable.includes(target)) {
    await forget(machine, target);
    return [target];
  }
  const chosen = named.length > 0 ? named : instances.filter((item) => item.workspace === target);
  if (chosen.length === 0) throw noInstance(target, instances);
  const live = chosen.filter((item) => item.state !== "stopped").map((item) => item.instance);
  if (live.length > 0) {
    const hint = live.map((instance) => `jackin eject ${instance}`).join("\n");
    throw new JackinError({
      code: "conflict",
      message: `${live.join(", ")} may still run.`,
      hint,
    });
  }
  for (const { instance, runtime } of chosen) {
    await runtimeOf(machine, runtime).stop(instance, ctx);
    await forget(machine, instance);
  }
  return chosen.map((item) => item.instance);
}
