import { constants } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Host, HostFiles, JackinEvent, Journal } from "../../core/index.ts";
import { systemCode, toHostError } from "./host-error.ts";
import { openTail } from "./journal-tail.ts";
import type { Tail } from "./journal-tail.ts";

export interface JournalOptions {
  readonly files: HostFiles & Required<Pick<HostFiles, "watch">>;
  readonly lock: NonNullable<Host["lock"]>;
  /** Stands before every line. */
  readonly redact: (text: string) => string;
  /** A file that is longer is put aside, in place of the one before it. */
  readonly maxBytes?: number;
}

/** characters; what an agent said may be long */
const longestText = 2_000;

export interface NodeJournal extends Journal {
  /** The newest `past` events first, with no gap to those that come. */
  follow(signal: AbortSignal, past?: number): AsyncIterable<JackinEvent>;
}

/**
 * What happened, as JSON lines in `<state>/keeper/journal.jsonl`, 0600, written and read by any number of processes. The
 * file before it is `journal.1.jsonl`.
 */
export function createJournal(options: JournalOptions): NodeJournal {
  const { files, lock, redact, maxBytes = 1_000_000 } = options;
  const path = join(files.state, "keeper", "journal.jsonl");
  const before = join(files.state, "keeper", "journal.1.jsonl");
  const paths = [before, path];

  return {
    async write(event) {
      try {
        const size = await append(files, path, toLine(event, redact));
        if (size > maxBytes) await putAside();
      } catch (error) {
        throw toHostError(error, path, "written");
      }
    },
    async recent(count) {
      using tail = openTail(paths, "start");
      return count > 0 ? tail.read().slice(-count) : [];
    },
    follow(signal, past = 0) {
      // Now, not when it is first asked for an event.
      const tail = openTail(paths, past > 0 ? "start" : "end");
      const first = past > 0 ? tail.read().slice(-past) : [];
      signal.addEventListener("abort", () => tail[Symbol.dispose](), { once: true });
      if (signal.aborted) tail[Symbol.dispose]();
      return follow(tail, first, signal);
    },
  };

  /** A writer that comes too late for the lock finds a short file and leaves it. */
  async function putAside(): Promise<void> {
    await using _lock = await lock("journal", { signal: AbortSignal.timeout(10_000) });
    if ((await stat(path)).size > maxBytes) await rename(path, before);
  }

  async function* follow(
    tail: Tail,
    past: readonly JackinEvent[],
    signal: AbortSignal,
  ): AsyncGenerator<JackinEvent> {
    using _tail = tail;
    yield* past;
    await files.makeFolder(dirname(path));
    let wake = () => {};
    let woken = true;
    const ring = () => {
      woken = true;
      wake();
    };
    using _watch = files.watch(dirname(path), ring);
    signal.addEventListener("abort", ring, { once: true });
    try {
      while (!signal.aborted) {
        if (!woken) await new Promise<void>((resolve) => (wake = resolve));
        woken = false;
        if (!signal.aborted) yield* tail.read();
      }
    } finally {
      signal.removeEventListener("abort", ring);
    }
  }
}

function toLine(
  { at, kind, level, instance, text, next }: JackinEvent,
  redact: (text: string) => string,
) {
  return `${JSON.stringify({
    at,
    kind,
    level,
    ...(instance !== undefined && { instance: redact(instance) }),
    text: redact(text).slice(0, longestText),
    ...(next !== undefined && { next: redact(next).slice(0, longestText) }),
  })}\n`;
}

/** One write at the end of the file, which the system does whole. Answers the file's size. */
async function append(files: HostFiles, path: string, line: string): Promise<number> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  for (;;) {
    const openFile = () => open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    await using file = await openFile().catch(async (error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
      await files.makeFolder(dirname(path));
      return await openFile();
    });
    const { size, mode } = await file.stat();
    if ((mode & 0o777) !== 0o600) await file.chmod(0o600); // whatever the umask says
    const last = new Uint8Array(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    // A writer that was cut off has left half a line.
    const text = size > 0 && last[0] !== 0x0a ? `\n${line}` : line;
    await file.write(text);
    const now = await file.stat();
    // Twice put aside meanwhile: the line is in a file that is gone.
    if (now.nlink > 0) return now.size;
  }
}
