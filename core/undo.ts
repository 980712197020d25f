import { JackinError, toJackinError } from "./error.ts";
import { clause } from "./wording.ts";

/** What has been done so far, and how each is taken back. */
export interface Undo {
  /** `what` as it is said afterwards, e.g. `the item op://…`. */
  add(what: string, back: () => Promise<void>): void;
  /** Takes all back, the last first; answers the error with what was undone and what could not be. */
  because(error: unknown): Promise<JackinError>;
}

export function createUndo(): Undo {
  const steps: { readonly what: string; readonly back: () => Promise<void> }[] = [];
  return {
    add: (what, back) => void steps.push({ what, back }),
    async because(thrown) {
      const error = toJackinError(thrown);
      const undone: string[] = [];
      const left: string[] = [];
      const next: string[] = [];
      for (const { what, back } of steps.splice(0).toReversed()) {
        try {
          await back();
          undone.push(what);
        } catch (failure) {
          const { hint } = toJackinError(failure);
          left.push(`${what} (${clause(toJackinError(failure))})`);
          if (hint !== undefined) next.push(hint);
        }
      }
      const lines = [
        error.message,
        ...(undone.length > 0 ? [`Undone: ${undone.join(", ")}.`] : []),
        ...(left.length > 0 ? [`Could not be undone: ${left.join(", ")}.`] : []),
        ...(left.length === 0 ? ["All is as it was before."] : []),
      ];
      const hints = [...(error.hint === undefined ? [] : [error.hint]), ...next];
      return new JackinError({
        code: error.code,
        message: lines.join("\n"),
        hint: hints.length > 0 ? [...new Set(hints)].join("\n") : undefined,
        cause: error,
      });
    },
  };
}
