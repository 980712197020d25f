import { dirname, join } from "node:path";
import { createJackin, createRedactor, JackinError } from "../../core/index.ts";
import type { Config, Host, HostFiles, Jackin, Plugin, Redactor } from "../../core/index.ts";
import { openBuiltIn } from "./built-in.ts";
import { configPathOf, readConfig, readPluginTables } from "./config-file.ts";
import { createNodeHost } from "./host.ts";
import { createJournal } from "./journal.ts";
import type { NodeJournal } from "./journal.ts";
import { openPlugins } from "./plugins.ts";
import { createFileStore } from "./store.ts";

export interface OpenOptions {
  /** `process.env` without it. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Instead of the built-in ones; the first runtime is the default. */
  readonly plugins?: readonly Plugin[] | undefined;
  readonly host?: Host | undefined;
  readonly redactor?: Redactor | undefined;
  /** What those are told who wait for a lock of ours, e.g. `jackin load`. No secrets. */
  readonly command?: string | undefined;
  /** How a process is started that keeps agents signed in when this one has ended; without it none is. */
  readonly startKeeper?: (() => Promise<void>) | undefined;
}

export type FilesHost = Host & { readonly files: HostFiles };

export interface OpenedJackin {
  readonly jackin: Jackin;
  readonly host: FilesHost;
  /** The configuration file, which may not be there yet. */
  readonly configPath: string;
  /** Undefined where the host cannot watch files or lock them. */
  readonly journal?: NodeJournal | undefined;
}

/**
 * jackin on this machine: its configuration file, the built-in plugins, those of `[plugins]`, its state folder.
 * A configuration that cannot be used fails what reads it, `load` above all, and nothing else: what runs can still be
 * seen and stopped.
 */
export async function openJackin(options: OpenOptions = {}): Promise<OpenedJackin> {
  const env = options.env ?? options.host?.env;
  const host =
    options.host ??
    createNodeHost({
      ...(env && { env }),
      ...(options.command !== undefined && { command: options.command }),
    });
  if (!hasFiles(host))
    throw new JackinError({ code: "host-failed", message: "This host has no file system." });
  const { files } = host;
  const configPath = configPathOf(host.env, files.home);
  const { plugins, failures } = await openAll(files, configPath, options);
  const redactor = options.redactor ?? createRedactor();
  const journal = journalOf(host, redactor);
  const jackin = createJackin({
    host,
    plugins,
    store: createFileStore(join(files.state, "store")),
    redactor,
    ...(journal && { journal }),
    ...(options.startKeeper && { startKeeper: options.startKeeper }),
    async editConfig(decide, { signal = new AbortController().signal, progress }) {
      const { editConfig } = await import("./config-edit.ts");
      const onWait = (owner: string) =>
        progress?.(`waiting for ${owner}, which changes the configuration`);
      await editConfig(host, { path: configPath, plugins, signal, onWait }, (draft) => {
        for (const { path, value } of decide(draft.config)) {
          if (value === undefined) draft.unset(path);
          else draft.set(path, value);
        }
      });
    },
    async config() {
      const read = readConfig(files, configPath, plugins);
      if (failures.length === 0) return await read;
      throw [...failures, await read.catch((e: unknown) => e)].reduce(together);
    },
  });
  return { jackin, host, configPath, journal };
}

function hasFiles(host: Host): host is FilesHost {
  return host.files !== undefined;
}

function journalOf({ files, lock }: FilesHost, redactor: Redactor): NodeJournal | undefined {
  const { watch } = files;
  if (!watch || !lock) return undefined;
  return createJournal({
    files: { ...files, watch },
    lock,
    redact: (text) => redactor.redact(text),
  });
}

/** The built-in plugins, with their options, and strangers'. What fails of either is kept for whoever reads the configuration. */
async function openAll(
  files: HostFiles,
  configPath: string,
  options: OpenOptions,
): Promise<{ plugins: readonly Plugin[]; failures: readonly unknown[] }> {
  const failures: unknown[] = [];
  const keep = (failure: unknown) => {
    if (failure instanceof JackinError && failure.code === "cancelled") throw failure;
    failures.push(failure);
  };
  const { plugins: tables = {} } = await readPluginTables(files, configPath).catch(
    (error: unknown): Pick<Config, "plugins"> => {
      keep(error);
      return {};
    },
  );
  const builtIn = options.plugins
    ? { plugins: options.plugins, names: [], failures: [] }
    : await openBuiltIn(tables, configPath);
  failures.push(...builtIn.failures);
  const others = Object.entries(tables).filter(([key]) => !builtIn.names.includes(key));
  const strangers = await openPlugins(
    { plugins: Object.fromEntries(others) },
    {
      folder: dirname(configPath),
      home: files.home,
      taken: builtIn.plugins,
      ...(options.signal && { signal: options.signal }),
    },
  ).catch((error: unknown) => {
    keep(error);
    return [];
  });
  return { plugins: [...builtIn.plugins, ...strangers], failures };
}

/** A plugin that fails to load takes its mode or scheme with it, so the file's other faults are told beside it. */
function together(failure: unknown, other: unknown): unknown {
  if (!(failure instanceof JackinError) || !(other instanceof JackinError)) return failure;
  if (other.message === failure.message) return failure;
  const { code, hint } = failure;
  return new JackinError({
    code,
    message: `${failure.message}\n${other.message}`,
    hint: [hint, other.hint].filter((line) => line !== undefined).join("\n"),
    cause: failure,
  });
}
