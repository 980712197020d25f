/** The double of `op` without a process: for tests in memory, on any runtime. */
import type { ExecScript } from "../../doubles/host.ts";
import { programTooSlow } from "../../doubles/host.ts";
import { answer } from "./replies.mjs";
import type { OpState } from "./state.ts";

/** Answers `exec` of a host double, and changes `state`. A call that nobody answers has taken too long already. */
export function createOpScript(state: OpState): ExecScript {
  return ({ command, args, options }) => {
    if (command !== "op") throw new Error(`no program of this machine: ${command}`);
    const { hangs, ...result } = answer(state, args, options.stdinPipe ? options.stdin : undefined);
    if (hangs) throw programTooSlow("op");
    return result;
  };
}

/** All items of the first account, as `op item get` shows them, by vault. */
export function itemsIn(state: OpState): Record<string, unknown[]> {
  const ask = (...args: string[]) =>
    JSON.parse(
      answer({ accounts: state.accounts }, [...args, "--format", "json"], undefined).stdout,
    );
  const vaults = ask("vault", "list") as { id: string; name: string }[];
  return Object.fromEntries(
    vaults.map(({ id, name }) => {
      const items = ask("item", "list", "--vault", id) as { id: string }[];
      return [name, items.map((item) => ask("item", "get", item.id, "--vault", id) as unknown)];
    }),
  );
}
