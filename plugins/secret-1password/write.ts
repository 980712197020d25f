import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext, WriteRequest, Written } from "../../core/index.ts";
import { createItem } from "./create.ts";
import { replaceValue } from "./edit.ts";
import type { Op } from "./op.ts";
import { parseReference, parseVault } from "./reference.ts";
import { onlyVault } from "./vaults.ts";

/** `op` and `op://VAULT` make a new item; a whole reference names the field whose value is replaced. */
export async function writeSecret(
  op: Op,
  request: WriteRequest,
  ctx: PluginContext,
): Promise<Written> {
  throwIfAborted(ctx.signal);
  const { place } = request;
  const vault = place === "op" ? undefined : parseVault(place);
  if (vault instanceof JackinError) throw vault;
  const parsed = place === "op" || vault !== undefined ? undefined : parseReference(place);
  if (parsed instanceof JackinError) throw parsed;
  ctx.progress("storing it in 1Password (unlock it if it asks)");
  if (parsed) return replaceValue(op, place, parsed, request.value, ctx);
  return createItem(op, vault ?? (await onlyVault(op, ctx)), request, ctx);
}
