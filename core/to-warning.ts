import type { Notice } from "./contracts.ts";
import { toJackinError } from "./error.ts";

/** A failure that keeps nothing else from going on: what happened, behind `before`, and what to do next. */
export function toWarning(error: unknown, before = ""): Notice {
  const { message, hint } = toJackinError(error);
  return { level: "warning", text: before + message, ...(hint !== undefined && { next: hint }) };
}
