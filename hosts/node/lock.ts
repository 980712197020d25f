import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cancelled, throwIfAborted } from "../../core/index.ts";
import type { Host, HostFiles, LockOptions } from "../../core/index.ts";
import { systemCode, toHostError } from "./host-error.ts";

/** A holder renews its lock each second; one that has not for 5 s is dead. */
const ownStale = 5_000;
/** Claude Code 2.1.330 renews its own each 5 s and lets others wait for 60 s. */
const foreignStale = 60_000;
const update = 1_000;
const poll = 75;

interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly command: string;
  /** ms since the epoch */
  readonly since: number;
}

/**
 * Locks between processes (`proper-lockfile`: a folder `<state>/locks/<name>.lock`) and, in order of arrival, between callers
 * of this process. `<name>.owner` beside it says who has it. A killed holder's lock frees itself after 5 s.
 */
export function createLock(files: HostFiles, command: string): NonNullable<Host["lock"]> {
  const queues = new Map<string, Promise<void>>();
  return async (name, { signal, onWait }) => {
    throwIfAborted(signal);
    const path = join(files.state, "locks", fileName(name));
    const self: Owner = { pid: process.pid, host: hostname(), command, since: Date.now() };
    let waits = false;
    const wait = (owner: Owner | undefined) => {
      if (!waits) onWait?.(describe(owner));
      waits = true;
    };

    const before = queues.get(path);
    const turn = Promise.withResolvers<void>();
    const queue = (before ?? Promise.resolve()).then(() => turn.promise);
    queues.set(path, queue);
    const leave = () => {
      turn.resolve();
      if (queues.get(path) === queue) queues.delete(path);
    };
    try {
      if (before) {
        wait(self);
        await abortable(before, signal);
      }
      await files.makeFolder(join(files.state, "locks"));
      const ownerFile = `${path}.owner`;
      const release = await acquire(path, ownStale, signal, async () =>
        wait(await readOwner(files, ownerFile)),
      );
      const unlock = async () => {
        await files.remove(ownerFile).catch(() => {}); // it only serves a message
        await release();
      };
      try {
        await files.write(ownerFile, JSON.stringify({ ...self, since: Date.now() }));
      } catch (error) {
        await unlock();
        throw error;
      }
      let given: Promise<void> | undefined;
      return { [Symbol.asyncDispose]: () => (given ??= unlock().finally(leave)) };
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** A lock that other programs share: the folder `<path>.lock` alone, in a folder that is there. */
export async function lockPath(
  path: string,
  { signal, onWait }: LockOptions,
): Promise<AsyncDisposable> {
  let waits = false;
  const release = await acquire(path, foreignStale, signal, () => {
    if (!waits) onWait?.("another program");
    waits = true;
  });
  let given: Promise<void> | undefined;
  return { [Symbol.asyncDispose]: () => (given ??= release()) };
}

/** `wait` is called each time that somebody else has it, but the first: a new holder needs a moment to write its name down. */
async function acquire(
  path: string,
  stale: number,
  signal: AbortSignal,
  wait: () => void | Promise<void>,
): Promise<() => Promise<void>> {
  // Loaded late: it listens for the process's end as soon as it is imported.
  const { lock } = (await import("proper-lockfile")).default;
  const lockFs = createLockFs(stale);
  for (let tries = 0; ; tries++) {
    throwIfAborted(signal);
    const release = await lock(path, {
      stale,
      update,
      realpath: false,
      fs: lockFs,
      // The machine slept and another took the lock over. The holder cannot be told, and must not die of it.
      onCompromised: () => {},
    }).catch((error: unknown) => {
      if (systemCode(error) !== "ELOCKED") throw toHostError(error, `${path}.lock`, "locked");
    });
    if (release) {
      lockFs.held = true;
      // Compromised, or gone with its folder: it is not ours any more.
      const unlock = () => release().catch(() => {});
      if (!signal.aborted) return unlock;
      await unlock();
      continue;
    }
    if (tries > 0) await wait();
    await sleep(poll, undefined, { signal }).catch(() => {
      throw cancelled(signal.reason);
    });
  }
}

/**
 * proper-lockfile looks whether a lock is dead and removes it later, so the second of two waiters can remove the lock that the
 * first has just made. Here one waiter at a time removes, and looks again first.
 */
function createLockFs(stale: number) {
  const lockFs = {
    ...fs,
    held: false,
    rmdir(path: string, done: (error: Error | null) => void) {
      if (lockFs.held) fs.rmdir(path, done);
      else done(removeDead(path, stale));
    },
  };
  return lockFs;
}

function removeDead(path: string, stale: number): Error | null {
  const gate = `${path}.takeover`;
  try {
    fs.mkdirSync(gate);
  } catch {
    // Another waiter is at it, or died of it.
    return isDead(gate, ownStale) ? removeFolder(gate) : null;
  }
  const failure = isDead(path, stale) ? removeFolder(path) : null;
  return removeFolder(gate) ?? failure;
}

function removeFolder(path: string): Error | null {
  try {
    fs.rmdirSync(path);
    return null;
  } catch (error) {
    return systemCode(error) === "ENOENT" ? null : (error as Error);
  }
}

function isDead(path: string, stale: number): boolean {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.mtimeMs < Date.now() - stale;
}

async function readOwner(files: HostFiles, path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse((await files.read(path, { maxBytes: 4096, followLinks: false })) ?? "");
  } catch {
    return undefined; // being written, or gone this moment: it only serves a message
  }
}

function describe(owner: Owner | undefined): string {
  if (typeof owner?.pid !== "number") return "another jackin";
  return `${owner.command} (pid ${owner.pid}${owner.host === hostname() ? "" : ` on ${owner.host}`})`;
}

/** Any name as a name of a file; two names never share one. */
function fileName(name: string): string {
  return encodeURIComponent(name).replaceAll(".", "%2E");
}

function abortable(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const stop = () => fail(cancelled(signal.reason));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void work.then(() => {
      signal.removeEventListener("abort", stop);
      done();
    });
  });
}
