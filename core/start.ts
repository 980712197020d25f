import type { Config } from "./config.ts";
import type { Notice, Plugin, PluginContext } from "./contracts.ts";
import { JackinError, throwIfAborted, toJackinError } from "./error.ts";
import type { InstanceRecord } from "./instances.ts";
import { forgetInstance, readInstance, writeInstance } from "./instances.ts";
import type { LaunchRequest } from "./launch.ts";
import { planLaunch, resolveLaunch } from "./launch.ts";
import { entryOf, forgetLedger, writeLedger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { homeOf, takeDown } from "./machine.ts";
import type { Reservation } from "./reserve.ts";
import { reserve } from "./reserve.ts";
import type { InstanceStatus } from "./roster.ts";
import { toLabels, toStatus } from "./roster.ts";
import type { Target } from "./target.ts";
import { uncancelled } from "./uncancelled.ts";
import { ownLoginNotices, surroundingsNotices } from "./surroundings-notices.ts";

export interface LoadedConfig {
  readonly config: Config;
  readonly notices: readonly Notice[];
}

export interface Launched {
  readonly instance: InstanceStatus;
  /** The mode, said exactly: `claude auth: …`. */
  readonly line: string;
  /** Other instances that use the same login now. */
  readonly sharedWith: readonly string[];
  readonly notices: readonly Notice[];
}

export interface StartOptions extends LoadedConfig {
  readonly plugins: readonly Plugin[];
  /** False: the instance waits for one headless agent. */
  readonly session: boolean;
  /** There, instead of at what the request would find. */
  readonly at?: Target;
}

/** A whole launch: decide, resolve, prepare, reserve, start. When it throws, nothing of it runs or stays. */
export async function startInstance(
  machine: Machine,
  request: LaunchRequest,
  { config, notices, plugins, session, at }: StartOptions,
  ctx: PluginContext,
): Promise<{ readonly launched: Launched; readonly record: InstanceRecord }> {
  const { store, host } = machine;
  const plan = await planLaunch(config, request, plugins, host, at);
  const probe = await plan.runtime.probe(ctx);
  if (!probe.ready) throw probe.error;
  const secrets = await resolveLaunch(plan, plugins, store, ctx);
  throwIfAborted(ctx.signal);
  const prepared = await plan.runtime.prepare?.(
    plan.image === undefined ? {} : { image: plan.image },
    ctx,
  );
  throwIfAborted(ctx.signal);
  const reservation = await reserve(plan, secrets, prepared?.image, machine, ctx);
  const { record, grant, others } = reservation;
  const { instance, workdir } = record;
  let isNew = false;
  try {
    isNew = (await host.files?.stat(homeOf(machine, instance))) === undefined;
    await host.files?.makeFolder(homeOf(machine, instance));
    const started = await plan.runtime.start(
      {
        instance,
        home: homeOf(machine, instance),
        workdir,
        image: prepared?.image ?? "",
        env: secrets.env,
        grant,
        args: request.args ?? [],
        session,
        labels: toLabels(record),
      },
      ctx,
    );
    // An eject that came meanwhile has taken the promise away: this launch is not wanted any more.
    const now = await readInstance(store, instance);
    if (now?.launcher !== record.launcher) throw ejected(instance);
    throwIfAborted(ctx.signal);
    await writeLedger(store, instance, await entryOf(grant, host.clock.now()));
    await writeInstance(store, { ...record, phase: "running", headless: !session });
    const sharers = others.filter(
      (other) => other.mode === record.mode && other.account === record.account,
    );
    const found = started.surroundings
      ? surroundingsNotices(started.surroundings, {
          mode: record.mode,
          asFile: record.replaceable,
          instance,
          workspace: record.workspace,
          now: host.clock.now(),
          userSettings: `${homeOf(machine, instance)}/claude/settings.json`,
          given: Object.keys(secrets.env),
        })
      : [];
    const launched: Launched = {
      instance: { ...toStatus(record), state: "running" },
      line: grant.line,
      sharedWith: grant.login === "own" ? [] : sharers.map((other) => other.instance),
      notices: [
        notices,
        plan.notices,
        probe.notices ?? [],
        secrets.notices,
        grant.notices,
        await ownLoginNotices(record, grant.login, homeOf(machine, instance), host.files),
        found,
        started.notices,
      ].flat(),
    };
    return { launched, record };
  } catch (error) {
    await undo(machine, reservation, isNew, ctx);
    throw toJackinError(error, "start-failed", `[${plan.runtime.name}] `);
  }
}

/** After a failed launch nothing runs, and what only this launch made is gone. */
async function undo(
  machine: Machine,
  { record, fresh }: Reservation,
  isNew: boolean,
  ctx: PluginContext,
): Promise<void> {
  const { store, host } = machine;
  const { instance, runtime } = record;
  if (await isTakenOver(machine, record)) return;
  // The launch may have failed because it was cancelled; its taking down is not.
  await takeDown(machine, instance, runtime, uncancelled(ctx)).catch(() => undefined);
  if (!fresh) return;
  // A folder without a record may hold a login of an earlier time.
  if (isNew) await host.files?.remove(homeOf(machine, instance)).catch(() => undefined);
  await forgetLedger(store, instance);
  await forgetInstance(store, instance);
}

/** It was ejected meanwhile, and a later launch has the instance now. */
export async function isTakenOver(
  { store }: Machine,
  { instance, launcher }: InstanceRecord,
): Promise<boolean> {
  const now = await readInstance(store, instance);
  return now?.launcher !== undefined && now.launcher !== launcher;
}

function ejected(instance: string): JackinError {
  return new JackinError({
    code: "cancelled",
    message: `${instance} was ejected while it started.`,
  });
}
