/** What a program prints, as text and line by line. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";

type Child = Pick<ChildProcess, "stdout" | "stderr">;

/** Both streams together may hold `maxBytes`; `onTooMuch` is called at one byte more. */
export function gather(child: Child, maxBytes: number, onTooMuch: () => void) {
  let left = maxBytes;
  const follow = (stream: Readable | null): (() => string) => {
    const chunks: Uint8Array[] = [];
    stream?.on("data", (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left >= 0) chunks.push(chunk);
      else onTooMuch();
    });
    return () => Buffer.concat(chunks).toString("utf8");
  };
  return { stdout: follow(child.stdout), stderr: follow(child.stderr) };
}

/** What the program has left running may write on; nobody reads it. */
export function letGo(child: Child): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** Resolves when the last line of each stream was told; a stopped child's streams never end, they close. */
export function followLines(streams: readonly (Readable | null)[], onLine: (line: string) => void) {
  // Undefined too, whatever the type says: no file could be opened any more (Node 24).
  const open = streams.flatMap((stream) => stream ?? []);
  return open.map((input) => {
    createInterface({ input, crlfDelay: Infinity }).on("line", onLine);
    return finished(input).catch(() => {});
  });
}
