/** From a token, or a reference to one, to a scope that is proven to work with it. */
import type { Config } from "./config.ts";
import type { Plugin, PluginContext, Written } from "./contracts.ts";
import { fingerprint } from "./credential.ts";
import { JackinError, throwIfAborted } from "./error.ts";
import type { EditConfig } from "./edit-config.ts";
import type { Machine } from "./machine.ts";
import type { Secret } from "./secret.ts";
import { scopeName } from "./scope.ts";
import { tokenCommand, tokenLifetime } from "./token-expiry.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";
import { forgetTokenEntry, readTokenEntries, writeTokenEntry } from "./token-ledger.ts";
import { notePending, sweepPending } from "./token-pending.ts";
import { proveToken } from "./token-proof.ts";
import { readBack, rememberPlace, settleReference, storeToken } from "./token-store.ts";
import { toToken } from "./token-text.ts";
import {
  checkScope,
  isSameScope,
  isWritten,
  outrankingNotices,
  toReference,
  tokenUses,
  toUse,
  withChanges,
} from "./token-use.ts";
import type { TokenUse } from "./token-use.ts";
import type { Installed, InstallRequest } from "./tokens.ts";
import { uncancelled } from "./uncancelled.ts";
import { createUndo } from "./undo.ts";
import { lockHome } from "./reserve.ts";

export interface InstallParts {
  readonly machine: Machine;
  readonly plugins: readonly Plugin[];
  readonly editConfig: EditConfig;
  readonly readConfig: () => Promise<Config>;
}

export async function installToken(
  { machine, plugins, editConfig, readConfig }: InstallParts,
  request: InstallRequest,
  ctx: PluginContext,
): Promise<Installed> {
  const { store, host } = machine;
  const { scopes, from } = request;
  if (scopes.length === 0)
    throw new JackinError({ code: "usage", message: "No scope is named for the token." });
  await using _lock = await lockTokens(ctx);
  // As whoever had the lock before has left it.
  const config = await readConfig();
  for (const scope of scopes) checkScope(config, scope);
  await sweepPending(machine, plugins, config, ctx);
  const undo = createUndo();
  let isConfiguring = false;
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
    isConfiguring = true;
    const edited = editConfig(
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
    await edited.catch(async (error: unknown) => {
      // What fails after the last file is in place has undone nothing of it.
      const now = await readConfig().catch(() => undefined);
      if (!now || !isWritten(now, changes)) throw error;
    });
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
    let isLate = false;
    const onLate = (landing: Promise<Written>) => {
      isLate = true;
      undo.add(`a token that may still come to ${place}`, () => Promise.reject(noAnswer()));
      const back = landing.then(
        (late) => late.undo(uncancelled(ctx)),
        () => undefined,
      );
      void back.then(pending.done).catch(() => undefined);
    };
    const stored = storeToken(plugins, { place, title, value }, ctx, onLate);
    const written = await stored.catch(async (error: unknown) => {
      if (!isLate) await pending.done();
      throw error;
    });
    const { reference, plugin } = written;
    undo.add(`${reference} in its store`, async () => {
      await refuseIfNamed(reference);
      await written.undo(uncancelled(ctx));
      await pending.done();
    });
    if (!written.isReplaced) await pending.stored(reference);
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
      hint: `Is it whole, and does nothing outrank it? ${["jackin auth explain", scope.workspace].join(" ").trim()}`,
    });
  }

  async function note(reference: string, plugin: string, value: Secret): Promise<TokenEntry> {
    const now = host.clock.now();
    const print = await fingerprint(toToken(value.reveal()).value);
    const entries = await readTokenEntries(store);
    const known = entries.find((one) => one.reference === reference);
    const same = known?.fingerprint === print ? known : undefined;
    // One that was made before, and is put somewhere else now, is not younger for that.
    const before = entries.find((one) => one.fingerprint === print);
    const createdAt = before?.createdAt ?? ("value" in from ? now : undefined);
    const entry: TokenEntry = {
      reference,
      fingerprint: print,
      scopes: [
        ...(same?.scopes ?? []).filter((one) => !scopes.some((scope) => isSameScope(scope, one))),
        ...scopes,
      ],
      store: plugin,
      isOurs: "value" in from || same?.isOurs === true,
      provenAt: now,
      provenBy: request.probe ? "turn" : "status",
      ...(createdAt !== undefined && { createdAt, expiresAt: createdAt + tokenLifetime }),
    };
    undo.add("what jackin had noted of it", async () => {
      await refuseIfNamed(reference);
      await (known ? writeTokenEntry(store, known) : forgetTokenEntry(store, reference));
    });
    await writeTokenEntry(store, entry);
    return entry;
  }

  /** Of several files some may have been written when the next one failed: a launch there needs the token. */
  async function refuseIfNamed(reference: string): Promise<void> {
    if (!isConfiguring) return;
    const isNew = (use: TokenUse) =>
      use.reference === reference &&
      !tokenUses(config).some(
        (old) => old.reference === reference && isSameScope(old.scope, use.scope),
      );
    const names = tokenUses(await readConfig()).filter(isNew);
    if (names.length === 0) return;
    throw new JackinError({
      code: "conflict",
      message: `${names.map(({ scope }) => scopeName(scope)).join(", ")} ${names.length === 1 ? "names" : "name"} it by now`,
      hint: `${tokenCommand("revoke", names[0]!.scope)}   takes it away`,
    });
  }
}

/** Who puts a token in place, or takes one away, holds this. */
export function lockTokens(ctx: PluginContext): Promise<AsyncDisposable | undefined> {
  return lockHome("tokens", ctx);
}

function noAnswer(): JackinError {
  return new JackinError({
    code: "timeout",
    message: "its store does not answer",
    hint: 'Look there for "jackin", and remove what you find of now.',
  });
}

function titleOf([first = {}, ...others]: readonly TokenScope[]): string {
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `Claude Code token, jackin (${scopeName(first)}${more})`;
}
