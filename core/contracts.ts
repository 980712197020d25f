/**
 * The contracts between core and plugins. Core owns them, plugins implement them. Required members are few; what is
 * optional, core does without, or it says which plugin lacks it.
 */
import type { GenericSchema } from "valibot";
import type { AuthFailure } from "./failure.ts";
import type { JackinError } from "./error.ts";
import type { Host } from "./host.ts";
import type { Credential } from "./credential.ts";
import type { SettingsLayer } from "./settings-layer.ts";
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
  /** `urgent`: a warning about what is to break within days, or is broken. */
  readonly level: "info" | "warning" | "urgent";
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
  /** Of a mode: what it has to give now, by fingerprints. */
  readonly credential?: Credential;
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
  /**
   * Keeps what running agents hold up to date until it is disposed or `ctx.signal` fires: one call for all agents of this
   * mode with these options. Its own trouble it tells; it throws only when it cannot begin.
   */
  follow?(request: FollowRequest, ctx: PluginContext): Promise<AsyncDisposable>;
  /** What helps an agent of this mode that was refused; undefined leaves it to the core. */
  recover?(failure: AuthFailure): Notice | undefined;
  /** Signs in, on the operator's terminal, by the operator's own `claude`. */
  signIn?(request: SignInRequest, ctx: PluginContext): Promise<Health>;
  signOut?(request: HealthRequest, ctx: PluginContext): Promise<Health>;
}

export interface FollowRequest extends HealthRequest {
  /** Brings what agents should hold now; called at the start too, and at each change. Resolves when all have it or were told. */
  deliver(grant: Grant): Promise<void>;
  /** Something the operator should know, once for each cause. */
  tell(notice: Notice): void;
}

export interface HealthRequest {
  /** `[claude.<mode>]` of all scopes, key by key, checked by the provider's schema. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface SignInRequest extends HealthRequest {
  /** Asked before another account takes the place of the one that was signed in; false leaves all as it was. */
  mayReplace?(from: string, to: string): Promise<boolean>;
}

export interface GrantRequest extends HealthRequest {
  readonly instance: string;
  /** Always there when `needsToken`. */
  readonly token?: GrantedToken;
  /** Other instances that run or start now. */
  readonly others: readonly Sharer[];
}

/** The resolved token, and what is known of it. */
export interface GrantedToken {
  readonly value: Secret;
  /** Where it came from, as a person would say it. */
  readonly source: string;
  /** ms since the epoch; estimated, since a token does not tell */
  readonly expiresAt?: number;
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
   * `shared`: its credential folder is `folder`, together with all others that are granted it; its own is put aside too.
   * `own`: nothing is forwarded; the agent's own login, if it has one, is in use.
   */
  readonly login: "forwarded" | "shared" | "own";
  /** Of a shared login: the folder on the host, absolute; it exists, 0700. */
  readonly folder?: string;
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
  /** Where a secret could be put now, the most fitting first; without it the backend only reads. */
  places?(ctx: PluginContext): Promise<readonly StorePlace[]>;
  /** Puts a secret there. When it throws, or is cancelled, all is as it was. */
  write?(request: WriteRequest, ctx: PluginContext): Promise<Written>;
  /** Removes what `write` has made; `foreign`: it was made by somebody else, and is left alone. */
  remove?(reference: string, ctx: PluginContext): Promise<"removed" | "absent" | "foreign">;
}

export interface StorePlace {
  /** What `WriteRequest.place` takes, e.g. `op://Private` or `keychain`. */
  readonly place: string;
  /** As a person would say it, e.g. `1Password, vault Private`. */
  readonly text: string;
  /** Why nothing can be put there now. */
  readonly error?: JackinError;
}

export interface WriteRequest {
  /** The scheme alone (the backend chooses), the beginning of a reference (`op://Private`), or a whole one, whose value is replaced. */
  readonly place: string;
  /** What a person finds it by again, one line, e.g. `Claude Code token of my-app`. */
  readonly title: string;
  readonly value: Secret;
}

export interface Written {
  /** Reads it again; by ids where names may change. */
  readonly reference: string;
  /** The place was there before: what is in it is not removed when nobody can take the write back. */
  readonly isReplaced?: boolean;
  /** Takes the write back: what it made is gone, what it replaced is there again. */
  undo(ctx: PluginContext): Promise<void>;
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
  start(spec: StartSpec, ctx: PluginContext): Promise<Started>;
  /** Gives the terminal to the running agent until it ends or the operator detaches. */
  attach(
    instance: string,
    ctx: PluginContext,
  ): Promise<{ readonly ended: boolean; readonly code: number }>;
  /**
   * Replaces files of a running agent's credential folder, each at once. `own`: the agent has signed in by itself
   * meanwhile, its login can renew itself and is left alone.
   */
  putFiles?(
    instance: string,
    files: readonly GrantFile[],
    ctx: PluginContext,
  ): Promise<"put" | "own">;
  /** Shows a line on the terminals that are attached to the agent; none is no error. */
  tell?(instance: string, line: string, ctx: PluginContext): Promise<void>;
  /** What decides how a running agent is signed in, as seen where it runs. */
  surroundings?(instance: string, ctx: PluginContext): Promise<Surroundings>;
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

export interface Started {
  readonly notices: readonly Notice[];
  /** As they were before the agent began. */
  readonly surroundings?: Surroundings;
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

/** No secret is in it: values are reduced to what they are where they are read. */
export interface Surroundings {
  /** The agent's variables that bear on sign-in and are not empty; names only. */
  readonly env: readonly string[];
  readonly settings: readonly SettingsLayer[];
  /** The credential file that the agent looks at, absolute as it sees it, and what is in it. */
  readonly credential: Credential & { readonly path: string };
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
