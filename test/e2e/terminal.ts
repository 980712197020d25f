/** A real terminal for the end-to-end tests: a shell in tmux, keys in, screen out. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./operator.ts";

const run = promisify(execFile);

export interface Terminal extends AsyncDisposable {
  /** Types a command line into the shell; `rc=…` follows its output. */
  type(line: string): Promise<void>;
  /** Presses keys by tmux's names: `C-c`, `Escape`, `Enter`, … */
  press(...keys: readonly string[]): Promise<void>;
  screen(): Promise<string>;
  /** Waits for the text on the screen and answers the screen. */
  until(text: string | RegExp): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** Fails unless keys are echoed line by line and the shell's own screen is shown, cursor and all. */
  expectRestored(): Promise<void>;
  /** Ends the terminal as a closed window would. */
  kill(): Promise<void>;
}

export async function openTerminal(
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Terminal> {
  const folder = await mkdtemp(join(tmpdir(), "jackin-terminal-"));
  const tmux = async (...args: readonly string[]) =>
    (await run("tmux", ["-S", join(folder, "socket"), "-f", "/dev/null", ...args], { env, cwd }))
      .stdout;
  const size = ["-x", "120", "-y", "40"];
  // A second window keeps the server when the first is killed.
  await tmux("new-session", "-d", "-s", "keeper", "cat");
  await tmux("new-session", "-d", "-s", "it", ...size, "-c", cwd, "bash", "--norc", "--noprofile");
  const screen = async () => await tmux("capture-pane", "-p", "-t", "it");
  const terminal: Terminal = {
    screen,
    type: async (line) => {
      await tmux("send-keys", "-t", "it", "-l", `clear; ${line}; echo "rc=$?"`);
      await tmux("send-keys", "-t", "it", "Enter");
    },
    press: async (...keys) => void (await tmux("send-keys", "-t", "it", ...keys)),
    until(text) {
      let seen = "";
      return eventually(`${text} on the screen`, async () => {
        seen = await screen();
        return (typeof text === "string" ? seen.includes(text) : text.test(seen)) && seen;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}; it shows:\n${seen}`);
      });
    },
    resize: async (columns, rows) =>
      void (await tmux("resize-window", "-t", "it", "-x", String(columns), "-y", String(rows))),
    async expectRestored() {
      await terminal.type(
        "stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(echo|icanon|isig)' | xargs",
      );
      await terminal.until("isig icanon echo");
      const modes = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_cursor_flag}";
      const shown = (await tmux("display-message", "-p", "-t", "it", modes)).trim();
      if (shown !== "0 1 0 0") throw new Error(`alternate screen, cursor, mouse, keypad: ${shown}`);
    },
    kill: async () => void (await tmux("kill-session", "-t", "it")),
    async [Symbol.asyncDispose]() {
      await tmux("kill-server").catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
  await terminal.type("true");
  await terminal.until("rc=0");
  return terminal;
}
