import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  unlink,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { JackinError } from "../../core/index.ts";
import type { FileStat, HostFiles, ReadOptions } from "../../core/index.ts";
import { systemCode, toHostError } from "./host-error.ts";
import { lockPath } from "./lock.ts";
import { watchFolder } from "./watch.ts";

export interface FilesOptions {
  readonly home: string;
  readonly state: string;
}

/** The file system of this machine. Each method understands `~` and throws `host-failed`. */
export function createFiles({ home, state }: FilesOptions): Required<HostFiles> {
  const absolute = (path: string) => expandHome(path, home);
  return {
    home,
    state,
    resolve: (path) => absentOr(realpath(absolute(path)), path, "found"),
    async stat(path) {
      const stat = await absentOr(lstat(absolute(path)), path, "looked at");
      return (
        stat && {
          kind: kindOf(stat),
          size: stat.size,
          mode: stat.mode & 0o7777,
          uid: stat.uid,
          changedAt: stat.mtimeMs,
        }
      );
    },
    read: (path, options) => absentOr(readPlainFile(absolute(path), options), path, "read"),
    write: (path, content) => told(writeAtomically(absolute(path), content), path, "written"),
    async makeFolder(path) {
      await told(makeFolders(absolute(path)), path, "made");
    },
    async list(path) {
      const names = await told(readdir(absolute(path)).catch(ifAbsent([])), path, "listed");
      return names.filter((name) => !temporary.test(name)).sort();
    },
    rename: (from, to) => told(rename(absolute(from), absolute(to)), from, `renamed to ${to}`),
    async remove(path, { onlyFile = false } = {}) {
      await told((onlyFile ? removeFile : removeAll)(absolute(path)), path, "removed");
    },
    watch: (folder, changed) => watchFolder(absolute(folder), changed),
    lock: (path, options) => lockPath(absolute(path), options),
  };
}

/** An absolute path; `~` and `~/…` are the operator's home. */
export function expandHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : resolve(path);
}

/** What is read at once: not `maxBytes`, which may be far more than there is. */
const chunkBytes = 64 * 1024;

async function readPlainFile(path: string, options: ReadOptions): Promise<string> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (options.followLinks === false ? O_NOFOLLOW : 0);
  const file = await open(path, flags);
  try {
    if (!(await file.stat()).isFile())
      throw refused(path, "it is no plain file", `See what it is: ls -ld ${path}`);
    // One byte more than allowed is asked for: the size that a file claims says little about what it holds.
    const most = options.maxBytes + 1;
    const chunks: Uint8Array[] = [];
    let length = 0;
    while (length < most) {
      const chunk = new Uint8Array(Math.min(chunkBytes, most - length));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
      chunks.push(chunk.subarray(0, bytesRead));
    }
    if (length > options.maxBytes) {
      throw refused(
        path,
        `it holds more than ${options.maxBytes} bytes`,
        `See what it is: ls -l ${path}`,
      );
    }
    return decode(Buffer.concat(chunks), path);
  } finally {
    await file.close();
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused(path, "it is no UTF-8 text", `See what it is: file ${path}`);
  }
}

const temporary = /^\.jackin-[0-9a-f-]{36}\.tmp$/;

/**
 * Not `write-file-atomic`: 7.0.1 resolves a link at the path and writes where it points, opens a guessable name without
 * O_EXCL, and copies the old file's mode. Here an agent may own the folder, so none of the three will do.
 */
async function writeAtomically(path: string, content: string): Promise<void> {
  const folder = dirname(path);
  await makeFolders(folder);
  await removeLeftovers(folder);
  const aside = join(folder, `.jackin-${randomUUID()}.tmp`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      await file.chmod(0o600); // whatever the umask says
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await unlink(aside).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** ms; a write takes far less */
const leftoverAge = 60_000;

/** What a process that was killed while it wrote has left in a folder. It may be a secret. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!temporary.test(name)) continue;
    const file = join(folder, name);
    const changedAt = (await lstat(file).catch(() => undefined))?.mtimeMs ?? Infinity;
    if (changedAt < Date.now() - leftoverAge) await unlink(file).catch(() => {});
  }
}

/** Not with `recursive`: where a folder that is there answers ENOENT (/proc), Node 24 tries for ever, and no signal reaches it. */
async function makeFolders(path: string): Promise<void> {
  const make = () =>
    mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
      if (!(await stat(path).catch(() => undefined))?.isDirectory()) throw error;
    });
  try {
    await make();
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolders(dirname(path));
    await make();
  }
}

/** Best effort: the file is in place, and not every file system can do this. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY).catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close().catch(() => {});
}

/** Never follows a link: `rm` unlinks it. */
async function removeAll(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true });
  try {
    await remove();
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOTDIR") return;
    if (code !== "EACCES" && code !== "EPERM") throw error;
    // Agents leave read-only folders behind (Go's module cache is one); they are ours to open.
    await openFolders(path);
    await remove();
  }
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(async (error: unknown) => {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return;
    if (!(await lstat(path)).isDirectory()) throw error;
  });
}

async function openFolders(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, 0o700).catch(() => {});
  for (const name of await readdir(path).catch(() => [])) await openFolders(join(path, name));
}

function kindOf(stat: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}): FileStat["kind"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "folder";
  return stat.isSymbolicLink() ? "link" : "other";
}

/** Undefined when nothing is there; a path that leads through a file leads to nothing. */
function absentOr<T>(work: Promise<T>, path: string, done: string): Promise<T | undefined> {
  return told(
    work.catch((error: unknown) => {
      const code = systemCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw error;
    }),
    path,
    done,
  );
}

function ifAbsent<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (systemCode(error) === "ENOENT") return instead;
    throw error;
  };
}

async function told<T>(work: Promise<T>, path: string, done: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toHostError(error, path, done);
  }
}

function refused(path: string, why: string, hint: string): JackinError {
  return new JackinError({ code: "host-failed", message: `${path} cannot be read: ${why}.`, hint });
}
