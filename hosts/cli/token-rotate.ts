import { isSameScope, scopeName, toJackinError, tokenCommand } from "../../core/index.ts";
import type {
  Brought,
  Installed,
  Jackin,
  Notice,
  TokenScope,
  TokenStatus,
} from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { ensureKept } from "./keeping.ts";
import { harmless } from "./show.ts";
import { bringAlong } from "./token-agents.ts";
import { install, tellInstalled, tellReplaced, toInstalledJson } from "./token-install.ts";
import { checkObtainFlags, obtainToken } from "./token-obtain.ts";
import { showRevokePage } from "./token-page.ts";
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
    deps.notices([kept(old, stay)]);
    throw error;
  } finally {
    await ensureKept(deps, jackin);
  }
}

function kept({ reference }: TokenStatus, stay: readonly TokenScope[]): Notice {
  const text = `the new token is in place; the old one, ${reference}, is kept`;
  if (stay.length > 0) return { level: "info", text };
  const next = `jackin config auth revoke-token --reference '${reference}'   takes it away`;
  return { level: "info", text, next };
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

interface Old {
  /** Where the API is asked. */
  readonly scope: TokenScope;
  /** Scopes that name it still. */
  readonly stay: readonly TokenScope[];
  readonly agents: readonly Brought[];
  readonly flags: RotateFlags;
}

/** The page where it is revoked, the proof of that if wanted, and its place in the store. */
async function retireOld(
  deps: CommandDeps,
  jackin: Jackin,
  old: TokenStatus,
  { replaced, entry }: Installed,
  { scope, stay, agents, flags }: Old,
): Promise<boolean> {
  // Of those that were not started again it is told already.
  const holders = agents.filter(({ outcome }) => outcome === "failed");
  const showPage = async () => {
    if (old.entry?.fingerprint === entry.fingerprint) return deps.notices([sameToken]);
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

const sameToken: Notice = {
  level: "warning",
  text: "the new token is the old one once more: revoked, it would be so for all that use it",
};

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
