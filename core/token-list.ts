import type { Config } from "./config.ts";
import { expiryBanner } from "./token-expiry.ts";
import type { Machine } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { scopesOf } from "./scope.ts";
import { findToken } from "./token.ts";
import type { TokenScope } from "./token-ledger.ts";
import { readTokenEntries } from "./token-ledger.ts";
import type { TokenUse } from "./token-use.ts";
import { isSameScope, literal, tokenUses } from "./token-use.ts";
import type { TokenStatus } from "./tokens.ts";

/** Those that the configuration names first, in its order, then those that are only known. */
export async function listTokens(
  { store, host }: Machine,
  config: Config,
  instances: readonly InstanceStatus[],
): Promise<readonly TokenStatus[]> {
  const uses = tokenUses(config);
  const entries = await readTokenEntries(store);
  // What starts, or cannot be seen now, has it too.
  const held = instances.filter(({ state }) => state !== "stopped");
  const groups = [...Map.groupBy(uses, keyOf).values()].map((group) => {
    const { reference } = group[0]!;
    const scopes = group.map(({ scope }) => scope);
    const agents = held.filter((status) => holds(status, reference, scopes));
    return { reference, scopes, agents };
  });
  const others = new Set([
    ...entries.map(({ reference }) => reference),
    ...held.flatMap(({ token }) => token ?? []),
  ]);
  const unnamed = [...others].flatMap((reference) => {
    const known = groups.filter((group) => group.reference === reference);
    const agents = held
      .filter(({ token }) => token === reference)
      .filter((status) => !known.some((group) => group.agents.includes(status)));
    const isTold = known.length > 0 && agents.length === 0;
    return isTold ? [] : [{ reference, scopes: [], agents }];
  });
  return [...groups, ...unnamed].map(({ reference, scopes, agents }) => {
    const entry = entries.find((one) => one.reference === reference);
    const isUsed = scopes.length + agents.length > 0;
    const ending = entry && isUsed && expiryBanner(entry, scopes[0] ?? {}, host.clock.now());
    // What a scope names by now is another one.
    const again = agents.map(({ instance }) => `jackin eject ${instance}, then load it again`);
    const banner =
      ending && scopes.length === 0 ? { ...ending, next: again.join("\n") } : ending || undefined;
    return { reference, scopes, agents: agents.map(({ instance }) => instance), entry, banner };
  });

  /** Of those that stand in the configuration only the place tells which one it is. */
  function holds(
    { token, workspace, role }: InstanceStatus,
    reference: string,
    scopes: readonly TokenScope[],
  ): boolean {
    if (token !== reference || reference !== literal) return token === reference;
    const { of } = findToken(scopesOf(config, { workspace, role }));
    return of !== undefined && scopes.some((scope) => isSameScope(scope, of));
  }
}

/** Equal ones are one token. */
function keyOf({ reference, value }: TokenUse): string {
  return reference === literal ? `${literal} ${JSON.stringify(value)}` : reference;
}

/** Whether that scope names it. */
export function names({ scopes }: TokenStatus, of: TokenScope): boolean {
  return scopes.some((scope) => isSameScope(scope, of));
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
