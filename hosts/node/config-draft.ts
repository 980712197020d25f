import { configVersion, migrate } from "../../core/index.ts";
import type { Config, Notice } from "../../core/index.ts";
import { toDocument } from "./config-layout.ts";
import type { ConfigSource, ConfigSources } from "./config-layout.ts";
import { isTable } from "./toml.ts";
import { removeTable, setValue, unsetValue } from "./toml-edit.ts";
import type { SetOptions } from "./toml-edit.ts";
import { formatKey, formatValue } from "./toml-format.ts";
import type { TomlInput } from "./toml-format.ts";

/** The configuration while it is edited. Keys are those of the whole; the draft knows in which file each belongs. */
export interface Draft {
  /** As it was before the edit. */
  readonly config: Config;
  set(keyPath: readonly string[], value: TomlInput, options?: SetOptions): void;
  /** What is not there is no trouble. */
  unset(keyPath: readonly string[]): void;
  /** Removes a table with all that is in it; a workspace's own file goes as a whole. */
  remove(keyPath: readonly string[]): void;
  /** The file that a key is in, or would be written to. */
  fileOf(keyPath: readonly string[]): string;
}

export interface OpenDraft extends Draft {
  sources(): ConfigSources;
  /** Writes an older layout in its present form; answers what there is to say about it after the edit. */
  migrate(): () => readonly Notice[];
}

/** What a new file begins with: editors complete and check it by the schema that stands beside it. */
export const newFile = setValue("#:schema ./config.schema.json\n", ["version"], configVersion);

export function createDraft(before: ConfigSources, config: Config): OpenDraft {
  let sources = before;

  function find([first, name]: readonly string[]): ConfigSource {
    const own =
      first === "workspaces" ? sources.find(({ workspace }) => workspace === name) : undefined;
    return name === undefined || own === undefined ? sources[0] : own;
  }

  function apply(
    keyPath: readonly string[],
    edit: (text: string, keyPath: readonly string[]) => string | undefined,
  ): void {
    const source = find(keyPath);
    const own = source.workspace === undefined ? keyPath : keyPath.slice(2);
    const text = edit(source.text ?? (source.workspace === undefined ? newFile : ""), own);
    sources = sources.map((item) => (item === source ? { ...item, text } : item)) as [
      ConfigSource,
      ...ConfigSource[],
    ];
  }

  const draft: OpenDraft = {
    config,
    set: (keyPath, value, options) =>
      apply(keyPath, (text, path) => setValue(text, path, value, options)),
    unset(keyPath) {
      if (find(keyPath).text !== undefined) apply(keyPath, unsetValue);
    },
    remove(keyPath) {
      if (find(keyPath).text === undefined) return;
      apply(keyPath, (text, path) => (path.length === 0 ? undefined : removeTable(text, path)));
    },
    fileOf: (keyPath) => find(keyPath).path,
    sources: () => sources,
    migrate() {
      const { data } = toDocument(sources);
      const { changes } = migrate(data);
      for (const { path, value } of changes) {
        if (value === undefined) draft.unset(path);
        else draft.set(path, value);
      }
      const stated = data["version"];
      const isOlder = typeof stated === "number" ? stated < configVersion : changes.length > 0;
      // A file that never said its version, and had nothing old in it, is left as its owner wrote it.
      if (isOlder && sources[0].text !== undefined) draft.set(["version"], configVersion);
      return () =>
        changes.flatMap((change) => tell(change.path, change.value, lookUp(data, change.path)));
    },
  };
  return draft;

  function tell(path: readonly string[], value: TomlInput | undefined, old: unknown): Notice[] {
    const now = lookUp(toDocument(sources).data, path);
    if (now !== value) return []; // the edit itself has written something else there
    const was = typeof old === "string" ? ` (was ${formatValue(old)})` : "";
    const key = `[${formatKey(path.slice(0, -1))}] ${formatKey(path.slice(-1))}`;
    const text =
      value === undefined ? `${key} is gone${was}` : `${key} = ${formatValue(value)}${was}`;
    return [{ level: "info", text: `brought up to date in ${draft.fileOf(path)}: ${text}` }];
  }
}

function lookUp(data: unknown, path: readonly string[]): unknown {
  let found = data;
  for (const key of path) found = isTable(found) ? found[key] : undefined;
  return found;
}
