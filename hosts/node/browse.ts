import type { ChildProcess } from "node:child_process";

type Environment = Readonly<Record<string, string | undefined>>;

/** ms; an opener that fails does so at once, one that goes on is a browser */
const patience = 1_500;

/**
 * Shows a page in the operator's browser, and does not wait for it. False where it would be shown to nobody, or the opener
 * has failed. Only `http:` and `https:`: an opener would start programs for others.
 */
export function createBrowse(
  env: Environment,
  platform: string,
): (url: string) => Promise<boolean> {
  return async (url) => {
    if (!isPage(url) || !hasBrowser(env, platform)) return false;
    try {
      const { default: open } = await import("open");
      return await isOpened(await open(url));
    } catch {
      return false;
    }
  };
}

function isPage(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function hasBrowser(env: Environment, platform: string): boolean {
  const isSet = (name: string) => env[name] !== undefined && env[name] !== "";
  if (isSet("CI") || isSet("SSH_CONNECTION") || isSet("SSH_TTY")) return false;
  return platform !== "linux" || isSet("DISPLAY") || isSet("WAYLAND_DISPLAY");
}

function isOpened(opener: ChildProcess): Promise<boolean> {
  const ended = () => opener.exitCode !== null || opener.signalCode !== null;
  return new Promise((resolve) => {
    const answer = () => {
      clearTimeout(timer);
      opener.off("exit", answer);
      resolve(!ended() || opener.exitCode === 0);
    };
    const timer = setTimeout(answer, patience);
    if (ended()) answer();
    else opener.once("exit", answer);
  });
}
