import * as v from "valibot";
import type { Config, Scope } from "./config.ts";
import { defaultMode } from "./config.ts";
import type { AuthProvider } from "./contracts.ts";
import { JackinError } from "./error.ts";
import type { EnvValue } from "./reference.ts";
import type { TokenScope } from "./token-ledger.ts";

/** A scope with the name a person knows it by and the table it stands in (`""`: the top of the file). */
export interface NamedScope {
  readonly name: string;
  readonly table: string;
  readonly of: TokenScope;
  readonly values: Scope;
}

/** What one scope said when it was asked; `says` is undefined when it said nothing. */
export interface TraceLine {
  readonly scope: string;
  readonly key: string;
  readonly says: string | undefined;
}

export interface Decided<T> {
  readonly value: T;
  /** The scope that decided; `default` when none did. */
  readonly scope: string;
  /** Every scope that was asked, most specific first. */
  readonly trace: readonly TraceLine[];
}

export interface ScopeQuery {
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
  /** What the command line sets. */
  readonly flags?: Scope | undefined;
}

/** The scopes that have a say, least to most specific: global, role, workspace, workspace × role, command line. */
export function scopesOf(config: Config, query: ScopeQuery): readonly NamedScope[] {
  const { workspace, role, flags } = query;
  const at = (of: TokenScope, values: Scope = {}) => ({
    name: scopeName(of),
    table: tableOf(of).join("."),
    of,
    values,
  });
  const scopes: NamedScope[] = [at({}, config)];
  const own = workspace === undefined ? undefined : config.workspaces?.[workspace];
  if (role !== undefined) scopes.push(at({ role }, config.roles?.[role]));
  if (own) scopes.push(at({ workspace }, own));
  if (own && role !== undefined) scopes.push(at({ workspace, role }, own.roles?.[role]));
  if (flags) scopes.push({ name: "command line", table: "", of: {}, values: flags });
  return scopes;
}

/** As a scope of the configuration is called everywhere. */
export function scopeName({ workspace, role }: TokenScope): string {
  if (workspace === undefined) return role === undefined ? "global" : `role ${role}`;
  return role === undefined ? `workspace ${workspace}` : `workspace ${workspace} × role ${role}`;
}

/** Where its table stands. */
export function tableOf({ workspace, role }: TokenScope): readonly string[] {
  return [
    ...(workspace === undefined ? [] : ["workspaces", workspace]),
    ...(role === undefined ? [] : ["roles", role]),
  ];
}

/** Asks the scopes for one key, the most specific first; the first that says something decides. */
export function decide<T>(
  scopes: readonly NamedScope[],
  key: string,
  ask: (scope: Scope) => T | undefined,
): Decided<T | undefined> {
  const trace: TraceLine[] = [];
  for (const scope of scopes.toReversed()) {
    const value = ask(scope.values);
    trace.push({
      scope: scope.name,
      key: keyAt(scope, key),
      says: value === undefined ? undefined : String(value),
    });
    if (value !== undefined) return { value, scope: scope.name, trace };
  }
  return { value: undefined, scope: "default", trace };
}

export function decideMode(scopes: readonly NamedScope[]): Decided<string> {
  const decided = decide(scopes, "claude.auth_forward", (scope) => scope.claude?.auth_forward);
  return { ...decided, value: decided.value ?? defaultMode };
}

/** `[claude.<mode>]` of all scopes, key by key, checked as a whole: what each scope says may be right and the sum wrong. */
export function modeOptions(
  scopes: readonly NamedScope[],
  { name, mode, options }: Pick<AuthProvider, "name" | "mode" | "options">,
): Readonly<Record<string, unknown>> {
  const merged = Object.assign({}, ...scopes.map(({ values }) => values.claude?.[mode]));
  if (!options) return merged;
  const checked = v.safeParse(options, merged);
  if (checked.success) return checked.output as Record<string, unknown>;
  const [issue] = checked.issues;
  throw new JackinError({
    code: "config-invalid",
    message: `[${name}] claude.${[mode, v.getDotPath(issue)].filter(Boolean).join(".")}: ${issue.message}`,
    hint: `See what [claude.${mode}] says in each scope: jackin config edit`,
  });
}

export interface EnvEntry {
  readonly key: string;
  readonly value: EnvValue;
  /** The scope that decided, by name. */
  readonly scope: string;
}

/** The operator's environment, each variable as the most specific scope says. */
export function mergeEnv(scopes: readonly NamedScope[]): readonly EnvEntry[] {
  const entries = new Map<string, EnvEntry>();
  for (const { name, values } of scopes) {
    for (const [key, value] of Object.entries(values.env ?? {}))
      entries.set(key, { key, value, scope: name });
  }
  return [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** `[table] key`, as the file would have it. */
export function keyAt(scope: NamedScope, key: string): string {
  if (scope.name === "command line") return "command line";
  const parts = [...(scope.table ? [scope.table] : []), ...key.split(".").slice(0, -1)];
  return `[${parts.join(".")}] ${key.split(".").at(-1)}`;
}
