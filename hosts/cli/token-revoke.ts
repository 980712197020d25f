import {
  cancelled,
  checkTokenlessMode,
  didYouMean,
  JackinError,
  toJackinError,
  tokenCommand,
  tokenlessModes,
} from "../../core/index.ts";
import type { Jackin, Notice, TokenScope, TokenStatus } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { modeChoices, presentName } from "./config-auth.ts";
import { ensureKept } from "./keeping.ts";
import { harmless } from "./show.ts";
import { restartAll } from "./token-agents.ts";
import { showRevokePage } from "./token-page.ts";
import { retire } from "./token-retire.ts";
import { chooseScope, scopeNames } from "./token-scope.ts";
import type { TokenTarget } from "./token-scope.ts";

const fates = ["stop", "restart", "leave"] as const;
type Fate = (typeof fates)[number];

export interface RevokeFlags {
  readonly role?: string;
  /** What becomes of agents that run with it. */
  readonly agents?: string;
  /** What its scopes have instead. */
  readonly mode?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  /** One that no scope names any more. */
  readonly reference?: string;
}

/** The token goes from every scope that names it, and from its store; what runs with it is asked about. */
export async function tokenRevoke(
  deps: CommandDeps,
  target: TokenTarget,
  flags: RevokeFlags,
): Promise<void> {
  const named = toFate(flags.agents);
  const { jackin } = await deps.open();
  if (flags.mode !== undefined) checkTokenlessMode(jackin.plugins, presentName(deps, flags.mode));
  if (flags.reference !== undefined) return await revokeOld(deps, jackin, flags.reference, flags);
  const scope = await chooseScope(deps, jackin, target);
  const token = await jackin.tokens.own(scope, "revoke", { signal: deps.signal });
  await mayRevoke(deps, scope, token, flags);
  const mode = await chooseMode(deps, jackin, flags);
  const fate = named ?? (await chooseFate(deps, token, flags));

  const { signal } = deps;
  const { references, agents } = await deps.working(
    "taking it out of the configuration",
    (progress) =>
      jackin.tokens.release(
        { scopes: token.scopes, mode, reference: token.reference },
        { signal, progress },
      ),
  );
  const done = harmless(
    `${token.reference} is not used any more; mode ${mode} now: ${scopeNames(token.scopes)}`,
  );
  if (flags.json) deps.err(done);
  else deps.out(done);
  const waiting = new Set(references);
  const retired: string[] = [];
  try {
    const left = await treat(deps, jackin, agents, fate);
    for (const reference of references) {
      if (await retire(deps, jackin, reference)) retired.push(reference);
      waiting.delete(reference);
    }
    await showRevokePage(deps, jackin, token, left);
  } catch (error) {
    // What is done is done, whatever kept the rest from it.
    for (const reference of waiting) deps.notices([stillStored(reference)]);
    throw error;
  } finally {
    await ensureKept(deps, jackin);
  }
  if (flags.json) deps.json({ scopes: token.scopes, mode, references, retired, agents, fate });
}

export function stillStored(reference: string): Notice {
  const next = `jackin config auth revoke-token --reference '${reference}'   takes it out of its store`;
  return { level: "warning", text: `${reference} is not used any more, and still stored`, next };
}

async function revokeOld(
  deps: CommandDeps,
  jackin: Jackin,
  reference: string,
  flags: RevokeFlags,
): Promise<void> {
  const tokens = await jackin.tokens.list({ signal: deps.signal });
  const known = tokens.find((token) => token.reference === reference);
  if (!known)
    throw new JackinError({
      code: "not-found",
      message: `jackin knows no token ${reference}.${didYouMean(
        reference,
        tokens.map((token) => token.reference),
      )}`,
      hint: "jackin auth status   shows those that it knows",
    });
  const [used] = known.scopes;
  if (used)
    throw new JackinError({
      code: "conflict",
      message: `${reference} is the token of ${scopeNames(known.scopes)}.`,
      hint: tokenCommand("revoke", used),
    });
  const isRetired = await retire(deps, jackin, reference);
  await showRevokePage(deps, jackin, known);
  if (flags.json)
    deps.json({ scopes: [], references: [reference], retired: isRetired ? [reference] : [] });
}

async function mayRevoke(
  deps: CommandDeps,
  scope: TokenScope,
  { reference, scopes, agents }: TokenStatus,
  { yes }: RevokeFlags,
): Promise<void> {
  deps.err(harmless(`${reference} is the token of ${scopeNames(scopes)}.`));
  deps.err(
    harmless(
      agents.length === 0 ? "No agent runs with it." : `It was given to ${agents.join(", ")}.`,
    ),
  );
  if (yes) return;
  if (!deps.isTerminal)
    throw new JackinError({
      code: "usage",
      message: "Nobody can be asked whether the token shall go.",
      hint: `${tokenCommand("revoke", scope)} --yes [--agents stop|restart|leave] [--mode MODE]`,
    });
  if (
    !(await deps.prompts.confirm(
      `Take it away from ${scopes.length === 1 ? "there" : "all of them"}?`,
    ))
  )
    throw cancelled();
}

async function chooseMode(
  deps: CommandDeps,
  jackin: Jackin,
  { mode, yes }: RevokeFlags,
): Promise<string> {
  if (mode !== undefined) return presentName(deps, mode);
  if (yes || !deps.isTerminal) return "ignore";
  const tokenless = tokenlessModes(jackin.plugins);
  const choices = modeChoices(jackin).filter(({ value }) => tokenless.includes(value));
  const first = choices.filter(({ value }) => value === "ignore");
  return await deps.prompts.select("How shall agents be signed in instead?", [
    ...first,
    ...choices.filter(({ value }) => value !== "ignore"),
  ]);
}

async function chooseFate(
  deps: CommandDeps,
  { agents }: TokenStatus,
  { yes }: RevokeFlags,
): Promise<Fate> {
  if (agents.length === 0 || yes || !deps.isTerminal) return "leave";
  return await deps.prompts.select(harmless(`What becomes of ${agents.join(", ")}?`), [
    { value: "stop", label: "stop", hint: "folders and conversations stay" },
    { value: "restart", label: "start again", hint: "in the new mode, without arguments after --" },
    { value: "leave", label: "leave", hint: "refused once the token is revoked" },
  ]);
}

/** Answers who holds the token still. */
async function treat(
  deps: CommandDeps,
  jackin: Jackin,
  agents: readonly string[],
  fate: Fate,
): Promise<readonly string[]> {
  if (agents.length === 0 || fate === "leave") return agents;
  if (fate === "restart") {
    const results = await restartAll(deps, jackin, agents);
    return results.filter(({ outcome }) => outcome !== "switched").map(({ instance }) => instance);
  }
  const left: string[] = [];
  const { signal } = deps;
  for (const instance of agents) {
    try {
      await deps.working(`stopping ${instance}`, (progress) =>
        jackin.eject(instance, { signal, progress }),
      );
      deps.err(`${instance}: stopped`);
    } catch (thrown) {
      const { code, message } = toJackinError(thrown);
      if (code === "cancelled" || signal.aborted) throw thrown;
      const text = `${instance} was not stopped: ${message}`;
      deps.notices([{ level: "warning", text, next: `jackin eject ${instance}` }]);
      deps.exit(1);
      left.push(instance);
    }
  }
  return left;
}

function toFate(named: string | undefined): Fate | undefined {
  const fate = fates.find((each) => each === named);
  if (named === undefined || fate) return fate;
  throw new JackinError({
    code: "usage",
    message: `--agents is ${fates.join(", ")}, not ${JSON.stringify(named)}.`,
  });
}
