import { JackinError } from "./error.ts";
import type { Wanted } from "./environment.ts";
import type { NamedScope, TraceLine } from "./scope.ts";
import { keyAt, mergeEnv } from "./scope.ts";
import { tokenCommand } from "./token-expiry.ts";
import type { TokenScope } from "./token-ledger.ts";

/** The variable that carries a long-lived token. */
export const tokenVariable = "CLAUDE_CODE_OAUTH_TOKEN";

/** Where a person revokes a token, or a login; 2.1.330 names it when it has made one. */
export const revokePage = "https://claude.ai/settings/claude-code";

/** What `oauth_token_source = "keychain"` stands for. */
export const keychainShorthand = "keychain://jackin/claude-oauth-token";

export interface TokenQuestion {
  /** Undefined when no scope names a token. */
  readonly wanted: Wanted | undefined;
  /** The scope that names it. */
  readonly of?: TokenScope;
  /** Every place that was asked, in order. */
  readonly trace: readonly TraceLine[];
}

/**
 * Where the token is: `oauth_token_source` or `oauth_token_env` of the most specific scope that has one, else
 * `CLAUDE_CODE_OAUTH_TOKEN` of the environment.
 */
export function findToken(scopes: readonly NamedScope[]): TokenQuestion {
  const trace: TraceLine[] = [];
  // The command line names no token.
  const places = scopes.filter(({ name }) => name !== "command line").toReversed();
  for (const scope of places) {
    const { oauth_token_source: source, oauth_token_env: variable } = scope.values.claude ?? {};
    const key = variable === undefined ? "claude.oauth_token_source" : "claude.oauth_token_env";
    const value =
      variable === undefined
        ? source === "keychain"
          ? keychainShorthand
          : source
        : `env://${variable}`;
    trace.push({ scope: scope.name, key: keyAt(scope, key), says: value });
    if (value !== undefined)
      return {
        wanted: { key: tokenVariable, value, scope: scope.name, mayBeAbsent: true },
        of: scope.of,
        trace,
      };
  }
  for (const scope of places) {
    const value = scope.values.env?.[tokenVariable];
    const says =
      value === undefined
        ? undefined
        : typeof value === "string" && /^(\$|[a-z]+:\/\/)/i.test(value)
          ? value
          : "a literal";
    trace.push({ scope: scope.name, key: keyAt(scope, `env.${tokenVariable}`), says });
    if (value !== undefined) break;
  }
  const entry = mergeEnv(scopes).find(({ key }) => key === tokenVariable);
  if (!entry) return { wanted: undefined, trace };
  const of = scopes.find(({ name }) => name === entry.scope)?.of ?? {};
  return { wanted: { ...entry, mayBeAbsent: true }, of, trace };
}

/** There is none. The trace and ways to go on are in the error; `outcome` says what that means for who needs it. */
export function tokenMissing(
  { trace, wanted }: TokenQuestion,
  workspace: string | undefined,
  outcome = "nothing was started",
): JackinError {
  const asked = trace.map(
    ({ scope, key, says }) =>
      `  ${scope}: ${key}: ${says === undefined ? "not set" : `${says}, empty or not there`}`,
  );
  const what = wanted ? "its value is empty or not there" : "no scope names one";
  const isNamed = workspace !== undefined;
  const setup = tokenCommand("setup", isNamed ? { workspace } : {});
  // What a key names goes before the variable.
  const isOfKey = wanted !== undefined && !trace.at(-1)!.key.includes(tokenVariable);
  const set = isOfKey
    ? `${setup} --yes --reuse`
    : `jackin ${isNamed ? `workspace env set ${workspace}` : "config env set"} ${tokenVariable}`;
  return new JackinError({
    code: "token-missing",
    message: `Mode token needs a long-lived token and ${what}; ${outcome}.\nAsked, in this order:\n${asked.join("\n")}`,
    hint: [
      `${setup}   makes one, stores it and sets this; or by hand:`,
      "claude setup-token   makes one that is valid for a year; then one of:",
      `${set} 'op://vault/item/field'   from 1Password`,
      `${set} '$JACKIN_CLAUDE_OAUTH_TOKEN'   from a variable of the host`,
      `jackin config auth set sync${isNamed ? ` --workspace ${workspace}` : ""}   uses the host's login instead`,
    ].join("\n"),
  });
}
