import { JackinError, toJackinError } from "../../core/index.ts";
import type { Config, Plugin } from "../../core/index.ts";

/** The folders of `plugins/` that this host uses, the default runtime before other runtimes. */
const builtIn = [
  "auth-sync",
  "auth-ignore",
  "auth-token",
  "auth-session",
  "secret-env",
  "secret-1password",
  "secret-keychain",
  "secret-file",
  "runtime-docker",
  "runtime-local",
];

/** Those whose factory takes options: `[plugins.<name>]`. A mode's options are of its own place, `[claude.<mode>]`. */
const withOptions = new Set(["secret-1password", "secret-file", "runtime-docker"]);

export interface BuiltIn {
  readonly plugins: readonly Plugin[];
  readonly names: readonly string[];
  /** What is wrong with their options; the plugins are there without any. */
  readonly failures: readonly JackinError[];
}

/** The built-in plugins that are there, each with the table of `[plugins]` that has its name. */
export async function openBuiltIn(
  tables: NonNullable<Config["plugins"]>,
  configPath: string,
): Promise<BuiltIn> {
  const all = (await Promise.all(builtIn.map((name) => open(name, tables, configPath)))).flat();
  return {
    plugins: all.map(({ plugin }) => plugin),
    names: all.map(({ name }) => name),
    failures: all.flatMap(({ failure }) => failure ?? []),
  };
}

interface Opened {
  readonly name: string;
  readonly plugin: Plugin;
  readonly failure?: JackinError;
}

async function open(
  name: string,
  tables: NonNullable<Config["plugins"]>,
  configPath: string,
): Promise<Opened[]> {
  const make = await findFactory(name);
  if (!make) return [];
  if (!Object.hasOwn(tables, name)) return [{ name, plugin: make() }];
  try {
    if (!withOptions.has(name)) throw noOptions(name);
    return [{ name, plugin: make(tables[name]) }];
  } catch (error) {
    return [{ name, plugin: make(), failure: toOptionsError(name, error, configPath) }];
  }
}

/** By its folder's name, so that a plugin can be taken away by deleting its folder. */
async function findFactory(name: string): Promise<((options?: object) => Plugin) | undefined> {
  try {
    return (await import(`../../plugins/${name}/index.ts`))[camelCase(name)];
  } catch (error) {
    if (isAbsent(error, name)) return undefined;
    throw error;
  }
}

function noOptions(name: string): JackinError {
  const hint = name.startsWith("auth-")
    ? `Options of a mode stand in [claude.${name.slice("auth-".length)}].`
    : undefined;
  return new JackinError({
    code: "config-invalid",
    message: `[${name}] takes no options.`,
    hint,
  });
}

function toOptionsError(name: string, thrown: unknown, configPath: string): JackinError {
  const { code, message, hint } = toJackinError(thrown, "config-invalid", `[${name}] `);
  const where = `Correct [plugins.${name}] in your editor: ${configPath}`;
  return new JackinError({
    code,
    message,
    hint: hint === undefined ? where : `${hint}\n${where}`,
    cause: thrown,
  });
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
