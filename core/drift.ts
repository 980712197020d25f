/** How what a running agent holds compares with what its mode has to give now. Told by fingerprints alone. */
import type { Health, Surroundings } from "./contracts.ts";
import type { Credential, Fingerprint } from "./credential.ts";
import { explain } from "./explain.ts";
import type { LedgerEntry } from "./ledger.ts";
import type { InstanceStatus } from "./roster.ts";
import { tokenVariable } from "./token.ts";
import { tokenCommand } from "./token-expiry.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";

export type DriftState =
  /** It has what it should have now. */
  | "fresh"
  /** The host has a newer login. */
  | "behind"
  | "expired"
  /** It cannot renew any more, or not once it has to: the login was renewed elsewhere, or revoked. */
  | "dead"
  /** Its login is blank. */
  | "hollow"
  /** It has none. */
  | "missing"
  /** Something that Claude Code prefers is there too. */
  | "shadowed"
  | "unknown";

export interface Drift {
  readonly instance: string;
  readonly mode: string;
  readonly state: DriftState;
  readonly text: string;
  readonly next?: string;
  /** ms since the epoch */
  readonly expiresAt?: number;
}

export interface DriftQuestion {
  readonly status: InstanceStatus;
  /** Undefined: they could not be seen. */
  readonly surroundings: Surroundings | undefined;
  readonly ledger: LedgerEntry | undefined;
  /** Of its mode, with its options. */
  readonly health: Health | undefined;
  /** Of mode token: what is known of the token that a launch would take now. */
  readonly token?: {
    readonly reference: string;
    /** The scope that names it. */
    readonly of: TokenScope;
    readonly entry?: TokenEntry | undefined;
  };
  /** Its token was given as a login, which can be replaced, and not in a variable. */
  readonly asFile?: boolean | undefined;
  readonly now: number;
}

type Found = Omit<Drift, "instance" | "mode">;

export function toDrift(question: DriftQuestion): Drift {
  const { instance, mode } = question.status;
  return { instance, mode, ...judge(question) };
}

function judge(question: DriftQuestion): Found {
  const { status, surroundings, health, asFile } = question;
  const { instance, mode } = status;
  const explaining = `jackin auth explain ${instance}`;
  if (!surroundings)
    return { state: "unknown", text: "its runtime does not show what it holds", next: explaining };
  const sources = explain(surroundings, { mode, instance, now: question.now, asFile });
  const winner = sources.find((source) => source.state === "wins");
  if (winner?.outranks)
    return {
      state: "shadowed",
      text: `shadowed by ${winner.source} (${winner.where})`,
      next: explaining,
    };
  const held = surroundings.credential;
  if (mode === "token") {
    if (winner?.source === tokenVariable) return compareToken(question, question.ledger?.token);
    if (asFile && held.state === "access") return compareToken(question, held.access);
  }
  switch (held.state) {
    case "none":
      return {
        state: "missing",
        text: mode === "ignore" ? "nobody has signed in inside it" : "it has no login",
        next: mode === "ignore" ? `/login   in jackin hardline ${instance}` : renewed(question),
      };
    case "torn":
    case "unknown":
      return { state: "unknown", text: "its login cannot be read", next: renewed(question) };
    case "hollow":
      return question.ledger?.refresh === undefined
        ? { state: "hollow", text: "its login is blank", next: renewed(question) }
        : {
            state: "dead",
            text: "dead (renewed elsewhere, or revoked): its copy of the login was blanked",
            next: renewed(question),
          };
    case "whole":
    case "access":
      return compare(question, held, health?.credential);
  }
}

/** No backend is asked: jackin's own notes tell whether there is another one by now. */
function compareToken(question: DriftQuestion, held: Fingerprint | undefined): Found {
  const { status, ledger, token, asFile, now } = question;
  const { expiresAt } = ledger ?? {};
  const until = expiresAt !== undefined && { expiresAt };
  const noted = token?.entry;
  const isSame = held !== undefined && held === noted?.fingerprint;
  const isMoved = token && status.token !== undefined && status.token !== token.reference;
  // What was stored by hand since is not in the notes, and an agent that was started with it is not behind.
  const notedAt = noted?.provenAt ?? noted?.createdAt ?? 0;
  const isRenewed = noted && held !== undefined && notedAt > (ledger?.at ?? 0);
  if (!isSame && (isMoved || isRenewed))
    return {
      state: "behind",
      text: "behind: its launch would take another token now",
      next: renewed(question),
      ...until,
    };
  if (asFile && held !== ledger?.access)
    return {
      state: "behind",
      text: "behind: holds another token than it was given last",
      next: renewed(question),
      ...until,
    };
  const text = `has the token that ${asFile ? "it was given last" : "its launch gave it"}`;
  if (expiresAt === undefined || expiresAt > now) return { state: "fresh", text, ...until };
  const next = tokenCommand("rotate", token?.of ?? {});
  return { state: "expired", text: `expired, by estimate; ${text}`, next, ...until };
}

type Holding = Extract<Credential, { readonly access: string }>;

function compare(question: DriftQuestion, held: Holding, host: Credential | undefined): Found {
  const { ledger, now, status } = question;
  const expiresAt =
    held.expiresAt ?? (ledger?.access === held.access ? ledger.expiresAt : undefined);
  const until = expiresAt !== undefined && { expiresAt };
  // It renews itself, and has a chain of its own.
  if (held.state === "whole" && ledger?.refresh === undefined)
    return { state: "fresh", text: ownText(status.mode), ...until };
  if (!host || !("access" in host)) return byTime("the host has nothing to compare it with");
  if (held.state === "whole") return copy(host, held);
  if (held.access === host.access) return byTime("has the login that the host has now");
  return {
    state: "behind",
    text: "behind the host, which has a newer login",
    next: `jackin auth sync ${status.instance}`,
    ...until,
  };

  function byTime(text: string): Found {
    if (expiresAt === undefined || expiresAt > now) return { state: "fresh", text, ...until };
    return { state: "expired", text: `expired; ${text}`, next: renewed(question), ...until };
  }

  /** Of two copies of a login the one that renewed lives, and the other dies when it has to renew. */
  function copy(source: Holding, own: Holding): Found {
    if (own.refresh === source.refresh)
      return byTime("shares its renewal with the host: whoever renews first logs the other out");
    if (own.refresh === ledger?.refresh)
      return {
        state: "dead",
        text: "dead (renewed elsewhere): it works until it has to renew",
        next: renewed(question),
        ...until,
      };
    return source.refresh === ledger?.refresh
      ? {
          state: "fresh",
          text: "has renewed the login: the host's copy of it is dead",
          next: "claude auth login",
          ...until,
        }
      : { state: "fresh", text: "has renewed its login by itself", ...until };
  }
}

function ownText(mode: string): string {
  return mode === "session"
    ? "shares jackin's session, which renews itself"
    : "has a login of its own, which renews itself";
}

function renewed({ status, health, ledger, asFile }: DriftQuestion): string {
  if (health?.state === "bad" && health.next !== undefined) return health.next;
  const { instance } = status;
  return ledger?.refresh === undefined && (status.mode === "sync" || asFile)
    ? `jackin auth sync ${instance}`
    : `jackin eject ${instance}, then load it again`;
}
