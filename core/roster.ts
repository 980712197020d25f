import type { Notice, PluginContext, Runtime, RuntimeInstance, Sharer } from "./contracts.ts";
import { toJackinError } from "./error.ts";
import type { InstanceRecord } from "./instances.ts";
import { readInstances } from "./instances.ts";
import type { LedgerAlert } from "./ledger.ts";
import { readLedger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { toWarning } from "./to-warning.ts";
import { within } from "./within.ts";

export interface InstanceStatus {
  readonly instance: string;
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
  readonly workdir: string;
  readonly mode: string;
  readonly account?: string | undefined;
  /** ms since the epoch */
  readonly expiresAt?: number | undefined;
  readonly runtime: string;
  readonly image?: string | undefined;
  /** The reference of the long-lived token that it was given; `literal` for one that stood in the configuration. */
  readonly token?: string | undefined;
  /** `unknown`: its runtime does not answer. */
  readonly state: "starting" | "running" | "stopped" | "unknown";
  /** ms since the epoch */
  readonly startedAt?: number | undefined;
  readonly alert?: Alert | undefined;
}

/** What the operator should know of an agent until it is no longer so. */
export interface Alert {
  /** ms since the epoch */
  readonly at: number;
  readonly text: string;
  readonly next?: string | undefined;
}

/** The process that keeps running agents signed in. */
export interface KeeperStatus {
  /** `gone`: it was killed; the next command that needs it starts another. */
  readonly state: "running" | "gone";
  /** As the host names processes, e.g. `machine/pid/start`. */
  readonly process: string;
  /** ms since the epoch */
  readonly since: number;
  /** How many agents it keeps. */
  readonly keeps: number;
}

export interface Status {
  readonly instances: readonly InstanceStatus[];
  readonly notices: readonly Notice[];
  /** Undefined: nothing runs that has to be kept. */
  readonly keeper?: KeeperStatus | undefined;
}

/** All instances as they are now: what the records say, corrected by what the runtimes see. */
export interface Roster extends Status {
  readonly records: readonly InstanceRecord[];
  /** Instances whose record says nothing; their names are taken. */
  readonly unreadable: readonly string[];
  /** Starts, runs, or may run: not to be taken over. */
  isLive(instance: string): boolean;
  /** Its runtime has something of it, running or not. */
  isThere(instance: string): boolean;
}

/** One look at the records and at each runtime, side by side. A runtime that does not answer is a notice if records speak of it. */
export async function takeRoster(
  { store, runtimes, host }: Machine,
  ctx: PluginContext,
  limitMs = 30_000,
): Promise<Roster> {
  const [{ records, unreadable }, lists] = await Promise.all([
    readInstances(store),
    Promise.all(runtimes.map((runtime) => listOf(runtime, ctx, limitMs))),
  ]);
  const found = lists.flatMap((list) => list.found);
  const missed = lists.filter(
    (list) =>
      list.notice &&
      records.some((record) => record.runtime === list.runtime && record.phase !== "stopped"),
  );
  const recorded = await Promise.all(records.map(stateOf));
  const isLaunched = await Promise.all(records.map(hasLaunched));
  const known = new Set(records.map((record) => record.instance));
  // Runs although its launch was killed or its stop failed: to be seen and stopped, and free for the next launch.
  const abandoned = new Set(
    records
      .filter((_, index) => recorded[index]!.state === "running" && !isLaunched[index])
      .map((record) => record.instance),
  );
  const instances = [
    ...recorded,
    ...found.filter((item) => !known.has(item.instance)).map(fromLabels),
  ];
  return {
    records,
    unreadable,
    instances,
    notices: [...missed.map((list) => list.notice!), ...unreadable.map(unreadableNotice)],
    isLive: (instance) =>
      instances.some(
        (item) =>
          item.instance === instance && item.state !== "stopped" && !abandoned.has(instance),
      ),
    isThere: (instance) => found.some((item) => item.instance === instance),
  };

  /** It runs by itself, or who launched its headless agent still waits for it. */
  async function hasLaunched({ phase, headless, launcher }: InstanceRecord): Promise<boolean> {
    if (phase !== "running" || !headless || !launcher || !host.process) return phase === "running";
    return await host.process.isAlive(launcher.split(" ")[0]!);
  }

  async function stateOf(record: InstanceRecord): Promise<InstanceStatus> {
    const state = await judge(record);
    const { expiresAt = record.expiresAt, alert } =
      (state !== "stopped" && (await readLedger(store, record.instance))) || {};
    return { ...toStatus(record), state, expiresAt, alert: alert && toAlert(alert) };
  }

  async function judge(record: InstanceRecord): Promise<InstanceStatus["state"]> {
    if (record.phase !== "stopped" && missed.some((list) => list.runtime === record.runtime))
      return "unknown";
    const launcher = record.phase === "starting" && record.launcher?.split(" ")[0];
    if (launcher && (await host.process?.isAlive(launcher))) return "starting";
    return found.some(
      ({ instance, runtime, running }) =>
        instance === record.instance && runtime === record.runtime && running,
    )
      ? "running"
      : "stopped";
  }
}

function toAlert({ at, text, next }: LedgerAlert): Alert {
  return { at, text, ...(next !== undefined && { next }) };
}

function unreadableNotice(instance: string): Notice {
  const text = `The record of ${instance} cannot be read: it is damaged, or of another version of jackin. Its folder is kept, its name not used`;
  return { level: "warning", text, next: `jackin purge ${instance}   forgets it for good` };
}

interface RuntimeList {
  readonly runtime: string;
  readonly found: readonly (RuntimeInstance & { readonly runtime: string })[];
  readonly notice?: Notice;
}

async function listOf(plugin: Runtime, ctx: PluginContext, limitMs: number): Promise<RuntimeList> {
  const { runtime } = plugin;
  try {
    const limit = { limitMs, signal: ctx.signal, what: `[${plugin.name}] the list of instances` };
    const list = await within(limit, (signal) => plugin.list({ ...ctx, signal }));
    return { runtime, found: list.map((item) => ({ ...item, runtime })) };
  } catch (error) {
    if (toJackinError(error).code === "cancelled") throw error;
    return { runtime, found: [], notice: toWarning(error) };
  }
}

/** What an auth provider is told of another instance. */
export function toSharer({ instance, mode, account }: InstanceStatus): Sharer {
  return { instance, mode, ...(account !== undefined && { account }) };
}

/** What the labels tell of an instance, for when its record is lost. */
export function toLabels({
  workspace,
  role,
  mode,
  workdir,
  startedAt,
}: InstanceRecord): Record<string, string> {
  return {
    "jackin.workdir": workdir,
    "jackin.mode": mode,
    "jackin.started": String(startedAt),
    ...(workspace !== undefined && { "jackin.workspace": workspace }),
    ...(role !== undefined && { "jackin.role": role }),
  };
}

function fromLabels({
  labels,
  instance,
  runtime,
  running,
}: RuntimeInstance & { readonly runtime: string }): InstanceStatus {
  return {
    instance,
    runtime,
    workspace: labels["jackin.workspace"],
    role: labels["jackin.role"],
    workdir: labels["jackin.workdir"] ?? "",
    mode: labels["jackin.mode"] ?? "",
    startedAt: Number(labels["jackin.started"]) || undefined,
    state: running ? "running" : "stopped",
  };
}

export function toStatus(record: InstanceRecord): Omit<InstanceStatus, "state"> {
  const {
    instance,
    workspace,
    role,
    workdir,
    mode,
    account,
    expiresAt,
    runtime,
    image,
    token,
    startedAt,
  } = record;
  return {
    instance,
    workspace,
    role,
    workdir,
    mode,
    account,
    expiresAt,
    runtime,
    image,
    token,
    startedAt,
  };
}
