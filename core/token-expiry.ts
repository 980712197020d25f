import type { Notice } from "./contracts.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";

const day = 86_400_000;

/** ms: what `claude setup-token` of 2.1.330 asks for (`expires_in: 31536000`) */
export const tokenLifetime = 365 * day;

/** Nothing above 30 days, a warning up to there, urgent in the last 7. */
export function expiryBanner(
  { reference, expiresAt }: TokenEntry,
  scope: TokenScope,
  now: number,
): Notice | undefined {
  if (expiresAt === undefined || expiresAt - now > 30 * day) return undefined;
  const until = new Date(expiresAt).toISOString().slice(0, 10);
  const days = Math.floor((expiresAt - now) / day);
  const left =
    expiresAt <= now
      ? `has expired on ${until}`
      : `expires ${days === 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`}, on ${until}`;
  return {
    level: expiresAt - now > 7 * day ? "warning" : "urgent",
    text: `the long-lived token ${reference} ${left} (estimated)`,
    next: tokenCommand("rotate", scope),
  };
}

export type TokenVerb = "setup" | "rotate" | "revoke" | "doctor";

/** The command line that does something with the token of a scope. */
export function tokenCommand(verb: TokenVerb, { workspace, role }: TokenScope): string {
  const command =
    workspace === undefined
      ? `jackin config auth ${verb}-token`
      : `jackin workspace claude-token ${verb} ${workspace}`;
  return role === undefined ? command : `${command} --role ${role}`;
}
