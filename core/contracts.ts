/**
 * The contracts between core, plugins and hosts. Core owns them, plugins implement the first three, hosts the last two.
 * Required members are few; what is optional, core does without, or it says which plugin or host lacks it.
 */
import type { GenericSchema } from "valibot";
import type { JackinError } from "./error.ts";
import type { Secret } from "./secret.ts";

export type Plugin = AuthProvider | SecretResolver | Runtime;

/** What every hook is given beside its request. */
export interface PluginContext {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** Makes a secret that the redactor knows. */
  secret(value: string): Secret;
  /** Says what is going on, one short line at a time; a host may show it and let it go. */
  progress(line: string): void;
}

/** Something the operator should know. `next` is the one command, or the one act, that helps. */
export interface Notice {
  readonly level: "info" | "warning";
  readonly text: string;
  readonly next?: string;
}

export interface Health {
  readonly state: "good" | "warning" | "bad";
  readonly text: string;
  readonly next?: string;
  readonly account?: string;
  /** ms since the epoch */
  readonly expiresAt?: number;
}

// ---- authentication ---------------------------------------------------------------------------------------------

/** One mode. It decides and changes nothing: the runtime applies the grant. */
export interface AuthProvider {
  readonly kind: "auth";
  /** The plugin's folder name; it begins each of its messages. */
  readonly name: string;
  /** What `auth_forward` says. */
  readonly mode: string;
  /** The keys of `[claude.<mode>]`; without it the mode has none. */
  readonly options?: GenericSchema;
  /** The mode is nothing without the operator's token: core resolves it, or stops the launch. */
  readonly needsToken?: boolean;
  /** Throws `login-unusable` only when the launch must not go on. */
  grant(request: GrantRequest, ctx: PluginContext): Promise<Grant>;
  health?(request: HealthRequest, ctx: PluginContext): Promise<Health>;
}

export interface HealthRequest {
  /** `[claude.<mode>]` of all scopes, key by key, checked by the provider's schema. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface GrantRequest extends HealthRequest {
  readonly instance: string;
  /** The resolved token and where it came from; always there when `needsToken`. */
  readonly token?: { readonly value: Secret; readonly source: string };
  /** Other instances that run or start now. */
  readonly others: readonly Sharer[];
}

export interface Sharer {
  readonly instance: string;
  readonly mode: string;
  readonly account?: string;
}

export interface Grant {
  /** What the launch says, exactly: `claude auth: …`. */
  readonly line: string;
  /**
   * `forwarded`: the agent sees only `files`, in a credential folder that only memory holds, and its own login is put aside.
   * `own`: nothing is forwarded; the agent's own login, if it has one, is in use.
   */
  readonly login: "forwarded" | "own";
  readonly files: readonly GrantFile[];
  /** A later grant's files may take the place of these under the running agent. */
  readonly replaceable?: boolean;
  readonly env: Readonly<Record<string, Secret>>;
  /** Who is signed in, as a person would say it. */
  readonly account?: string;
  /** ms since the epoch */
  readonly expiresAt?: number;
  readonly notices: readonly Notice[];
}

/** A file of the credential folder, written with mode 0600. */
export interface GrantFile {
  readonly name: string;
  readonly content: Secret;
}

// ---- secrets ----------------------------------------------------------------------------------------------------

/** One secret backend: it answers references of its scheme. */
export interface SecretResolver {
  readonly kind: "secret";
  readonly name: string;
  /** Without `://`, e.g. `op`. */
  readonly scheme: string;
  /** How long one batch may take, in ms; 30 000 without it. */
  readonly limitMs?: number;
  /** One answer for each reference. The batch holds each distinct reference once. */
  resolve(
    references: readonly string[],
    ctx: PluginContext,
  ): Promise<ReadonlyMap<string, SecretAnswer>>;
  /** Checks one reference without a value leaving the plugin, and may answer the form that should be stored (ids for names). */
  describe?(
    reference: string,
    ctx: PluginContext,
  ): Promise<{ readonly store: string; readonly text: string }>;
  health?(ctx: PluginContext): Promise<Health>;
}

/** Absence is an answer: the place is there to be asked and holds nothing. */
export type SecretAnswer =
  | { readonly status: "value"; readonly value: Secret }
  | { readonly status: "absent"; readonly hint?: string }
  | { readonly status: "error"; readonly error: JackinError };

// ---- runtimes ---------------------------------------------------------------------------------------------------

/** A place where agents run. It applies a plan; it decides nothing. Each method throws `JackinError`. */
export interface Runtime {
  readonly kind: "runtime";
  readonly name: string;
  /** What `--runtime` says, e.g. `docker`. */
  readonly runtime: string;
  probe(ctx: PluginContext): Promise<RuntimeProbe>;
  /** Makes sure that the image is there; builds the runtime's own when none is named. */
  prepare?(request: PrepareRequest, ctx: PluginContext): Promise<Prepared>;
  /**
   * Starts an instance and, with `spec.session`, the agent in it. When it throws, or is cancelled, nothing of the
   * instance runs. What it adds to the grant's notices it answers.
   */
  start(spec: StartSpec, ctx: PluginContext): Promise<{ readonly notices: readonly Notice[] }>;
  /** Gives the terminal to the running agent until it ends or the operator detaches. */
  attach(
    instance: string,
    ctx: PluginContext,
  ): Promise<{ readonly ended: boolean; readonly code: number }>;
  /** Replaces files of a running agent's credential folder, each at once. */
  putFiles?(instance: string, files: readonly GrantFile[], ctx: PluginContext): Promise<void>;
  /** Runs the agent once, headless, in an instance started without a session. Streams are the operator's unless captured. */
  run(
    request: RunRequest,
    ctx: PluginContext,
  ): Promise<{ readonly code: number; readonly stdout: string }>;
  /** All instances of this jackin home, running or not, also those that no record knows. */
  list(ctx: PluginContext): Promise<readonly RuntimeInstance[]>;
  /** Stops and forgets what runs; the instance's folder stays. No such instance is no error. */
  stop(instance: string, ctx: PluginContext): Promise<void>;
}

export type RuntimeProbe =
  | { readonly ready: true; readonly detail: string; readonly notices?: readonly Notice[] }
  | { readonly ready: false; readonly error: JackinError };

export interface PrepareRequest {
  /** An image that the operator named; without it the runtime's own. */
  readonly image?: string;
}

export interface Prepared {
  /** The name that `start` is given. */
  readonly image: string;
}

export interface StartSpec {
  readonly instance: string;
  /** The instance's persistent folder on the host; it exists, 0700, and belongs to the operator. */
  readonly home: string;
  /** The workspace's folder, absolute, the same path inside. */
  readonly workdir: string;
  readonly image: string;
  /** The operator's environment without the grant's. */
  readonly env: Readonly<Record<string, Secret>>;
  readonly grant: Grant;
  /** Arguments for `claude`. */
  readonly args: readonly string[];
  /** True: the agent starts now, under a session holder. False: the instance waits for `run`. */
  readonly session: boolean;
  /** What the instance is, for `list` after a restart of the machine. No secrets. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface RunRequest {
  readonly instance: string;
  readonly args: readonly string[];
  /** What the agent reads as its input: a prompt belongs here and not into `args`, which `ps` shows. */
  readonly stdin?: string;
  readonly capture: boolean;
}

export interface RuntimeInstance {
  readonly instance: string;
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

// ---- the machine ------------------------------------------------------------------------------------------------

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
  /** Removes a file or a whole folder; nothing there is no error. */
  remove(path: string): Promise<void>;
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
