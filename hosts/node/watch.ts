import { statSync, watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { toHostError } from "./host-error.ts";

/** ms between two looks at a folder that the system does not watch for us */
const poll = 2_000;

/**
 * Calls when something happens in a folder, in place or not. A folder that goes, or whose name another one takes, is looked
 * for until it is there again. Where the system has no watches left to give, the folder is looked at instead.
 */
export function watchFolder(folder: string, changed: () => void): Disposable {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pending: NodeJS.Immediate | undefined;
  let later: NodeJS.Timeout | undefined;
  let inode: number | undefined;
  let seen: string | undefined;
  let over = false;

  try {
    // Not left to `watch`: Deno 2 tells it later, past everybody.
    statSync(folder);
  } catch (error) {
    throw toHostError(error, folder, "watched");
  }
  arm();
  // macOS begins to watch a moment after it was asked to.
  if (process.platform === "darwin") timer ??= setTimeout(look, poll);

  return {
    [Symbol.dispose]() {
      over = true;
      watcher?.close();
      clearTimeout(timer);
      clearImmediate(pending);
      clearTimeout(later);
    },
  };

  function arm(): void {
    watcher?.close();
    watcher = undefined;
    inode = inodeOf(folder);
    try {
      if (inode !== undefined) watcher = watch(folder, onEvent).on("error", lose);
    } catch {
      // gone this moment, or no watches are left
    }
    if (!watcher) lose();
  }

  function onEvent(type: string, name: string | null): void {
    if (over) return;
    // An event of the folder itself has its own name; its place may be empty now, or another's.
    if (type === "rename" && (name === basename(folder) || inodeOf(folder) !== inode)) arm();
    call();
  }

  /** From now on it is looked at. */
  function lose(): void {
    watcher?.close();
    watcher = undefined;
    clearTimeout(timer);
    if (!over) timer = setTimeout(look, poll);
  }

  async function look(): Promise<void> {
    if (!watcher) arm();
    const now = watcher ? undefined : await contents(folder);
    if (over || (now !== undefined && now === seen)) return;
    seen = now;
    call();
  }

  /** The events of one write come together. */
  function call(): void {
    pending ??= setImmediate(() => {
      pending = undefined;
      changed();
    });
    // Bun 1.4 passes over an event that comes within a millisecond of one like it.
    if (process.versions["bun"]) later ??= setTimeout(callLate, 50);
  }

  function callLate(): void {
    later = undefined;
    changed();
  }
}

/** Undefined where nothing is, or where nothing may be looked at. */
function inodeOf(folder: string): number | undefined {
  try {
    return statSync(folder).ino;
  } catch {
    return undefined;
  }
}

/** Text that differs when anything in the folder does. */
async function contents(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const lines = names.toSorted().map(async (name) => {
    const now = await stat(join(folder, name)).catch(() => undefined);
    return [name, now?.ino, now?.size, now?.mtimeMs].join("/");
  });
  return (await Promise.all(lines)).join("\n");
}
