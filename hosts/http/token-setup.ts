/** One long-lived token on its way, from the sign-in to the scopes that use it. */
import {
  cancelled,
  checkPlace,
  checkScope,
  JackinError,
  throwIfAborted,
  toJackinError,
} from "../../core/index.ts";
import type { CallOptions, Capture, Jackin, Notice, Secret, TokenScope } from "../../core/index.ts";
import { problemOf } from "./problem.ts";
import type { SetupBody } from "./token-bodies.ts";
import { replaceUnderAgents } from "./token-rotate.ts";
import type { Setup } from "./token-schemas.ts";

export interface RunningSetup {
  readonly state: Setup;
  /** Why it has failed or was cancelled. */
  readonly error: JackinError | undefined;
  /** Once it has ended, and what it had done is undone unless it is done; never rejects. */
  readonly over: Promise<void>;
  /** Answers when it is in another state than this one, has ended, or the signal fires. */
  next(after: Setup["state"], signal: AbortSignal): Promise<Setup>;
  /** Throws `conflict` unless a code is waited for. */
  submit(code: string): void;
  cancel(): void;
}

/** Goes on by itself until it has ended; the signal cancels it. */
export function beginSetup(jackin: Jackin, body: SetupBody, until: AbortSignal): RunningSetup {
  const id = crypto.randomUUID();
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, until]);
  const call: CallOptions = {
    signal,
    progress: (line) => isOver || show({ id, state: "installing", progress: line }),
  };
  let state: Setup = { id, state: "start" };
  let error: JackinError | undefined;
  /** Why the new token may not work, to be read after "the token". */
  let doubt: string | undefined;
  let capture: Capture | undefined;
  let isOver = false;
  let news = Promise.withResolvers<void>();
  const over = run();
  return {
    get state() {
      return state;
    },
    get error() {
      return error;
    },
    over,
    async next(after, limit) {
      const stopped = new Promise<void>((resolve) =>
        limit.addEventListener("abort", () => resolve(), { once: true }),
      );
      while (state.state === after && !isOver && !limit.aborted)
        await Promise.race([news.promise, stopped]);
      return state;
    },
    submit(code) {
      if (!capture || state.state !== "url") throw noCodeWanted(state);
      capture.submit(code);
      show({ id, state: "code" });
    },
    cancel: () => stop.abort(),
  };

  function show(now: Setup): void {
    state = now;
    news.resolve();
    news = Promise.withResolvers();
  }

  async function run(): Promise<void> {
    const { place, reference, probe, runtime, rotate } = body;
    let end: Setup;
    try {
      throwIfAborted(signal);
      const scope = toScope(body);
      checkScope((await jackin.config()).config, scope);
      const old = rotate && (await jackin.tokens.own(scope, "rotate", { signal }));
      // Before anybody signs in for it.
      if (place !== undefined) checkPlace(place, await jackin.tokens.places({ of: place, signal }));
      const from =
        place === undefined ? { reference: reference! } : { place, value: await signIn() };
      throwIfAborted(signal);
      show({ id, state: "installing" });
      const scopes = old && rotate === "all" ? old.scopes : [scope];
      const made = await jackin.tokens.install({ scopes, from, probe, runtime }, call);
      const doubts: Notice[] =
        doubt === undefined ? [] : [{ level: "warning", text: `the token ${doubt}` }];
      const installed = { ...made, notices: [...doubts, ...made.notices] };
      end = {
        id,
        state: "done",
        entry: installed.entry,
        replaced: [...installed.replaced],
        ...(old
          ? await replaceUnderAgents(jackin, old, installed, call)
          : { notices: installed.notices }),
      };
    } catch (thrown) {
      const told = toJackinError(thrown);
      const { message, hint } = told;
      error = signal.aborted
        ? new JackinError({ code: "cancelled", message, hint, cause: thrown })
        : told;
      const problem = problemOf(error);
      end = { id, state: error.code === "cancelled" ? "cancelled" : "failed", problem };
    }
    isOver = true;
    show(end);
  }

  async function signIn(): Promise<Secret> {
    await using begun = await jackin.tokens.capture({ signal, runtime: body.runtime });
    capture = begun;
    try {
      for (let now = begun.state; ; now = await begun.next(now)) {
        switch (now.step) {
          case "start":
          case "code":
            show({ id, state: now.step });
            break;
          case "url": {
            const { url, refused } = now;
            show({ id, state: "url", url, ...(refused !== undefined && { refused }) });
            break;
          }
          case "done":
            ({ doubt } = now);
            return begun.token();
          case "failed":
            throw now.error;
          case "cancelled":
            throw cancelled();
        }
      }
    } finally {
      capture = undefined;
    }
  }
}

export function toScope({ workspace, role }: TokenScope): TokenScope {
  return { ...(workspace !== undefined && { workspace }), ...(role !== undefined && { role }) };
}

function noCodeWanted({ state }: Setup): JackinError {
  return new JackinError({
    code: "conflict",
    message: `No code is waited for: the setup is in state ${state}.`,
    hint: "A code is taken in state url, once.",
  });
}
