/**
 * Every way jackin fails, once: the command's exit code and the HTTP status of each.
 * Exit codes: 1 failed, 2 wrong usage, 3 a credential needs the operator, 130 cancelled.
 */
export const errorCodes = {
  usage: { exit: 2, status: 400 },
  "config-invalid": { exit: 1, status: 422 },
  "config-busy": { exit: 1, status: 409 },
  "not-found": { exit: 1, status: 404 },
  conflict: { exit: 1, status: 409 },
  "token-missing": { exit: 3, status: 424 },
  "secret-failed": { exit: 3, status: 424 },
  "login-unusable": { exit: 3, status: 424 },
  "plugin-missing": { exit: 1, status: 501 },
  "plugin-failed": { exit: 1, status: 500 },
  "runtime-missing": { exit: 1, status: 503 },
  "runtime-denied": { exit: 1, status: 503 },
  "image-failed": { exit: 1, status: 502 },
  "start-failed": { exit: 1, status: 502 },
  "host-failed": { exit: 1, status: 500 },
  timeout: { exit: 1, status: 504 },
  unauthorized: { exit: 1, status: 401 },
  cancelled: { exit: 130, status: 499 },
  internal: { exit: 1, status: 500 },
} as const satisfies Record<string, { exit: number; status: number }>;

export type ErrorCode = keyof typeof errorCodes;

export interface JackinErrorInit {
  readonly code: ErrorCode;
  /** What went wrong and where, in one sentence; a plugin's begins with `[plugin-name]`. */
  readonly message: string;
  /** What to do next: a command where there is one. Several lines are several ways. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** The one error that is meant for a person. Anything else that is thrown is a defect of jackin or of a plugin. */
export class JackinError extends Error {
  override readonly name = "JackinError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(init: JackinErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.hint = init.hint;
  }
}

/**
 * The error a caller shows: a `JackinError` as it is, an abort as `cancelled`, the rest as `fallback` with its message.
 * Told by name and code, so that a plugin may throw one without importing this class.
 */
export function toJackinError(
  error: unknown,
  fallback: ErrorCode = "internal",
  prefix = "",
): JackinError {
  if (error instanceof JackinError) return error;
  if (!(error instanceof Error))
    return new JackinError({ code: fallback, message: prefix + String(error), cause: error });
  if (error.name === "AbortError") return cancelled(error);
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  const known =
    error.name === "JackinError" && typeof code === "string" && Object.hasOwn(errorCodes, code);
  return new JackinError({
    code: known ? (code as ErrorCode) : fallback,
    message: known ? error.message : prefix + error.message,
    hint: known && typeof hint === "string" ? hint : undefined,
    cause: error,
  });
}

export function cancelled(cause?: unknown): JackinError {
  return new JackinError({ code: "cancelled", message: "Cancelled.", cause });
}

/** Throws `cancelled` once the signal has fired. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled(signal.reason);
}
