/** Which scope names which token, and how that is changed. */
import type { ClaudeScope, Config, Scope } from "./config.ts";
import { allScopes } from "./config.ts";
import type { Notice } from "./contracts.ts";
import type { ConfigChange } from "./edit-config.ts";
import { JackinError } from "./error.ts";
import { checkRole } from "./launch.ts";
import { didYouMean } from "./nearest.ts";
import type { EnvValue } from "./reference.ts";
import { parseReference } from "./reference.ts";
import type { Wanted } from "./environment.ts";
import { scopeName, scopesOf, tableOf } from "./scope.ts";
import { tokenCommand } from "./token-expiry.ts";
import type { TokenVerb } from "./token-expiry.ts";
import { findToken, keychainShorthand, tokenVariable } from "./token.ts";
import type { TokenScope } from "./token-ledger.ts";

/** What a token that stands in the configuration itself is called. */
export const literal = "literal";

export interface TokenUse {
  readonly scope: TokenScope;
  readonly reference: string;
  /** Tells one that stands in the configuration from another; it may be a secret. */
  readonly value: EnvValue;
}

/** Every scope whose own table names a token, in the order of the configuration. */
export function tokenUses(config: Config): readonly TokenUse[] {
  return [...allScopes(config)].flatMap(({ of, scope }) => {
    const value = ownValue(scope);
    return value === undefined ? [] : [{ scope: of, reference: toReference(value), value }];
  });
}

/** The form in which a reference is compared and noted. */
export function toReference(value: EnvValue): string {
  if (typeof value !== "string") return literal;
  if (value === "keychain") return keychainShorthand;
  return parseReference(value)?.reference ?? literal;
}

/** What makes `reference` the token of a scope, and its mode the one that uses it. */
export function toUse(scope: TokenScope, reference: string): readonly ConfigChange[] {
  return toChanges(scope, "token", reference);
}

export function toRelease(scope: TokenScope, mode: string): readonly ConfigChange[] {
  return toChanges(scope, mode, undefined);
}

/** A scope names its token in one place. */
function toChanges(
  scope: TokenScope,
  mode: string,
  reference: string | undefined,
): readonly ConfigChange[] {
  const at = tableOf(scope);
  return [
    { path: [...at, "claude", "auth_forward"], value: mode },
    { path: [...at, "claude", "oauth_token_source"], value: reference },
    { path: [...at, "claude", "oauth_token_env"] },
    { path: [...at, "env", tokenVariable] },
  ];
}

/** The configuration as it would be. */
export function withChanges(config: Config, changes: readonly ConfigChange[]): Config {
  return changes.reduce<Config>(
    (now, { path, value }) => change(now, path, value) as Config,
    config,
  );
}

function change(table: unknown, path: readonly string[], value: string | undefined): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const { [key]: old, ...others } = (table ?? {}) as Readonly<Record<string, unknown>>;
  if (value === undefined && old === undefined) return table;
  const now = change(old, rest, value);
  return now === undefined ? others : { ...others, [key]: now };
}

/** Whether all of them stand there. */
export function isWritten(config: Config, changes: readonly ConfigChange[]): boolean {
  const at = (table: unknown, key: string) =>
    (table as Readonly<Record<string, unknown>> | undefined)?.[key];
  return changes.every(({ path, value }) => path.reduce(at, config as unknown) === value);
}

/** Throws `not-found` for a workspace or role that is not there. */
export function checkScope(config: Config, { workspace, role }: TokenScope): void {
  const workspaces = config.workspaces ?? {};
  if (workspace !== undefined && !Object.hasOwn(workspaces, workspace))
    throw new JackinError({
      code: "not-found",
      message: `No workspace "${workspace}".${didYouMean(workspace, Object.keys(workspaces))}`,
      hint: "jackin workspace list",
    });
  if (role !== undefined) checkRole(config, workspace, role);
}

export function isSameScope(a: TokenScope, b: TokenScope): boolean {
  return a.workspace === b.workspace && a.role === b.role;
}

function ownValue({ claude = {}, env = {} }: Scope): EnvValue | undefined {
  const { oauth_token_source: source, oauth_token_env: variable }: ClaudeScope = claude;
  return variable === undefined ? (source ?? env[tokenVariable]) : `env://${variable}`;
}

/** The token that a launch of this scope would take. */
export function tokenOf(config: Config, { workspace, role }: TokenScope): Wanted | undefined {
  return findToken(scopesOf(config, { workspace, role })).wanted;
}

/** The scope itself names none; whose its launches take instead is where `verb` is done. */
export function noOwnToken(config: Config, scope: TokenScope, verb: TokenVerb): JackinError {
  const { workspace, role = config.workspaces?.[workspace ?? ""]?.role } = scope;
  const { of } = findToken(scopesOf(config, { workspace, role }));
  const setup = `${tokenCommand("setup", scope)}   gives it one of its own`;
  return new JackinError({
    code: "token-missing",
    message: of
      ? `${scopeName(scope)} has no token of its own; its launches take that of ${scopeName(of)}.`
      : `${scopeName(scope)} has no token.`,
    hint: of ? `${tokenCommand(verb, of)}\n${setup}` : setup,
  });
}

/** Scopes that go before one of these, where another token or mode is said. */
export function outrankingNotices(
  config: Config,
  scopes: readonly TokenScope[],
  reference: string,
): readonly Notice[] {
  const others = tokenUses(config).filter(
    (use) =>
      use.reference !== reference &&
      !has(scopes, use.scope) &&
      scopes.some((scope) => goesBefore(use.scope, scope)),
  );
  return others.map((use) => ({
    level: "info",
    text: `${scopeName(use.scope)} goes before it, with a token of its own: ${use.reference}`,
  }));
}

/** More specific, and there are launches of both. */
function goesBefore(a: TokenScope, b: TokenScope): boolean {
  const rank = ({ workspace, role }: TokenScope) =>
    (workspace === undefined ? 0 : 2) + (role === undefined ? 0 : 1);
  const meets = (one?: string, other = one) => one === undefined || one === other;
  return rank(a) > rank(b) && meets(a.workspace, b.workspace) && meets(a.role, b.role);
}

function has(scopes: readonly TokenScope[], one: TokenScope): boolean {
  return scopes.some((scope) => isSameScope(scope, one));
}
