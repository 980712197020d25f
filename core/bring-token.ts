import type { Config } from "./config.ts";
import type { Notice, Plugin, PluginContext } from "./contracts.ts";
import type { Refreshed } from "./deliver.ts";
import { deliver } from "./deliver.ts";
import { resolveEntries } from "./environment.ts";
import { readInstance, writeInstance } from "./instances.ts";
import type { ResolvedToken } from "./launch.ts";
import { noted, ofKind, toToken } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { modeOptions, scopesOf } from "./scope.ts";
import { providerOf } from "./teller.ts";
import { findToken, tokenMissing } from "./token.ts";

export interface TokenParts {
  readonly config: Config;
  readonly plugins: readonly Plugin[];
  /** What was resolved before, for further agents of the same token: its store may ask the operator each time. */
  readonly resolved?: Map<string, Promise<ResolvedToken>>;
}

/**
 * Gives a running agent the token that its launch would take now, whoever's it is. The caller holds the lock of instances.
 * Throws when that token cannot be had; the agent keeps what it has.
 */
export async function bringToken(
  machine: Machine,
  status: InstanceStatus,
  parts: TokenParts,
  ctx: PluginContext,
): Promise<Refreshed> {
  const { instance, mode, workspace, role } = status;
  const { config, plugins } = parts;
  const provider = providerOf(plugins, mode);
  const record = await readInstance(machine.store, instance);
  const stays: Refreshed = {
    instance,
    outcome: "kept",
    text: "it keeps the token of its launch until it is started again",
    notices: [],
    needsRestart: true,
  };
  if (!provider || !record?.replaceable || !runtimeOf(machine, record.runtime).putFiles)
    return stays;
  const options = modeOptions(scopesOf(config, { workspace, role }), provider);
  const token = await resolveToken(machine, status, parts, ctx);
  const grant = await provider.grant({ instance, options, others: [], token }, ctx);
  if (!grant.replaceable) return stays;
  const how = { again: true, what: "the token that its launch would take now", anyAccount: true };
  const result = await deliver(machine, instance, grant, how, ctx);
  if (result.outcome !== "updated") return result;
  // An eject may have come meanwhile.
  const {
    account,
    expiresAt: _,
    ...rest
  } = (await readInstance(machine.store, instance)) ?? record;
  await writeInstance(machine.store, {
    ...rest,
    token: token.reference,
    ...(grant.account !== undefined && { account: grant.account }),
    ...(grant.expiresAt !== undefined && { expiresAt: grant.expiresAt }),
  });
  const isOther = account !== undefined && grant.account !== undefined && grant.account !== account;
  const text = `${instance} was signed in as ${account} and goes on as ${grant.account}`;
  const notice: Notice = { level: "info", text };
  return isOther ? { ...result, notices: [...result.notices, notice] } : result;
}

/** Only the token: the rest of an agent's environment is as its launch made it. */
async function resolveToken(
  { store }: Machine,
  { workspace, role }: InstanceStatus,
  { config, plugins, resolved }: TokenParts,
  ctx: PluginContext,
): Promise<ResolvedToken> {
  const question = findToken(scopesOf(config, { workspace, role }));
  const missing = () => tokenMissing(question, workspace, "it keeps the one that it has");
  const { wanted } = question;
  if (!wanted) throw missing();
  const key = JSON.stringify([wanted.scope, wanted.value]);
  const asked = resolved?.get(key) ?? ask();
  resolved?.set(key, asked);
  return await asked;

  async function ask(): Promise<ResolvedToken> {
    const [found] = await resolveEntries([wanted!], ofKind(plugins, "secret"), ctx);
    if (!found?.value?.reveal().trim()) throw missing();
    return toToken(found, (await noted(found, store)) ?? {}, ctx);
  }
}
