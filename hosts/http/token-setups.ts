import { didYouMean, JackinError } from "../../core/index.ts";
import type { Jackin } from "../../core/index.ts";
import { beginSetup } from "./token-setup.ts";
import type { RunningSetup } from "./token-setup.ts";
import type { SetupBody } from "./token-bodies.ts";
import type { Setup } from "./token-schemas.ts";

/** Each runs a `claude` of its own. */
const mostAtOnce = 4;

/** ms that the end of one can be asked for */
const remembered = 15 * 60_000;

export interface SetupsOptions {
  readonly jackin: Jackin;
  /** Cancels all of them. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly waitUntil: (work: Promise<void>) => void;
  /** ms that an answer waits for another state */
  readonly waitMs: number;
}

/** The setups of this app, in memory only. */
export interface Setups {
  list(): readonly Setup[];
  /** Answers when somebody can go on with it. What fails until then is thrown and forgotten, and a caller who leaves cancels it. */
  start(body: SetupBody, caller: AbortSignal): Promise<Setup>;
  /** As it is, or with `after` as soon as it is in another state, if that is soon. */
  look(id: string, after: Setup["state"] | undefined, caller: AbortSignal): Promise<Setup>;
  submit(id: string, code: string): Setup;
  /** Cancels one and waits for its end; forgets one that had ended. */
  end(id: string): Promise<Setup>;
}

export function createSetups({ jackin, signal, log, waitUntil, waitMs }: SetupsOptions): Setups {
  const { clock } = jackin.host;
  const all = new Map<string, RunningSetup>();
  /** ms since the epoch, by id */
  const ends = new Map<string, number>();

  return {
    list: () => current().map(({ state }) => state),
    async start(body, caller) {
      const live = current().filter(({ state }) => !ends.has(state.id));
      if (live.length >= mostAtOnce) throw tooMany(live);
      const setup = beginSetup(jackin, body, signal);
      const { id } = setup.state;
      all.set(id, setup);
      waitUntil(setup.over.then(() => void ends.set(id, clock.now())));
      caller.addEventListener("abort", setup.cancel);
      if (caller.aborted) setup.cancel();
      try {
        const state = await setup.next("start", AbortSignal.timeout(waitMs));
        if (!setup.error) {
          void setup.over.then(() => logDefect(setup));
          return state;
        }
        await setup.over;
        forget(id);
        throw setup.error;
      } finally {
        caller.removeEventListener("abort", setup.cancel);
      }
    },
    async look(id, after, caller) {
      const setup = find(id);
      if (after === undefined) return setup.state;
      return await setup.next(after, AbortSignal.any([caller, AbortSignal.timeout(waitMs)]));
    },
    submit(id, code) {
      const setup = find(id);
      setup.submit(code);
      return setup.state;
    },
    async end(id) {
      const setup = find(id);
      if (ends.has(id)) forget(id);
      setup.cancel();
      await setup.over;
      return setup.state;
    },
  };

  function current(): readonly RunningSetup[] {
    const now = clock.now();
    for (const [id, endedAt] of ends) if (now - endedAt >= remembered) forget(id);
    return [...all.values()];
  }

  function forget(id: string): void {
    all.delete(id);
    ends.delete(id);
  }

  function find(id: string): RunningSetup {
    const known = current();
    const found = all.get(id);
    if (found) return found;
    const ids = known.map(({ state }) => state.id);
    throw new JackinError({
      code: "not-found",
      message: `No setup "${id}".${didYouMean(id, ids)}`,
      hint: "GET /v1/tokens/setups lists them; one that has ended is forgotten after 15 minutes.",
    });
  }

  /** Nobody else does: it comes after the answer. */
  function logDefect({ error }: RunningSetup): void {
    if (error?.code !== "internal") return;
    log(error.cause instanceof Error ? (error.cause.stack ?? error.message) : error.message);
  }
}

function tooMany(live: readonly RunningSetup[]): JackinError {
  return new JackinError({
    code: "conflict",
    message: `${live.length} setups are under way, and no more than ${mostAtOnce} can be.`,
    hint: live.map(({ state }) => `DELETE /v1/tokens/setups/${state.id}`).join("\n"),
  });
}
