import type { JackinError } from "./error.ts";

/** An error's message as a part of a sentence. */
export function clause(error: JackinError): string {
  return error.message.replaceAll(/\s*\n\s*/g, " ").replace(/\.$/, "");
}

/** e.g. `2026-11-25 12:00 UTC` */
export function toDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
