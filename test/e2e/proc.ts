/** Processes as Linux tells of them; everything is empty for one that has ended. */
import { readFileSync } from "node:fs";

export function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}

export interface ProcessStatus {
  readonly parent: number;
  /** Its number in each of the nested worlds that it lives in; more than one in a container. */
  readonly numbers: readonly number[];
}

export function statusOf(pid: number): ProcessStatus | undefined {
  const text = readProc(pid, "status");
  if (text === "") return undefined;
  const numbers = /^NSpid:\s*(.*)$/m.exec(text)?.[1]?.split(/\s+/).map(Number) ?? [pid];
  return { parent: Number(/^PPid:\s*(\d+)$/m.exec(text)?.[1] ?? 0), numbers };
}

/** The arguments of this process, of its parent, and so on. */
export function lineageFrom(pid: number): string[] {
  const status = statusOf(pid);
  return status ? [argvOf(pid), ...lineageFrom(status.parent)] : [];
}

/** Claude Code (2.1.330) marks what it starts. A hook may outlive its `claude`, and a lineage that is read late is cut short. */
export function isMarkedByClaude(environ: string): boolean {
  return environ.split("\0").includes("CLAUDECODE=1");
}

function argvOf(pid: number): string {
  return showArgv(readProc(pid, "cmdline"));
}

/** One line; what is far behind the program's name is only noise in a report. */
export function showArgv(cmdline: string): string {
  return cmdline
    .replaceAll(/[\0\s]+/g, " ")
    .trim()
    .slice(0, 300);
}
