import { dirname, join } from "node:path";
import { JackinError, namePattern } from "../../core/index.ts";
import type { HostFiles } from "../../core/index.ts";
import { resolveTarget } from "./config-write.ts";
import { isTable, parseToml } from "./toml.ts";
import type { TomlPosition, TomlTable } from "./toml.ts";
import type { Path } from "./toml-syntax.ts";

/** bytes; more than that is no configuration */
const maxBytes = 1024 * 1024;

/** One file of the configuration. */
export interface ConfigSource {
  readonly path: string;
  /** Undefined: it is not there. */
  readonly text: string | undefined;
  /** Set for a file of the earlier layout: it holds what `[workspaces.NAME]` holds. */
  readonly workspace?: string;
}

/** All files of the configuration: `config.toml` first, then those of the earlier layout, `workspaces/NAME.toml` beside it. */
export type ConfigSources = readonly [ConfigSource, ...ConfigSource[]];

/** What the files say together. */
export interface ConfigDocument {
  readonly data: TomlTable;
  /** Where a key was written, and in which file; undefined when it was not. */
  locate(keyPath: Path): (TomlPosition & { readonly path: string }) | undefined;
  /** What is wrong between the files, each with its place. */
  readonly problems: readonly string[];
}

export async function readSources(files: HostFiles, path: string): Promise<ConfigSources> {
  const folder = workspaceFolder(path);
  const names = (await files.list(folder)).filter((name) => /^[^.].*\.toml$/.test(name));
  const read = async (file: string) => await files.read(file, { maxBytes });
  const main: ConfigSource = { path, text: await read(path) };
  // Its owner has settings, which are out of reach now: the defaults are not what they chose.
  if (main.text === undefined) await resolveTarget(files, path);
  const others = names.map(async (name): Promise<ConfigSource> => {
    const file = join(folder, name);
    return { path: file, text: await read(file), workspace: name.slice(0, -".toml".length) };
  });
  return [main, ...(await Promise.all(others)).filter(({ text }) => text !== undefined)];
}

/** Throws `config-invalid` with the syntax errors of all files. */
export function toDocument(sources: ConfigSources): ConfigDocument {
  const [first, ...rest] = sources;
  const [main, ...others] = parseAll([first, ...rest.filter(({ text }) => text !== undefined)]);
  const own = main.document.data["workspaces"];
  const workspaces: TomlTable = Object.assign(Object.create(null), isTable(own) ? own : {});
  const problems: string[] = [];
  const byName = new Map<string, Parsed>();
  for (const file of others) {
    const { path, workspace: name = "" } = file.source;
    if (!namePattern.test(name))
      problems.push(`${path}: the file's name is no name for a workspace`);
    if (Object.hasOwn(workspaces, name)) {
      const at = main.document.locate(["workspaces", name]);
      const place = at ? `${main.source.path}:${at.line}:${at.column}` : main.source.path;
      problems.push(`workspace ${name} is defined twice: at ${place} and in ${path}`);
      continue;
    }
    workspaces[name] = file.document.data;
    byName.set(name, file);
  }
  // A `workspaces` that is no table stays, for the check to refuse it.
  const merged = others.length > 0 && (own === undefined || isTable(own));
  return {
    data: merged
      ? Object.assign(Object.create(null), main.document.data, { workspaces })
      : main.document.data,
    problems,
    locate(keyPath) {
      const file = keyPath[0] === "workspaces" ? byName.get(String(keyPath[1])) : undefined;
      const { source, document } = file ?? main;
      const own = file ? keyPath.slice(2) : keyPath;
      const found = own.length === 0 ? { line: 1, column: 1 } : document.locate(own);
      return found && { ...found, path: source.path };
    },
  };
}

export function workspaceFolder(path: string): string {
  return join(dirname(path), "workspaces");
}

interface Parsed {
  readonly source: ConfigSource;
  readonly document: ReturnType<typeof parseToml>;
}

function parseAll(sources: ConfigSources): [Parsed, ...Parsed[]] {
  const parsed: Parsed[] = [];
  const errors: JackinError[] = [];
  for (const source of sources) {
    try {
      parsed.push({ source, document: parseToml(source.text ?? "", source.path) });
    } catch (error) {
      if (!(error instanceof JackinError)) throw error;
      errors.push(error);
    }
  }
  const [first, ...more] = errors;
  if (first === undefined) return parsed as [Parsed, ...Parsed[]];
  if (more.length === 0) throw first;
  throw new JackinError({
    code: "config-invalid",
    message: errors.map(({ message }) => message).join("\n"),
    hint: errors.flatMap(({ hint }) => hint ?? []).join("\n"),
  });
}
