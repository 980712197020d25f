import * as v from "valibot";
import { JackinError, uncancelled } from "../../core/index.ts";
import type { PluginContext, WriteRequest, Written } from "../../core/index.ts";
import { findField, itemFailure, read, readItem } from "./item.ts";
import type { Item } from "./item.ts";
import { limits } from "./op.ts";
import type { Op } from "./op.ts";
import { leaving } from "./op-errors.ts";
import { quoted } from "./vaults.ts";

const label = "token";
const tag = "jackin";

/** A new item with one field. Its second tag is of this one item only, so that it is found also when nobody has heard of its id. */
export async function createItem(
  op: Op,
  vault: string,
  { title, value }: Pick<WriteRequest, "title" | "value">,
  ctx: PluginContext,
): Promise<Written> {
  const about = `op://${vault}`;
  const mark = `${tag}/${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  const text = value.reveal();
  const template = {
    title,
    category: "API_CREDENTIAL",
    tags: [tag, mark],
    fields: [{ id: label, label, type: "CONCEALED", value: text }],
  };
  const args = ["item", "create", "--vault", vault, "--format", "json", "-"];
  const options = { limitMs: limits.write, about, stdin: JSON.stringify(template), hide: [text] };
  try {
    const item = readItem(await op.run(args, ctx, options), about);
    const field = findField(item, { section: undefined, field: label }, about);
    if (!field) throw itemFailure(about, "op has made an item without the field that it was given");
    return {
      reference: `op://${item.vault.id}/${item.id}/${field.id}`,
      undo: async (undoing) => void (await deleteItem(op, item, undoing)),
    };
  } catch (error) {
    if (op.isRefusal(error)) throw error;
    throw await clearAway(op, vault, mark, error, ctx);
  }
}

/** Whether jackin has made it, and nobody has put anything of their own into it. */
export function isOurs(item: Item, field: Item["fields"][number] | undefined): boolean {
  const ours = item.tags.includes(tag) && item.tags.some((word) => word.startsWith(`${tag}/`));
  const isOnly = item.fields.every((entry) => entry === field || !entry.value);
  const more = [...(item.files ?? []), ...(item.urls ?? [])];
  return ours && field !== undefined && isOnly && more.length === 0;
}

/** False: it is not there. */
export async function deleteItem(
  op: Op,
  { id, vault }: Pick<Item, "id" | "vault">,
  ctx: PluginContext,
  limitMs: number = limits.write,
): Promise<boolean> {
  const options = { limitMs, about: `op://${vault.id}/${id}` };
  try {
    await op.run(["item", "delete", id, "--vault", vault.id], ctx, options);
    return true;
  } catch (error) {
    if (op.isNoItem(error)) return false;
    throw error;
  }
}

const listSchema = v.array(v.object({ id: v.string(), tags: v.optional(v.array(v.string()), []) }));

/** After a call of which nobody knows what it has done. Answers the error to throw. */
async function clearAway(
  op: Op,
  vault: string,
  mark: string,
  error: unknown,
  ctx: PluginContext,
): Promise<unknown> {
  const about = `op://${vault}`;
  // The operator may have given up: this goes on.
  const free = uncancelled(ctx);
  try {
    const args = ["item", "list", "--vault", vault, "--format", "json"];
    const reply = await op.run(args, free, { limitMs: limits.read, about });
    for (const { id, tags } of read(listSchema, reply, about))
      if (tags.includes(mark))
        await deleteItem(op, { id, vault: { id: vault } }, free, limits.read);
    return error;
  } catch (cause) {
    if (!(cause instanceof JackinError)) throw cause;
    return leaving(
      error,
      `an item with the tag ${mark} may be left in the vault ${vault}, with the new value in it`,
      `op item list --vault ${quoted(vault)} --tags ${mark}, and delete what it shows`,
    );
  }
}
