import { isSameScope, scopeName, tokenCommand } from "../../core/index.ts";
import type { Installed, Jackin, Notice, TokenScope, TokenStatus } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { ensureKept } from "./keeping.ts";
import { harmless } from "./show.ts";
import { bringAlong } from "./token-agents.ts";
import { install, tellInstalled, tellReplaced, toInstalledJson } from "./token-install.ts";
import { checkObtainFlags, obtainToken } from "./token-obtain.ts";
import { retireOld } from "./token-retire.ts";
import { checkTarget, chooseScope, scopeNames, targetCommand } from "./token-scope.ts";
import type { TokenTarget } from "./token-scope.ts";
import type { InstallFlags } from "./token-setup.ts";

export interface RotateFlags extends InstallFlags {
  readonly role?: string;
  /** Every scope that names the same token. */
  readonly all?: boolean;
  /** False: `--no-restart`. */
  readonly restart?: boolean;
  readonly verifyRevoked?: boolean;
}

export async function tokenRotate(
  deps: CommandDeps,
  target: TokenTarget,
  flags: RotateFlags,
): Promise<void> {
  const { jackin } = await deps.open();
  await checkTarget(jackin, target);
  checkObtainFlags(deps, flags, targetCommand("rotate", target));
  const scope = await chooseScope(deps, jackin, target);
  const old = await jackin.tokens.own(scope, "rotate", { signal: deps.signal });
  await rotate(deps, jackin, scope, old, flags);
}

/** A new token in the place of the old one; what runs is brought along, and the old one taken away. */
export async function rotate(
  deps: CommandDeps,
  jackin: Jackin,
  scope: TokenScope,
  old: TokenStatus,
  flags: RotateFlags = {},
): Promise<void> {
  const scopes = await scopesToMove(deps, scope, old, flags);
  const stay = old.scopes.filter((each) => !scopes.some((moved) => isSameScope(moved, each)));
  deps.err(harmless(`A new token for ${scopeNames(scopes)}, in the place of ${old.reference}.`));
  const { from, isDoubtful } = await obtainToken(deps, jackin, flags);
  const request = { scopes, from, probe: flags.probe || isDoubtful, runtime: flags.runtime };
  const installed = await install(deps, jackin, request);
  if (!flags.json) tellInstalled(deps, installed, request);
  // Somebody else was quicker.
  tellReplaced(
    deps,
    installed.replaced.filter((reference) => reference !== old.reference),
  );
  try {
    const agents = await bringAlong(deps, jackin, installed, flags);
    const retired = await retireOld(deps, jackin, old, installed, { scope, stay, agents, flags });
    if (flags.json) deps.json({ ...toInstalledJson(installed, request), agents, retired });
  } catch (error) {
    // What is done is done, whatever kept the rest from it.
    deps.notices([inPlace(old, stay, installed)]);
    throw error;
  } finally {
    await ensureKept(deps, jackin);
  }
}

function inPlace(
  { reference }: TokenStatus,
  stay: readonly TokenScope[],
  { entry, replaced }: Installed,
): Notice {
  const text = "the new token is in place";
  const isLeft = stay.length > 0 || replaced.includes(reference);
  // It stood in the configuration, or the new one is where it was.
  if (!isLeft || reference === "literal" || reference === entry.reference)
    return { level: "info", text };
  const next = `jackin config auth revoke-token --reference '${reference}'   takes it away`;
  return {
    level: "info",
    text: `${text}; the old one, ${reference}, is kept`,
    ...(stay.length === 0 && { next }),
  };
}

async function scopesToMove(
  deps: CommandDeps,
  scope: TokenScope,
  { reference, scopes }: TokenStatus,
  { all }: RotateFlags,
): Promise<readonly TokenScope[]> {
  const others = scopes.filter((each) => !isSameScope(each, scope));
  if (all || others.length === 0) return scopes;
  if (deps.isTerminal) {
    const chosen = await deps.prompts.select(
      harmless(`${reference} is the token of ${scopeNames(others)} too. Who gets the new one?`),
      [
        { value: "all", label: "all of them", hint: "the old one can be revoked then" },
        { value: "one", label: `${scopeName(scope)} only` },
      ],
    );
    return chosen === "all" ? scopes : [scope];
  }
  deps.notices([
    {
      level: "info",
      text: `${reference} stays the token of ${scopeNames(others)}`,
      next: `${tokenCommand("rotate", scope)} --all`,
    },
  ]);
  return [scope];
}
