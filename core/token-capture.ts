import type { PluginContext } from "./contracts.ts";
import { JackinError } from "./error.ts";
import type { Secret } from "./secret.ts";

/** Where a sign-in for a long-lived token stands. It ends in `done`, `failed` or `cancelled`. */
export type CaptureState =
  | { readonly step: "start" }
  /** The operator visits the address and brings the code back; `refused`: why the last one was not taken. */
  | { readonly step: "url"; readonly url: string; readonly refused?: string }
  /** A code was given and is being exchanged. */
  | { readonly step: "code" }
  | { readonly step: "done" }
  | { readonly step: "failed"; readonly error: JackinError }
  | { readonly step: "cancelled" };

/** Disposing ends `claude` and wipes what it showed; one that had not ended is `cancelled` then. */
export interface Capture extends AsyncDisposable {
  readonly state: CaptureState;
  /** Resolves with the state as soon as it is another than this one. */
  next(after: CaptureState): Promise<CaptureState>;
  /** Hands over `<code>#<state>`. Throws `conflict` unless one is waited for. */
  submit(code: string): void;
  cancel(): void;
  /** The token of one that is done. Throws `conflict` otherwise. */
  token(): Secret;
}

/**
 * The operator's own `claude setup-token`, in a terminal that nobody sees. Throws `host-failed` where there is none;
 * what happens later is told by the state.
 */
export async function startCapture(_ctx: PluginContext): Promise<Capture> {
  throw new JackinError({ code: "host-failed", message: "This host has no hidden terminal." });
}
