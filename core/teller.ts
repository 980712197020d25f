import type { AuthProvider, Notice, Plugin, PluginContext } from "./contracts.ts";
import { eachAtMost } from "./each-at-most.ts";
import type { EventKind, JackinEvent, Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import type { LoadedConfig } from "./start.ts";

/** What keeping works with. */
export interface KeeperParts {
  readonly machine: Machine;
  readonly plugins: readonly Plugin[];
  readonly config: () => Promise<LoadedConfig>;
  readonly journal: Journal | undefined;
}

/** What following and reports do with what they find. */
export interface Teller {
  /** Into the journal; a warning also onto the terminals of these agents and the operator's desktop. */
  say(kind: EventKind, notice: Notice, instances: readonly InstanceStatus[]): Promise<void>;
}

/** At a time; each is a program of the runtime. */
const atOnce = 8;

/** On the desktop, in a minute: one trouble of fifty agents, or an agent that reports all the time, is not shown each time. */
const mostShown = 5;

export function createTeller({ machine, journal }: KeeperParts, ctx: PluginContext): Teller {
  const { host } = machine;
  let shownAt: readonly number[] = [];
  return {
    async say(kind, { level, text, next }, instances) {
      const event = {
        at: host.clock.now(),
        kind,
        level,
        text,
        ...(next !== undefined && { next }),
      };
      const events: JackinEvent[] =
        instances.length === 0
          ? [event]
          : instances.map(({ instance }) => ({ ...event, instance }));
      // Telling never keeps from keeping.
      for (const each of events) await journal?.write(each).catch(() => undefined);
      if (level === "info" && kind !== "healed") return;
      // What to do comes first: a terminal cuts a long line off.
      const act = next === undefined ? "" : ` → ${next.split("\n")[0]}`;
      const line = `jackin${act}: ${text}`;
      await eachAtMost(atOnce, instances, async ({ instance, runtime }) => {
        try {
          await runtimeOf(machine, runtime).tell?.(instance, line, ctx);
        } catch {
          // The journal has it.
        }
      });
      shownAt = shownAt.filter((at) => Math.abs(event.at - at) < 60_000);
      if (level === "info" || shownAt.length >= mostShown) return;
      shownAt = [...shownAt, event.at];
      await host.notify?.("jackin", line).catch(() => undefined);
    },
  };
}

export function providerOf(plugins: readonly Plugin[], mode: string): AuthProvider | undefined {
  return plugins.find(
    (plugin): plugin is AuthProvider => plugin.kind === "auth" && plugin.mode === mode,
  );
}
