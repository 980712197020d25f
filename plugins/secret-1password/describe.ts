import * as v from "valibot";
import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import type { Op } from "./op.ts";
import { parseReference } from "./reference.ts";
import type { OpReference } from "./reference.ts";

const named = v.object({ id: v.string(), label: v.optional(v.string()) });
/** Only what is named here is kept: the reply holds each field's value too. */
const itemSchema = v.object({
  id: v.string(),
  title: v.string(),
  vault: v.object({ id: v.string(), name: v.optional(v.string()) }),
  fields: v.optional(v.array(v.object({ ...named.entries, section: v.optional(named) })), []),
});

type Item = v.InferOutput<typeof itemSchema>;

/** Turns names into ids: a reference by ids survives a rename, so that form is stored. */
export async function describeReference(
  op: Op,
  reference: string,
  ctx: PluginContext,
): Promise<{ store: string; text: string }> {
  throwIfAborted(ctx.signal);
  const parsed = parseReference(reference);
  if (parsed instanceof JackinError) throw parsed;
  const { vault, item: name, query } = parsed;
  // `op item get` takes no `--`, so such a name would be read as an option.
  if (name.startsWith("-") || vault.startsWith("-"))
    throw failed(reference, "a vault or item whose name begins with - is named by its id");
  const args = ["item", "get", name, "--vault", vault, "--format", "json"];
  const item = readItem(await op.run(args, 30_000, ctx, reference), reference);
  const field = findField(item, parsed, reference);
  const path = [item.vault.id, item.id, ...(field.section ? [field.section.id] : []), field.id];
  const words = [
    item.vault.name ?? vault,
    item.title,
    field.section?.label,
    field.label ?? field.id,
  ];
  return { store: `op://${path.join("/")}${query}`, text: words.filter(Boolean).join(" › ") };
}

function readItem(reply: string, reference: string): Item {
  try {
    return v.parse(itemSchema, JSON.parse(reply));
  } catch {
    // No cause: the parsers' messages quote the reply.
    throw failed(reference, "op item get answered in a form that jackin does not know");
  }
}

function findField(
  item: Item,
  { section, field }: OpReference,
  reference: string,
): Item["fields"][number] {
  const is = (thing: { id: string; label?: string | undefined } | undefined, word: string) =>
    thing?.id === word || thing?.label === word;
  const found = item.fields.filter(
    (entry) => is(entry, field) && (section === undefined || is(entry.section, section)),
  );
  const [first, second] = found.length > 1 && section === undefined ? preferPlain(found) : found;
  if (!first) throw failed(reference, `the item ${item.title} has no such field`);
  if (second)
    throw failed(
      reference,
      `the item ${item.title} has several fields of that name: name the section, or the field's id`,
    );
  return first;
}

/** A field outside of all sections goes before fields of that name in sections. */
function preferPlain(fields: Item["fields"]): Item["fields"] {
  const plain = fields.filter((entry) => !entry.section);
  return plain.length > 0 ? plain : fields;
}

function failed(reference: string, what: string): JackinError {
  return new JackinError({
    code: "secret-failed",
    message: `[secret-1password] ${reference}: ${what}`,
    hint: "op item get <item> --vault <vault>",
  });
}
