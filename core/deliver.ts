import type { Grant, Notice, PluginContext } from "./contracts.ts";
import { readInstance } from "./instances.ts";
import { entryOf, readLedger, writeLedger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf } from "./machine.ts";

/** What became of one running instance. */
export interface Refreshed {
  readonly instance: string;
  /** `updated`: it has what a launch would have now. `kept`: it has what it had, for the reason in `text`. */
  readonly outcome: "updated" | "kept" | "failed";
  readonly text: string;
  /** Only another start gives it what a launch would have now. */
  readonly needsRestart?: boolean | undefined;
  /** ms since the epoch, of what it has now */
  readonly expiresAt?: number | undefined;
  readonly notices: readonly Notice[];
}

export interface DeliverOptions {
  /** Also when the ledger says that it is there. */
  readonly again: boolean;
  /** What the agent has then, to be read after `has`. */
  readonly what?: string;
  /** Another account's may take its place, because the operator has asked for that very one. */
  readonly anyAccount?: boolean;
}

/**
 * Puts a grant's files under a running agent. Only what may be replaced is, as a rule never by another account's, and never
 * what the agent has signed in with by itself.
 */
export async function deliver(
  machine: Machine,
  instance: string,
  grant: Grant,
  { again, what = "the login that the host has now", anyAccount = false }: DeliverOptions,
  ctx: PluginContext,
): Promise<Refreshed> {
  const { store, host } = machine;
  const kept = (text: string, notices: readonly Notice[] = []): Refreshed => ({
    instance,
    outcome: "kept",
    text,
    notices,
  });
  const record = await readInstance(store, instance);
  const runtime = record && runtimeOf(machine, record.runtime);
  if (!record?.replaceable || !runtime?.putFiles)
    return kept("it has what its launch gave it; a new launch brings more");
  const before = await readLedger(store, instance);
  const account = anyAccount ? undefined : (record.account ?? before?.account);
  if (account !== undefined && grant.account !== account) {
    const text = `it is signed in as ${account}, the host as ${grant.account ?? "somebody else"}`;
    const next = `jackin eject ${instance}, then load it again`;
    return kept(text, [{ level: "warning", text: `${instance}: ${text}`, next }]);
  }
  const entry = await entryOf(grant, host.clock.now());
  const { expiresAt } = grant;
  const had = before?.access !== undefined && before.access === entry.access ? before : undefined;
  if (had && !again) return { ...kept(`it has ${what}`), expiresAt };
  if ((await runtime.putFiles(instance, grant.files, ctx)) === "own") {
    const text = "it has signed in by itself meanwhile, and keeps that login";
    return kept(text, [{ level: "info", text: `${instance}: ${text}` }]);
  }
  const previous = had ? had.previous : before?.access;
  await writeLedger(store, instance, {
    ...(account !== undefined && { account }),
    ...entry,
    // The same once more mends nothing.
    ...(had && { at: had.at }),
    ...(had?.alert?.about === "turn" && { alert: had.alert }),
    ...(previous !== undefined && { previous }),
  });
  const { notices } = grant;
  return { instance, outcome: "updated", text: `has ${what}`, expiresAt, notices };
}
