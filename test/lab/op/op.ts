import { randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { OpState } from "./state.ts";

export interface OpCall {
  readonly argv: readonly string[];
  /** Names of the `OP_…` variables that it was given. */
  readonly env: readonly string[];
  /** Milliseconds since 1970. */
  readonly start: number;
  /** Absent while it runs, and for ever when it was killed. */
  readonly end?: number;
  /** 64: a call that is not documented, or a secret in the argument list. */
  readonly code?: number;
}

export interface OpDouble {
  /** The folder that holds `op`: put it on PATH. */
  readonly path: string;
  /** `PATH` with that folder first. */
  readonly env: { readonly PATH: string };
  /** Every call so far, in order of start. */
  calls(): Promise<readonly OpCall[]>;
  /** Replaces what later calls find. */
  setState(state: OpState): Promise<void>;
  /** What is there now, with the items that `op item create` made. */
  state(): Promise<OpState>;
}

/** Puts an `op` into `<folder>/bin` that answers from `state`. It needs no variable of its own, so a cleaned environment does not matter. */
export async function createOp(folder: string, state: OpState): Promise<OpDouble> {
  const path = join(folder, "bin");
  const stateFile = join(folder, "op-state.json");
  const script = join(path, "op");
  const setState = async (next: OpState) => {
    const draft = `${stateFile}.${randomUUID()}`;
    await writeFile(draft, JSON.stringify(next), { mode: 0o600 });
    await rename(draft, stateFile);
  };
  await mkdir(path, { recursive: true });
  await setState(state);
  await writeFile(
    script,
    `#!/bin/sh\nOP_DOUBLE_STATE=${quote(stateFile)} exec ${quote(process.execPath)} ${quote(double)} "$@"\n`,
  );
  await chmod(script, 0o755);
  return {
    path,
    env: { PATH: `${path}${delimiter}${process.env["PATH"] ?? ""}` },
    calls: async () => parseCalls(await readFile(`${stateFile}.calls`, "utf8").catch(() => "")),
    setState,
    state: async () => JSON.parse(await readFile(stateFile, "utf8")) as OpState,
  };
}

/** The largest number of calls that were running at one moment. */
export function peakOf(calls: readonly OpCall[]): number {
  const peaks = calls.map(
    ({ start }) =>
      calls.filter((other) => other.start <= start && (other.end ?? Infinity) > start).length,
  );
  return Math.max(0, ...peaks);
}

const double = join(dirname(fileURLToPath(import.meta.url)), "double.mjs");

function parseCalls(text: string): OpCall[] {
  const calls = new Map<string, OpCall>();
  for (const line of text.split("\n").filter(Boolean)) {
    const { id, ...part } = JSON.parse(line) as Partial<OpCall> & { id: string };
    const known = calls.get(id) ?? { argv: [], env: [], start: part.end ?? 0 };
    calls.set(id, { ...known, ...part });
  }
  return [...calls.values()].toSorted((a, b) => a.start - b.start);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
