import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import { deleteItem, isOurs } from "./create.ts";
import { findField, getItem, readItem } from "./item.ts";
import { limits } from "./op.ts";
import type { Op } from "./op.ts";
import { parseReference } from "./reference.ts";

/** Deletes an item that jackin has made, unless somebody has put more into it meanwhile: then it is theirs. */
export async function removeSecret(
  op: Op,
  reference: string,
  ctx: PluginContext,
): Promise<"removed" | "absent" | "foreign"> {
  throwIfAborted(ctx.signal);
  const parsed = parseReference(reference);
  if (parsed instanceof JackinError) throw parsed;
  try {
    const item = readItem(await getItem(op, parsed, ctx, reference, limits.write), reference);
    if (!isOurs(item, findField(item, parsed, reference))) return "foreign";
    return (await deleteItem(op, item, ctx)) ? "removed" : "absent";
  } catch (error) {
    if (op.isNoItem(error)) return "absent";
    throw error;
  }
}
