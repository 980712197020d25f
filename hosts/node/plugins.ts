import { homedir } from "node:os";
import { pathToFileURL } from "node:url";
import { JackinError, within } from "../../core/index.ts";
import type { Config, Plugin } from "../../core/index.ts";
import { findEntry, missing } from "./plugin-entry.ts";
import type { PluginPlace } from "./plugin-entry.ts";

export interface OpenPluginsOptions {
  /** The folder of the configuration: `./…` is relative to it, and packages are looked for from here up. */
  readonly folder: string;
  readonly home?: string;
  /** Plugins that are there already; a scheme, mode or runtime of theirs cannot be taken. */
  readonly taken?: readonly Plugin[];
  readonly signal?: AbortSignal;
  /** How long one plugin may take to load, in ms; 10 000 without it. It cannot stop one that never yields. */
  readonly limitMs?: number;
}

/**
 * Loads the plugins of `[plugins]`, in their order. A key is a package, or a folder (`/…`, `~/…`, `./…`); `path` in its table
 * names the folder of a key that is neither, `version` must be the version that is there, the other keys are the plugin's
 * options. A plugin's default export is `(options) => Plugin`. Throws `plugin-missing` or `plugin-failed`.
 */
export async function openPlugins(
  config: Pick<Config, "plugins">,
  options: OpenPluginsOptions,
): Promise<readonly Plugin[]> {
  const opened: Plugin[] = [];
  for (const [key, table] of Object.entries(config.plugins ?? {})) {
    const plugin = await openPlugin(key, table, options);
    refuseTaken(key, plugin, [...(options.taken ?? []), ...opened]);
    opened.push(plugin);
  }
  return opened;
}

async function openPlugin(
  key: string,
  table: Readonly<Record<string, unknown>>,
  options: OpenPluginsOptions,
): Promise<Plugin> {
  const { version, path = key, ...own } = table;
  if (typeof path !== "string")
    throw failed(key, "its path is no text", `Write path = "./folder" under [plugins].`);
  const place: PluginPlace = { folder: options.folder, home: options.home ?? homedir() };
  const entry = await findEntry(key, path, place);
  if (version !== undefined && version !== entry.version) {
    throw missing(
      key,
      `version ${String(version)} is asked for, ${entry.version ?? "one without a version"} is there`,
      `Install that version, or correct "version" under [plugins].`,
    );
  }
  const limitMs = options.limitMs ?? 10_000;
  const signal = options.signal ?? new AbortController().signal;
  return await within({ what: key, limitMs, signal }, () => load(key, entry.file, own)).catch(
    (error: unknown) => {
      if (!(error instanceof JackinError) || error.code !== "timeout") throw error;
      throw failed(key, `${entry.file} did not load within ${limitMs / 1000} s`, blame, error);
    },
  );
}

const blame = "Ask the plugin's author, or take it out of [plugins].";

async function load(key: string, file: string, options: object): Promise<Plugin> {
  const module: { default?: unknown } = await import(pathToFileURL(file).href).catch(
    (error: unknown) => {
      throw failed(key, `${file} cannot be loaded: ${describe(error)}`, blame, error);
    },
  );
  const factory = module.default;
  if (typeof factory !== "function") {
    throw failed(
      key,
      `${file} has no default export that makes a plugin`,
      "A plugin is: export default (options) => ({ kind, name, … })",
    );
  }
  let made: unknown;
  try {
    made = await factory(options);
  } catch (error) {
    if (error instanceof JackinError) throw error;
    throw failed(key, describe(error), `Check its options under [plugins."${key}"].`, error);
  }
  const lacks = lacking(made);
  if (lacks.length === 0) return made as Plugin;
  throw failed(key, `what ${file} makes is no plugin: ${lacks.join("; ")}`, blame);
}

/** What a plugin of each kind must have. */
const shapes: Readonly<Record<Plugin["kind"], Readonly<Record<string, "string" | "function">>>> = {
  auth: { name: "string", mode: "string", grant: "function" },
  secret: { name: "string", scheme: "string", resolve: "function" },
  runtime: {
    name: "string",
    runtime: "string",
    probe: "function",
    start: "function",
    attach: "function",
    run: "function",
    list: "function",
    stop: "function",
  },
};

function lacking(made: unknown): string[] {
  if (typeof made !== "object" || made === null) return ["it is no object"];
  const plugin = made as Record<string, unknown>;
  const kind = plugin["kind"];
  if (kind !== "auth" && kind !== "secret" && kind !== "runtime") {
    return [`"kind" must be "auth", "secret" or "runtime"`];
  }
  const lacks = Object.entries(shapes[kind]).flatMap(([member, type]) =>
    typeof plugin[member] === type && plugin[member] !== ""
      ? []
      : [`"${member}" must be a ${type}`],
  );
  const { scheme } = plugin;
  if (
    kind === "secret" &&
    typeof scheme === "string" &&
    scheme &&
    !/^[a-z][a-z0-9+.-]*$/.test(scheme)
  ) {
    lacks.push(`"scheme" must be as in scheme://, without :// and in lower case`);
  }
  return lacks;
}

function refuseTaken(key: string, plugin: Plugin, taken: readonly Plugin[]): void {
  const other = taken.find((candidate) => claimOf(candidate) === claimOf(plugin));
  if (!other) return;
  throw failed(
    key,
    `${claimOf(plugin)} is taken by ${other.name} already`,
    "Keep one of the two under [plugins].",
  );
}

function claimOf(plugin: Plugin): string {
  switch (plugin.kind) {
    case "auth":
      return `the mode "${plugin.mode}"`;
    case "secret":
      return `the scheme ${plugin.scheme}://`;
    case "runtime":
      return `the runtime "${plugin.runtime}"`;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function failed(key: string, why: string, hint: string, cause?: unknown): JackinError {
  return new JackinError({
    code: "plugin-failed",
    message: `The plugin "${key}" does not work: ${why}.`,
    hint,
    cause,
  });
}
