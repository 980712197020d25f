import * as v from "valibot";
import type { StateStore } from "./contracts.ts";

const recordSchema = v.object({
  schema: v.literal(1),
  instance: v.string(),
  key: v.string(),
  workspace: v.optional(v.string()),
  role: v.optional(v.string()),
  workdir: v.string(),
  mode: v.string(),
  account: v.optional(v.string()),
  expiresAt: v.optional(v.number()),
  runtime: v.string(),
  image: v.optional(v.string()),
  /** `starting` is a promise of `launcher`; who finds that launcher dead may take the instance over. */
  phase: v.picklist(["starting", "running", "stopped"]),
  launcher: v.optional(v.string()),
  /** ms since the epoch */
  startedAt: v.number(),
});

/** What jackin remembers of one instance. No secret is in it. */
export type InstanceRecord = v.InferOutput<typeof recordSchema>;

const prefix = "instances:";

export async function readInstance(
  store: StateStore,
  instance: string,
): Promise<InstanceRecord | undefined> {
  const result = v.safeParse(recordSchema, await store.getItem(prefix + instance));
  return result.success ? result.output : undefined;
}

export async function readInstances(store: StateStore): Promise<readonly InstanceRecord[]> {
  const keys = await store.getKeys(prefix);
  const records = await Promise.all(
    keys.map((key) => readInstance(store, key.slice(key.lastIndexOf(prefix) + prefix.length))),
  );
  return records
    .filter((record) => record !== undefined)
    .sort((a, b) => (a.instance < b.instance ? -1 : 1));
}

export async function writeInstance(store: StateStore, record: InstanceRecord): Promise<void> {
  await store.setItem(prefix + record.instance, record);
}

export async function forgetInstance(store: StateStore, instance: string): Promise<void> {
  await store.removeItem(prefix + instance);
}
