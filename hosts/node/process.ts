import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Host } from "../../core/index.ts";

/**
 * A process as `machine/pid/start`: a number that was given again to another process does not pass for it. A process of
 * another machine counts as alive, as nothing here can tell.
 */
export function createProcess(): NonNullable<Host["process"]> {
  let own: string | undefined;
  return {
    get id() {
      return (own ??= [machineName(), process.pid, startOf(process.pid) ?? ""].join("/"));
    },
    async isAlive(id) {
      const [machine, number, start] = id.split("/");
      if (start === undefined) return false;
      if (machine !== machineName()) return true;
      const pid = Number(number);
      if (!Number.isSafeInteger(pid) || pid <= 0 || !exists(pid)) return false;
      return startOf(pid) === (start || undefined);
    },
  };
}

function machineName(): string {
  return hostname().replaceAll(/[\s/]/g, "-");
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process started, as text that only compares; undefined for one that is gone or only waits to be reaped. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      // proc(5): the name, in brackets, may hold spaces and brackets; the state follows it, the start is field 22.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\)\s/s, "")
        .split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
    }
    const env = { LC_ALL: "C", TZ: "UTC" };
    const started = execFileSync("/bin/ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env,
    });
    return started.trim().replaceAll(/\s+/g, "-");
  } catch {
    return undefined;
  }
}

/** The command line of a process, word by word where the system tells; nothing for one that is gone. */
export function commandOf(pid: number): readonly string[] {
  try {
    if (process.platform === "linux")
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    const args = ["-ww", "-o", "args=", "-p", String(pid)];
    return execFileSync("/bin/ps", args, { encoding: "utf8" }).trim().split(/\s+/);
  } catch {
    return [];
  }
}
