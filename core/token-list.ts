import type { Config } from "./config.ts";
import { expiryBanner } from "./token-expiry.ts";
import type { Machine } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import type { TokenScope } from "./token-ledger.ts";
import { readTokenEntries } from "./token-ledger.ts";
import { tokenUses } from "./token-use.ts";
import type { TokenStatus } from "./tokens.ts";

/** Those that the configuration names first, in its order, then those that are only known. */
export async function listTokens(
  { store, host }: Machine,
  config: Config,
  instances: readonly InstanceStatus[],
): Promise<readonly TokenStatus[]> {
  const uses = tokenUses(config);
  const entries = await readTokenEntries(store);
  const held = instances.filter(({ state }) => state === "running");
  const references = new Set([
    ...uses.map(({ reference }) => reference),
    ...entries.map(({ reference }) => reference),
    ...held.flatMap(({ token }) => token ?? []),
  ]);
  return [...references].map((reference) => {
    const scopes = uses.filter((use) => use.reference === reference).map(({ scope }) => scope);
    const agents = held.filter(({ token }) => token === reference).map(({ instance }) => instance);
    const entry = entries.find((one) => one.reference === reference);
    const isUsed = scopes.length + agents.length > 0;
    const scope: TokenScope = scopes[0] ?? entry?.scopes[0] ?? {};
    const banner = entry && isUsed ? expiryBanner(entry, scope, host.clock.now()) : undefined;
    return { reference, scopes, agents, entry, banner };
  });
}

/** What `status` says of tokens that are in use; nothing while the configuration cannot be read. */
export async function tokenBanners(
  machine: Machine,
  config: () => Promise<{ readonly config: Config }>,
  instances: readonly InstanceStatus[],
): Promise<readonly NonNullable<TokenStatus["banner"]>[]> {
  const read = await config().catch(() => ({ config: {} }));
  const tokens = await listTokens(machine, read.config, instances);
  return tokens.flatMap(({ banner }) => banner ?? []);
}
