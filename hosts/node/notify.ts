import type { Host, HostExec } from "../../core/index.ts";

/** ms; `notify-send` waits for a notification service that may not be there. */
const limitMs = 5_000;

/**
 * A notification on the desktop by the system's own program: `notify-send` where the environment names a session to show
 * it in, `osascript` on macOS. Not node-notifier: it brings binaries of its own and has had no release since 2022.
 */
export function createNotify(
  exec: HostExec,
  env: Readonly<Record<string, string | undefined>>,
  platform: string = process.platform,
): NonNullable<Host["notify"]> {
  return async (title, text) => {
    const command = commandFor(platform, env, title, text);
    // Whoever cannot be shown a notification is told by `status` and the journal.
    if (command) await exec(command[0], command.slice(1), { limitMs }).catch(() => {});
  };
}

function commandFor(
  platform: string,
  env: Readonly<Record<string, string | undefined>>,
  title: string,
  text: string,
): readonly [string, ...string[]] | undefined {
  if (platform === "darwin") {
    // What is shown is an argument of the script, never a part of it.
    const lines = [
      "on run argv",
      "display notification (item 2 of argv) with title (item 1 of argv)",
      "end run",
    ];
    return ["/usr/bin/osascript", ...lines.flatMap((line) => ["-e", line]), title, text];
  }
  const hasDesktop = ["DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "DISPLAY"].some(
    (name) => env[name],
  );
  if (platform !== "linux" || !hasDesktop) return undefined;
  return ["notify-send", "--app-name=jackin", "--", title, toBody(text)];
}

/** notify-send 0.8 reads backslashes as C does; most services read the body as markup. */
function toBody(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "\\": "\\\\",
  };
  return text.replaceAll(/[&<>\\]/g, (char) => entities[char]!);
}
