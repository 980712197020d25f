/**
 * The same context, or limit, without its caller's cancel: taking back or closing down what was begun must not be cut off by the
 * very cancel that has caused it. Time limits hold as before.
 */
export function uncancelled<T extends { readonly signal: AbortSignal }>(given: T): T {
  return { ...given, signal: new AbortController().signal };
}
