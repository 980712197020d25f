/** How a token goes: out of the configuration, and out of its store. */
import type { Config } from "./config.ts";
import type { Notice, Plugin, PluginContext } from "./contracts.ts";
import { JackinError, toJackinError } from "./error.ts";
import type { EditConfig } from "./edit-config.ts";
import type { CallOptions } from "./jackin.ts";
import { didYouMean } from "./nearest.ts";
import { scopeName } from "./scope.ts";
import { lockTokens } from "./token-install.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";
import { forgetTokenEntry, readTokenEntry } from "./token-ledger.ts";
import { listTokens, names } from "./token-list.ts";
import { removeStored, settleReference } from "./token-store.ts";
import type { TokenUse } from "./token-use.ts";
import {
  checkScope,
  isSameScope,
  literal,
  noOwnToken,
  toReference,
  tokenUses,
  toRelease,
} from "./token-use.ts";
import type { Released, ReleaseRequest, Retired, TokenParts } from "./tokens.ts";

type Parts = Pick<TokenParts, "machine" | "plugins" | "config" | "status" | "context">;

export async function retireToken(
  { machine: { store }, plugins, config: readConfig, context }: Parts,
  named: string,
  call?: CallOptions,
): Promise<Retired> {
  const reference = toReference(named);
  if (reference === literal)
    return { outcome: "absent", text: "it stood in the configuration itself, and in no store" };
  const ctx = context(call);
  await using _lock = await lockTokens(ctx);
  const { config } = await readConfig();
  const entry = await readTokenEntry(store, reference);
  const others = tokenUses(config);
  const used = others.filter((use) => use.reference === reference);
  if (used.length === 0 && entry?.isOurs) used.push(...(await otherwiseNamed(others)));
  if (used.length > 0) {
    const where = used.map(({ scope }) => scopeName(scope)).join(", ");
    return { outcome: "kept", text: `${reference} is kept: ${where} still names it` };
  }
  try {
    const outcome = entry?.isOurs ? await removeStored(reference, plugins, ctx) : "foreign";
    await forgetTokenEntry(store, reference);
    if (outcome === "foreign")
      return {
        outcome: "kept",
        text: `${reference} is kept: ${entry?.isOurs ? "its place was chosen by hand" : "jackin did not put it there"}`,
      };
    const text = outcome === "removed" ? "was removed from its store" : "was gone from its store";
    return { outcome, text: `${reference} ${text}` };
  } catch (thrown) {
    const { code, message, hint } = toJackinError(thrown);
    if (code === "cancelled") throw thrown;
    const again = `jackin config auth revoke-token --reference '${reference}'   tries it again`;
    return {
      outcome: "failed",
      text: `${reference} could not be removed from its store: ${message}`,
      next: [hint, again].filter((line) => line !== undefined).join("\n"),
    };
  }

  /** A person writes names where jackin writes ids. */
  async function otherwiseNamed(uses: readonly TokenUse[]): Promise<readonly TokenUse[]> {
    const scheme = reference.split("://")[0]!;
    const candidates = uses.filter((use) => use.reference.startsWith(`${scheme}://`));
    const settled = await Promise.all(
      candidates.map((use) =>
        settleReference(use.reference, plugins, ctx).catch((thrown: unknown) => {
          if (toJackinError(thrown).code === "cancelled") throw thrown;
          // What is not there is not this one.
          return undefined;
        }),
      ),
    );
    return candidates.filter((_, index) => settled[index]?.reference === reference);
  }
}

/** Where the new token is the old one, nobody is to revoke it. */
export function sameTokenNotice(
  old: TokenEntry | undefined,
  { fingerprint }: TokenEntry,
): Notice | undefined {
  if (old?.fingerprint !== fingerprint) return undefined;
  return {
    level: "warning",
    text: "the new token is the old one once more: revoked, it would be so for all that use it",
  };
}

export async function releaseTokens(
  parts: Parts & { readonly editConfig: EditConfig },
  { scopes, mode, reference: meant }: ReleaseRequest,
  call: CallOptions = {},
): Promise<Released> {
  const { machine, editConfig, context } = parts;
  const ctx: PluginContext = context(call);
  checkTokenlessMode(parts.plugins, mode);
  await using _lock = await lockTokens(ctx);
  const [{ config }, { instances }] = await Promise.all([parts.config(), parts.status(call)]);
  const references = referencesOf(config, scopes);
  if (meant !== undefined && references.some((reference) => reference !== toReference(meant)))
    throw changed(scopes);
  const tokens = await listTokens(machine, config, instances);
  const holders = tokens
    .filter((token) => references.includes(token.reference))
    .filter((token) => token.reference !== literal || scopes.some((one) => names(token, one)))
    .flatMap((token) => token.agents);
  const agents = instances.filter(
    ({ instance, workspace, role }) =>
      holders.includes(instance) &&
      scopes.some(
        (scope) =>
          (scope.workspace === undefined || scope.workspace === workspace) &&
          (scope.role === undefined || scope.role === role),
      ),
  );
  await editConfig((now) => {
    if (String(referencesOf(now, scopes)) !== String(references)) throw changed(scopes);
    return scopes.flatMap((scope) => toRelease(scope, mode));
  }, call);
  return { references, agents: agents.map(({ instance }) => instance) };
}

/** The modes that agents can go on in when their token is revoked. */
export function tokenlessModes(plugins: readonly Plugin[]): readonly string[] {
  return plugins.flatMap((plugin) =>
    plugin.kind === "auth" && !plugin.needsToken ? [plugin.mode] : [],
  );
}

export function checkTokenlessMode(plugins: readonly Plugin[], mode: string): void {
  const known = tokenlessModes(plugins);
  if (known.includes(mode)) return;
  throw new JackinError({
    code: "usage",
    message: `There is no mode "${mode}" that needs no token.${didYouMean(mode, known)}`,
    hint: `The modes here: ${known.join(", ")}`,
  });
}

/** Throws unless each of these scopes is there and names a token of its own. */
function referencesOf(config: Config, scopes: readonly TokenScope[]): readonly string[] {
  for (const scope of scopes) checkScope(config, scope);
  const own = tokenUses(config).filter((use) => scopes.some((one) => isSameScope(one, use.scope)));
  const without = scopes.find((scope) => !own.some((use) => isSameScope(use.scope, scope)));
  if (without) throw noOwnToken(config, without, "revoke");
  return [...new Set(own.map((use) => use.reference))];
}

function changed(scopes: readonly TokenScope[]): JackinError {
  return new JackinError({
    code: "conflict",
    message: `Another token was configured meanwhile for ${scopes.map(scopeName).join(", ")}; nothing was changed.`,
    hint: "Look at it, and try again: jackin workspace claude-token doctor --all",
  });
}
