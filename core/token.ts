import { JackinError } from "./error.ts";
import type { Wanted } from "./environment.ts";
import type { NamedScope, TraceLine } from "./scope.ts";
import { keyAt, mergeEnv } from "./scope.ts";

/** The variable that carries a long-lived token. */
export const tokenVariable = "CLAUDE_CODE_OAUTH_TOKEN";

/** What `oauth_token_source = "keychain"` stands for. */
export const keychainShorthand = "keychain://jackin/claude-oauth-token";

export interface TokenQuestion {
  /** Undefined when no scope names a token. */
  readonly wanted: Wanted | undefined;
  /** Every place that was asked, in order. */
  readonly trace: readonly TraceLine[];
}

/**
 * Where the token is: `oauth_token_source` or `oauth_token_env` of the most specific scope that has one, else
 * `CLAUDE_CODE_OAUTH_TOKEN` of the environment.
 */
export function findToken(scopes: readonly NamedScope[]): TokenQuestion {
  const trace: TraceLine[] = [];
  for (const scope of scopes.toReversed()) {
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
      return { wanted: { key: tokenVariable, value, scope: scope.name, mayBeAbsent: true }, trace };
  }
  for (const scope of scopes.toReversed()) {
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
  return { wanted: entry && { ...entry, mayBeAbsent: true }, trace };
}

/** The launch stops: nothing was started. The trace and ways to go on are in the error. */
export function tokenMissing(question: TokenQuestion, workspace: string | undefined): JackinError {
  const asked = question.trace.map(
    ({ scope, key, says }) =>
      `  ${scope}: ${key}: ${says === undefined ? "not set" : `${says}, empty or not there`}`,
  );
  const what = question.wanted ? "its value is empty or not there" : "no scope names one";
  const set =
    workspace === undefined ? "jackin config env set" : `jackin workspace env set ${workspace}`;
  return new JackinError({
    code: "token-missing",
    message: `Mode token needs a long-lived token and ${what}; nothing was started.\nAsked, in this order:\n${asked.join("\n")}`,
    hint: [
      "claude setup-token                      makes a token that is valid for one year; then one of:",
      `${set} ${tokenVariable} 'op://vault/item/field'   from 1Password`,
      `${set} ${tokenVariable} '$JACKIN_CLAUDE_OAUTH_TOKEN'   from a variable of the host`,
      `jackin config auth set sync${workspace === undefined ? "" : ` --workspace ${workspace}`}   uses the host's login instead`,
    ].join("\n"),
  });
}
