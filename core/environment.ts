import type { PluginContext, SecretAnswer, SecretResolver } from "./contracts.ts";
import { JackinError, toJackinError } from "./error.ts";
import type { Classified } from "./reference.ts";
import { classify } from "./reference.ts";
import type { EnvEntry } from "./scope.ts";
import type { Secret } from "./secret.ts";
import { createSecret } from "./secret.ts";
import { within } from "./within.ts";

export interface Resolved {
  readonly entry: EnvEntry;
  /** Undefined only for an absent or empty value of an entry that may be absent. */
  readonly value: Secret | undefined;
  /** The reference, or `literal`. */
  readonly source: string;
}

export interface Wanted extends EnvEntry {
  /** Absence is for the caller to judge and no failure. */
  readonly mayBeAbsent?: boolean;
}

/** bytes; Linux takes no longer `NAME=value`, its closing NUL counted (`MAX_ARG_STRLEN`) */
const longest = 128 * 1024;

/**
 * Resolves entries together: one batch a backend, the batches side by side, each distinct reference once.
 * Every failure is reported in one `secret-failed`, by key and scope; nothing is answered unless all is there.
 */
export async function resolveEntries(
  wanted: readonly Wanted[],
  resolvers: readonly SecretResolver[],
  ctx: PluginContext,
): Promise<readonly Resolved[]> {
  const failures: Failure[] = [];
  const schemes = new Set(resolvers.map((resolver) => resolver.scheme));
  const classified = new Map<Wanted, Classified>();
  for (const entry of wanted) {
    try {
      classified.set(entry, classify(entry.value, schemes));
    } catch (error) {
      failures.push({ entry, error: toJackinError(error) });
    }
  }
  const references = [...classified.values()].filter((item) => item.kind === "reference");
  const batches = resolvers.map((resolver) => {
    const own = references
      .filter((item) => item.scheme === resolver.scheme)
      .map((item) => item.reference);
    return own.length === 0 ? [] : askResolver(resolver, [...new Set(own)], ctx);
  });
  const answers = new Map((await Promise.all(batches)).flatMap((batch) => [...batch]));

  const resolved: Resolved[] = [];
  for (const [entry, item] of classified) {
    if (item.kind === "literal") {
      const value = looksSecret(entry.key) ? ctx.secret(item.value) : createSecret(item.value);
      accept(entry, value, "literal");
      continue;
    }
    const answer: SecretAnswer = answers.get(item.reference) ?? {
      status: "absent",
      hint: "The plugin did not answer it.",
    };
    if (answer.status === "value") accept(entry, answer.value, item.reference);
    else if (answer.status === "error") failures.push({ entry, error: answer.error });
    else if (entry.mayBeAbsent) resolved.push({ entry, value: undefined, source: item.reference });
    else failures.push({ entry, error: absent(item.reference, answer.hint) });
  }
  if (failures.length > 0) throw together(failures);
  return resolved;

  function accept(entry: Wanted, value: Secret, source: string): void {
    const text = value.reveal();
    const size = new TextEncoder().encode(`${entry.key}=${text}\0`).length;
    const bad = text.includes("\0")
      ? "holds a NUL character"
      : size > longest
        ? `has ${size} bytes with its name; the limit is ${longest}`
        : undefined;
    if (bad)
      failures.push({
        entry,
        error: new JackinError({ code: "secret-failed", message: `the value (${source}) ${bad}` }),
      });
    else resolved.push({ entry, value, source });
  }
}

interface Failure {
  readonly entry: EnvEntry;
  readonly error: JackinError;
}

/** One batch of one backend. Whatever the plugin does, each reference has an answer within its time limit. */
async function askResolver(
  resolver: SecretResolver,
  references: readonly string[],
  ctx: PluginContext,
): Promise<ReadonlyMap<string, SecretAnswer>> {
  try {
    const limit = {
      limitMs: resolver.limitMs ?? 30_000,
      signal: ctx.signal,
      what: `[${resolver.name}] the secrets`,
    };
    const answers = await within(limit, (signal) =>
      resolver.resolve(references, { ...ctx, signal }),
    );
    for (const answer of answers.values())
      if (answer.status === "value") ctx.secret(answer.value.reveal());
    return answers;
  } catch (thrown) {
    const error = toJackinError(thrown, "secret-failed", `[${resolver.name}] `);
    if (error.code === "cancelled") throw error;
    return new Map(references.map((reference) => [reference, { status: "error", error }]));
  }
}

function absent(reference: string, hint: string | undefined): JackinError {
  return new JackinError({ code: "secret-failed", message: `${reference} is not there`, hint });
}

function together(failures: readonly Failure[]): JackinError {
  const ordered = failures.toSorted((a, b) => (a.entry.key < b.entry.key ? -1 : 1));
  const lines = ordered.map(
    ({ entry, error }) => `  ${entry.key} (${entry.scope}): ${error.message}`,
  );
  const hints = new Set(ordered.flatMap(({ error }) => (error.hint ? [error.hint] : [])));
  const count = failures.length === 1 ? "One value" : `${failures.length} values`;
  return new JackinError({
    code: "secret-failed",
    message: `${count} of the environment could not be resolved; nothing was started.\n${lines.join("\n")}`,
    hint: hints.size > 0 ? [...hints].join("\n") : undefined,
    cause: ordered[0]!.error,
  });
}

/** A literal whose name says that it is a secret is hidden in all output; others are ordinary words. */
export function looksSecret(name: string): boolean {
  return /TOKEN|SECRET|PASSW|KEY|CREDENTIAL|AUTH|PRIVATE/i.test(name);
}
