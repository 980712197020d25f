/** What a host may offer of its machine. Core owns the contract, hosts implement it; what one leaves out, core does without or says so. */

/** What a plugin may use of the machine. A host leaves out what it cannot; core then says which plugin needs what. */
export interface Host {
  /** `linux`, `darwin`, `win32`, …; `unknown` where there is no machine. */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: { now(): number };
  readonly files?: HostFiles;
  readonly exec?: HostExec;
  /** Who runs this code, so that a later command can tell a launch that goes on from one that was killed. */
  readonly process?: { readonly id: string; isAlive(id: string): Promise<boolean> };
  /** Shows a notification on the operator's desktop; nothing where there is none. No secrets. */
  readonly notify?: (title: string, text: string) => Promise<void>;
  /** Holds a named lock of this jackin home until disposed; waits for whoever has it and says for whom. */
  readonly lock?: (name: string, options: LockOptions) => Promise<AsyncDisposable>;
}

export interface LockOptions {
  readonly signal: AbortSignal;
  readonly onWait?: (owner: string) => void;
}

export interface HostFiles {
  /** The operator's home folder. */
  readonly home: string;
  /** jackin's own folder (`JACKIN_HOME_DIR`). */
  readonly state: string;
  /** An absolute path with links resolved; undefined when nothing is there. `~` is the operator's home. */
  resolve(path: string): Promise<string | undefined>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Undefined when nothing is there. Throws `host-failed` when it cannot be read, is no plain file, or is over `maxBytes`. */
  read(path: string, options: ReadOptions): Promise<string | undefined>;
  /** Atomic, 0600, its folder made with 0700. Never follows a link at `path`. */
  write(path: string, content: string): Promise<void>;
  /** 0700, parents too. */
  makeFolder(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  rename(from: string, to: string): Promise<void>;
  /**
   * Removes a file or a whole folder; nothing there is no error. `onlyFile` leaves a folder as it is: where an agent can
   * put a link into the place of one that is just being emptied, more than that folder would be emptied.
   */
  remove(path: string, options?: { readonly onlyFile?: boolean }): Promise<void>;
  /**
   * Calls when something in a folder changes: written, renamed, removed, in place or not. It may call too often, and it
   * misses nothing but what a network file system hides. The folder must exist. Costs nothing while nothing happens.
   */
  watch?(folder: string, changed: () => void): Disposable;
  /** Holds `<path>.lock` by the protocol of `proper-lockfile`, which Claude Code uses too, until disposed. */
  lock?(path: string, options: LockOptions): Promise<AsyncDisposable>;
}

export interface FileStat {
  readonly kind: "file" | "folder" | "link" | "other";
  /** bytes */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  /** ms since the epoch */
  readonly changedAt: number;
}

export interface ReadOptions {
  /** bytes */
  readonly maxBytes: number;
  /** False refuses a link at the path itself; true (default) reads what it points to. */
  readonly followLinks?: boolean;
}

/** Runs a program without a shell. It throws only when the program cannot be started (`host-failed`), is cancelled or is too slow. */
export type HostExec = (
  command: string,
  args: readonly string[],
  options?: ExecOptions,
) => Promise<ExecResult>;

export interface ExecOptions {
  /** Added to the host's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Gives the child the terminal; stdout and stderr come back empty. `output` gives it only stdout and stderr. */
  readonly inherit?: "terminal" | "output";
  /** In a session of its own: neither a key nor the end of the terminal reaches it, and it goes on when this process ends. */
  readonly ownSession?: boolean;
  readonly signal?: AbortSignal;
  readonly limitMs?: number;
  /** Each line of output as it comes. */
  readonly onLine?: (line: string) => void;
  /** Output over this many bytes ends the child with `host-failed`; 4 MiB without it. */
  readonly maxBytes?: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where jackin keeps what it knows; an unstorage `Storage` fits. No secret is ever put in it. */
export interface StateStore {
  getItem(key: string): Promise<unknown>;
  setItem(key: string, value: object): Promise<void>;
  removeItem(key: string): Promise<void>;
  getKeys(base?: string): Promise<string[]>;
}
