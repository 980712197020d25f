/** From a token, or a reference to one, to a scope that is proven to work with it. */
import * as v from "valibot";
import type { Config } from "./config.ts";
import type { Notice, Plugin, PluginContext } from "./contracts.ts";
import { fingerprint } from "./credential.ts";
import { JackinError, throwIfAborted } from "./error.ts";
import type { EditConfig } from "./jackin.ts";
import type { Machine } from "./machine.ts";
import type { Secret } from "./secret.ts";
import { scopeName, tokenLifetime } from "./token-expiry.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";
import { forgetTokenEntry, readTokenEntry, writeTokenEntry } from "./token-ledger.ts";
import { proveToken } from "./token-proof.ts";
import {
  readBack,
  rememberPlace,
  removeStored,
  settleReference,
  storeToken,
} from "./token-store.ts";
import { toToken } from "./token-text.ts";
import {
  checkScope,
  isSameScope,
  toReference,
  tokenUses,
  toUse,
  withChanges,
} from "./token-use.ts";
import type { Installed, InstallRequest } from "./tokens.ts";
import { createUndo } from "./undo.ts";

export interface InstallParts {
  readonly machine: Machine;
  readonly plugins: readonly Plugin[];
  readonly editConfig: EditConfig;
}

export async function installToken(
  { machine, plugins, editConfig }: InstallParts,
  config: Config,
  request: InstallRequest,
  ctx: PluginContext,
): Promise<Installed> {
  const { store, host } = machine;
  const { scopes, from } = request;
  if (scopes.length === 0)
    throw new JackinError({ code: "usage", message: "No scope is named for the token." });
  for (const scope of scopes) checkScope(config, scope);
  await using _lock = await host.lock?.("tokens", {
    signal: ctx.signal,
    onWait: (owner) => ctx.progress(`waiting for ${owner}`),
  });
  await sweep(machine, plugins, config, ctx);
  const undo = createUndo();
  const pending = await notePending(machine, from);
  try {
    const { reference, plugin, value } =
      "value" in from ? await put(from.value, from.place) : await find(from.reference);
    ctx.progress("proving it: claude auth status in a container");
    const changes = scopes.flatMap((scope) => toUse(scope, reference));
    await prove(withChanges(config, changes), scopes[0]!);
    throwIfAborted(ctx.signal);
    const entry = await note(reference, plugin, value);
    ctx.progress("writing the configuration");
    const before = new Set<string>();
    await editConfig(
      (now) => {
        for (const scope of scopes) checkScope(now, scope);
        before.clear();
        for (const use of tokenUses(now))
          if (scopes.some((scope) => isSameScope(scope, use.scope)) && use.reference !== reference)
            before.add(use.reference);
        return changes;
      },
      { signal: ctx.signal, progress: ctx.progress },
    );
    await pending.done();
    if ("place" in from) await rememberPlace(store, from.place).catch(() => undefined);
    const replaced = [...before];
    return { entry, replaced, notices: outrankingNotices(config, scopes, reference) };
  } catch (error) {
    throw await undo.because(error);
  }

  async function put(value: Secret, place: string) {
    ctx.progress("storing the token");
    const title = titleOf(scopes);
    const written = await storeToken(plugins, { place, title, value }, ctx).catch(
      async (error: unknown) => {
        await pending.done();
        throw error;
      },
    );
    const { reference, plugin } = written;
    undo.add(`${reference} in its store`, async () => {
      await written.undo(calm(ctx));
      await pending.done();
    });
    await pending.stored(reference);
    throwIfAborted(ctx.signal);
    ctx.progress("reading it back");
    const back = await readBack(reference, plugins, ctx);
    if (back.reveal() !== value.reveal())
      throw new JackinError({
        code: "secret-failed",
        message: `[${plugin}] ${reference} does not answer what was just stored there.`,
        hint: "jackin doctor",
      });
    return { reference, plugin, value };
  }

  async function find(named: string) {
    if (named.trim().startsWith("sk-ant-"))
      throw new JackinError({
        code: "usage",
        message: "That is a token itself and no reference to one.",
        hint: "Paste it where jackin asks for it: command lines are seen by others.",
      });
    ctx.progress(`reading ${toReference(named)}`);
    const { reference, plugin } = await settleReference(named, plugins, ctx);
    return { reference, plugin, value: await readBack(reference, plugins, ctx) };
  }

  async function prove(proposed: Config, scope: TokenScope): Promise<void> {
    const { probe: turn = false, runtime } = request;
    const proof = await proveToken(
      machine,
      plugins,
      { config: proposed, scope, turn, runtime },
      ctx,
    );
    if (proof.outcome === "accepted") return;
    throw new JackinError({
      code: "login-unusable",
      message: `The proof of the token failed for ${scopeName(scope)}: ${proof.text}`,
      hint: "Is it whole, and does nothing outrank it? jackin auth explain",
    });
  }

  async function note(reference: string, plugin: string, value: Secret): Promise<TokenEntry> {
    const now = host.clock.now();
    const print = await fingerprint(toToken(value.reveal()).value);
    const known = await readTokenEntry(store, reference);
    const same = known?.fingerprint === print ? known : undefined;
    const createdAt = "value" in from ? now : same?.createdAt;
    const entry: TokenEntry = {
      reference,
      fingerprint: print,
      scopes: [...(same?.scopes ?? []).filter((one) => !has(scopes, one)), ...scopes],
      store: plugin,
      isOurs: "value" in from || same?.isOurs === true,
      provenAt: now,
      provenBy: request.probe ? "turn" : "status",
      ...(createdAt !== undefined && { createdAt, expiresAt: createdAt + tokenLifetime }),
      ...(same?.account !== undefined && { account: same.account }),
    };
    undo.add("what jackin had noted of it", () =>
      known ? writeTokenEntry(store, known) : forgetTokenEntry(store, reference),
    );
    await writeTokenEntry(store, entry);
    return entry;
  }
}

/** Scopes that go before one of these, where another token or mode is said. */
function outrankingNotices(
  config: Config,
  scopes: readonly TokenScope[],
  reference: string,
): readonly Notice[] {
  const others = tokenUses(config).filter(
    (use) =>
      use.reference !== reference &&
      !has(scopes, use.scope) &&
      scopes.some((scope) => goesBefore(use.scope, scope)),
  );
  return others.map((use) => ({
    level: "info",
    text: `${scopeName(use.scope)} goes before it, with a token of its own: ${use.reference}`,
  }));
}

/** More specific, and of the same. */
function goesBefore(a: TokenScope, b: TokenScope): boolean {
  const isWithin = b.workspace === undefined || a.workspace === b.workspace;
  const isRole = b.role === undefined || b.workspace === undefined || a.role === b.role;
  return isWithin && isRole && !isSameScope(a, b);
}

function has(scopes: readonly TokenScope[], one: TokenScope): boolean {
  return scopes.some((scope) => isSameScope(scope, one));
}

function titleOf([first = {}, ...others]: readonly TokenScope[]): string {
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `Claude Code token, jackin (${scopeName(first)}${more})`;
}

function calm(ctx: PluginContext): PluginContext {
  return { ...ctx, signal: new AbortController().signal };
}

const pendingPrefix = "token-pending:";
const pendingSchema = v.object({
  process: v.string(),
  place: v.string(),
  reference: v.exactOptional(v.string()),
});

/** While a token is on its way a note of it is kept, for the case that this process is killed. */
async function notePending({ store, host }: Machine, from: InstallRequest["from"]) {
  if ("reference" in from) return { stored: async () => {}, done: async () => {} };
  const key = pendingPrefix + crypto.randomUUID();
  const note = { process: host.process?.id ?? "embedded", place: from.place };
  await store.setItem(key, note);
  return {
    stored: (reference: string) => store.setItem(key, { ...note, reference }),
    done: () => store.removeItem(key).catch(() => undefined),
  };
}

/** Takes away what a killed one has stored and nobody uses. */
async function sweep(
  { store, host }: Machine,
  plugins: readonly Plugin[],
  config: Config,
  ctx: PluginContext,
): Promise<void> {
  for (const key of await store.getKeys(pendingPrefix)) {
    const found = v.safeParse(pendingSchema, await store.getItem(key));
    if (!found.success || (await host.process?.isAlive(found.output.process)) !== false) continue;
    const { reference, place } = found.output;
    const isUsed = tokenUses(config).some((use) => use.reference === reference);
    if (reference !== undefined && !isUsed) {
      ctx.progress(`removing ${reference}, which an interrupted setup has left`);
      await removeStored(reference, plugins, ctx);
      await forgetTokenEntry(store, reference);
    } else if (reference === undefined)
      ctx.progress(
        `an interrupted setup may have left a token in ${place}: look for "jackin" there`,
      );
    await store.removeItem(key);
  }
}
