import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { JackinError } from "../../core/index.ts";

export interface StartKeeperOptions {
  /** The file that this command was started with. */
  readonly main: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Starts `jackin keeper run` as this command was started, in a session of its own, so that no terminal's end reaches it. */
export function createStartKeeper({ main, env, cwd }: StartKeeperOptions): () => Promise<void> {
  return async () => {
    const child = spawn(process.execPath, [...process.execArgv, main, "keeper", "run"], {
      detached: true,
      // What it has to say is in the journal.
      stdio: "ignore",
      // The folder that a command was started in is not to be held for as long as agents run.
      cwd: [env["HOME"], homedir()].find((home) => home && existsSync(home)) ?? "/",
      env: { ...env, ...absolute(env, cwd) },
      windowsHide: true,
    });
    const started = Promise.withResolvers<void>();
    child.once("spawn", started.resolve);
    child.once("error", started.reject);
    await started.promise.catch((error: Error) => {
      throw new JackinError({
        code: "host-failed",
        message: `The process that would do it cannot be started: ${error.message}.`,
        hint: "See why: jackin keeper run",
        cause: error,
      });
    });
    child.unref();
  };
}

/** Folders that were named from here mean the same there. */
function absolute(env: StartKeeperOptions["env"], cwd: string): Record<string, string> {
  const named = ["JACKIN_HOME_DIR", "JACKIN_CONFIG_DIR", "XDG_CONFIG_HOME"].flatMap((name) => {
    const folder = env[name];
    return folder && !/^~(\/|$)/.test(folder) ? [[name, resolve(cwd, folder)] as const] : [];
  });
  return Object.fromEntries(named);
}
