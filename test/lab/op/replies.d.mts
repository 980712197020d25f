import type { OpState } from "./state.ts";

export function look(
  state: OpState,
  argv: readonly string[],
): { readonly command: string; readonly reads: boolean; readonly tells: boolean };

/**
 * Answers one call and changes `state` as `op` would change its vaults. `input` is undefined unless it comes through a
 * real pipe. `hangs`: it never ends by itself.
 */
export function answer(
  state: OpState,
  argv: readonly string[],
  input: string | undefined,
): {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  readonly hangs: boolean;
};
