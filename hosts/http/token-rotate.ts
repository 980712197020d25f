/** A new token in the place of an old one. */
import { isSameScope, revokePage, sameTokenNotice, toWarning } from "../../core/index.ts";
import type { CallOptions, Installed, Jackin, TokenStatus } from "../../core/index.ts";
import type { Setup } from "./token-schemas.ts";

type Done = Extract<Setup, { state: "done" }>;

/** The new one is in use already: what fails here is told, and undoes nothing. */
export async function replaceUnderAgents(
  { tokens }: Jackin,
  { reference, scopes, entry: old }: TokenStatus,
  { entry, replaced, notices }: Installed,
  call: CallOptions,
): Promise<Pick<Done, "agents" | "retired" | "notices">> {
  const told = [...notices];
  const same = sameTokenNotice(old, entry);
  if (same) told.push(same);
  // Others may name it still, and then it is to stay; who names its very place has the new one, too.
  else if (
    entry.reference === reference ||
    scopes.every((scope) => entry.scopes.some((moved) => isSameScope(moved, scope)))
  )
    told.push({
      level: "info",
      text: `the old token ${reference} is good until it is revoked at Anthropic, by hand`,
      next: revokePage,
    });
  let agents: Done["agents"];
  try {
    agents = [...(await tokens.bringAlong(entry.reference, call))];
    const retired = replaced.includes(reference) && (await tokens.retire(reference, call));
    return { agents, notices: told, ...(retired && { retired: { reference, ...retired } }) };
  } catch (thrown) {
    const before = `${reference} is replaced, but not all that held it was seen to: `;
    told.push(toWarning(thrown, before));
    return { notices: told, ...(agents && { agents }) };
  }
}
