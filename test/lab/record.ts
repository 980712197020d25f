import { fingerprint } from "./authority.ts";

/**
 * `message`: a turn. `renewal`: a refresh token was presented. `login`: a code was presented.
 * `other`: a known call with no bearing on sign-in. `unknown`: a call that the stand-in has no answer for.
 */
export type SeenKind = "message" | "renewal" | "login" | "other" | "unknown";

export interface Seen {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: SeenKind;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Fingerprint of the bearer token or, for a renewal, of the refresh token. */
  readonly token?: string;
  readonly account?: string;
  readonly status: number;
  /** True for a status below 400. */
  readonly ok: boolean;
  /** The last thing the user said, for a message. */
  readonly prompt?: string;
}

export interface SeenRecord {
  readonly seen: readonly Seen[];
  add(call: {
    kind: SeenKind;
    method: string;
    path: string;
    status: number;
    bearer?: string;
    account?: string;
    prompt?: string;
  }): void;
  /** The first call that fits, also a past one; waits for it if need be. */
  until(fits: (call: Seen) => boolean, timeoutMs?: number): Promise<Seen>;
}

export function createRecord(): SeenRecord {
  const seen: Seen[] = [];
  const waiting = new Set<(call: Seen) => void>();
  return {
    seen,
    add({ bearer, ...call }) {
      const entry = {
        at: Date.now(),
        ok: call.status < 400,
        ...call,
        ...(bearer ? { token: fingerprint(bearer) } : {}),
      };
      seen.push(entry);
      for (const tell of waiting) tell(entry);
    },
    until(fits, timeoutMs = 30_000) {
      const past = seen.find(fits);
      if (past) return Promise.resolve(past);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(tell);
          reject(
            new Error(
              `[lab] no call fitted ${fits} within ${timeoutMs} ms; seen: ${JSON.stringify(seen)}`,
            ),
          );
        }, timeoutMs);
        const tell = (call: Seen) => {
          if (!fits(call)) return;
          clearTimeout(timer);
          waiting.delete(tell);
          resolve(call);
        };
        waiting.add(tell);
      });
    },
  };
}
