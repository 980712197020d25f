import * as v from "valibot";
import type { AuthProvider, Notice, Surroundings } from "./contracts.ts";
import { explain } from "./explain.ts";
import { classifyFailure } from "./failure-words.ts";
import type { TokenScope } from "./token-ledger.ts";

/** Why an agent was refused, told by what Claude Code said. */
export type FailureCause =
  /** `Not logged in`: no credential, or a hollow one. */
  | "not-signed-in"
  /** `OAuth session expired and could not be refreshed`: its refresh token was refused. */
  | "not-renewed"
  /** `OAuth token has expired`, `… revoked`. */
  | "expired"
  | "revoked"
  /** `Invalid authentication credentials`. */
  | "refused"
  /** `Invalid bearer token`: cut short, or of another kind. */
  | "malformed"
  /** `does not meet scope requirement`. */
  | "scope"
  /** `oauth_org_not_allowed`, `organization has been disabled`. */
  | "policy"
  /** 429, credit balance: not authentication. */
  | "quota"
  | "unknown";

/** One turn of an agent that died of authentication. */
export interface AuthFailure {
  readonly cause: FailureCause;
  /** What Claude Code said, cut short, without control characters. */
  readonly text: string;
  readonly instance: string;
  readonly mode: string;
  /** ms since the epoch */
  readonly at: number;
  /** Of a mode that needs the operator's token: the scope that names it now. */
  readonly token?: TokenScope;
  /** What the agent was given can be replaced while it runs. */
  readonly replaceable?: boolean;
}

/** These say by themselves what they are about; the others may be about anything. */
const told = new Set([
  "authentication_failed",
  "oauth_org_not_allowed",
  "rate_limit",
  "billing_error",
]);

const reportSchema = v.object({
  error: v.optional(v.string()),
  last_assistant_message: v.optional(v.string()),
});

/** bytes, about */
const largestReport = 256 * 1024;
/** characters */
const longestText = 300;

/** A hook's stdin. It is the agent's word: undefined for what is no report of a refused turn. */
export function parseReport(
  report: string,
  about: Omit<AuthFailure, "cause" | "text">,
): AuthFailure | undefined {
  if (report.length > largestReport) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(report.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(reportSchema, json);
  if (!parsed.success) return undefined;
  const { error = "", last_assistant_message: message = "" } = parsed.output;
  const text = cleaned(message);
  const cause = classifyFailure(text, error);
  if (cause === "unknown" && !told.has(error)) return undefined;
  return { cause, text: text || error, ...about };
}

/**
 * What happened, and the one thing that helps. With the agent's surroundings, what outranks its mode is told first: then
 * it is not the mode's login that was refused.
 */
export function adviseOn(
  failure: AuthFailure,
  provider: Pick<AuthProvider, "recover"> | undefined,
  surroundings?: Surroundings,
): Notice {
  return (
    outrankedAdvice(failure, surroundings) ??
    provider?.recover?.(failure) ?? { level: "warning", ...advise(failure) }
  );
}

function outrankedAdvice(
  { cause, instance, mode, at, replaceable: asFile }: AuthFailure,
  surroundings: Surroundings | undefined,
): Notice | undefined {
  if (!surroundings || cause === "quota") return undefined;
  const winner = explain(surroundings, { mode, instance, now: at, asFile }).find(
    ({ state }) => state === "wins",
  );
  if (!winner?.outranks) return undefined;
  const text = `${instance} was refused with ${winner.source} (${winner.where}), which outranks mode ${mode}`;
  return { level: "warning", text, ...(winner.next !== undefined && { next: winner.next }) };
}

type Advice = Pick<Notice, "text" | "next"> & Partial<Pick<Notice, "level">>;

/** What holds in every mode. */
function advise({ cause, text, instance, mode }: AuthFailure): Advice {
  const explaining = `jackin auth explain ${instance}`;
  const again = `jackin eject ${instance}, then load it again`;
  switch (cause) {
    case "not-signed-in":
      return {
        text: `${instance} has no login, or a blanked one`,
        next: `${explaining}   what it looks for`,
      };
    case "not-renewed":
      return {
        text: `the login of ${instance} cannot be renewed any more: it was renewed elsewhere first, or revoked`,
        next: again,
      };
    case "expired":
      return { text: `the login of ${instance} has expired`, next: again };
    case "revoked":
      return { text: `the login of ${instance} was revoked`, next: again };
    case "malformed":
      return {
        text: `what ${instance} presents is no whole token: it was cut short where it is stored, or ANTHROPIC_AUTH_TOKEN outranks mode ${mode}`,
        next: `${explaining}   what it uses; a long-lived token has 108 characters`,
      };
    case "scope":
      return {
        text: `${instance} was refused something that its login has no scope for`,
        next: `claude auth login   a login by browser has all scopes`,
      };
    case "policy":
      return policyAdvice(text, instance, explaining);
    case "quota":
      return {
        level: "info",
        text: `${instance} is signed in and has met a limit of the account (${quoted(text)}); signing in again does not help`,
        next: "wait until the limit is over, or see https://claude.ai/settings/usage",
      };
    case "refused":
    case "unknown":
      return {
        text: `${instance} was refused (${quoted(text)}), which does not say that its login expired`,
        next: `${explaining}   what it uses`,
      };
  }
}

/** An old API key is often the reason, and Claude Code may name it. */
function policyAdvice(text: string, instance: string, explaining: string): Advice {
  const variable = /ANTHROPIC_(API_KEY|AUTH_TOKEN)/.exec(text)?.[0];
  if (variable !== undefined)
    return {
      text: `${instance} was refused with ${variable}, whose organization is disabled`,
      next: `${explaining}   where ${variable} is set, to unset it`,
    };
  return {
    text: `the organization that ${instance} is signed in to does not allow it, is disabled, or has a payment past due; or an old ANTHROPIC_API_KEY outranks its login`,
    next: `${explaining}   which variable to unset, if there is one`,
  };
}

function quoted(text: string): string {
  return `Claude Code: "${text}"`;
}

/** The agent's word, for a terminal: one short line, nothing that steers, nothing that looks like a token. */
function cleaned(text: string): string {
  const line = text
    .slice(0, 4 * longestText)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\s]+/gu, " ")
    .replace(/sk-ant-[\w-]+/g, "sk-ant-***")
    .trim();
  const letters = [...line];
  return letters.length > longestText ? `${letters.slice(0, longestText - 1).join("")}…` : line;
}
