import * as v from "valibot";
import { credentialsFile } from "./agent-home.ts";
import type { Grant } from "./contracts.ts";
import { fingerprint, toCredential } from "./credential.ts";
import type { StateStore } from "./host.ts";
import { tokenVariable } from "./token.ts";

const entrySchema = v.object({
  /** Fingerprints of what the agent was given last. */
  access: v.exactOptional(v.string()),
  refresh: v.exactOptional(v.string()),
  /** Fingerprint of a long-lived token that it was given in a variable. */
  token: v.exactOptional(v.string()),
  /** The access token before that, when it was replaced under the running agent. */
  previous: v.exactOptional(v.string()),
  /** Whose login it is, once that is known: its launch may not have known it. */
  account: v.exactOptional(v.string()),
  /** ms since the epoch */
  expiresAt: v.exactOptional(v.number()),
  /** ms since the epoch: when it was given */
  at: v.number(),
  alert: v.exactOptional(
    v.object({
      at: v.number(),
      text: v.string(),
      next: v.exactOptional(v.string()),
      /** `login`: over when the agent is given a good login. `turn`: over when it holds another credential than `held`. */
      about: v.picklist(["login", "turn"]),
      held: v.exactOptional(v.string()),
    }),
  ),
});

/** What one instance was given, told by fingerprints, and what its operator should know. */
export type LedgerEntry = v.InferOutput<typeof entrySchema>;
export type LedgerAlert = NonNullable<LedgerEntry["alert"]>;

const prefix = "ledger:";

export async function readLedger(
  store: StateStore,
  instance: string,
): Promise<LedgerEntry | undefined> {
  const result = v.safeParse(entrySchema, await store.getItem(prefix + instance));
  return result.success ? result.output : undefined;
}

export async function writeLedger(
  store: StateStore,
  instance: string,
  entry: LedgerEntry,
): Promise<void> {
  await store.setItem(prefix + instance, entry);
}

/** Changes the alert alone; undefined takes it away. */
export async function writeAlert(
  store: StateStore,
  instance: string,
  alert: LedgerAlert | undefined,
): Promise<void> {
  const { alert: before, ...entry } = (await readLedger(store, instance)) ?? { at: 0 };
  if (!alert && !before) return;
  await writeLedger(store, instance, { ...entry, ...(alert && { alert }) });
}

export async function forgetLedger(store: StateStore, instance: string): Promise<void> {
  await store.removeItem(prefix + instance);
}

/** What a grant gives, for the ledger. */
export async function entryOf(
  { files, env, expiresAt, account }: Pick<Grant, "files" | "env" | "expiresAt" | "account">,
  at: number,
): Promise<LedgerEntry> {
  const file = files.find(({ name }) => name === credentialsFile);
  const credential = await toCredential(file?.content.reveal());
  const token = env[tokenVariable];
  const isKnown = credential.state === "whole" || credential.state === "access";
  return {
    at,
    ...(isKnown && { access: credential.access }),
    ...(isKnown && credential.refresh !== undefined && { refresh: credential.refresh }),
    ...(token && { token: await fingerprint(token.reveal()) }),
    ...(account !== undefined && { account }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
