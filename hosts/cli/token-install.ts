import { JackinError, toJackinError } from "../../core/index.ts";
import type { Installed, InstallRequest, Jackin } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { harmless } from "./show.ts";
import { scopeNames } from "./token-scope.ts";

/** `install` of the core, step by step on the terminal. When it is stopped, what was undone is still told. */
export async function install(
  deps: CommandDeps,
  jackin: Jackin,
  request: InstallRequest,
): Promise<Installed> {
  const { signal } = deps;
  try {
    return await deps.working("putting the token in place", (progress) =>
      jackin.tokens.install(request, { signal, progress }),
    );
  } catch (thrown) {
    const { message, hint } = toJackinError(thrown);
    if (!signal.aborted) throw thrown;
    throw new JackinError({ code: "cancelled", message, hint, cause: thrown });
  }
}

/** Where it is, until when, how it was proven, and what is signed in by it now. */
export function tellInstalled(
  deps: CommandDeps,
  { entry, notices }: Installed,
  request: InstallRequest,
): void {
  const { reference, fingerprint, isOurs, expiresAt } = entry;
  const facts: readonly (readonly [string, string])[] = [
    ["stored", `${reference}${isOurs ? "" : " (not put there by jackin)"}`],
    ["fingerprint", fingerprint],
    [
      "valid",
      expiresAt === undefined
        ? "one year from when it was made, which is not known here"
        : `until about ${day(expiresAt)} (estimated: a token does not tell)`,
    ],
    ["proven", provenBy(entry)],
    ["mode token", scopeNames(request.scopes)],
  ];
  const lines = facts.map(([fact, text]) => `${`${fact}:`.padEnd(13)}${harmless(text)}`);
  deps.out(lines.join("\n"));
  deps.notices(notices);
}

/** Tokens in whose place it is, that stay where they are. */
export function tellReplaced(deps: CommandDeps, replaced: readonly string[]): void {
  deps.notices(
    replaced.map((reference) => ({
      level: "info",
      text: `${reference} is not used here any more; agents that run with it keep it, and it stays good until it is revoked`,
      ...(reference !== "literal" && {
        next: `jackin config auth revoke-token --reference '${reference}'   takes it away`,
      }),
    })),
  );
}

function provenBy({ provenBy: how }: Installed["entry"]): string {
  switch (how) {
    case "turn":
      return "the API has answered with it";
    case "status":
      return "Claude Code takes it for a sign-in (--probe has the API answer too)";
    default:
      return "not yet";
  }
}

/** e.g. `2027-11-26` */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function toInstalledJson(
  { entry, replaced, notices }: Installed,
  { scopes }: InstallRequest,
) {
  return { ...entry, scopes, replaced, notices };
}
