import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { JackinError } from "../../core/index.ts";
import type { Config, Host, HostFiles, Notice, Plugin } from "../../core/index.ts";
import { createDraft } from "./config-draft.ts";
import type { Draft } from "./config-draft.ts";
import { checkConfig } from "./config-file.ts";
import { readSources, toDocument } from "./config-layout.ts";
import type { ConfigSource, ConfigSources } from "./config-layout.ts";
import { resolveTarget, writeSource } from "./config-write.ts";

export interface EditOptions {
  /** Of `config.toml`, whether it is there or not. */
  readonly path: string;
  /** What the result is checked with. */
  readonly plugins: readonly Plugin[];
  readonly signal: AbortSignal;
  /** Another command has the file; told once, with its name. */
  readonly onWait?: (owner: string) => void;
}

export interface Edited<T> {
  /** What the edit answered. */
  readonly result: T;
  readonly config: Config;
  /** The files that were written; empty when the edit changed nothing. */
  readonly written: readonly string[];
  readonly notices: readonly Notice[];
}

/** How often an edit starts again because a hand edit came between. */
const attempts = 5;

/**
 * Edits the configuration: one command at a time, on what the files hold now, and only when they are valid before and
 * after. `edit` may run again when somebody else writes in the middle; their change is never overwritten. Each file is
 * replaced atomically. Throws `config-invalid` with all problems and `config-busy`; nothing is written then.
 */
export async function editConfig<T>(
  host: Host & { readonly files: HostFiles },
  options: EditOptions,
  edit: (draft: Draft) => T,
): Promise<Edited<T>> {
  return change(host, options, (sources) => {
    const before = read(sources, options, "It was invalid before; nothing was changed.");
    const draft = createDraft(sources, before.config);
    const migrated = draft.migrate();
    const untouched = draft.sources();
    const result = edit(draft);
    if (isDeepStrictEqual(draft.sources(), untouched))
      return { sources, answer: { result, config: before.config, notices: [] } };
    const after = read(
      draft.sources(),
      options,
      "The change would make it so; nothing was written.",
    );
    return {
      sources: draft.sources(),
      answer: { result, config: after.config, notices: migrated() },
    };
  });
}

/**
 * Writes a new text of `config.toml`, as an editor leaves it. What was there may have been invalid; the new text must not be.
 * Throws `conflict` when the file does not hold `before` any more.
 */
export async function replaceConfig(
  host: Host & { readonly files: HostFiles },
  options: EditOptions,
  before: string | undefined,
  text: string,
): Promise<Edited<undefined>> {
  return change(host, options, ([main, ...others]) => {
    if (main.text !== before) {
      throw new JackinError({
        code: "conflict",
        message: `${options.path} was changed while it was being edited; nothing was written.`,
        hint: "jackin config edit",
      });
    }
    const sources: ConfigSources = [{ ...main, text }, ...others];
    const { config } = read(sources, options, "Nothing was written.");
    return { sources, answer: { result: undefined, config, notices: [] } };
  });
}

interface Outcome<T> {
  readonly sources: ConfigSources;
  readonly answer: Omit<Edited<T>, "written">;
}

async function change<T>(
  host: Host & { readonly files: HostFiles },
  options: EditOptions,
  decide: (sources: ConfigSources) => Outcome<T>,
): Promise<Edited<T>> {
  const { files } = host;
  const { path, signal, onWait } = options;
  const name = await lockName(files, path);
  await using _ = await host.lock?.(name, { signal, ...(onWait && { onWait }) });
  for (let attempt = 0; attempt < attempts; attempt++) {
    const sources = await readSources(files, path);
    const outcome = decide(sources);
    const changed = changes(sources, outcome.sources);
    if (changed.length === 0) return { ...outcome.answer, written: [] };
    const isUnchanged = async () => isDeepStrictEqual(await readSources(files, path), sources);
    if (!(await writeAll(files, changed, isUnchanged))) continue;
    const { writeJsonSchema } = await import("./config-schema.ts");
    const isNew = sources[0].text === undefined && changed[0]?.path === path;
    await writeJsonSchema(files, dirname(path), options.plugins, isNew);
    return { ...outcome.answer, written: changed.map((source) => source.path) };
  }
  throw new JackinError({
    code: "config-busy",
    message: `${path} was changed by another hand each of the ${attempts} times it was about to be written.`,
    hint: "Try again when whatever writes it has finished.",
  });
}

/** `config.toml` comes last: with `version` in it, a migration is done only when all of it is. */
async function writeAll(
  files: HostFiles,
  changed: readonly ConfigSource[],
  isUnchanged: () => Promise<boolean>,
): Promise<boolean> {
  let first = true;
  for (const source of changed.toReversed()) {
    // Only before the first: afterwards what is read differs by our own doing.
    const mayLand = first ? isUnchanged : async () => true;
    if (!(await writeSource(files, source, mayLand))) return false;
    first = false;
  }
  return true;
}

function changes(before: ConfigSources, after: ConfigSources): readonly ConfigSource[] {
  const old = new Map(before.map((source) => [source.path, source.text]));
  return after.filter(({ path, text }) => old.get(path) !== text);
}

function read(sources: ConfigSources, { path, plugins }: EditOptions, refusal: string) {
  try {
    return checkConfig(toDocument(sources), path, plugins);
  } catch (error) {
    if (!(error instanceof JackinError)) throw error;
    const { code, message, hint, cause } = error;
    throw new JackinError({
      code,
      message: `The configuration is not valid. ${refusal}\n${message}`,
      hint,
      cause,
    });
  }
}

/** One lock for one file, by whatever path it is reached; hashed, because a path can be longer than a file's name. */
async function lockName(files: HostFiles, path: string): Promise<string> {
  const real = await resolveTarget(files, path);
  return `config-${createHash("sha256").update(real).digest("hex").slice(0, 16)}`;
}
