import { didYouMean, JackinError, mergeEnv, refuseName, scopesOf } from "../../core/index.ts";
import type { Config, EnvValue } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { changeConfig, noteOutranking } from "./config-change.ts";
import { askValue, toStored } from "./config-env-value.ts";
import { allScopes, launchOf, outranking, scopePath, tableName } from "./config-scope.ts";
import type { ScopeFlags } from "./config-scope.ts";

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
  if (refusal !== undefined)
    throw new JackinError({ code: "usage", message: `${refusal}.`, hint: "Choose another name." });
  const { jackin } = await deps.open();
  const { config: current } = await jackin.config();
  scopePath(current, scope);
  const value = await askValue(deps, key, given, scope);
  const stored = await toStored(
    deps,
    jackin,
    key,
    value,
    scope,
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
