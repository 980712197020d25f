/** Something that happened to agents or their logins. No secret is in it. */
export interface JackinEvent {
  /** ms since the epoch */
  readonly at: number;
  readonly kind: EventKind;
  readonly level: "info" | "warning" | "urgent";
  readonly instance?: string;
  readonly text: string;
  /** The one command, or the one act, that helps. */
  readonly next?: string;
}

export type EventKind =
  /** An agent was started, or stopped. */
  | "started"
  | "stopped"
  /** It was brought the host's present login. */
  | "updated"
  /** The host's login, or one agent's, needs the operator. */
  | "warning"
  /** An agent's turn died of authentication. */
  | "refused"
  /** … and the keeper has done what was needed. */
  | "healed"
  /** The keeper began or ended. */
  | "keeper";

/** Where events go, and where all processes of this jackin home see them. */
export interface Journal {
  write(event: JackinEvent): Promise<void>;
  /** The newest ones, oldest first. */
  recent(count: number): Promise<readonly JackinEvent[]>;
  /** Each event from now on, of all processes, until the signal fires. */
  follow(signal: AbortSignal): AsyncIterable<JackinEvent>;
}
