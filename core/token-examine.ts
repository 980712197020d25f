/** One scope's token, looked at from all sides. */
import type { Config } from "./config.ts";
import type { Plugin, PluginContext } from "./contracts.ts";
import { fingerprint } from "./credential.ts";
import { toJackinError } from "./error.ts";
import { explainTarget } from "./explain-target.ts";
import type { Machine } from "./machine.ts";
import { outranking } from "./outranking.ts";
import type { Check } from "./overview.ts";
import type { InstanceStatus } from "./roster.ts";
import { decideMode, mergeEnv, scopeName, scopesOf } from "./scope.ts";
import { findToken, tokenMissing } from "./token.ts";
import { tokenCommand } from "./token-expiry.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";
import { listTokens, names } from "./token-list.ts";
import { proveToken } from "./token-proof.ts";
import { readBack } from "./token-store.ts";
import { toToken } from "./token-text.ts";
import { checkScope, isSameScope, literal, toReference } from "./token-use.ts";
import type { ProbeOptions, TokenReport } from "./tokens.ts";
import { toDate } from "./wording.ts";

const day = 86_400_000;

interface Parts {
  readonly machine: Machine;
  readonly plugins: readonly Plugin[];
  readonly config: Config;
  readonly instances: readonly InstanceStatus[];
}

export async function examineToken(
  parts: Parts,
  scope: TokenScope,
  { probe = false, runtime }: Pick<ProbeOptions, "probe" | "runtime">,
  ctx: PluginContext,
): Promise<TokenReport> {
  const { machine, plugins, config, instances } = parts;
  checkScope(config, scope);
  const scopes = scopesOf(config, scope);
  const question = findToken(scopes);
  if (!question.wanted) throw tokenMissing(question, scope.workspace, "there is none to look at");
  const { value: named, scope: by } = question.wanted;
  /** The scope that names it. */
  const { of = {} } = question;
  const reference = toReference(named);
  const tokens = await listTokens(machine, config, instances);
  const status = tokens.find((token) => names(token, of)) ?? {
    reference,
    scopes: [],
    agents: [],
  };
  const { entry } = status;
  const mode = decideMode(scopes).value;
  const explaining = ["jackin auth explain", scope.workspace ?? []].flat().join(" ");
  const resolved = await resolves();
  const { isAsNoted, ...value } = resolved;
  const checks: Check[] = [
    value,
    age(entry, isAsNoted, of, machine.host.clock.now()),
    mode === "token"
      ? { name: "mode", state: "good", text: `${scopeName(scope)} is in mode token` }
      : {
          name: "mode",
          state: "warning",
          text: `${scopeName(scope)} is in mode ${mode}: the token is not used`,
          next: setMode(scope),
        },
    ...(await outranked()),
    ...(probe && resolved.state !== "bad" ? [await turn()] : []),
  ];
  return { ...status, checks };

  async function resolves(): Promise<Check & { readonly isAsNoted?: boolean }> {
    const name = "value";
    const where = isSameScope(of, scope) ? "" : `, named by ${by}`;
    if (reference === literal)
      return {
        name,
        state: "warning",
        text: `it stands in the configuration itself${where}`,
        next: `${tokenCommand("setup", of)}   puts one into a store`,
      };
    try {
      const secret = await readBack(reference, plugins, ctx);
      const token = toToken(secret.reveal());
      const print = await fingerprint(token.value);
      const isAsNoted = entry === undefined || entry.fingerprint === print;
      const found = `${reference} is there${where}, fingerprint ${print}`;
      if (token.fault !== undefined)
        return {
          name,
          state: "bad",
          text: `${reference} is there${where}, and ${token.fault}`,
          next: tokenCommand("rotate", of),
          isAsNoted,
        };
      if (!isAsNoted)
        return {
          name,
          state: "warning",
          text: `${found}: it was replaced by hand since jackin noted ${entry?.fingerprint}`,
          next: `${tokenCommand("setup", of)} --reuse '${reference}'   notes the new one`,
          isAsNoted,
        };
      return token.doubt === undefined
        ? { name, state: "good", text: found, isAsNoted }
        : { name, state: "warning", text: `${found}; it ${token.doubt}`, isAsNoted };
    } catch (error) {
      return unmade(name, "bad", error);
    }
  }

  /** What Claude Code would prefer to it, in this scope and where its agents run. */
  async function outranked(): Promise<readonly Check[]> {
    const name = "precedence";
    const set = mergeEnv(scopes).filter(
      ({ key, value: text }) => outranking.includes(key) && text !== "",
    );
    const said = set.map(({ key, scope: at }) => `${key} (${at})`);
    const keys = set.map(({ key }) => key);
    const seen = await seenInside(keys).catch((error: unknown) => unmade(name, "warning", error));
    const [inside, unseen] = "state" in seen ? [[], seen] : [seen];
    const all = [...new Set([...said, ...inside])];
    return all.length === 0
      ? [unseen ?? { name, state: "good", text: "nothing that jackin can see outranks it" }]
      : [
          {
            name,
            state: "bad",
            text: `outranked by ${all.join(", ")}: Claude Code uses that instead`,
            next: explaining,
          },
        ];
  }

  async function seenInside(but: readonly string[]): Promise<readonly string[]> {
    if (scope.workspace === undefined) return [];
    const request = { target: scope.workspace, role: scope.role, mode: "token" };
    const found = await explainTarget(machine, request, instances, { config, plugins }, ctx);
    return found.flatMap(({ sources }) =>
      sources
        .filter(
          ({ state, outranks, source }) => state === "wins" && outranks && !but.includes(source),
        )
        .map(({ source, where }) => `${source} (${where})`),
    );
  }

  async function turn(): Promise<Check> {
    const name = "turn";
    try {
      ctx.progress("asking for one turn");
      const proof = await proveToken(machine, plugins, { config, scope, turn: true, runtime }, ctx);
      if (proof.outcome === "accepted")
        return { name, state: "good", text: "the API answers with it" };
      return proof.cause === "unknown"
        ? { name, state: "bad", text: `it was not tried: ${proof.text}`, next: explaining }
        : {
            name,
            state: "bad",
            text: `it is refused: ${proof.text}`,
            next: tokenCommand("rotate", of),
          };
    } catch (error) {
      return unmade(name, "warning", error);
    }
  }
}

/** What kept something from being looked at; being cancelled keeps all. */
function unmade(name: string, state: Check["state"], thrown: unknown): Check {
  const { code, message, hint } = toJackinError(thrown);
  if (code === "cancelled") throw thrown;
  return { name, state, text: message, ...(hint !== undefined && { next: hint }) };
}

function age(
  entry: TokenEntry | undefined,
  isAsNoted: boolean | undefined,
  of: TokenScope,
  now: number,
): Check {
  const name = "age";
  if (entry?.createdAt === undefined || entry.expiresAt === undefined || isAsNoted === false)
    return {
      name,
      state: "warning",
      text: "not known: jackin has not made it, and a token does not tell",
      next: `${tokenCommand("rotate", of)}   makes one whose age is known`,
    };
  const { createdAt, expiresAt, provenAt, provenBy } = entry;
  const left = Math.floor((expiresAt - now) / day);
  const proven =
    provenAt === undefined
      ? ""
      : `; proven ${toDate(provenAt)} by ${provenBy === "turn" ? "a turn" : "claude auth status"}`;
  const age = Math.floor((now - createdAt) / day);
  // A clock may have been set back since.
  const made = `made ${age <= 0 ? "today" : age === 1 ? "yesterday" : `${age} days ago`}`;
  const rotate = tokenCommand("rotate", of);
  if (left < 0)
    return { name, state: "bad", text: `${made}: expired by estimate${proven}`, next: rotate };
  const text = `${made}, valid for about ${left} days more (estimated)${proven}`;
  return left <= 30
    ? { name, state: "warning", text, next: rotate }
    : { name, state: "good", text };
}

function setMode({ workspace, role }: TokenScope): string {
  const flags = [
    ...(workspace === undefined ? [] : [`--workspace ${workspace}`]),
    ...(role === undefined ? [] : [`--role ${role}`]),
  ];
  return ["jackin config auth set token", ...flags].join(" ");
}
