import type { Notice, PluginContext, StorePlace } from "./contracts.ts";
import type { EditConfig } from "./edit-config.ts";
import type { CallOptions, Jackin } from "./jackin.ts";
import type { LaunchRequest } from "./launch.ts";
import type { Machine } from "./machine.ts";
import type { Check } from "./overview.ts";
import type { Secret } from "./secret.ts";
import type { Capture } from "./token-capture.ts";
import type { TokenVerb } from "./token-expiry.ts";
import type { TokenEntry, TokenScope } from "./token-ledger.ts";

/** Long-lived tokens: made, stored, proven, watched, replaced, taken away. A token itself never leaves this. */
export interface Tokens {
  /** Where a token can be stored on this machine; the place that was used last comes first. */
  places(call?: PlacesOptions): Promise<readonly TokenPlace[]>;
  /**
   * Signs in for a new token by the operator's own `claude setup-token`. The signal ends it at any time. Throws before that where
   * the token could not be proven: it would be good for a year, and nobody's.
   */
  capture(call?: CaptureOptions): Promise<Capture>;
  /**
   * Store, read back, prove, note, configure: in this order, so that a launch never meets a token that was not proven.
   * When it throws, or is cancelled, what had been done is undone, and the error says what was and what could not be.
   */
  install(request: InstallRequest, call?: CallOptions): Promise<Installed>;
  /** Every token that the configuration names or jackin knows; asks no backend. */
  list(call?: CallOptions): Promise<readonly TokenStatus[]>;
  /**
   * The token that the scope itself names. Throws `token-missing` when it names none: the next step then does `verb` to the one
   * that its launches take.
   */
  own(scope: TokenScope, verb: TokenVerb, call?: CallOptions): Promise<TokenStatus>;
  /** The token that such a launch would take; undefined when its mode needs none, or no scope names one. */
  ofLaunch(request: LaunchRequest, call?: CallOptions): Promise<TokenStatus | undefined>;
  /** The token of one scope, looked at from all sides. `probe` has it answer one real turn. Throws `token-missing` when the scope has none. */
  examine(scope: TokenScope, call?: ProbeOptions): Promise<TokenReport>;
  /** Gives this token to running agents whose launch would take it now, and who hold another or a former value of it. */
  bringAlong(reference: string, call?: CallOptions): Promise<readonly Brought[]>;
  /**
   * Stops an agent and starts it again, in the same conversation where there is one. When it throws after it has stopped it, the
   * error says how it is started.
   */
  restart(instance: string, call?: RestartOptions): Promise<void>;
  /** Whether the API still takes it, by one real turn. */
  isAccepted(reference: string, call?: ProbeOptions): Promise<"accepted" | "refused">;
  /** Removes a token that no scope names any more from its store, if jackin has put it there, and from the ledger. */
  retire(reference: string, call?: CallOptions): Promise<Retired>;
  /** Takes the token out of the configuration of these scopes, and sets their mode. Running agents keep what they have. */
  release(request: ReleaseRequest, call?: CallOptions): Promise<Released>;
}

export interface PlacesOptions extends CallOptions {
  /** As in `StorePlace.place`: only the store that it is in is asked. Throws `usage` when there is none. */
  readonly of?: string | undefined;
}

export interface CaptureOptions extends CallOptions {
  /** As for `install`. */
  readonly runtime?: string | undefined;
}

export interface RestartOptions extends CallOptions {
  /** Whatever the configuration says: its launch may have been told so too. */
  readonly mode?: string | undefined;
}

export interface TokenPlace extends StorePlace {
  readonly plugin: string;
  readonly scheme: string;
  /** It was used last. */
  readonly isUsual: boolean;
}

export interface InstallRequest {
  /** At least one. */
  readonly scopes: readonly TokenScope[];
  /** A new token and where to put it, as in `StorePlace.place`; or the reference of one that is stored already. */
  readonly from:
    | { readonly value: Secret; readonly place: string }
    | { readonly reference: string };
  /** The proof takes one real turn too. */
  readonly probe?: boolean | undefined;
  /** Where the proof runs; the default runtime without it. */
  readonly runtime?: string | undefined;
}

export interface Installed {
  readonly entry: TokenEntry;
  /** References that these scopes named before and do not any more. */
  readonly replaced: readonly string[];
  /** Scopes that go before one of these, and say otherwise. */
  readonly notices: readonly Notice[];
}

export interface ProbeOptions extends CallOptions {
  readonly probe?: boolean | undefined;
  readonly runtime?: string | undefined;
  /** Where it is asked, with this scope's environment; global without it. */
  readonly scope?: TokenScope | undefined;
}

export interface TokenStatus {
  /** `literal` for a token that stands in the configuration itself. */
  readonly reference: string;
  /** Scopes whose own configuration names it. */
  readonly scopes: readonly TokenScope[];
  /** Agents that were given it, and run, start, or may run. */
  readonly agents: readonly string[];
  /** What jackin knows of it. */
  readonly entry?: TokenEntry | undefined;
  /** None above 30 days: a warning up to there, urgent in the last 7. */
  readonly banner?: Notice | undefined;
}

export interface TokenReport extends TokenStatus {
  /** What was looked at, in order. */
  readonly checks: readonly Check[];
}

export interface Brought {
  readonly instance: string;
  /** `switched`: it goes on with the new token. `restart`: it holds the old one until it is started again. */
  readonly outcome: "switched" | "restart" | "failed";
  readonly text: string;
}

export interface Retired {
  /** `kept`: it is not jackin's, or still used. `failed`: its store did not remove it. */
  readonly outcome: "removed" | "absent" | "kept" | "failed";
  readonly text: string;
  readonly next?: string;
}

export interface ReleaseRequest {
  readonly scopes: readonly TokenScope[];
  /** What they have instead; `usage` for one that needs a token itself. */
  readonly mode: string;
  /** Only while all of them name this one; else it is a `conflict`. */
  readonly reference?: string;
}

export interface Released {
  /** References that these scopes named. */
  readonly references: readonly string[];
  /** Running agents of these scopes that hold one of them. */
  readonly agents: readonly string[];
}

export interface TokenParts extends Pick<
  Jackin,
  "config" | "plugins" | "status" | "eject" | "load"
> {
  readonly machine: Machine;
  readonly editConfig: EditConfig | undefined;
  context(call?: CallOptions): PluginContext;
}
