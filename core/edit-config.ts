import type { Config } from "./config.ts";
import type { CallOptions } from "./jackin.ts";

/**
 * Writes what `decide` wants, all at once or not at all; it may be asked again when somebody else writes meanwhile. Throws
 * `config-busy` and `config-invalid`.
 */
export type EditConfig = (
  decide: (config: Config) => readonly ConfigChange[],
  call: CallOptions,
) => Promise<void>;

export interface ConfigChange {
  readonly path: readonly string[];
  /** Undefined: the key goes. */
  readonly value?: string | undefined;
}
