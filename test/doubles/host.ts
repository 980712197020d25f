/**
 * A machine in memory for the tests of plugins and core: files, a clock that stands still, a scripted `exec`. It runs on
 * every runtime and records each change, so that a test can show that nothing was changed.
 */
import { cancelled, createRedactor, createSecret, JackinError } from "../../core/index.ts";
import type {
  ExecOptions,
  ExecResult,
  FileStat,
  Host,
  HostFiles,
  PluginContext,
} from "../../core/index.ts";

export interface HostDoubleInit {
  readonly platform?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** By absolute path; the folders above are there too. */
  readonly files?: Readonly<Record<string, FileDouble>>;
  /** ms since the epoch */
  readonly now?: number;
  /** Without it the host runs no programs. */
  readonly exec?: ExecScript;
  /** False is a host without files, such as a Worker. */
  readonly hasFiles?: boolean;
}

/** A text, or one text per read (the last one stays), or something that is no readable file. */
export type FileDouble =
  | string
  | { readonly reads: readonly string[] }
  | { readonly link: string }
  | { readonly kind: "folder" | "other" }
  | { readonly denied: true };

export interface ExecCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: ExecOptions;
}

export type ExecScript = (call: ExecCall) => Partial<ExecResult> | Promise<Partial<ExecResult>>;

export interface HostDouble extends Host {
  /** Set it to let time pass. */
  readonly clock: { time: number; now(): number };
  readonly disk: Map<string, FileDouble>;
  /** What was written, made, renamed or removed, in order. */
  readonly changes: string[];
  readonly calls: ExecCall[];
  /** What was shown on the desktop. */
  readonly notified: (readonly [title: string, text: string])[];
  /** Folders that are watched now, each as often as it is. */
  readonly watched: readonly string[];
  /** Tells those who watch a folder; `files` does so by itself, an edit of `disk` does not. */
  fire(folder: string): void;
}

export function createHostDouble(init: HostDoubleInit = {}): HostDouble {
  const disk = new Map(Object.entries(init.files ?? {}));
  const changes: string[] = [];
  const calls: ExecCall[] = [];
  const notified: [string, string][] = [];
  const watches = createWatches();
  const clock = { time: init.now ?? Date.UTC(2026, 10, 25, 12), now: () => clock.time };
  const writtenAt = recordWrites(disk, clock);
  const { exec } = init;
  return {
    platform: init.platform ?? "linux",
    env: { HOME: "/home/me", USER: "me", ...init.env },
    clock,
    disk,
    changes,
    calls,
    notified,
    get watched() {
      return watches.folders();
    },
    fire: watches.fire,
    notify: async (title, text) => void notified.push([title, text]),
    ...(init.hasFiles === false ? {} : { files: filesOf(disk, changes, watches, writtenAt) }),
    ...(exec && {
      exec: (command, args, options = {}) => {
        const call = { command, args, options };
        calls.push(call);
        return untilAborted(options.signal, async () => ({
          code: 0,
          stdout: "",
          stderr: "",
          ...(await exec(call)),
        }));
      },
    }),
  };
}

export interface ContextDouble extends PluginContext {
  readonly lines: string[];
  /** What the redactor makes of a text after all the secrets that were made so far. */
  redact(text: string): string;
}

export function createContextDouble(
  host: Host,
  signal: AbortSignal = new AbortController().signal,
): ContextDouble {
  const redactor = createRedactor();
  const lines: string[] = [];
  return {
    host,
    signal,
    lines,
    secret: (value) => redactor.add(createSecret(value)),
    progress: (line) => void lines.push(line),
    redact: (text) => redactor.redact(text),
  };
}

/** What a host throws for a program that it cannot find. */
export function programMissing(command: string): JackinError {
  return new JackinError({
    code: "host-failed",
    message: `${command} was not found on PATH.`,
    hint: `Install ${command}, or add its folder to PATH.`,
    cause: Object.assign(new Error(`${command}: not found`), { code: "ENOENT" }),
  });
}

/** What a host throws for a program that is too slow. */
export function programTooSlow(command: string): JackinError {
  return new JackinError({ code: "timeout", message: `${command} took too long.` });
}

type Watches = ReturnType<typeof createWatches>;

function createWatches() {
  const all = new Set<{ readonly folder: string; readonly changed: () => void }>();
  const fire = (folder: string) => {
    // Those that are there now: one that begins while another is told has not missed this.
    for (const { changed } of Array.from(all).filter((watch) => watch.folder === folder)) changed();
  };
  return {
    fire,
    /** Those who watch the folder that a path is in, or that it is. */
    fireFor(path: string): void {
      fire(path.slice(0, path.lastIndexOf("/")));
      fire(path);
    },
    folders: () => [...all].map(({ folder }) => folder),
    add(folder: string, changed: () => void): Disposable {
      const watch = { folder, changed };
      all.add(watch);
      return { [Symbol.dispose]: () => void all.delete(watch) };
    },
  };
}

function filesOf(
  disk: Map<string, FileDouble>,
  changes: string[],
  watches: Watches,
  writtenAt: (path: string) => number,
): Required<HostFiles> {
  const held = new Map<string, Promise<void>>();
  const isFolder = (path: string) => [...disk.keys()].some((key) => key.startsWith(`${path}/`));
  const follow = (path: string): string => {
    const found = disk.get(path);
    return typeof found === "object" && "link" in found ? follow(found.link) : path;
  };
  const statOf = (path: string): FileStat | undefined => {
    const found = disk.get(path);
    const rest = { size: 0, mode: 0o600, uid: 1000, changedAt: 0 };
    if (found === undefined) return isFolder(path) ? { kind: "folder", ...rest } : undefined;
    if (typeof found === "string")
      return { kind: "file", ...rest, size: byteLength(found), changedAt: writtenAt(path) };
    if ("link" in found) return { kind: "link", ...rest };
    return { kind: "kind" in found ? found.kind : "file", ...rest };
  };
  return {
    home: "/home/me",
    state: "/home/me/.jackin",
    async resolve(path) {
      const real = follow(path.replace(/^~(?=\/|$)/, "/home/me"));
      return statOf(real) && real;
    },
    stat: async (path) => statOf(path),
    async read(path, options) {
      const found = disk.get(options.followLinks === false ? path : follow(path));
      if (found === undefined && !isFolder(path)) return undefined;
      if (typeof found === "object" && "denied" in found)
        throw failed(`${path} cannot be read: permission denied`);
      if (typeof found === "object" && "reads" in found) {
        const [first = "", ...later] = found.reads;
        if (later.length > 0) disk.set(follow(path), { reads: later });
        return first;
      }
      if (typeof found !== "string") throw failed(`${path} is no plain file`);
      if (byteLength(found) > options.maxBytes)
        throw failed(`${path} is larger than ${options.maxBytes} bytes`);
      return found;
    },
    async write(path, content) {
      changes.push(`write ${path}`);
      disk.set(path, content);
      watches.fireFor(path);
    },
    async makeFolder(path) {
      changes.push(`makeFolder ${path}`);
      disk.set(path, { kind: "folder" });
      watches.fireFor(path);
    },
    async list(path) {
      if (statOf(path) === undefined) return [];
      if (statOf(path)?.kind !== "folder") throw failed(`${path} is no folder`);
      const below = [...disk.keys()].filter((key) => key.startsWith(`${path}/`));
      return [...new Set(below.map((key) => key.slice(path.length + 1).split("/")[0]!))];
    },
    async rename(from, to) {
      changes.push(`rename ${from} ${to}`);
      const moved = disk.get(from);
      if (moved !== undefined) disk.set(to, moved);
      disk.delete(from);
      for (const end of [from, to]) watches.fireFor(end);
    },
    async remove(path, { onlyFile = false } = {}) {
      if (onlyFile && statOf(path)?.kind === "folder") return;
      changes.push(`remove ${path}`);
      for (const key of disk.keys())
        if (key === path || key.startsWith(`${path}/`)) disk.delete(key);
      watches.fireFor(path);
    },
    watch(folder, changed) {
      if (statOf(folder)?.kind !== "folder") throw failed(`${folder} is no folder`);
      return watches.add(folder, changed);
    },
    async lock(path, { signal }) {
      while (held.has(path)) await untilAborted(signal, () => held.get(path)!);
      const free = Promise.withResolvers<void>();
      held.set(path, free.promise);
      return {
        async [Symbol.asyncDispose]() {
          if (held.get(path) === free.promise) held.delete(path);
          free.resolve();
        },
      };
    },
  };
}

/** When a path was set, in ms; no two writes are of the same time. */
function recordWrites(
  disk: Map<string, FileDouble>,
  clock: { now(): number },
): (path: string) => number {
  const times = new Map<string, number>();
  const began = clock.now();
  const set = disk.set.bind(disk);
  let count = 0;
  disk.set = (path, content) => {
    times.set(path, clock.now() + ++count / 1000);
    return set(path, content);
  };
  return (path) => times.get(path) ?? began;
}

function failed(message: string): JackinError {
  return new JackinError({ code: "host-failed", message });
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A cancelled program ends at once, also one that would never end. */
function untilAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (signal?.aborted) return Promise.reject(cancelled(signal.reason));
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(cancelled(signal.reason)), { once: true });
    work().then(resolve, reject);
  });
}
