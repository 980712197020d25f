import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import { failure, hintFor, lineOf, states, withoutNames, withoutValues } from "./op-errors.ts";

/** ms; by what a person may have to do meanwhile. */
export const limits = {
  /** Nobody waits for a locked app here. */
  probe: 3000,
  /** At launch the app may be cold and locked, so the first call waits for the operator. */
  first: 120_000,
  read: 30_000,
  write: 300_000,
} as const;

export interface OpOptions {
  readonly limitMs: number;
  /** What it is about, for its error: a reference, or its beginning. */
  readonly about?: string;
  readonly stdin?: string;
  /** What is in `stdin` and in no error. */
  readonly hide?: readonly string[];
}

export interface Op {
  /** Answers stdout, byte for byte. Throws `secret-failed`; no error holds any of stdout. */
  run(args: readonly string[], ctx: PluginContext, options: OpOptions): Promise<string>;
  /** True for trouble that is not of one reference: the next call would meet it too. */
  meetsAll(error: JackinError): boolean;
  /** True when the call has certainly changed nothing. */
  isRefusal(error: unknown): boolean;
  isNoItem(error: unknown): boolean;
}

export function createOp(account: string | undefined): Op {
  const pin = account === undefined ? [] : ["--account", account];
  const general = new WeakSet<object>();
  const refusals = new WeakSet<object>();
  const noItems = new WeakSet<object>();
  const note = (error: JackinError, ...sets: WeakSet<object>[]) => {
    for (const set of sets) set.add(error);
    return error;
  };
  const trouble = (what: string, hint: string, cause?: unknown) =>
    note(failure(what, hint, cause), general, refusals);

  const couldNotRun = (error: JackinError) => {
    const what = `op, the 1Password CLI, could not be run: ${error.message.replace(/\.$/, "")}`;
    const code = (error.cause as { code?: unknown } | undefined)?.code;
    if (code === "ENOENT") return trouble(what, installPage, error);
    if (code === "EACCES") return trouble(what, error.hint ?? installPage, error);
    return failure(what, error.hint ?? installPage, error);
  };

  const toError = (code: number, stderr: string, options: OpOptions) => {
    const { about = "" } = options;
    const said = lineOf(withoutValues(stderr, options.hide));
    const plain = withoutNames(stderr, about);
    const state = states.find(({ says }) => says.test(plain));
    if (state) return trouble(`${state.what} (op: ${said})`, state.next(account));
    const what = said || `op ended with exit code ${code}`;
    const error = failure(about ? `${about}: ${what}` : what, hintFor(plain));
    if (/isn't an item/i.test(plain)) note(error, noItems);
    if (refuses.test(plain)) note(error, refusals);
    return error;
  };

  return {
    meetsAll: (error) => general.has(error),
    isRefusal: (error) => refusals.has(error as object),
    isNoItem: (error) => noItems.has(error as object),
    async run(args, ctx, options) {
      const { limitMs, stdin } = options;
      const { host, signal } = ctx;
      throwIfAborted(signal);
      if (!host.exec)
        throw trouble(
          "this host runs no programs, and 1Password is asked by one",
          "use another secret backend here",
        );
      // op takes input from a real pipe only: from a socket it says "expected data on stdin but none found".
      const input = stdin === undefined ? {} : { stdin, stdinPipe: true };
      let result;
      try {
        result = await host.exec("op", [...pin, ...args], { signal, limitMs, ...input });
      } catch (error) {
        throwIfAborted(signal);
        if (!(error instanceof JackinError)) throw error;
        if (error.code === "timeout") throw note(tooSlow(limitMs, error), general);
        throw couldNotRun(error);
      }
      if (result.code === 0) return result.stdout;
      throw toError(result.code, result.stderr, options);
    },
  };
}

const installPage = "install it: https://developer.1password.com/docs/cli/get-started/";

/** What is said before anything is done. */
const refuses =
  /isn't an? (item|vault)|more than one item|\(403\)|forbidden|not have (the )?(permission|write access)|not authorized/i;

function tooSlow(limitMs: number, cause: JackinError): JackinError {
  return failure(
    `1Password did not answer within ${limitMs / 1000} s: a prompt may be waiting for you`,
    "unlock the 1Password app, approve its prompt, and try again",
    cause,
  );
}
