import { createScratch } from "./capture-scratch.ts";
import type { PluginContext } from "./contracts.ts";
import { JackinError, throwIfAborted, toJackinError } from "./error.ts";
import { withoutCredentials } from "./outranking.ts";
import type { Secret } from "./secret.ts";
import { failedCapture, operateSetupToken, setupTokenSize, usualLimits } from "./setup-token.ts";
import type { CaptureLimits } from "./setup-token.ts";
import { toToken } from "./token-text.ts";

/** Where a sign-in for a long-lived token stands. It ends in `done`, `failed` or `cancelled`; nothing of it runs any more then. */
export type CaptureState =
  | { readonly step: "start" }
  /** The operator visits the address and brings the code back; `refused`: why the last one was not taken. */
  | { readonly step: "url"; readonly url: string; readonly refused?: string }
  /** A code was given and is being exchanged. */
  | { readonly step: "code" }
  /** `doubt`: why the token may not work, to be read after "the token". */
  | { readonly step: "done"; readonly doubt?: string }
  | { readonly step: "failed"; readonly error: JackinError }
  | { readonly step: "cancelled" };

/** Disposing ends `claude` and wipes what it showed; one that had not ended is `cancelled` then. */
export interface Capture extends AsyncDisposable {
  readonly state: CaptureState;
  /** Resolves with the state as soon as it is another than this one. */
  next(after: CaptureState): Promise<CaptureState>;
  /** Hands over `<code>#<state>`. Throws `conflict` unless one is waited for, `usage` for what can be no code. */
  submit(code: string): void;
  cancel(): void;
  /** The token of one that is done. Throws `conflict` otherwise. */
  token(): Secret;
}

/** bytes */
const longestCode = 4096;
const elsewhere =
  "Or run `claude setup-token` in a terminal of your own, on any machine, and paste the token that it prints.";

/**
 * The operator's own `claude setup-token`, in a terminal that nobody sees. Throws `host-failed` where there is none;
 * what happens later is told by the state.
 */
export async function startCapture(
  ctx: PluginContext,
  limits: Partial<CaptureLimits> = {},
): Promise<Capture> {
  const { pty } = ctx.host;
  if (!pty)
    throw new JackinError({
      code: "host-failed",
      message: "This host has no hidden terminal to run claude setup-token in.",
      hint: elsewhere.replace("Or run", "Run"),
    });
  throwIfAborted(ctx.signal);
  const stop = new AbortController();
  const signal = AbortSignal.any([ctx.signal, stop.signal]);
  const track = createTrack();
  let given: PromiseWithResolvers<string> | undefined;
  let token: Secret | undefined;

  async function run(): Promise<CaptureState> {
    await using scratch = await createScratch(ctx);
    await using terminal = await pty!("claude", ["setup-token"], {
      ...setupTokenSize,
      env: environment(ctx, scratch.folder),
      cwd: scratch.folder,
      signal,
    });
    const claude = operateSetupToken(terminal, signal, { ...usualLimits, ...limits });
    let refused: string | undefined;
    for (;;) {
      const url = await claude.address(refused !== undefined);
      given = Promise.withResolvers();
      track.set({ step: "url", url, ...(refused !== undefined && { refused }) });
      const answer = await claude.exchange(url, await claude.code(given.promise));
      refused = answer.refused;
      if (answer.token === undefined) continue;
      const { value, fault, doubt } = toToken(answer.token);
      if (fault !== undefined) throw failedCapture(`What claude setup-token printed ${fault}.`);
      token = ctx.secret(value);
      return { step: "done", ...(doubt !== undefined && { doubt }) };
    }
  }

  const finished = run()
    .catch((error: unknown): CaptureState => {
      if (signal.aborted) return { step: "cancelled" };
      return { step: "failed", error: withWayOut(toJackinError(error)) };
    })
    .then((state) => track.set(state));

  return {
    get state() {
      return track.state;
    },
    next: track.next,
    submit(text) {
      if (track.state.step !== "url" || signal.aborted || !given)
        throw new JackinError({
          code: "conflict",
          message: "No code is waited for now.",
          hint: "Start the sign-in again.",
        });
      const code = toCode(text);
      track.set({ step: "code" });
      given.resolve(code);
    },
    cancel: () => stop.abort(),
    token() {
      if (track.state.step === "done" && token) return token;
      throw new JackinError({ code: "conflict", message: "This sign-in has no token to give." });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await finished;
      token = undefined;
    },
  };
}

/** What a person pastes as a code, or why it can be none; nothing of it is typed then. */
function toCode(text: string): string {
  const code = text.trim();
  const fault =
    code === ""
      ? "is empty"
      : new TextEncoder().encode(code).length > longestCode
        ? `is longer than ${longestCode} bytes`
        : /\p{Cc}/u.test(code)
          ? "holds a line break or another control character"
          : undefined;
  if (fault === undefined) return code;
  throw new JackinError({
    code: "usage",
    message: `The code ${fault}.`,
    hint: "Copy the whole code that the page shows after the sign-in, with the # in its middle.",
  });
}

function environment(
  { host }: PluginContext,
  folder: string,
): Readonly<Record<string, string | undefined>> {
  return {
    ...withoutCredentials(host.env),
    CLAUDE_CONFIG_DIR: folder,
    CLAUDE_SECURESTORAGE_CONFIG_DIR: folder,
    DISABLE_AUTOUPDATER: "1",
    // The page is shown by jackin. 2.1.330 runs this program for it and, where it sees no display either, does not wait for it.
    BROWSER: "true",
    DISPLAY: undefined,
    WAYLAND_DISPLAY: undefined,
  };
}

function createTrack() {
  let state: CaptureState = { step: "start" };
  let moved = Promise.withResolvers<void>();
  return {
    get state() {
      return state;
    },
    set(next: CaptureState) {
      state = next;
      moved.resolve();
      moved = Promise.withResolvers();
    },
    async next(after: CaptureState): Promise<CaptureState> {
      while (state === after) await moved.promise;
      return state;
    },
  };
}

/** A token can be had without this machine's help. */
function withWayOut(error: JackinError): JackinError {
  const { code, message, hint, cause } = error;
  if (code === "internal") return error;
  const way = hint === undefined ? elsewhere.replace("Or run", "Run") : `${hint}\n${elsewhere}`;
  return new JackinError({ code, message, hint: way, cause });
}
