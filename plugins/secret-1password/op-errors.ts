/** What `op` says when something is wrong, and what a person does about it. */
import { JackinError } from "../../core/index.ts";

interface SignInState {
  readonly says: RegExp;
  readonly what: string;
  readonly next: (account: string | undefined) => string;
}

/** What `op` writes to stderr when it is not about one reference. */
export const states: readonly SignInState[] = [
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
    says: /multiple accounts/i,
    what: "the 1Password CLI has several accounts and does not know which is meant",
    next: () =>
      'op account list, then name one by its id: export OP_ACCOUNT=…\nor for jackin alone: account = "…" under [plugins.secret-1password]',
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

/** `plain` is what `op` said, without names. */
export function hintFor(plain: string): string {
  if (/\(403\)|forbidden|permission|not authorized|write access|read-only/i.test(plain))
    return "this account may not do that in that vault: choose another one (op vault list), or ask its owner for the permission";
  if (/more than one/i.test(plain))
    return "name it by its id: op item list --vault <vault> --format json";
  if (/a vault/i.test(plain)) return "op vault list";
  if (/does not have a field|a field/i.test(plain)) return "op item get <item> --vault <vault>";
  return "op item list --vault <vault>";
}

/** An item may be called "biometric (429)": what `op` quotes says nothing about its state. */
export function withoutNames(stderr: string, about: string): string {
  const place = about
    .replace(/^op:\/\//, "")
    .split("/")
    .slice(0, 2)
    .join("/");
  const names = [about, place].filter(Boolean);
  const plain = names.reduce((text, name) => text.replaceAll(name, ""), stderr);
  return plain.replaceAll(/"[^"\n]*"|(?<!\w)'[^'\n]*'/g, "");
}

/** `op` may quote from what it was given to read. */
export function withoutValues(stderr: string, values: readonly string[] = []): string {
  const forms = values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
  return forms
    .filter((form) => form.length >= 4)
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, form) => text.replaceAll(form, "***"), stderr);
}

/** The line that says it, without the stamp that `op` puts before. */
export function lineOf(stderr: string): string {
  const lines = stderr.split(/\r?\n/).map((line) => line.trim());
  const line = lines.find((text) => text.startsWith("[ERROR]")) ?? lines.find(Boolean) ?? "";
  return line.replace(/^\[ERROR\]\s*(\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\s*)?/, "").slice(0, 300);
}

export function failure(what: string, hint: string, cause?: unknown): JackinError {
  return new JackinError({
    code: "secret-failed",
    message: `[secret-1password] ${what}`,
    hint,
    cause,
  });
}

/** The same trouble, after which something may be left that a person has to look at. */
export function leaving(error: unknown, what: string, hint: string): JackinError {
  const known = error instanceof JackinError ? error : failure("something failed", hint, error);
  const before = known.message.replace(/^\[[^\]]*\] /, "").replace(/\.$/, "");
  return new JackinError({
    code: known.code,
    message: `[secret-1password] ${before}; ${what}`,
    hint: [hint, known.hint].filter(Boolean).join("\n"),
    cause: known,
  });
}
