/** What jackin knows of each long-lived token; a token itself tells nothing. No secret is in it. */
import * as v from "valibot";
import { fingerprint } from "./credential.ts";
import type { StateStore } from "./host.ts";

const scopeSchema = v.object({
  workspace: v.optional(v.string()),
  role: v.optional(v.string()),
});

const entrySchema = v.object({
  reference: v.string(),
  fingerprint: v.string(),
  /** ms since the epoch; not known of a token that was made elsewhere */
  createdAt: v.exactOptional(v.number()),
  /** ms since the epoch: 365 days after it was made, which is what `claude setup-token` of 2.1.330 asks for; always an estimate */
  expiresAt: v.exactOptional(v.number()),
  /** For which scopes it was set up. */
  scopes: v.array(scopeSchema),
  /** The plugin that has stored it. */
  store: v.string(),
  /** jackin has put it there, and may remove it. */
  isOurs: v.boolean(),
  /** ms since the epoch */
  provenAt: v.exactOptional(v.number()),
  /** `status`: Claude Code took it for a sign-in. `turn`: the API answered with it. */
  provenBy: v.exactOptional(v.picklist(["status", "turn"])),
});

export type TokenEntry = v.InferOutput<typeof entrySchema>;

/** Nothing is global, then a role, a workspace, a role of a workspace. */
export type TokenScope = v.InferOutput<typeof scopeSchema>;

const prefix = "tokens:";

export async function readTokenEntry(
  store: StateStore,
  reference: string,
): Promise<TokenEntry | undefined> {
  const result = v.safeParse(entrySchema, await store.getItem(await keyOf(reference)));
  return result.success && result.output.reference === reference ? result.output : undefined;
}

export async function readTokenEntries(store: StateStore): Promise<readonly TokenEntry[]> {
  const keys = await store.getKeys(prefix);
  const items = await Promise.all(keys.map((key) => store.getItem(key)));
  return items.flatMap((item) => {
    const result = v.safeParse(entrySchema, item);
    return result.success ? [result.output] : [];
  });
}

export async function writeTokenEntry(store: StateStore, entry: TokenEntry): Promise<void> {
  await store.setItem(await keyOf(entry.reference), entry);
}

export async function forgetTokenEntry(store: StateStore, reference: string): Promise<void> {
  await store.removeItem(await keyOf(reference));
}

/** A reference holds what no key may. */
async function keyOf(reference: string): Promise<string> {
  return prefix + (await fingerprint(reference));
}
