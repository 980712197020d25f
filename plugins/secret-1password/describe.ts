import { JackinError } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import { findField, getItem, itemFailure, readItem } from "./item.ts";
import type { Op } from "./op.ts";
import { parseReference } from "./reference.ts";

/** Turns names into ids: a reference by ids survives a rename, so that form is stored. */
export async function describeReference(
  op: Op,
  reference: string,
  ctx: PluginContext,
): Promise<{ store: string; text: string }> {
  const parsed = parseReference(reference);
  if (parsed instanceof JackinError) throw parsed;
  const item = readItem(await getItem(op, parsed, ctx, reference), reference);
  const field = findField(item, parsed, reference);
  if (!field) throw itemFailure(reference, `the item ${item.title} has no such field`);
  const path = [item.vault.id, item.id, ...(field.section ? [field.section.id] : []), field.id];
  const words = [
    item.vault.name ?? parsed.vault,
    item.title,
    field.section?.label,
    field.label ?? field.id,
  ];
  return {
    store: `op://${path.join("/")}${parsed.query}`,
    text: words.filter(Boolean).join(" › "),
  };
}
