import { join } from "node:path";
import { classify, JackinError, looksSecret, parseConfig } from "../../core/index.ts";
import type {
  AuthProvider,
  Config,
  ConfigProblem,
  EnvValue,
  HostFiles,
  LoadedConfig,
  Notice,
  Plugin,
} from "../../core/index.ts";
import { expandHome } from "./files.ts";
import { readSources, toDocument } from "./config-layout.ts";
import type { ConfigDocument } from "./config-layout.ts";
import { isTable } from "./toml.ts";
import type { TomlTable } from "./toml.ts";
import { formatKey } from "./toml-format.ts";

/** `config.toml` in `JACKIN_CONFIG_DIR`, else in `$XDG_CONFIG_HOME/jackin`, else in `~/.config/jackin`. */
export function configPathOf(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  const base = env["XDG_CONFIG_HOME"] || join(home, ".config");
  return join(expandHome(env["JACKIN_CONFIG_DIR"] || join(base, "jackin"), home), "config.toml");
}

/** Reads and checks the file, and those of the earlier layout beside it. A missing one is an empty configuration. Throws `config-invalid` with all problems by place. */
export async function readConfig(
  files: HostFiles,
  path: string,
  plugins: readonly Plugin[],
): Promise<LoadedConfig> {
  const document = await readDocument(files, path);
  const { config, notices } = checkConfig(document, path, plugins);
  return { config, notices: [...notices, ...(await openToOthers(files, path, config, plugins))] };
}

/** `[plugins]` alone, before the plugins are there that the rest is checked with; what is no table is left to that check. */
export async function readPluginTables(
  files: HostFiles,
  path: string,
): Promise<Pick<Config, "plugins">> {
  const plugins: unknown = (await readDocument(files, path)).data["plugins"];
  if (!isTable(plugins)) return {};
  const tables = Object.entries(plugins).filter((entry): entry is [string, TomlTable] =>
    isTable(entry[1]),
  );
  return { plugins: Object.fromEntries(tables) };
}

/** What a text would mean as the configuration; a writer asks this before the text lands. */
export function checkConfig(
  document: ConfigDocument,
  path: string,
  plugins: readonly Plugin[],
): LoadedConfig {
  const providers = plugins.filter((plugin): plugin is AuthProvider => plugin.kind === "auth");
  const parsed = parseConfig(document.data, providers);
  const problems = [
    ...document.problems,
    ...(parsed.problems ?? []).map((problem) => describe(problem, path, document)),
  ];
  if (parsed.problems === undefined && problems.length === 0) return parsed;
  throw new JackinError({
    code: "config-invalid",
    message: problems.join("\n"),
    hint:
      parsed.problems?.[0]?.next ??
      `Correct ${problems.length === 1 ? "it" : "them"} in your editor: ${path}`,
  });
}

async function readDocument(files: HostFiles, path: string): Promise<ConfigDocument> {
  return toDocument(await readSources(files, path));
}

/** `path:line:column: [table] key: message`; a key that is missing is placed at the nearest table that is there. */
function describe(problem: ConfigProblem, path: string, document: ConfigDocument): string {
  let place = `${path}:`;
  for (let depth = problem.path.length; depth > 0; depth--) {
    const found = document.locate(problem.path.slice(0, depth));
    if (!found) continue;
    place = `${found.path}:${found.line}:${found.column}:`;
    break;
  }
  const table = problem.path.slice(0, -1);
  const key = problem.path.slice(-1);
  const name = [
    ...(table.length > 0 ? [`[${formatKey(table)}]`] : []),
    ...(key.length > 0 ? [`${formatKey(key)}:`] : []),
  ];
  const line = [place, ...name, problem.message].join(" ");
  return problem.path.reduce(
    (shown, key) => (isToken(key, problem) ? shown.replaceAll(key, "***") : shown),
    line,
  );
}

/** A token that was pasted where a name belongs, or into one. One without a known beginning is told from a name only where no name is known. */
function isToken(key: string, { message }: ConfigProblem): boolean {
  if (/^(sk-|gh[a-z]_|github_pat_|glpat-|xox[a-z]-|eyJ).{12,}|sk-ant-.{12,}/.test(key)) return true;
  return message.includes(`"${key}"`) && /^(?=.*[a-z])(?=.*\d).{20,}$/i.test(key);
}

/** A secret written out in a file that others may read is theirs too. */
async function openToOthers(
  files: HostFiles,
  path: string,
  config: Config,
  plugins: readonly Plugin[],
): Promise<Notice[]> {
  const literals = [...secretLiterals(config, plugins)];
  if (literals.length === 0) return [];
  const real = (await files.resolve(path)) ?? path;
  const stat = await files.stat(real);
  if (stat === undefined || (stat.mode & 0o044) === 0) return [];
  const text = `${path} can be read by others on this machine and holds ${literals.join(", ")} as plain text`;
  return [{ level: "warning", text, next: `chmod 600 ${real}` }];
}

function* secretLiterals(config: Config, plugins: readonly Plugin[]): Generator<string> {
  const schemes = new Set(plugins.flatMap((item) => (item.kind === "secret" ? [item.scheme] : [])));
  const workspaces = Object.values(config.workspaces ?? {});
  const scopes = [
    config,
    ...Object.values(config.roles ?? {}),
    ...workspaces,
    ...workspaces.flatMap((workspace) => Object.values(workspace.roles ?? {})),
  ];
  const names = new Set(
    scopes.flatMap(({ env }) =>
      Object.entries(env ?? {}).flatMap(([key, value]) =>
        looksSecret(key) && isLiteral(value, schemes) ? [key] : [],
      ),
    ),
  );
  yield* names;
}

function isLiteral(value: EnvValue, schemes: ReadonlySet<string>): boolean {
  try {
    const classified = classify(value, schemes);
    return classified.kind === "literal" && classified.value !== "";
  } catch {
    return false; // a reference whose plugin is missing; the launch says so
  }
}
