/** The operator's hands at `claude setup-token`: each step within its time, each fault with its next step. */
import { cancelled, JackinError, toJackinError } from "./error.ts";
import type { HiddenTerminal } from "./host.ts";
import type { TokenScreen } from "./token-screen.ts";
import { readTokenScreen } from "./token-screen.ts";
import { within } from "./within.ts";

/** All in ms. */
export interface CaptureLimits {
  /** Until an address is shown. */
  readonly start: number;
  /** Until the operator brings the code. */
  readonly code: number;
  /** Until the code is exchanged. */
  readonly exchange: number;
  /** For how long nothing may have been drawn before what is shown counts as whole. */
  readonly quiet: number;
  /** A key that came together with the code counts as a part of it, and is pressed again after this. */
  readonly again: number;
}

export const usualLimits: CaptureLimits = {
  start: 30_000,
  code: 15 * 60_000,
  exchange: 60_000,
  quiet: 300,
  again: 2_000,
};

/** Wide enough for an address and a token on a row of their own: broken ones cannot be put together with certainty. */
export const setupTokenSize = { columns: 1000, rows: 60 } as const;

export type Exchanged =
  | { readonly token: string; readonly refused?: undefined }
  | { readonly token?: undefined; readonly refused: string };

export function operateSetupToken(
  terminal: HiddenTerminal,
  signal: AbortSignal,
  limits: CaptureLimits,
) {
  const text = () => terminal.screen().join("\n");

  /** The first screen that `pick` takes. */
  async function see<T>(
    pick: (screen: TokenScreen) => T | undefined,
    limit: AbortSignal,
  ): Promise<T> {
    while (!limit.aborted) {
      const { code } = terminal;
      let screen = read(code !== undefined);
      if (screen.shows === "drawing") {
        await settle(limit);
        screen = read(true);
      }
      const found = pick(screen);
      if (found !== undefined) return found;
      if (code !== undefined) throw endedEarly(code, screen);
      await terminal.changed();
    }
    throw cancelled(limit.reason);
  }

  function read(isStill: boolean): TokenScreen {
    return readTokenScreen(terminal.screen(), { columns: setupTokenSize.columns, isStill });
  }

  /**
   * Until the program has ended or has drawn nothing for a while, at most ten times as long. In several waits: on a busy
   * machine one that is late would come before what is there to be read.
   */
  async function settle(limit: AbortSignal): Promise<void> {
    const waits = 6;
    for (let quiet = 0, all = 0; quiet < waits && all < 10 * waits && !limit.aborted; all++) {
      if (terminal.code !== undefined) return;
      const before = text();
      await new Promise((resolve) => setTimeout(resolve, limits.quiet / waits));
      quiet = text() === before ? quiet + 1 : 0;
    }
  }

  async function type(code: string, limit: AbortSignal): Promise<void> {
    const before = text();
    terminal.write(code);
    await see(({ shows }) => (shows === "typed" || text() !== before ? true : undefined), limit);
    terminal.write("\r");
  }

  /** After the code and Enter, and whenever they stand there unread. */
  async function outcome(url: string, limit: AbortSignal): Promise<TokenScreen> {
    const isTyped = () => read(false).shows === "typed";
    const press = setInterval(() => isTyped() && terminal.write("\r"), limits.again);
    try {
      const isLast = (screen: TokenScreen) =>
        screen.shows === "token" ||
        screen.shows === "cut" ||
        screen.shows === "retry" ||
        (screen.shows === "address" && (screen.trouble !== undefined || screen.url !== url));
      return await see((screen) => (isLast(screen) ? screen : undefined), limit);
    } finally {
      clearInterval(press);
    }
  }

  /** Exactly the given time; what it says when that is over is the step's own. */
  async function timed<T>(
    limitMs: number,
    late: (ms: number) => JackinError,
    work: (limit: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await within({ limitMs, signal, what: "claude setup-token" }, work);
    } catch (error) {
      throw toJackinError(error).code === "timeout" ? late(limitMs) : error;
    }
  }

  return {
    /** The address to visit. `isAgain`: after a code that was refused, when the screen may still say so. */
    address: (isAgain: boolean): Promise<string> =>
      timed(limits.start, startedLate, (limit) =>
        see((screen) => {
          if (screen.shows === "address") return screen.url;
          if (screen.shows === "cut") throw notWhole(screen.what);
          if (screen.shows === "retry" && !isAgain) throw refusedByService(screen.why);
          return undefined;
        }, limit),
      ),
    /** The operator's code, unless the program ends before. */
    code: (given: Promise<string>): Promise<string> =>
      timed(limits.code, noCode, async (limit) => {
        const isGiven = new AbortController();
        const watched = see<never>(() => undefined, AbortSignal.any([limit, isGiven.signal]));
        return await Promise.race([given, watched]).finally(() => isGiven.abort());
      }),
    /** A token as it stands on the screen, or why the code was not taken. */
    async exchange(url: string, code: string): Promise<Exchanged> {
      const screen = await timed(limits.exchange, exchangedLate, async (limit) => {
        await type(code, limit);
        return await outcome(url, limit);
      });
      switch (screen.shows) {
        case "token":
          return { token: screen.value };
        case "cut":
          throw notWhole(screen.what);
        case "retry":
          if (screen.isRemote) throw refusedByService(screen.why);
          terminal.write("\r");
          return { refused: screen.why };
        default:
          return {
            refused: (screen.shows === "address" && screen.trouble) || "The code was not taken.",
          };
      }
    },
  };
}

function startedLate(ms: number): JackinError {
  return late(
    `claude setup-token showed no address to sign in at within ${ms / 1000} s.`,
    "Try again. See in a terminal of your own what `claude setup-token` does.",
  );
}

function noCode(ms: number): JackinError {
  return late(
    `No code was given within ${ms / 60_000} min, and the sign-in was ended.`,
    "Start it again: its address is good for one sign-in.",
  );
}

function exchangedLate(ms: number): JackinError {
  return late(
    `claude setup-token did not exchange the code for a token within ${ms / 1000} s.`,
    "Does this machine reach platform.claude.com, through a proxy if there is one (HTTPS_PROXY)? Then start again.",
  );
}

function late(message: string, hint: string): JackinError {
  return new JackinError({ code: "timeout", message, hint });
}

function endedEarly(code: number, screen: TokenScreen): JackinError {
  const said = screen.shows === "other" && screen.text !== "" ? `: ${screen.text}` : ".";
  return failedCapture(
    `claude setup-token ended before it gave a token (exit code ${code})${said}`,
  );
}

function refusedByService(why: string): JackinError {
  return failedCapture(`claude setup-token could not sign in: ${why}`);
}

function notWhole(what: "token" | "address"): JackinError {
  return failedCapture(
    `claude setup-token drew the ${what} in a way that this jackin cannot read as one whole.`,
  );
}

export function failedCapture(message: string): JackinError {
  return new JackinError({ code: "host-failed", message });
}
