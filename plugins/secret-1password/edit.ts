import { JackinError, uncancelled } from "../../core/index.ts";
import type { PluginContext, Secret, Written } from "../../core/index.ts";
import { findField, getItem, isCalled, itemFailure, readWholeItem } from "./item.ts";
import type { WholeField, WholeItem } from "./item.ts";
import { limits } from "./op.ts";
import type { Op } from "./op.ts";
import { leaving } from "./op-errors.ts";
import type { OpReference } from "./reference.ts";

/** What has to be known to take it back. */
interface Edit {
  /** By ids. */
  readonly vault: string;
  readonly item: string;
  readonly field: string;
  /** Of a field that was not there before. */
  readonly newLabel: string | undefined;
  /** As the operator named it. */
  readonly reference: string;
  /** Undefined: the field had no value, or was not there. */
  readonly before: Secret | undefined;
  readonly after: Secret;
}

/** Gives one field of an item a value; a field that is not there is added. All else in the item stays as it is. */
export async function replaceValue(
  op: Op,
  reference: string,
  parsed: OpReference,
  value: Secret,
  ctx: PluginContext,
): Promise<Written> {
  if (parsed.query !== "")
    throw itemFailure(reference, "a value cannot be written to a reference with a query");
  const reply = await getItem(op, parsed, ctx, reference, limits.write);
  const item = readWholeItem(reply, reference);
  refuseMasks(item, reference);
  const found = findField(item, parsed, reference);
  if (found && !["CONCEALED", "STRING", undefined].includes(found.type))
    throw itemFailure(reference, `the field is of the type ${found.type}, which holds no token`);
  const field = found ?? newField(item, parsed, reference);
  const edit: Edit = {
    vault: item.vault.id,
    item: item.id,
    field: field.id,
    reference,
    before: typeof found?.value === "string" ? ctx.secret(found.value) : undefined,
    after: value,
    newLabel: found ? undefined : parsed.field,
  };
  const others = item.fields.filter((entry) => entry !== found);
  const at = found ? item.fields.indexOf(found) : others.length;
  const fields = others.toSpliced(at, 0, { ...field, value: value.reveal() });
  try {
    const answered = await putItem(op, { ...item, fields }, ctx, reference, limits.write);
    const written = locate(answered, edit);
    if (!written) throw itemFailure(reference, "op has not taken the field that it was given");
    const { section, id } = written;
    const path = [edit.vault, edit.item, ...(section ? [section.id] : []), id];
    return {
      reference: `op://${path.join("/")}`,
      isReplaced: true,
      undo: (undoing) => takeBack(op, { ...edit, field: id }, undoing, limits.write),
    };
  } catch (error) {
    if (op.isRefusal(error)) throw error;
    // The operator may have given up: this goes on.
    try {
      await takeBack(op, edit, uncancelled(ctx), limits.read);
    } catch (cause) {
      if (!(cause instanceof JackinError)) throw cause;
      throw leaving(
        error,
        `${reference} may hold the new value now (${cause.message.replace(/^\[[^\]]*\] /, "")})`,
        "look at the item in 1Password; its earlier values are in the item's history",
      );
    }
    throw error;
  }
}

/** Unless somebody else has changed it since: then it is theirs. */
async function takeBack(op: Op, edit: Edit, ctx: PluginContext, limitMs: number): Promise<void> {
  const { reference, before, after } = edit;
  const item = readWholeItem(await getItem(op, edit, ctx, reference, limitMs), reference);
  refuseMasks(item, reference);
  const field = locate(item, edit);
  const isNew = edit.newLabel !== undefined;
  const now = typeof field?.value === "string" ? field.value : undefined;
  if (now === before?.reveal()) return;
  if (!field || (now ?? "") !== after.reveal())
    throw itemFailure(
      reference,
      "somebody else has changed it meanwhile, so it was left as it is now",
    );
  const { value: _, ...empty } = field;
  const back = before === undefined ? empty : { ...field, value: before.reveal() };
  const fields = item.fields.flatMap((entry) => {
    if (entry !== field) return [entry];
    return isNew ? [] : [back];
  });
  await putItem(op, { ...item, fields }, ctx, reference, limitMs);
}

async function putItem(
  op: Op,
  item: WholeItem,
  ctx: PluginContext,
  about: string,
  limitMs: number,
): Promise<WholeItem> {
  const args = ["item", "edit", item.id, "--vault", item.vault.id, "--format", "json"];
  const hide = item.fields.map(({ value }) => value).filter((value) => typeof value === "string");
  return readWholeItem(
    await op.run(args, ctx, { limitMs, about, stdin: JSON.stringify(item), hide }),
    about,
  );
}

/** `op` may have given a new field an id of its own. */
function locate(item: WholeItem, { field, newLabel, after }: Edit): WholeField | undefined {
  return (
    item.fields.find(({ id }) => id === field) ??
    (newLabel === undefined
      ? undefined
      : item.fields.find(({ label, value }) => label === newLabel && value === after.reveal()))
  );
}

function newField(item: WholeItem, { section, field }: OpReference, reference: string): WholeField {
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 26);
  const fresh = { id, label: field, type: "CONCEALED" };
  if (section === undefined) return fresh;
  const sections = [...(item.sections ?? []), ...item.fields.map((entry) => entry.section)];
  const found = sections.find((entry) => isCalled(entry, section));
  if (found) return { ...fresh, section: found };
  throw itemFailure(
    reference,
    `the item ${item.title} has no section ${section}: make it in 1Password first, or name a field without one`,
  );
}

/** Written back, what stands for a hidden value would take the place of the value. */
function refuseMasks(item: WholeItem, reference: string): void {
  const isMask = ({ value }: WholeField) =>
    typeof value === "string" && /^\[use 'op item get .*--reveal' to reveal\]$/.test(value);
  if (item.fields.some(isMask))
    throw itemFailure(reference, "op hides the item's values, so the item cannot be edited by it");
}
