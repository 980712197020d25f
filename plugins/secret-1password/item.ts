import * as v from "valibot";
import { JackinError } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import { limits } from "./op.ts";
import type { Op } from "./op.ts";
import { failure } from "./op-errors.ts";
import type { OpReference } from "./reference.ts";

const named = { id: v.string(), label: v.optional(v.string()) };

/** Only what is named here is kept: `op` echoes each field's value too, and of that only whether there is one. */
const itemSchema = v.object({
  id: v.string(),
  title: v.string(),
  vault: v.object({ id: v.string(), name: v.optional(v.string()) }),
  tags: v.optional(v.array(v.string()), []),
  fields: v.optional(
    v.array(
      v.object({
        ...named,
        section: v.optional(v.object(named)),
        value: v.optional(
          v.pipe(
            v.unknown(),
            v.transform((value) => value !== "" && value !== null),
          ),
        ),
      }),
    ),
    [],
  ),
  files: v.optional(v.array(v.object({}))),
  urls: v.optional(v.array(v.object({}))),
});

/** With all that `op` knows of it, values too: to be handed back to `op` and forgotten. */
const wholeSchema = v.looseObject({
  id: v.string(),
  title: v.string(),
  vault: v.looseObject({ id: v.string() }),
  sections: v.optional(v.array(v.looseObject(named))),
  fields: v.optional(
    v.array(
      v.looseObject({
        ...named,
        type: v.optional(v.string()),
        section: v.optional(v.looseObject(named)),
        value: v.optional(v.unknown()),
      }),
    ),
    [],
  ),
});

export type Item = v.InferOutput<typeof itemSchema>;
export type WholeItem = v.InferOutput<typeof wholeSchema>;
export type WholeField = WholeItem["fields"][number];

export const readItem = (reply: string, about: string) => read(itemSchema, reply, about);
export const readWholeItem = (reply: string, about: string) => read(wholeSchema, reply, about);

/** What `op item get` answers for the item of a reference. */
export async function getItem(
  op: Op,
  { vault, item }: Pick<OpReference, "vault" | "item">,
  ctx: PluginContext,
  about: string,
  limitMs: number = limits.read,
): Promise<string> {
  // `op item get` takes no `--`, so such a name would be read as an option.
  if (item.startsWith("-") || vault.startsWith("-"))
    throw itemFailure(about, "a vault or item whose name begins with - is named by its id");
  const args = ["item", "get", item, "--vault", vault, "--format", "json"];
  return op.run(args, ctx, { limitMs, about });
}

/** The one field that a reference names; undefined when there is none. Throws when there are several. */
export function findField<T extends Item["fields"][number] | WholeField>(
  item: { readonly title: string; readonly fields: readonly T[] },
  { section, field }: Pick<OpReference, "section" | "field">,
  about: string,
): T | undefined {
  const found = item.fields.filter(
    (entry) =>
      isCalled(entry, field) && (section === undefined || isCalled(entry.section, section)),
  );
  const [first, second] = found.length > 1 && section === undefined ? preferPlain(found) : found;
  if (second)
    throw itemFailure(
      about,
      `the item ${item.title} has several fields of that name: name the section, or the field's id`,
    );
  return first;
}

export function isCalled(
  thing: { readonly id: string; readonly label?: string | undefined } | undefined,
  word: string,
): boolean {
  return thing?.id === word || thing?.label === word;
}

export function itemFailure(about: string, what: string): JackinError {
  return failure(`${about}: ${what}`, "op item get <item> --vault <vault>");
}

/** Reads by itself what `op` has answered. The parsers' messages quote the reply, so there is no cause. */
export function read<T extends v.GenericSchema>(
  schema: T,
  reply: string,
  about: string,
): v.InferOutput<T> {
  try {
    return v.parse(schema, JSON.parse(reply));
  } catch {
    throw itemFailure(about, "op answered in a form that jackin does not know");
  }
}

/** A field outside of all sections goes before fields of that name in sections. */
function preferPlain<T extends { readonly section?: unknown }>(fields: readonly T[]): readonly T[] {
  const plain = fields.filter((entry) => !entry.section);
  return plain.length > 0 ? plain : fields;
}
