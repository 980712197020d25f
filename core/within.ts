import { cancelled, JackinError } from "./error.ts";

export interface Limit {
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** What took too long, for the error. */
  readonly what: string;
}

/** Runs `work` within a time limit and until the signal fires, even when `work` never answers. Throws `timeout` or `cancelled`. */
export async function within<T>(
  limit: Limit,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timer = new AbortController();
  const signal = AbortSignal.any([limit.signal, timer.signal]);
  if (limit.signal.aborted) throw cancelled(limit.signal.reason);
  const stopped = Promise.withResolvers<never>();
  const onAbort = () =>
    stopped.reject(limit.signal.aborted ? cancelled(limit.signal.reason) : tooSlow(limit));
  signal.addEventListener("abort", onAbort, { once: true });
  const handle = setTimeout(() => timer.abort(), limit.limitMs);
  try {
    return await Promise.race([work(signal), stopped.promise]);
  } finally {
    clearTimeout(handle);
    signal.removeEventListener("abort", onAbort);
  }
}

function tooSlow(limit: Limit): JackinError {
  return new JackinError({
    code: "timeout",
    message: `${limit.what} did not answer within ${limit.limitMs / 1000} s`,
    hint: "Is a prompt waiting to be answered? Try again.",
  });
}
