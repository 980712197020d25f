import { JackinError } from "../../core/index.ts";
import type { HostFiles, PluginContext } from "../../core/index.ts";

export const credentialsFile = ".credentials.json";

/** Where the host's Claude Code keeps one login, and what belongs to it. */
export interface LoginPlace {
  readonly files: HostFiles;
  /** The configuration folder when it is not `~/.claude`. */
  readonly configDir: string | undefined;
  /** True when the operator named the folder in `source_dir`. */
  readonly named: boolean;
  readonly credentials: string;
  /** The `.claude.json` that says who is signed in. */
  readonly account: string;
  readonly sessions: string;
  /** The command that signs the host in. */
  readonly signIn: string;
}

/** The rules of Claude Code 2.1.330; a `source_dir` never falls back to the default folder. */
export async function findLogin(
  sourceDir: string | undefined,
  { host }: PluginContext,
): Promise<LoginPlace> {
  const { files, env } = host;
  if (!files)
    throw new JackinError({
      code: "login-unusable",
      message: "[auth-sync] this host has no files, so there is no login to forward",
      hint: "use another mode here: jackin config auth set token",
    });
  const configDir = folder(sourceDir ?? env["CLAUDE_CONFIG_DIR"], files.home);
  if (sourceDir !== undefined && configDir !== undefined) await mustBeFolder(configDir, files);
  const secureDir = sourceDir === undefined && env["CLAUDE_SECURESTORAGE_CONFIG_DIR"];
  const home = configDir ?? `${files.home}/.claude`;
  return {
    files,
    configDir,
    named: sourceDir !== undefined,
    credentials: `${folder(secureDir || undefined, files.home) ?? home}/${credentialsFile}`,
    account: configDir === undefined ? `${files.home}/.claude.json` : `${configDir}/.claude.json`,
    sessions: `${home}/sessions`,
    signIn:
      sourceDir === undefined
        ? "claude auth login"
        : `CLAUDE_CONFIG_DIR=${quoted(home)} claude auth login`,
  };
}

async function mustBeFolder(path: string, files: HostFiles): Promise<void> {
  const real = await files.resolve(path);
  const found = real === undefined ? undefined : await files.stat(real);
  if (found?.kind === "folder") return;
  throw new JackinError({
    code: "login-unusable",
    message: `[auth-sync] source_dir ${path} ${found ? "is no folder" : "does not exist"}`,
    hint: `CLAUDE_CONFIG_DIR=${quoted(path)} claude auth login\nor correct source_dir under [claude.sync]`,
  });
}

function folder(path: string | undefined, home: string): string | undefined {
  if (!path) return undefined;
  const absolute = path.replace(/^~(?=\/|$)/, home);
  return absolute.length > 1 ? absolute.replace(/\/+$/, "") : absolute;
}

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
