import {
  classify,
  createSecret,
  didYouMean,
  JackinError,
  looksSecret,
  mergeEnv,
  refuseName,
  scopesOf,
} from "../../core/index.ts";
import type { Config, EnvEntry, EnvValue, Jackin, Notice } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { changeConfig, noteOutranking } from "./config-change.ts";
import { checkReference } from "./config-reference.ts";
import { allScopes, outranking, scopePath, tableName } from "./config-scope.ts";
import type { ScopeFlags } from "./config-scope.ts";
import { harmless, table } from "./show.ts";

export interface EnvSetFlags {
  readonly comment?: string;
  /** False: `--no-check`. */
  readonly check: boolean;
  readonly literal?: boolean;
}

/** `config env set` and `workspace env set`. */
export async function envSet(
  deps: CommandDeps,
  key: string,
  given: string | undefined,
  scope: ScopeFlags,
  flags: EnvSetFlags,
): Promise<void> {
  const refusal = refuseName(key);
  if (refusal !== undefined) throw usage(`${refusal}.`, "Choose another name.");
  const { jackin } = await deps.open();
  const { config: current } = await jackin.config();
  scopePath(current, scope);
  const value = await askValue(deps, key, given);
  const stored = await toStored(
    deps,
    jackin,
    key,
    value,
    flags,
    given !== undefined && given !== "-",
  );
  const { result, config, written } = await changeConfig(deps, (draft) => {
    const path = scopePath(draft.config, scope);
    const keyPath = [...path, "env", key];
    const isNew = envAt(draft.config, scope)[key] === undefined;
    const comment = flags.comment ?? (isNew ? stored.comment : undefined);
    draft.set(keyPath, stored.value, comment === undefined ? {} : { comment });
    return { table: tableName(path, "env"), file: draft.fileOf(keyPath) };
  });
  const done = written.length > 0 ? "Set" : "Already set:";
  deps.out(`${done} ${key}${stored.says} in ${result.table} of ${result.file}`);
  if (stored.warning) deps.notices([stored.warning]);
  noteOutranking(
    deps,
    outranking(config, scope, ({ env }) => env?.[key]),
    (other) => `[${other.table}.env] ${key}`,
  );
}

/** `config env unset` and `workspace env unset`. */
export async function envUnset(deps: CommandDeps, key: string, scope: ScopeFlags): Promise<void> {
  const { result, config } = await changeConfig(deps, (draft) => {
    const path = scopePath(draft.config, scope);
    const known = Object.keys(envAt(draft.config, scope));
    const name = tableName(path, "env");
    if (!known.includes(key)) throw notSet(draft.config, key, name, known);
    const file = draft.fileOf([...path, "env", key]);
    draft.unset([...path, "env", key]);
    return { name, file };
  });
  deps.out(`Unset ${key} in ${result.name} of ${result.file}`);
  const left = mergeEnv(scopesOf(config, launchOf(config, scope))).find(
    (entry) => entry.key === key,
  );
  if (left)
    deps.notices([{ level: "info", text: `${key} is still set for it: ${left.scope} says so` }]);
}

export interface EnvListFlags {
  readonly json?: boolean;
  readonly show?: boolean;
}

export interface EnvRow {
  readonly key: string;
  readonly kind: "literal" | "reference";
  /** `***` for a literal. */
  readonly value: string;
  readonly scope: string;
}

/** `config env list`: all that is set anywhere; with a scope, what a launch there gets. */
export async function envList(
  deps: CommandDeps,
  scope: ScopeFlags,
  flags: EnvListFlags,
): Promise<void> {
  if (flags.show && deps.io.stdout.isTTY !== true) {
    throw usage(
      "--show prints secrets, and does so on a terminal only.",
      "Without --show, literals are listed as ***.",
    );
  }
  const { jackin } = await deps.open();
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const rows = envRows(jackin, config, scope, flags.show === true);
  if (flags.json) return deps.json(rows);
  if (rows.length === 0) return deps.err("No variable is set.");
  const columns = [{ title: "KEY" }, { title: "VALUE", cut: "end" as const }, { title: "SCOPE" }];
  const { stdout } = deps.io;
  const width = stdout.isTTY && !flags.show ? stdout.columns : undefined;
  const cells = rows.map((row) => [row.key, row.value, row.scope]);
  deps.out(table(columns, cells, width).join("\n"));
}

export function envRows(
  jackin: Jackin,
  config: Config,
  scope: ScopeFlags,
  show: boolean,
): readonly EnvRow[] {
  scopePath(config, scope);
  const isOneLaunch = scope.workspace !== undefined || scope.role !== undefined;
  const entries: readonly EnvEntry[] = isOneLaunch
    ? mergeEnv(scopesOf(config, launchOf(config, scope)))
    : allScopes(config).flatMap((each) => mergeEnv([each]));
  return entries.map(({ key, value, scope: from }) => ({
    key,
    ...shown(jackin, value, show),
    scope: from,
  }));
}

/** A launch of a workspace that names no role has the workspace's own. */
function launchOf(config: Config, { workspace, role }: ScopeFlags): ScopeFlags {
  const own = workspace === undefined ? undefined : config.workspaces?.[workspace]?.role;
  return { workspace, role: role ?? own };
}

function shown(jackin: Jackin, value: EnvValue, show: boolean): Pick<EnvRow, "kind" | "value"> {
  try {
    if (classify(value, schemesOf(jackin)).kind === "reference")
      return { kind: "reference", value: String(value) };
  } catch {
    return { kind: "reference", value: String(value) }; // its plugin is missing; it is no secret
  }
  const text = typeof value === "string" ? value : value.value;
  return { kind: "literal", value: show ? harmless(text) : "***" };
}

export function schemesOf({ plugins }: Jackin): ReadonlySet<string> {
  return new Set(plugins.flatMap((plugin) => (plugin.kind === "secret" ? [plugin.scheme] : [])));
}

async function askValue(
  deps: CommandDeps,
  key: string,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined && given !== "-") return checkText(given);
  if (given === "-") {
    let text = "";
    for await (const chunk of deps.io.stdin.setEncoding("utf8")) text += String(chunk);
    return checkText(text.replace(/\r?\n$/, ""));
  }
  if (!deps.isTerminal) {
    throw usage(
      `The value of ${key} is missing.`,
      `jackin config env set ${key} 'op://vault/item/field'   a reference\njackin config env set ${key} -   reads the value from stdin`,
    );
  }
  return checkText(
    await deps.prompts.password(`Value of ${key} (a reference, or text that is not shown)`, {
      validate: (text) => (text === "" ? "Type a value, or Ctrl-C." : undefined),
    }),
  );
}

function checkText(text: string): string {
  if (text.includes("\0"))
    throw usage("The value holds a NUL character; no variable can.", undefined);
  return text;
}

interface Stored {
  readonly value: string | { readonly value: string };
  /** What may be said of it. */
  readonly says: string;
  /** Names for a reference that is stored by ids. */
  readonly comment?: string;
  readonly warning?: Notice;
}

async function toStored(
  deps: CommandDeps,
  jackin: Jackin,
  key: string,
  value: string,
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
      next: `a reference keeps it out: jackin config env set ${key} 'op://vault/item/field', or '$NAME' for a variable of the host`,
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

function envAt(config: Config, scope: ScopeFlags): Readonly<Record<string, EnvValue>> {
  const table = scopePath(config, scope).join(".");
  return scopesOf(config, scope).find((each) => each.table === table)?.values.env ?? {};
}

function notSet(config: Config, key: string, name: string, known: readonly string[]): JackinError {
  const elsewhere = allScopes(config).filter(({ values }) => values.env?.[key] !== undefined);
  const places = elsewhere.map((scope) => scope.name).join(", ");
  return new JackinError({
    code: "not-found",
    message: `${key} is not set in ${name}.${didYouMean(key, known)}`,
    hint: elsewhere.length > 0 ? `It is set in: ${places}` : "jackin config env list",
  });
}

function usage(message: string, hint: string | undefined): JackinError {
  return new JackinError({ code: "usage", message, hint });
}
