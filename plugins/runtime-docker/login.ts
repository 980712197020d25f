import type { Grant, HostFiles } from "../../core/index.ts";

/** Of the persistent folder; Claude Code keeps its login under this name. */
export const credentialsFile = ".credentials.json";

/**
 * Makes the agent's own login visible, or not, before the container is there. A rename never follows a link, and
 * `kept` is in no container, so that the login is neither lost nor seen. A link in its place is our own, see `image-check.ts`.
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
  if (login === "forwarded") {
    if (!isLogin) return;
    await files.makeFolder(`${home}/kept`);
    await files.rename(place, kept);
  } else if (!isLogin && (await files.stat(kept))?.kind === "file") {
    await files.rename(kept, place);
  }
}
