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
}
