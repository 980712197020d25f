import * as v from "valibot";
import type { StateStore } from "./host.ts";

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
  /** It was started with files that a later grant's may replace. */
  replaceable: v.optional(v.boolean()),
  image: v.optional(v.string()),
  /** Where the long-lived token that it was given came from. */
  token: v.optional(v.string()),
  /** `starting` is a promise of `launcher`; who finds that launcher dead may take the instance over. */
  phase: v.picklist(["starting", "running", "stopped"]),
  launcher: v.optional(v.string()),
  /** A headless run: it lives as long as its launcher. */
  headless: v.optional(v.boolean()),
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

/** `unreadable`: instances whose record is torn, or was written by another version of jackin. */
export async function readInstances(store: StateStore): Promise<{
  readonly records: readonly InstanceRecord[];
  readonly unreadable: readonly string[];
}> {
  const keys = await store.getKeys(prefix);
  const names = keys.map((key) => key.slice(key.lastIndexOf(prefix) + prefix.length)).sort();
  const read = await Promise.all(names.map((name) => readInstance(store, name)));
  return {
    records: read.filter((record) => record !== undefined),
    unreadable: names.filter((_, index) => read[index] === undefined),
  };
}

export async function writeInstance(store: StateStore, record: InstanceRecord): Promise<void> {
  await store.setItem(prefix + record.instance, record);
}

export async function forgetInstance(store: StateStore, instance: string): Promise<void> {
  await store.removeItem(prefix + instance);
}
