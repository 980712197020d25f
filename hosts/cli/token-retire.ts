/** How an old token goes once another is in its place. */
import { sameTokenNotice, toJackinError } from "../../core/index.ts";
import type { Brought, Installed, Jackin, TokenScope, TokenStatus } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { harmless } from "./show.ts";
import { showRevokePage } from "./token-page.ts";
import type { RotateFlags } from "./token-rotate.ts";
import { scopeNames } from "./token-scope.ts";

export interface Old {
  /** Where the API is asked. */
  readonly scope: TokenScope;
  /** Scopes that name it still. */
  readonly stay: readonly TokenScope[];
  readonly agents: readonly Brought[];
  readonly flags: RotateFlags;
}

/** The page where it is revoked, the proof of that if wanted, and its place in the store. */
export async function retireOld(
  deps: CommandDeps,
  jackin: Jackin,
  old: TokenStatus,
  { replaced, entry }: Installed,
  { scope, stay, agents, flags }: Old,
): Promise<boolean> {
  // Of those that were not started again it is told already.
  const holders = agents.filter(({ outcome }) => outcome === "failed");
  const showPage = async () => {
    const same = sameTokenNotice(old.entry, entry);
    if (same) return deps.notices([same]);
    const names = holders.map(({ instance }) => instance);
    await showRevokePage(deps, jackin, old, names, "old token");
  };
  // Who names its very place has the new one, too.
  if (stay.length > 0 && entry.reference !== old.reference) {
    deps.err(harmless(`${old.reference} stays: it is the token of ${scopeNames(stay)}.`));
    if (flags.verifyRevoked) deps.exit(3);
    return false;
  }
  await showPage();
  // Its place has another value now, or is gone from the configuration: nothing is left to be taken away, or tried.
  if (old.reference === "literal" || !replaced.includes(old.reference)) {
    if (!flags.verifyRevoked) return false;
    const text =
      "whether the old token is revoked cannot be told: it is not there any more to be tried";
    deps.notices([{ level: "warning", text }]);
    deps.exit(3);
    return false;
  }
  if (flags.verifyRevoked && !(await isRevoked(deps, jackin, old.reference, scope, flags))) {
    deps.notices([
      {
        level: "warning",
        text: `${old.reference} is kept, so that it can still be told whether it is revoked`,
        next: `jackin config auth revoke-token --reference '${old.reference}'   takes it away once it is revoked`,
      },
    ]);
    deps.exit(3);
    return false;
  }
  return await retire(deps, jackin, old.reference);
}

/** Asks the API, as often as the person wants. */
async function isRevoked(
  deps: CommandDeps,
  jackin: Jackin,
  reference: string,
  scope: TokenScope,
  { runtime }: RotateFlags,
): Promise<boolean> {
  const { signal } = deps;
  for (;;) {
    if (deps.isTerminal) {
      const next = await deps.prompts.select("Once it is revoked there:", [
        { value: "check", label: "check that it is refused", hint: "one turn with the old token" },
        { value: "skip", label: "leave it at that" },
      ]);
      if (next === "skip") return false;
    }
    const answer = await deps
      .working("asking the API with the old token", (progress) =>
        jackin.tokens.isAccepted(reference, { scope, runtime, signal, progress }),
      )
      .catch((thrown: unknown) => {
        const error = toJackinError(thrown);
        if (error.code === "cancelled" || signal.aborted) throw thrown;
        return error;
      });
    if (answer === "refused") {
      deps.err("The API refuses the old token: it is revoked.");
      return true;
    }
    const text =
      answer === "accepted"
        ? "the API still takes the old token"
        : `it cannot be told whether the old token is revoked: ${answer.message}`;
    deps.notices([{ level: "warning", text }]);
    if (!deps.isTerminal) return false;
  }
}

/** True: it is gone from its store. Its failure ends the command with 1. */
export async function retire(
  deps: CommandDeps,
  jackin: Jackin,
  reference: string,
): Promise<boolean> {
  const { signal } = deps;
  const { outcome, text, next } = await deps.working("taking the old token away", (progress) =>
    jackin.tokens.retire(reference, { signal, progress }),
  );
  if (outcome === "failed") deps.exit(1);
  deps.notices([
    { level: outcome === "failed" ? "warning" : "info", text, ...(next !== undefined && { next }) },
  ]);
  return outcome === "removed" || outcome === "absent";
}
