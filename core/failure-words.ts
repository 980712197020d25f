/** What Claude Code says when a turn dies, and what it means. */
import type { FailureCause } from "./failure.ts";

/** What a `StopFailure` hook has to match so that all below is reported; `parseReport` lets go of the rest. */
export const reportMatcher =
  "authentication_failed|oauth_org_not_allowed|rate_limit|billing_error|invalid_request|unknown";

/** `error` is what Claude Code calls it. */
export function classifyFailure(text: string, error?: string): FailureCause {
  if (error === "oauth_org_not_allowed") return "policy";
  if (error === "rate_limit" || error === "billing_error") return "quota";
  return words.find(([, pattern]) => pattern.test(text))?.[0] ?? "unknown";
}

/** False: another login of the same account cannot help. */
export function isOfLogin(cause: FailureCause): boolean {
  return cause !== "quota" && cause !== "policy" && cause !== "scope";
}

/**
 * What a `StopFailure` hook of Claude Code 2.1.330 is told, as seen with the real binary: `error` in front, then the
 * last words. In the terminal UI `Failed to authenticate.` reads `Please run /login ·`.
 *
 * - `authentication_failed` no credential: `Not logged in · Please run /login`
 * - `authentication_failed` hollow, or refresh token refused: `… OAuth session expired and could not be refreshed`
 * - `authentication_failed` 401: `… API Error: 401 OAuth token has expired. …`, `… OAuth token has been revoked. …`,
 *   `… Invalid authentication credentials`, `… Invalid bearer token`; with an API key `Invalid API key · Fix external API key`
 * - `authentication_failed` 403: `… API Error: 403 OAuth token does not meet scope requirement user:profile`,
 *   `… API Error: 403 This organization has been disabled.`; a revoked token: `OAuth token revoked. Please log in again …`
 * - `oauth_org_not_allowed` 403: `Claude Code can't use your Claude subscription, usually because a payment is past due …`
 * - `unknown` 400: `API Error: 400 This organization has been disabled.`
 * - `invalid_request` 400: `Your ANTHROPIC_API_KEY belongs to a disabled organization · …`; `Your apiKeyHelper script is failing · …`
 * - `rate_limit` 429: `You've hit your limit · resets 11:20pm (UTC)`, `API Error: Server is temporarily limiting requests …`
 * - `billing_error` 400, 402: `Credit balance is too low`
 *
 * A 401 with an API key, an `ANTHROPIC_AUTH_TOKEN` or a helper comes after about three minutes of tries.
 */
const words: readonly (readonly [FailureCause, RegExp])[] = [
  [
    "policy",
    /oauth_org_not_allowed|organization has been disabled|disabled organization|not allowed for this organization|can't use your Claude subscription/i,
  ],
  [
    "quota",
    /API Error: 429|rate.limit|limiting requests|hit your (\S+ )?limit|usage limit|credit balance/i,
  ],
  ["scope", /scope requirement/i],
  ["not-signed-in", /not logged in/i],
  ["not-renewed", /could not be refreshed/i],
  ["revoked", /token (has been |was )?revoked/i],
  ["expired", /token has expired/i],
  ["malformed", /invalid bearer token/i],
  [
    "refused",
    /invalid authentication credentials|invalid (x-)?api.key|apiKeyHelper script is failing|token exchange failed/i,
  ],
];
