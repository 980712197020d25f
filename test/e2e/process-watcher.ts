/**
 * The program behind `process-watch.ts`: canaries as one line of JSON on stdin, sightings as lines of JSON on stdout, until
 * stdin ends. It reads every process again and again: one that lives for less than a round may be missed.
 */
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Canary } from "./canary.ts";
import { isMarkedByClaude, lineageFrom, readProc, showArgv, statusOf } from "./proc.ts";
import type { Sighting } from "./process-watch.ts";

const worlds = statusOf(process.pid)!.numbers.length;
const told = new Set<string>();
let ended = false;

const input = createInterface({ input: process.stdin });
input.once("line", (line) => void watch(JSON.parse(line) as readonly Canary[]));
input.once("close", () => (ended = true));

async function watch(canaries: readonly Canary[]): Promise<void> {
  for (let last = false; !last;) {
    last = ended;
    for (const pid of readdirSync("/proc")) if (/^\d+$/.test(pid)) look(Number(pid), canaries);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function look(pid: number, canaries: readonly Canary[]): void {
  // First, so that it is known whose it was also when it ends meanwhile.
  const status = statusOf(pid);
  if (!status) return;
  const argv = readProc(pid, "cmdline");
  const environ = readProc(pid, "environ");
  const parts = [
    ["argv", argv],
    ["environ", environ],
  ] as const;
  for (const [where, text] of parts)
    for (const { name, forms } of canaries) {
      if (!forms.some((form) => text.includes(form))) continue;
      const key = [name, where, pid, argv].join("\n");
      if (told.has(key)) continue;
      const now = readProc(pid, "cmdline");
      // It has become another program between the two looks: the next round sees that one whole.
      if (now !== "" && now !== argv) return;
      told.add(key);
      const sighting: Sighting = {
        canary: name,
        where,
        pid,
        lineage: [showArgv(argv), ...lineageFrom(status.parent)],
        byClaude: isMarkedByClaude(environ),
        inContainer: status.numbers.length > worlds,
      };
      process.stdout.write(`${JSON.stringify(sighting)}\n`);
    }
}
