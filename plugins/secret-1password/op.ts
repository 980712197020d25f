import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";

export interface Op {
  /** Answers stdout, byte for byte. Throws `secret-failed`; no error holds any of stdout. */
  run(
    args: readonly string[],
    limitMs: number,
    ctx: PluginContext,
    reference?: string,
  ): Promise<string>;
  /** True for trouble that is not of one reference: the next call would meet it too. */
  meetsAll(error: JackinError): boolean;
}

export function createOp(account: string | undefined): Op {
  const pin = account === undefined ? [] : ["--account", account];
  const general = new WeakSet<JackinError>();
  const trouble = (what: string, hint: string, cause?: unknown) => {
    const error = failure(what, hint, cause);
    general.add(error);
    return error;
  };

  const couldNotRun = (error: JackinError) => {
    const what = `op, the 1Password CLI, could not be run: ${error.message.replace(/\.$/, "")}`;
    const code = (error.cause as { code?: unknown } | undefined)?.code;
    if (code === "ENOENT") return trouble(what, installPage, error);
    if (code === "EACCES") return trouble(what, error.hint ?? installPage, error);
    return failure(what, error.hint ?? installPage, error);
  };

  return {
    meetsAll: (error) => general.has(error),
    async run(args, limitMs, { host, signal }, reference) {
      if (!host.exec)
        throw trouble(
          "this host runs no programs, and 1Password is read by one",
          "use another secret backend here",
        );
      let result;
      try {
        result = await host.exec("op", [...pin, ...args], { signal, limitMs });
      } catch (error) {
        throwIfAborted(signal);
        if (!(error instanceof JackinError)) throw error;
        if (error.code === "timeout")
          throw trouble(
            `1Password did not answer within ${limitMs / 1000} s: a prompt may be waiting for you`,
            "unlock the 1Password app, approve its prompt, and try again",
            error,
          );
        throw couldNotRun(error);
      }
      if (result.code === 0) return result.stdout;
      const said = lineOf(result.stderr);
      const state = states.find(({ says }) => says.test(withoutNames(result.stderr, reference)));
      if (state) throw trouble(`${state.what} (op: ${said})`, state.next(account));
      throw failure(
        `${reference ?? `op ${args[0]}`}: ${said || `op ended with exit code ${result.code}`}`,
        hintFor(said),
      );
    },
  };
}

const installPage = "install it: https://developer.1password.com/docs/cli/get-started/";

interface SignInState {
  readonly says: RegExp;
  readonly what: string;
  readonly next: (account: string | undefined) => string;
}

/** What `op` writes to stderr when it is not about one reference. */
const states: readonly SignInState[] = [
  {
    says: /\(429\)|too many requests|rate limit/i,
    what: "1Password's limit of reads is used up: 1,000 an hour for a service account's token (10,000 on Business), and 1,000, 5,000 or 50,000 a day for the account",
    next: () => "wait until the hour or the day is over; nothing is tried again by itself",
  },
  {
    says: /no accounts configured/i,
    what: "the 1Password CLI knows no account",
    next: () =>
      "turn on Settings > Developer > Integrate with 1Password CLI in the app, or: op account add\non a machine without the app: export OP_SERVICE_ACCOUNT_TOKEN=…",
  },
  {
    says: /found no accounts? for|no account found/i,
    what: "the 1Password CLI does not know the account that it was asked for",
    next: () => "op account list",
  },
  {
    says: /\bis locked\b/i,
    what: "the 1Password app is locked",
    next: () => "unlock the 1Password app and try again",
  },
  {
    says: /dismissed|authorization (was )?denied|authorization (prompt )?tim(ed|e) ?out|biometric/i,
    what: "1Password's prompt was not approved",
    next: () => "try again and approve the prompt of the 1Password app",
  },
  {
    says: /not (currently )?signed in|session expired/i,
    what: "nobody is signed in to 1Password",
    next: (account) => (account === undefined ? "op signin" : `op signin --account ${account}`),
  },
];

function hintFor(said: string): string {
  if (/more than one/i.test(said))
    return "name it by its id: op item list --vault <vault> --format json";
  if (/a vault/i.test(said)) return "op vault list";
  if (/does not have a field|a field/i.test(said)) return "op item get <item> --vault <vault>";
  return "op item list --vault <vault>";
}

/** An item may be called "biometric (429)": what `op` quotes says nothing about its state. */
function withoutNames(stderr: string, reference = ""): string {
  const place = reference
    .replace(/^op:\/\//, "")
    .split("/")
    .slice(0, 2)
    .join("/");
  const names = [reference, place].filter(Boolean);
  const plain = names.reduce((text, name) => text.replaceAll(name, ""), stderr);
  return plain.replaceAll(/"[^"\n]*"|(?<!\w)'[^'\n]*'/g, "");
}

/** The line that says it, without the stamp that `op` puts before. */
function lineOf(stderr: string): string {
  const lines = stderr.split(/\r?\n/).map((line) => line.trim());
  const line = lines.find((text) => text.startsWith("[ERROR]")) ?? lines.find(Boolean) ?? "";
  return line.replace(/^\[ERROR\]\s*(\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\s*)?/, "").slice(0, 300);
}

function failure(what: string, hint: string, cause?: unknown): JackinError {
  return new JackinError({
    code: "secret-failed",
    message: `[secret-1password] ${what}`,
    hint,
    cause,
  });
}
