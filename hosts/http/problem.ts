import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { didYouMean, errorCodes, JackinError, toJackinError } from "../../core/index.ts";
import type { ErrorCode } from "../../core/index.ts";
import type { Problem } from "./schemas.ts";

export interface ProblemInit {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Where HTTP has a finer word than the code's own status. */
  readonly status?: number;
}

/** An error in the form of RFC 9457, with the codes of the command. */
export function problemOf({ code, message, hint, status }: ProblemInit): Problem {
  return {
    type: `urn:jackin:error:${code}`,
    title: code.replaceAll("-", " "),
    status: status ?? errorCodes[code].status,
    code,
    detail: message,
    ...(hint !== undefined && { hint }),
  };
}

/** An error as problem+json. */
export function toProblem(c: Context, init: ProblemInit): Response {
  const body = problemOf(init);
  return c.body(JSON.stringify(body), body.status as ContentfulStatusCode, {
    "content-type": "application/problem+json",
  });
}

/** Whatever was thrown. A defect, unlike an error that is meant for a person, is logged with its stack. */
export function toErrorProblem(c: Context, error: Error, log: (line: string) => void): Response {
  if (error instanceof HTTPException)
    return toProblem(c, { code: "usage", message: error.message, status: error.status });
  const told = toJackinError(error);
  if (told.code === "internal") log(error.stack ?? error.message);
  return toProblem(c, told);
}

/** What a schema found wrong, all at once; an unknown key with the nearest known one. */
export function refuse(
  what: "body" | "query",
  issues: readonly Issue[],
  known: readonly string[],
): JackinError {
  const lines = issues.map((issue) => {
    const path = issue.path?.map((item) => (typeof item === "object" ? item.key : item)) ?? [];
    const key = path.map(String).join(".");
    if (issue.type === "strict_object" && path.length > 0)
      return `unknown key "${key}".${didYouMean(key, known)}`;
    const missing = issue.type === "strict_object" ? "must be a JSON object" : issue.message;
    return key === "" ? missing : `${key}: ${missing}`;
  });
  return new JackinError({
    code: "usage",
    message: `The ${what} is refused: ${lines.join("; ")}`,
    hint: `Its keys are ${known.join(", ")}.`,
  });
}

/** A Standard Schema issue; valibot's has a type as well. */
interface Issue {
  readonly type?: string;
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
