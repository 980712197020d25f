import type { Grant, Notice, PluginContext, Sharer } from "./contracts.ts";
import type { InstanceRecord } from "./instances.ts";
import { writeInstance } from "./instances.ts";
import type { LaunchPlan, LaunchSecrets } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { takeRoster, toSharer } from "./roster.ts";
import { within } from "./within.ts";

export interface Reservation {
  readonly record: InstanceRecord;
  readonly grant: Grant;
  readonly others: readonly Sharer[];
  /** No earlier launch had this instance, so a failed launch leaves nothing to keep. */
  readonly fresh: boolean;
}

/**
 * Under one lock: who is live, which instance this launch is, what it is granted. So two launches at once see each other,
 * and a login that has to be renewed first is renewed once.
 */
export async function reserve(
  plan: LaunchPlan,
  secrets: LaunchSecrets,
  image: string | undefined,
  machine: Machine,
  ctx: PluginContext,
): Promise<Reservation> {
  const { store, host } = machine;
  await using _lock = await lockInstances(ctx);
  const { records, instances, unreadable, isLive } = await takeRoster(machine, ctx);
  const own = records.filter(
    (record) =>
      record.key === plan.target.key &&
      record.role === plan.role &&
      record.runtime === plan.runtime.runtime,
  );
  const free = own.filter((record) => !isLive(record.instance));
  const idle = free.find((record) => record.instance === plan.instance) ?? free[0];
  const instance =
    idle?.instance ??
    freeName(plan.target.base, new Set([...instances.map((item) => item.instance), ...unreadable]));
  const others = instances
    .filter((item) => item.state !== "stopped" && item.instance !== instance)
    .map(toSharer);
  const request = {
    instance,
    options: plan.options,
    others,
    ...(secrets.token && { token: secrets.token }),
  };
  const limit = { limitMs: 120_000, signal: ctx.signal, what: `[${plan.provider.name}] the login` };
  const granted = await within(limit, (signal) => plan.provider.grant(request, { ...ctx, signal }));
  const company = own.filter((record) => isLive(record.instance)).map((record) => record.instance);
  const record: InstanceRecord = {
    schema: 1,
    instance,
    key: plan.target.key,
    workdir: plan.target.workdir,
    mode: plan.provider.mode,
    runtime: plan.runtime.runtime,
    phase: "starting",
    startedAt: host.clock.now(),
    launcher: `${host.process?.id ?? "embedded"} ${crypto.randomUUID()}`,
    ...(plan.target.workspace !== undefined && { workspace: plan.target.workspace }),
    ...(plan.role !== undefined && { role: plan.role }),
    ...(granted.account !== undefined && { account: granted.account }),
    ...(granted.expiresAt !== undefined && { expiresAt: granted.expiresAt }),
    ...(granted.replaceable === true && { replaceable: true }),
    ...(image !== undefined && { image }),
    ...(secrets.token && { token: secrets.token.reference }),
  };
  await writeInstance(store, record);
  const notices =
    company.length === 0 ? granted.notices : [...granted.notices, oneMore(plan, company)];
  return { record, grant: { ...granted, notices }, others, fresh: idle === undefined };
}

/** Who decides what becomes of an instance holds this. */
export function lockInstances(ctx: PluginContext): Promise<AsyncDisposable | undefined> {
  return lockHome("instances", ctx);
}

/** A lock of this jackin home; says for whom it waits. */
export async function lockHome(
  name: string,
  { host, signal, progress }: PluginContext,
): Promise<AsyncDisposable | undefined> {
  const onWait = (owner: string) => progress(`waiting for ${owner}`);
  return await host.lock?.(name, { signal, onWait });
}

function freeName(base: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? base : `${base}-${count}`;
    if (!taken.has(name)) return name;
  }
}

function oneMore({ target }: LaunchPlan, company: readonly string[]): Notice {
  const text = `${target.workspace ?? target.workdir} already runs as ${company.join(", ")}; this is one more`;
  return { level: "info", text, next: `jackin hardline ${company[0]}` };
}
