/** Brings running agents each new login of their mode, by what `AuthProvider.follow` delivers. */
import type { AuthProvider, Grant, Notice, PluginContext } from "./contracts.ts";
import { deliver } from "./deliver.ts";
import { eachAtMost } from "./each-at-most.ts";
import { toJackinError } from "./error.ts";
import { readLedger, writeAlert } from "./ledger.ts";
import type { InstanceStatus } from "./roster.ts";
import { modeOptions, scopesOf } from "./scope.ts";
import type { KeeperParts, Teller } from "./teller.ts";
import { providerOf } from "./teller.ts";
import { toWarning } from "./to-warning.ts";
import { within } from "./within.ts";

export interface Following extends AsyncDisposable {
  /** Follows for these agents and for no other; resolves when each has what is known now. */
  look(running: readonly InstanceStatus[]): Promise<void>;
}

/** Agents of one mode with the same options: they get the same. */
interface Group {
  readonly provider: AuthProvider;
  readonly options: Readonly<Record<string, unknown>>;
  members: readonly InstanceStatus[];
  follower?: AsyncDisposable;
  last?: Grant;
  /** Which of them each agent was brought, or may not have, by its launch: a look at what is as it was costs nothing. */
  readonly brought: Map<string, Grant>;
  /** Its mode has told of a trouble, and has delivered nothing since. */
  hasTrouble: boolean;
  /** One after the other: what is brought, or told, last is the newest. */
  bringing: Promise<void>;
  /** What was told, and of which agent when of one: so that it is told once, until that is mended. */
  readonly told: Map<string, string | undefined>;
}

function createGroup(
  provider: AuthProvider,
  options: Group["options"],
  members: Group["members"],
): Group {
  const bringing = Promise.resolve();
  const base = { provider, options, members, hasTrouble: false, bringing };
  return { ...base, brought: new Map(), told: new Map() };
}

function launchOf({ instance, startedAt }: InstanceStatus): string {
  return `${instance} ${startedAt}`;
}

/** At a time; each is a program of the runtime. */
const atOnce = 8;
/** ms, for one agent */
const limitMs = 20_000;

export function followLogins(parts: KeeperParts, teller: Teller, ctx: PluginContext): Following {
  const { machine, plugins } = parts;
  const groups = new Map<string, Group>();
  return { look, [Symbol.asyncDispose]: () => stop([...groups.keys()]) };

  async function look(running: readonly InstanceStatus[]): Promise<void> {
    const wanted = Map.groupBy(await withOptions(running), ({ key }) => key);
    await stop([...groups.keys()].filter((key) => !wanted.has(key)));
    for (const [key, found] of wanted) {
      const { provider, options } = found[0]!;
      const members = found.map(({ status }) => status);
      const group = groups.get(key) ?? createGroup(provider, options, members);
      group.members = members;
      const launches = new Set(members.map(launchOf));
      for (const launch of group.brought.keys())
        if (!launches.has(launch)) group.brought.delete(launch);
      groups.set(key, group);
      if (group.follower) await bring(group);
      else await begin(group);
    }
  }

  async function withOptions(running: readonly InstanceStatus[]) {
    const { config } = await parts.config();
    return running.flatMap((status) => {
      const provider = providerOf(plugins, status.mode);
      if (!provider?.follow || status.state !== "running") return [];
      const { workspace, role, mode } = status;
      const options = modeOptions(scopesOf(config, { workspace, role }), provider);
      return [{ status, provider, options, key: `${mode} ${JSON.stringify(options)}` }];
    });
  }

  async function begin(group: Group): Promise<void> {
    try {
      group.follower = await group.provider.follow!(
        {
          options: group.options,
          async deliver(grant) {
            group.last = grant;
            group.hasTrouble = false;
            forget(group, undefined);
            await bring(group);
          },
          tell(notice) {
            if (notice.level !== "info") group.hasTrouble = true;
            group.bringing = group.bringing.then(() => tell(group, notice));
          },
        },
        ctx,
      );
    } catch (error) {
      // It is tried again at the next look, and told once.
      if (toJackinError(error).code !== "cancelled") await tell(group, toWarning(error));
    }
  }

  function bring(group: Group): Promise<void> {
    const grant = group.last;
    const bringAll = async () => {
      await eachAtMost(atOnce, grant ? group.members : [], async (status) => {
        // When a newer one has come meanwhile, that one is brought.
        if (group.last !== grant || group.brought.get(launchOf(status)) === grant) return;
        if (await bringOne(group, grant!, status)) group.brought.set(launchOf(status), grant!);
      });
    };
    return (group.bringing = group.bringing.then(bringAll));
  }

  /** False: it has to be tried again. */
  async function bringOne(group: Group, grant: Grant, status: InstanceStatus): Promise<boolean> {
    const { instance } = status;
    try {
      // An agent that stops what runs beside it must not keep the others waiting.
      const limit = { limitMs, signal: ctx.signal, what: `[${status.runtime}] the delivery` };
      const { outcome, text, notices } = await within(limit, (signal) =>
        deliver(machine, instance, grant, { again: false }, { ...ctx, signal }),
      );
      if (outcome === "updated") await teller.say("updated", { level: "info", text }, [status]);
      else for (const notice of notices) await tell(group, notice, status);
      if (notices.some(({ level }) => level !== "info")) return true;
      if (notices.length === 0) forget(group, instance);
      if (!group.hasTrouble) await forgetAlert(instance);
      return true;
    } catch (error) {
      if (toJackinError(error).code === "cancelled") return false;
      const before = `${instance} could not be brought the host's login: `;
      await tell(group, toWarning(error, before), status);
      return false;
    }
  }

  async function tell(group: Group, notice: Notice, one?: InstanceStatus): Promise<void> {
    if (group.told.has(notice.text)) return;
    group.told.set(notice.text, one?.instance);
    const members = one ? [one] : group.members;
    if (notice.level !== "info") {
      const { text, next } = notice;
      const at = machine.host.clock.now();
      const alert = { at, text, about: "login" as const, ...(next !== undefined && { next }) };
      for (const { instance } of members)
        await writeAlert(machine.store, instance, alert).catch(() => undefined);
    }
    await teller.say(notice.level !== "info" ? "warning" : "keeper", notice, members);
  }

  async function forgetAlert(instance: string): Promise<void> {
    const alert = (await readLedger(machine.store, instance))?.alert;
    if (alert?.about === "login") await writeAlert(machine.store, instance, undefined);
  }

  function forget(group: Group, instance: string | undefined): void {
    for (const [text, of] of group.told) if (of === instance) group.told.delete(text);
  }

  async function stop(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const group = groups.get(key);
      groups.delete(key);
      await group?.follower?.[Symbol.asyncDispose]();
    }
  }
}
