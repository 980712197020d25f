import * as v from "valibot";
import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext, StorePlace } from "../../core/index.ts";
import { read } from "./item.ts";
import { limits } from "./op.ts";
import type { Op } from "./op.ts";
import { failure } from "./op-errors.ts";

const vaultsSchema = v.array(v.object({ id: v.string(), name: v.string() }));
type Vault = v.InferOutput<typeof vaultsSchema>[number];

/** What 1Password calls the vault that nobody shares, by kind of account. */
const own = new Set(["Private", "Personal", "Employee"]);

/** One place for each vault, the operator's own first; or one that says why there is none. */
export async function storePlaces(op: Op, ctx: PluginContext): Promise<readonly StorePlace[]> {
  try {
    const vaults = await listVaults(op, ctx, limits.probe);
    return vaults
      .toSorted((a, b) => Number(own.has(b.name)) - Number(own.has(a.name)))
      .map(({ id, name }) => ({ place: `op://${id}`, text: `1Password, vault ${name}` }));
  } catch (error) {
    throwIfAborted(ctx.signal);
    if (!(error instanceof JackinError)) throw error;
    return [{ place: "op", text: "1Password", error }];
  }
}

/** The id of the vault to use when none is named. */
export async function onlyVault(op: Op, ctx: PluginContext): Promise<string> {
  const [first, ...others] = await listVaults(op, ctx, limits.write);
  if (others.length === 0) return first.id;
  const names = [first, ...others].map(({ name }) => name);
  throw failure(
    `there are ${names.length} vaults (${names.join(", ")}), and none was named`,
    names.map((name) => `--store ${quoted(`op://${name}`)}`).join("\n"),
  );
}

/** At least one. */
async function listVaults(
  op: Op,
  ctx: PluginContext,
  limitMs: number,
): Promise<[Vault, ...Vault[]]> {
  const about = "the vaults of this account";
  const reply = await op.run(["vault", "list", "--format", "json"], ctx, { limitMs, about });
  const [first, ...others] = read(vaultsSchema, reply, about);
  if (first) return [first, ...others];
  throw failure("this account has no vault that it may use", "op vault list");
}

/** As a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./:-]+$/.test(word) ? word : `"${word.replaceAll(/(["\\$`])/g, "\\$1")}"`;
}
