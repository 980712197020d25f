import { dirname, join } from "node:path";
import { createJackin, createRedactor, JackinError } from "../../core/index.ts";
import type { Host, HostFiles, Jackin, Plugin, Redactor } from "../../core/index.ts";
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
  const builtIn = options.plugins ?? (await openBuiltIn());
  const own = await strangersOf(files, configPath, builtIn, options.signal);
  const plugins = [...builtIn, ...own.plugins];
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
      if (own.failure !== undefined)
        throw together(own.failure, await read.catch((e: unknown) => e));
      return await read;
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

async function strangersOf(
  files: HostFiles,
  configPath: string,
  taken: readonly Plugin[],
  signal: AbortSignal | undefined,
): Promise<{ plugins: readonly Plugin[]; failure?: unknown }> {
  try {
    const config = await readPluginTables(files, configPath);
    const folder = dirname(configPath);
    return {
      plugins: await openPlugins(config, {
        folder,
        home: files.home,
        taken,
        ...(signal && { signal }),
      }),
    };
  } catch (failure) {
    if (failure instanceof JackinError && failure.code === "cancelled") throw failure;
    return { plugins: [], failure };
  }
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

/** The folders of `plugins/` that this host uses, the default runtime before other runtimes. */
const builtIn = [
  "auth-sync",
  "auth-ignore",
  "auth-token",
  "auth-session",
  "secret-env",
  "secret-1password",
  "runtime-docker",
  "runtime-local",
];

async function openBuiltIn(): Promise<readonly Plugin[]> {
  return (await Promise.all(builtIn.map(openOne))).flat();
}

/** By its folder's name, so that a plugin can be taken away by deleting its folder. */
async function openOne(name: string): Promise<Plugin[]> {
  try {
    const module = await import(`../../plugins/${name}/index.ts`);
    return [module[camelCase(name)]()];
  } catch (error) {
    if (isAbsent(error, name)) return [];
    throw error;
  }
}

function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Told by the path that is missing: a plugin that misses a module of its own is broken, not absent. It stands in the message
 * only, as no runtime but Node has it elsewhere; who imports it comes after, and does not count.
 */
export function isAbsent(error: unknown, name: string): boolean {
  const message = error instanceof Error ? error.message.split(/ imported from |\n/)[0]! : "";
  return (
    message.includes(`plugins/${name}/index.`) && /not found|cannot find|not find/i.test(message)
  );
}
