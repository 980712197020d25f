/** Tokens on their way, for the case that who puts one in place is killed. */
import * as v from "valibot";
import type { Config } from "./config.ts";
import type { Plugin, PluginContext } from "./contracts.ts";
import { toJackinError } from "./error.ts";
import type { Machine } from "./machine.ts";
import { forgetTokenEntry } from "./token-ledger.ts";
import { removeStored } from "./token-store.ts";
import { tokenUses } from "./token-use.ts";
import type { InstallRequest } from "./tokens.ts";

const prefix = "token-pending:";
const schema = v.object({
  process: v.string(),
  place: v.string(),
  /** Not of a place that held something before: that is not jackin's to be removed. */
  reference: v.exactOptional(v.string()),
});

export async function notePending({ store, host }: Machine, from: InstallRequest["from"]) {
  if ("reference" in from) return { stored: async () => {}, done: async () => {} };
  const key = prefix + crypto.randomUUID();
  const note = { process: host.process?.id ?? "embedded", place: from.place };
  await store.setItem(key, note);
  return {
    stored: (reference: string) => store.setItem(key, { ...note, reference }),
    done: () => store.removeItem(key).catch(() => undefined),
  };
}

/** Takes away what a killed one has stored and nobody uses; what cannot be is left for the next time. */
export async function sweepPending(
  machine: Machine,
  plugins: readonly Plugin[],
  config: Config,
  ctx: PluginContext,
): Promise<void> {
  const { store, host } = machine;
  for (const key of await store.getKeys(prefix)) {
    const found = v.safeParse(schema, await store.getItem(key));
    if (!found.success || (await host.process?.isAlive(found.output.process)) !== false) continue;
    const { reference, place } = found.output;
    const isUsed = tokenUses(config).some((use) => use.reference === reference);
    try {
      if (reference !== undefined && !isUsed) {
        ctx.progress(`removing ${reference}, which an interrupted setup has left`);
        await removeStored(reference, plugins, ctx);
        await forgetTokenEntry(store, reference);
      } else if (reference === undefined)
        ctx.progress(
          `an interrupted setup may have left a token in ${place}: look for "jackin" there`,
        );
      await store.removeItem(key);
    } catch (thrown) {
      const { code, message } = toJackinError(thrown);
      if (code === "cancelled") throw thrown;
      ctx.progress(`${reference ?? place} could not be seen to: ${message}`);
    }
  }
}
