/** What every runtime does with an instance's persistent folder before the agent is there; `claude` in it is `CLAUDE_CONFIG_DIR`. */
import type { Grant, Notice } from "./contracts.ts";
import type { HostFiles } from "./host.ts";
import { JackinError } from "./error.ts";
import { answerFirstRun } from "./first-run.ts";
import type { FirstRunChange, FirstRunFile, FirstRunOptions } from "./first-run.ts";

/** Claude Code keeps its login under this name. */
export const credentialsFile = ".credentials.json";

/** What a Claude Code file of an instance may have at most, in bytes. */
const maxBytes = 16 * 1024 * 1024;

/**
 * Puts the agent's own login aside, or back. A rename never follows a link, and `kept` is nowhere the agent looks, so
 * the login is neither lost nor in the way. What is no plain file there is no login.
 */
export async function settleLogin(
  home: string,
  login: Grant["login"],
  files: HostFiles,
): Promise<void> {
  const place = `${home}/claude/${credentialsFile}`;
  const kept = `${home}/kept/${credentialsFile}`;
  const there = await files.stat(place);
  const isLogin = there?.kind === "file";
  if (there && !isLogin) await files.remove(place);
  if (login !== "own") {
    if (!isLogin) return;
    await files.makeFolder(`${home}/kept`);
    await files.rename(place, kept);
  } else if (!isLogin && (await files.stat(kept))?.kind === "file") {
    await files.makeFolder(`${home}/claude`);
    await files.rename(kept, place);
  }
}

/** What has to be written into the instance's `claude` folder so that the first run is silent. */
export async function planFirstRun(
  home: string,
  options: FirstRunOptions,
  files: HostFiles,
): Promise<{ readonly changes: readonly FirstRunChange[]; readonly notices: readonly Notice[] }> {
  const [config, settings] = await Promise.all([
    readOwn(`${home}/claude/.claude.json`, files),
    readOwn(`${home}/claude/settings.json`, files),
  ]);
  return answerFirstRun({ config, settings }, options);
}

/** The folder is the agent's: it may have put a link, a pipe or an endless file there. */
async function readOwn(path: string, files: HostFiles): Promise<FirstRunFile> {
  try {
    return await files.read(path, { maxBytes, followLinks: false });
  } catch (error) {
    if (error instanceof JackinError && error.code === "host-failed") return { unreadable: true };
    throw error;
  }
}
