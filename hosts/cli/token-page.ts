import { revokePage } from "../../core/index.ts";
import type { Jackin, TokenStatus } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { harmless } from "./show.ts";
import { day } from "./token-install.ts";

/** A token is revoked by hand only: the page, and what is known of which one it is. */
export async function showRevokePage(
  deps: CommandDeps,
  jackin: Jackin,
  { reference, entry, agents }: TokenStatus,
  /** Agents that were brought along, or stopped, do not hold it any more. */
  holders: readonly string[] = agents,
  what = "token",
): Promise<void> {
  const facts = [
    entry?.createdAt !== undefined && `made on ${day(entry.createdAt)}`,
    entry && `fingerprint ${entry.fingerprint}`,
  ].filter((fact) => typeof fact === "string");
  const which = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  deps.err(harmless(`The ${what} ${reference}${which} is good until you revoke it at Anthropic:`));
  const isOpened = deps.isTerminal && ((await jackin.host.browse?.(revokePage)) ?? false);
  deps.err(isOpened ? `${revokePage}   (your browser shows it)` : revokePage);
  if (holders.length > 0)
    deps.notices([
      {
        level: "warning",
        text: `${holders.join(", ")} still ${holders.length === 1 ? "holds" : "hold"} it, and will be refused once it is revoked`,
      },
    ]);
}
