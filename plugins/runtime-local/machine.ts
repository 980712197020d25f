import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { HostExec, HostFiles, PluginContext } from "../../core/index.ts";
import type { LocalRecord } from "./records.ts";

export const owner = "runtime-local";

export function machineOf({ host }: PluginContext): {
  readonly exec: HostExec;
  readonly files: HostFiles;
} {
  if (host.exec && host.files) return { exec: host.exec, files: host.files };
  throw new JackinError({
    code: "runtime-missing",
    message: `[${owner}] This host can not run programs and keep files.`,
    hint: "Use jackin on a machine with Node, Deno or Bun.",
  });
}

export function missingProgram(error: JackinError): JackinError {
  if ((error.cause as { readonly code?: unknown } | undefined)?.code !== "ENOENT") return error;
  return new JackinError({
    code: "runtime-missing",
    message: `[${owner}] There is no claude command on this machine.`,
    hint: "npm install --global @anthropic-ai/claude-code",
    cause: error,
  });
}

export async function hasTmux(ctx: PluginContext): Promise<boolean> {
  try {
    return (await machineOf(ctx).exec("tmux", ["-V"], { signal: ctx.signal })).code === 0;
  } catch (error) {
    if (error instanceof JackinError && error.code === "host-failed") return false;
    throw error;
  }
}

/**
 * The number could be another process's by now, the operator's own claude above all. Where the system shows a process's
 * environment the instance's own folder tells, elsewhere the name has to do.
 */
const isAgent = `is_agent() {
  if [ -d /proc/self ]; then tr '\\0' '\\n' 2>/dev/null < "/proc/$1/environ" | grep -qxF "CLAUDE_CONFIG_DIR=$2"
  else ps -o args= -p "$1" 2>/dev/null | grep -q claude; fi
} 2>/dev/null`;

/** The instances whose agent lives, asked in one go. */
export async function alive(
  records: readonly LocalRecord[],
  ctx: PluginContext,
): Promise<ReadonlySet<string>> {
  const asked: string[] = [];
  for (const record of records) {
    const pid = await pidOf(record, ctx);
    if (pid) asked.push(pid, record.claude, record.instance);
  }
  if (asked.length === 0) return new Set();
  const script = `${isAgent}
while [ $# -gt 0 ]; do is_agent "$1" "$2" && echo "$3"; shift 3; done; :`;
  const { stdout } = await machineOf(ctx).exec("sh", ["-c", script, "sh", ...asked]);
  return new Set(stdout.split("\n").filter(Boolean));
}

/** Waits until the holder has started the agent; what went wrong before that, `attach` shows. */
export async function begun(record: LocalRecord, ctx: PluginContext): Promise<void> {
  const { files } = machineOf(ctx);
  for (let tries = 0; tries < 500; tries++) {
    throwIfAborted(ctx.signal);
    if ((await pidOf(record, ctx)) ?? (await files.stat(`${record.run}/end`))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Asks the agent to end, waits up to 5 s, then ends it; the session holder goes too. */
export async function endAgent(record: LocalRecord, ctx: PluginContext): Promise<void> {
  const script = `${isAgent}
pid=$1 n=0
if [ -n "$pid" ] && is_agent "$pid" "$3"; then
  kill -TERM "$pid"
  while is_agent "$pid" "$3" && [ "$n" -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
  is_agent "$pid" "$3" && kill -KILL "$pid"
fi
tmux -S "$2" kill-server 2>/dev/null; :`;
  const pid = (await pidOf(record, ctx)) ?? "";
  await machineOf(ctx).exec("sh", ["-c", script, "sh", pid, `${record.run}/tmux`, record.claude]);
}

async function pidOf(record: LocalRecord, ctx: PluginContext): Promise<string | undefined> {
  const text = await machineOf(ctx)
    .files.read(`${record.run}/pid`, { maxBytes: 32, followLinks: false })
    .catch(() => undefined);
  return /^[1-9]\d*$/.test(text?.trim() ?? "") ? text?.trim() : undefined;
}
