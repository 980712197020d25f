import { classify, createSecret, JackinError, looksSecret } from "../../core/index.ts";
import type { Jackin, Notice } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import type { EnvSetFlags } from "./config-env.ts";
import { checkReference } from "./config-reference.ts";
import { schemesOf, typedScope } from "./config-scope.ts";
import type { ScopeFlags } from "./config-scope.ts";
import { readStdin } from "./io.ts";
import { harmless } from "./show.ts";

/** bytes; Linux takes little more, and the parser that edits are made with ends its stack on a text of 120 000 characters */
const longest = 100_000;

export async function askValue(
  deps: CommandDeps,
  key: string,
  given: string | undefined,
  scope: ScopeFlags,
): Promise<string> {
  if (given !== undefined && given !== "-") return checkText(key, given);
  if (given === "-") {
    const text = await readStdin(deps.io);
    return checkText(key, text.replace(/\r?\n$/, ""));
  }
  if (!deps.isTerminal) {
    const flags = typedScope(scope);
    throw usage(
      `The value of ${key} is missing.`,
      `jackin config env set ${key} 'op://vault/item/field'${flags}   a reference\njackin config env set ${key} -${flags}   reads the value from stdin`,
    );
  }
  return checkText(
    key,
    await deps.prompts.password(`Value of ${key} (a reference, or text that is not shown)`, {
      validate: (text) => (text === "" ? "Type a value, or Ctrl-C." : undefined),
    }),
  );
}

function checkText(key: string, text: string): string {
  if (text.includes("\0"))
    throw usage("The value holds a NUL character; no variable can.", undefined);
  const size = new TextEncoder().encode(text).length;
  if (size > longest) {
    throw usage(
      `The value of ${key} has ${size} bytes; a variable here holds at most ${longest}.`,
      "Put it into a file, and the file's path into the variable.",
    );
  }
  return text;
}

export interface Stored {
  readonly value: string | { readonly value: string };
  /** What may be said of it. */
  readonly says: string;
  /** Names for a reference that is stored by ids. */
  readonly comment?: string;
  readonly warning?: Notice;
}

/** What is written for a value; a reference is looked up first. */
export async function toStored(
  deps: CommandDeps,
  jackin: Jackin,
  key: string,
  value: string,
  scope: ScopeFlags,
  flags: EnvSetFlags,
  isArgument: boolean,
): Promise<Stored> {
  const item = flags.literal ? undefined : classify(value, schemesOf(jackin));
  if (item?.kind === "reference") {
    if (!flags.check) return { value, says: ` to ${harmless(value)}, unchecked,` };
    const { store, text } = await checkReference(deps, jackin, item.scheme, value, item.reference);
    const about = text === undefined ? "" : ` (${harmless(text)})`;
    const comment = store !== value && text !== undefined ? { comment: harmless(text) } : {};
    return { value: store, says: ` to ${harmless(store)}${about}`, ...comment };
  }
  const stored = isReference(value, jackin) ? { value } : value;
  if (value !== "" && (looksSecret(key) || hasSecretShape(value))) {
    jackin.redactor.add(createSecret(value));
    const history = isArgument ? ", and in your shell's history" : "";
    const warning: Notice = {
      level: "warning",
      text: `the value of ${key} looks like a secret and is now plain text in the configuration${history}`,
      next: `a reference keeps it out: jackin config env set ${key} 'op://vault/item/field'${typedScope(scope)}, or '$NAME' for a variable of the host`,
    };
    return { value: stored, says: "", warning };
  }
  return { value: stored, says: "" };
}

/** Text that would be taken for a reference is written so that it is not. */
function isReference(value: string, jackin: Jackin): boolean {
  try {
    return classify(value, schemesOf(jackin)).kind === "reference";
  } catch {
    return true;
  }
}

/** Keys of well-known services, tokens with three dotted parts, long runs of letters and digits without a word's shape. */
function hasSecretShape(value: string): boolean {
  if (
    /^(sk-|gh[a-z]_|github_pat_|glpat-|xox[a-z]-|AKIA|eyJ)/.test(value) ||
    /-----BEGIN /.test(value)
  )
    return true;
  return /^(?=.*[a-z])(?=.*\d)[\w+/=-]{24,}$/i.test(value) && !/^[/.~]/.test(value);
}

function usage(message: string, hint: string | undefined): JackinError {
  return new JackinError({ code: "usage", message, hint });
}
