import * as v from "valibot";
import { JackinError } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import { machineOf, owner } from "./machine.ts";

const recordSchema = v.object({
  instance: v.string(),
  /** The run folder; gone with the machine's memory. */
  run: v.string(),
  /** `CLAUDE_CONFIG_DIR` */
  claude: v.string(),
  forwarded: v.boolean(),
  /** The names of its variables that bear on sign-in and are not empty. */
  env: v.optional(v.array(v.string()), []),
  /** The folder of a login that several agents share. */
  shared: v.exactOptional(v.string()),
  workdir: v.string(),
  holder: v.picklist(["tmux", "none"]),
  /** Of the agent, for when `attach` itself starts it. */
  args: v.array(v.string()),
  labels: v.record(v.string(), v.string()),
});

/** What is known of a started instance. No secret is in it. */
export type LocalRecord = v.InferOutput<typeof recordSchema>;

export async function readRecord(
  instance: string,
  ctx: PluginContext,
): Promise<LocalRecord | undefined> {
  const { files } = machineOf(ctx);
  const text = await files.read(recordPath(instance, ctx), { maxBytes: 1024 * 1024 });
  if (text === undefined) return undefined;
  try {
    return v.parse(recordSchema, JSON.parse(text));
  } catch (error) {
    throw new JackinError({
      code: "host-failed",
      message: `[${owner}] ${recordPath(instance, ctx)} is no record of an instance.`,
      hint: `End what runs of ${instance}, then: rm ${recordPath(instance, ctx)}`,
      cause: error,
    });
  }
}

export async function readRecords(ctx: PluginContext): Promise<readonly LocalRecord[]> {
  const names = await machineOf(ctx).files.list(folder(ctx));
  const instances = names.flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);
  const records = await Promise.all(instances.map((instance) => readRecord(instance, ctx)));
  return records.filter((record) => record !== undefined);
}

export async function writeRecord(record: LocalRecord, ctx: PluginContext): Promise<void> {
  await machineOf(ctx).files.write(recordPath(record.instance, ctx), JSON.stringify(record));
}

export async function forget(record: LocalRecord, ctx: PluginContext): Promise<void> {
  const { files } = machineOf(ctx);
  await files.remove(record.run);
  await files.remove(recordPath(record.instance, ctx));
}

function recordPath(instance: string, ctx: PluginContext): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(instance)) return `${folder(ctx)}/${instance}.json`;
  throw new JackinError({
    code: "usage",
    message: `[${owner}] ${JSON.stringify(instance)} cannot be the name of an instance.`,
    hint: "Use letters, digits, dots, dashes and underscores.",
  });
}

function folder(ctx: PluginContext): string {
  return `${machineOf(ctx).files.state}/local`;
}
