/** Secrets in the machine's own keychain: macOS Keychain, Secret Service, Windows Credential Manager. */
import {
  isStoredName,
  JackinError,
  quoteShell,
  throwIfAborted,
  toJackinError,
  toStoredName,
} from "../../core/index.ts";
import type {
  Health,
  Keychain,
  PluginContext,
  SecretAnswer,
  SecretResolver,
  StorePlace,
  WriteRequest,
  Written,
} from "../../core/index.ts";
import { toEntry, toReference } from "./reference.ts";
import type { Entry } from "./reference.ts";

const name = "secret-keychain";
const scheme = "keychain";
/** The service of all entries that jackin makes. */
const ownService = "jackin";

/** Answers `keychain://service/account`. */
export function secretKeychain(): SecretResolver {
  return {
    kind: "secret",
    name,
    scheme,
    // A locked keychain may ask the operator first.
    limitMs: 120_000,
    resolve: readAll,
    places: async (ctx) => [await placeOf(ctx)],
    async write(request, ctx) {
      throwIfAborted(ctx.signal);
      const isNew = [scheme, `${scheme}://`].includes(request.place);
      const entry = isNew
        ? { service: ownService, account: toStoredName(request.title) }
        : toEntry(request.place);
      return await told(write(entry, isNew, request, ctx));
    },
    async remove(reference, ctx) {
      const { service, account } = toEntry(reference);
      throwIfAborted(ctx.signal);
      return await told(remove({ service, account }, ctx));
    },
    health,
  };
}

/** One after another, so that one unlocking serves all; trouble with the keychain itself is the answer to the rest. */
async function readAll(
  references: readonly string[],
  ctx: PluginContext,
): Promise<ReadonlyMap<string, SecretAnswer>> {
  throwIfAborted(ctx.signal);
  const answers = new Map<string, SecretAnswer>();
  let stop: JackinError | undefined;
  for (const reference of references) {
    try {
      const { service, account } = toEntry(reference);
      if (stop) throw stop;
      const value = await keychainOf(ctx).read(service, account, ctx.signal);
      answers.set(
        reference,
        value === undefined
          ? { status: "absent", hint: howToStore(service, account, ctx) }
          : { status: "value", value: ctx.secret(value) },
      );
    } catch (thrown) {
      throwIfAborted(ctx.signal);
      const error = toFailure(thrown);
      // What is of one entry comes as `secret-failed`.
      if (toJackinError(thrown).code !== "secret-failed") stop ??= error;
      answers.set(reference, { status: "error", error });
    }
  }
  return answers;
}

/** By the system's own program, which asks for the value. */
function howToStore(service: string, account: string, { host }: PluginContext): string {
  const [s, a] = [quoteShell(service), quoteShell(account)];
  if (host.platform === "darwin") return `security add-generic-password -s ${s} -a ${a} -w`;
  if (host.platform === "linux") return `secret-tool store --label ${s} service ${s} username ${a}`;
  return `Store it in ${keychainOf({ host }).name}: service ${service}, account ${account}`;
}

async function placeOf(ctx: PluginContext): Promise<StorePlace> {
  const text = ctx.host.keychain?.name ?? "the keychain of this machine";
  try {
    await keychainOf(ctx).probe(ctx.signal);
    return { place: scheme, text };
  } catch (thrown) {
    throwIfAborted(ctx.signal);
    const { code, message, hint, cause } = toFailure(thrown);
    const other = "Or choose another store, such as a file or 1Password.";
    const error = new JackinError({
      code,
      message,
      hint: hint === undefined ? other : `${hint}\n${other}`,
      cause,
    });
    return { place: scheme, text, error };
  }
}

async function write(
  { service, account }: Entry,
  isNew: boolean,
  { value }: WriteRequest,
  ctx: PluginContext,
): Promise<Written> {
  const keychain = keychainOf(ctx);
  const before = isNew ? undefined : await keychain.read(service, account, ctx.signal);
  const undo = async (chain: Keychain, signal: AbortSignal) => {
    if (before === undefined) await chain.remove(service, account, signal);
    else await chain.write(service, account, before, signal);
  };
  try {
    await keychain.write(service, account, value.reveal(), ctx.signal);
    throwIfAborted(ctx.signal);
  } catch (error) {
    // Even one that failed may have been done. Whoever cancelled has no patience left for a prompt.
    await undo(keychain, AbortSignal.timeout(10_000)).catch((left: unknown) => {
      // The same trouble again: the keychain is out of reach, and was so before.
      if (toJackinError(left).message === toJackinError(error).message) return;
      throw new JackinError({
        code: "secret-failed",
        message: `[${name}] ${keychain.name}: nothing was to be stored, and the entry ${account} of ${service} may be left: ${toJackinError(left).message}`,
        hint: `Look for it in ${keychain.name}, and remove it.`,
        cause: error,
      });
    });
    throw error;
  }
  return {
    reference: toReference({ service, account }),
    isReplaced: before !== undefined,
    undo: (later) => told(undo(keychainOf(later), later.signal)),
  };
}

async function remove(
  { service, account }: Entry,
  ctx: PluginContext,
): Promise<"removed" | "absent" | "foreign"> {
  const keychain = keychainOf(ctx);
  if (service === ownService && isStoredName(account))
    return (await keychain.remove(service, account, ctx.signal)) ? "removed" : "absent";
  return (await keychain.read(service, account, ctx.signal)) === undefined ? "absent" : "foreign";
}

/** Without it there is nothing wrong as long as no reference asks for it. */
async function health(ctx: PluginContext): Promise<Health> {
  try {
    const keychain = keychainOf(ctx);
    await keychain.probe(ctx.signal);
    return { state: "good", text: `${keychain.name} answers` };
  } catch (thrown) {
    throwIfAborted(ctx.signal);
    const { message, hint } = toFailure(thrown);
    const next = hint?.split("\n")[0];
    return { state: "warning", text: message, ...(next !== undefined && { next }) };
  }
}

function keychainOf({ host }: Pick<PluginContext, "host">): Keychain {
  if (host.keychain) return host.keychain;
  throw new JackinError({
    code: "secret-failed",
    message: `[${name}] this host has no keychain`,
    hint: "Use another secret store here.",
  });
}

function toFailure(thrown: unknown): JackinError {
  const { code, message, hint, cause } = toJackinError(thrown);
  if (message.startsWith(`[${name}]`) || code === "cancelled") return toJackinError(thrown);
  return new JackinError({
    code: "secret-failed",
    message: `[${name}] ${message.replace(/\.$/, "")}`,
    hint,
    cause: cause ?? thrown,
  });
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toFailure(error);
  }
}
