import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import * as v from "valibot";
import type { EventKind, JackinEvent } from "../../core/index.ts";

const kinds: readonly EventKind[] = [
  "started",
  "stopped",
  "updated",
  "warning",
  "refused",
  "healed",
  "keeper",
];

const eventSchema = v.object({
  at: v.number(),
  kind: v.picklist(kinds),
  level: v.picklist(["info", "warning", "urgent"]),
  instance: v.exactOptional(v.string()),
  text: v.string(),
  next: v.exactOptional(v.string()),
}) satisfies v.GenericSchema<unknown, JackinEvent>;

export interface Tail extends Disposable {
  /** What came since the last call, oldest first. */
  read(): readonly JackinEvent[];
}

interface Held {
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
  offset: number;
  /** The bytes of a line that is not whole yet. */
  rest: Buffer;
}

/** bytes; no line of ours is longer */
const longestLine = 64 * 1024;

/**
 * Events of files of which the later take the place of the earlier. Files that were seen are held open until they are gone:
 * a late writer's line is not missed, and no new file can be taken for an old one.
 */
export function openTail(paths: readonly string[], from: "start" | "end"): Tail {
  let held: Held[] = [];
  let over = false;
  const close = ({ fd }: Held) => closeSync(fd);
  look(from);

  return {
    read() {
      if (over) return [];
      const events = held.flatMap(readOn);
      const known = held.length;
      look("start");
      events.push(...held.slice(known).flatMap(readOn));
      const gone = held.filter(({ fd }) => fstatSync(fd).nlink === 0);
      gone.forEach(close);
      held = held.filter((file) => !gone.includes(file));
      return events;
    },
    [Symbol.dispose]() {
      over = true;
      held.splice(0).forEach(close);
    },
  };

  function look(start: "start" | "end"): void {
    for (const path of paths) {
      const fd = openFile(path);
      if (fd === undefined) continue;
      const now = fstatSync(fd);
      const { dev, ino, size } = now;
      if (!now.isFile() || held.some((file) => file.dev === dev && file.ino === ino)) closeSync(fd);
      else held.push({ fd, dev, ino, offset: start === "end" ? size : 0, rest: Buffer.alloc(0) });
    }
  }
}

/** Undefined where there is none, or something else: it is no journal of ours. */
function openFile(path: string): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function readOn(file: Held): JackinEvent[] {
  const events: JackinEvent[] = [];
  const chunk = Buffer.alloc(longestLine);
  for (;;) {
    const length = readSync(file.fd, chunk, 0, chunk.length, file.offset);
    if (length === 0) return events;
    file.offset += length;
    const lines = Buffer.concat([file.rest, chunk.subarray(0, length)]);
    const end = lines.lastIndexOf(0x0a) + 1;
    const rest = lines.subarray(end);
    file.rest = rest.length > longestLine ? Buffer.alloc(0) : Buffer.from(rest);
    for (const line of lines.toString("utf8", 0, end).split("\n")) events.push(...toEvent(line));
  }
}

/** Nothing for a line that was cut off, or that is not ours. */
function toEvent(line: string): readonly JackinEvent[] {
  try {
    const parsed = v.safeParse(eventSchema, JSON.parse(line));
    return parsed.success ? [parsed.output] : [];
  } catch {
    return [];
  }
}
