import { credentialsFile, JackinError } from "../../core/index.ts";
import type { HostFiles, PluginContext } from "../../core/index.ts";

export const name = "auth-session";

/** Where a login lives: its credential file, and the configuration folder whose `.claude.json` says whose it is. */
export interface LoginPlace {
  readonly files: HostFiles;
  /** `CLAUDE_SECURESTORAGE_CONFIG_DIR` */
  readonly folder: string;
  readonly credentials: string;
  /** `CLAUDE_CONFIG_DIR` */
  readonly config: string;
}

/** One of jackin's own logins. */
export interface SessionPlace extends LoginPlace {
  readonly account: string;
  /** All of the account that agents do not see. */
  readonly kept: string;
  /** In `kept`, while somebody signs in or out. */
  readonly scratch: string;
  readonly fresh: LoginPlace;
  /** The command that signs it in. */
  readonly signIn: string;
}

/** Agents write to `folder`: nothing there is followed or believed, and who is signed in is kept outside of it. */
export function placeOf(account: string, ctx: PluginContext): SessionPlace {
  const files = filesOf(ctx);
  const kept = `${files.state}/session-accounts/${account}`;
  const scratch = `${kept}/fresh`;
  return {
    account,
    kept,
    scratch,
    fresh: { ...loginAt(`${scratch}/login`, files), config: `${scratch}/config` },
    signIn: `jackin auth login${account === "default" ? "" : ` --account ${account}`}`,
    ...loginAt(`${sessionsOf(files)}/${account}`, files),
    config: `${kept}/config`,
  };
}

function loginAt(folder: string, files: HostFiles) {
  return { files, folder, credentials: `${folder}/${credentialsFile}` };
}

/** The accounts that have a folder, signed in or not. */
export async function accountsOf(ctx: PluginContext): Promise<readonly string[]> {
  const files = filesOf(ctx);
  const sessions = sessionsOf(files);
  return (await files.stat(sessions))?.kind === "folder" ? files.list(sessions) : [];
}

function sessionsOf({ state }: HostFiles): string {
  return `${state}/sessions`;
}

function filesOf({ host }: PluginContext): HostFiles {
  if (host.files) return host.files;
  throw new JackinError({
    code: "login-unusable",
    message: `[${name}] this host has no files, so there is no place for a login of jackin's own`,
    hint: "use another mode here: jackin config auth set token",
  });
}
