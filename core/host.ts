/** What a host may offer of its machine. Core owns the contract, hosts implement it; what one leaves out, core does without or says so. */

/** What a plugin may use of the machine. A host leaves out what it cannot; core then says which plugin needs what. */
export interface Host {
  /** `linux`, `darwin`, `win32`, …; `unknown` where there is no machine. */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: { now(): number };
  readonly files?: HostFiles;
  readonly exec?: HostExec;
  /** Runs a program in a terminal of its own that nobody sees. Throws `host-failed` when it cannot be started. */
  readonly pty?: (
    command: string,
    args: readonly string[],
    options: PtyOptions,
  ) => Promise<HiddenTerminal>;
  /** Where this machine keeps passwords for its operator. */
  readonly keychain?: Keychain;
  /** Shows a page in the operator's browser; false where there is none, e.g. over ssh. */
  readonly browse?: (url: string) => Promise<boolean>;
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
  /** Hands `stdin` over through a pipe of the system's: what a host gives otherwise, some programs take for no input. */
  readonly stdinPipe?: boolean;
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

export interface PtyOptions {
  readonly columns: number;
  readonly rows: number;
  /** Added to the host's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly signal: AbortSignal;
}

/** Disposing ends the program and all that it started, waits for that, and wipes the screen from memory. */
export interface HiddenTerminal extends AsyncDisposable {
  /** What it shows now: the text of each row, without the spaces at its end. */
  screen(): readonly string[];
  /** Types; what has to be a key press of its own takes a call of its own. */
  write(text: string): void;
  /** Resolves at the next change of the screen after the last call of `screen`, and when the program has ended. */
  changed(): Promise<void>;
  /** Undefined while the program runs. */
  readonly code: number | undefined;
}

/** Each method throws `host-failed` when the keychain is not there, is locked, or refuses. */
export interface Keychain {
  /** As people here call it: `macOS Keychain`, `Secret Service`, `Windows Credential Manager`. */
  readonly name: string;
  /** Throws when it cannot be used now; asks nobody for a password. */
  probe(signal: AbortSignal): Promise<void>;
  read(service: string, account: string, signal: AbortSignal): Promise<string | undefined>;
  write(service: string, account: string, value: string, signal: AbortSignal): Promise<void>;
  /** False: nothing was there. */
  remove(service: string, account: string, signal: AbortSignal): Promise<boolean>;
}

/** Where jackin keeps what it knows; an unstorage `Storage` fits. No secret is ever put in it. */
export interface StateStore {
  getItem(key: string): Promise<unknown>;
  setItem(key: string, value: object): Promise<void>;
  removeItem(key: string): Promise<void>;
  getKeys(base?: string): Promise<string[]>;
}
