/** Keeps running agents signed in: one process of a machine, as long as any runs. */
import { createBell } from "./bell.ts";
import type { Claim } from "./claim.ts";
import { claimKeeping } from "./claim.ts";
import type { PluginContext } from "./contracts.ts";
import { toJackinError } from "./error.ts";
import type { Following } from "./following.ts";
import { followLogins } from "./following.ts";
import type { Machine } from "./machine.ts";
import { watchReports } from "./reports.ts";
import { takeRoster } from "./roster.ts";
import type { KeeperParts } from "./teller.ts";
import { createTeller } from "./teller.ts";

export interface KeepOptions {
  /** Goes on when nothing runs. */
  readonly stay: boolean;
}

/** ms. What nobody rings for is seen by then: an agent that ended by itself, an edit of the configuration. */
const lookAgain = 60_000;

export async function keepAgents(
  parts: KeeperParts,
  { stay }: KeepOptions,
  ctx: PluginContext,
): Promise<"done" | "taken"> {
  const { machine } = parts;
  const claim = await claimKeeping(machine, ctx);
  if (!claim) return "taken";
  const bell = createBell();
  let lastTrouble: string | undefined;
  const teller = createTeller(parts, ctx);
  await using kept = new AsyncDisposableStack();
  kept.defer(() => claim.release());
  kept.use(await watchWakes(machine, bell.ring));
  const following = kept.use(followLogins(parts, teller, ctx));
  const reports = kept.use(watchReports(parts, teller, ctx));
  await write("began to keep agents signed in");
  try {
    await loop(claim);
  } finally {
    await write("ended");
  }
  return "done";

  async function loop(held: Claim): Promise<void> {
    let count = -1;
    for (;;) {
      const running = await look(following, reports);
      // It only serves `status`; a full disk must not keep from keeping.
      if (running !== count) await held.keeps((count = running)).catch(() => undefined);
      if (running === 0 && !stay && (await held.releaseIf(isIdle))) return;
      await bell.wait(lookAgain, ctx.signal);
      if (ctx.signal.aborted) return;
    }
  }

  /** How many run, or may. What cannot be seen now is kept as it was; one that fails does not keep the other from it. */
  async function look(...keepers: readonly Pick<Following, "look">[]): Promise<number> {
    try {
      const running = await runningAgents(machine, ctx);
      const ended = await Promise.allSettled(keepers.map((keeper) => keeper.look(running)));
      const failed = ended.find((result) => result.status === "rejected");
      await trouble(failed?.reason);
      return running.length;
    } catch (error) {
      await trouble(error);
      return 1;
    }
  }

  /** Said when it is another than before. */
  async function trouble(error: unknown): Promise<void> {
    const { code, message } = error === undefined ? {} : toJackinError(error);
    if (message !== undefined && message !== lastTrouble && code !== "cancelled")
      await write(message);
    lastTrouble = message;
  }

  async function isIdle(): Promise<boolean> {
    return (await runningAgents(machine, ctx)).length === 0;
  }

  async function write(text: string): Promise<void> {
    await teller.say("keeper", { level: "info", text }, []);
  }
}

async function runningAgents(machine: Machine, ctx: PluginContext) {
  const { instances } = await takeRoster(machine, ctx);
  return instances.filter(({ state }) => state !== "stopped");
}

/** Has whoever keeps agents look at once, because what runs has changed. */
export async function wakeKeeper(machine: Machine): Promise<void> {
  const { files, clock } = machine.host;
  await files?.write(`${wakeFolder(machine)}/changed`, String(clock.now()));
}

function wakeFolder({ host }: Machine): string {
  return `${host.files?.state ?? ""}/keeper/wake`;
}

async function watchWakes(machine: Machine, ring: () => void): Promise<Disposable> {
  const { files } = machine.host;
  if (files?.watch) {
    await files.makeFolder(wakeFolder(machine));
    return files.watch(wakeFolder(machine), ring);
  }
  const timer = setInterval(ring, 5_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
