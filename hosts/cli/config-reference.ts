import { JackinError, toJackinError, within } from "../../core/index.ts";
import type { Jackin, PluginContext, SecretResolver } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";

export interface CheckedReference {
  /** The form to store: a plugin may know one that survives renames. */
  readonly store: string;
  /** What it is, in the words of the backend. */
  readonly text?: string;
}

/** Asks the plugin whether a reference leads to a value. The value itself is dropped. Throws when it does not. */
export async function checkReference(
  deps: CommandDeps,
  jackin: Jackin,
  scheme: string,
  typed: string,
  reference: string,
): Promise<CheckedReference> {
  const resolver = jackin.plugins.find(
    (plugin): plugin is SecretResolver => plugin.kind === "secret" && plugin.scheme === scheme,
  );
  if (resolver === undefined) return { store: typed };
  try {
    return await deps.working(`checking ${typed}`, async (progress) => {
      const ctx = jackin.context({ signal: deps.signal, progress });
      const limit = {
        limitMs: resolver.limitMs ?? 30_000,
        signal: ctx.signal,
        what: `[${resolver.name}] the check of ${typed}`,
      };
      return await within(limit, (signal) => ask(resolver, typed, reference, { ...ctx, signal }));
    });
  } catch (thrown) {
    const error = toJackinError(thrown, "secret-failed", `[${resolver.name}] `);
    if (error.code === "cancelled") throw error;
    throw new JackinError({
      code: error.code,
      message: `${error.message}\nNothing was stored.`,
      hint: [error.hint, "--no-check stores it as it is"].filter(Boolean).join("\n"),
      cause: error,
    });
  }
}

async function ask(
  resolver: SecretResolver,
  typed: string,
  reference: string,
  ctx: PluginContext,
): Promise<CheckedReference> {
  if (resolver.describe) return await resolver.describe(reference, ctx);
  const answer = (await resolver.resolve([reference], ctx)).get(reference);
  if (answer?.status === "value") return { store: typed };
  if (answer?.status === "error") throw answer.error;
  const hint = answer?.status === "absent" ? answer.hint : undefined;
  throw new JackinError({ code: "secret-failed", message: `${typed} is not there.`, hint });
}
