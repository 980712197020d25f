/** A command in a real terminal of its own, for the end-to-end tests: every byte that reaches it is kept. */
import { spawn } from "@lydell/node-pty";
import xterm from "@xterm/headless";
import { eventually } from "./operator.ts";

export interface Recorded extends AsyncDisposable {
  /** Everything so far, as it came. */
  bytes(): string;
  /** What a person sees now, and what has scrolled away. */
  screen(): string;
  until(text: string | RegExp): Promise<void>;
  /** Presses keys as they are sent, e.g. `\r`, `\u0003`. */
  press(keys: string): void;
  resize(columns: number, rows: number): void;
  ended(): Promise<number>;
}

export function record(
  command: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly columns: number;
  },
): Recorded {
  const { env, cwd, columns: cols } = options;
  const rows = 40;
  const [program, ...args] = command;
  const child = spawn(program!, args, { env, cwd, cols, rows, name: "xterm-256color" });
  const emulator = new xterm.Terminal({ cols, rows, scrollback: 5_000, allowProposedApi: true });
  let bytes = "";
  let code: number | undefined;
  child.onData((text) => {
    bytes += text;
    emulator.write(text);
  });
  child.onExit(({ exitCode }) => (code = exitCode));
  const screen = () => {
    const { active } = emulator.buffer;
    let text = "";
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)!;
      text += `${line.isWrapped || row === 0 ? "" : "\n"}${line.translateToString(true)}`;
    }
    return text.trimEnd();
  };
  return {
    bytes: () => bytes,
    screen,
    until: async (text) => {
      await eventually(`${text} on the screen`, async () => {
        const seen = screen();
        if (typeof text === "string" ? seen.includes(text) : text.test(seen)) return true;
        if (code !== undefined) throw new Error(`ended with ${code}`);
        return false;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}; it shows:\n${screen()}`);
      });
    },
    press: (keys) => child.write(keys),
    resize(columns, height) {
      child.resize(columns, height);
      emulator.resize(columns, height);
    },
    ended: () =>
      eventually("the end of the command", async () => code, 120_000).catch((error: unknown) => {
        throw new Error(`${String(error)}; it shows:\n${screen()}`);
      }),
    async [Symbol.asyncDispose]() {
      if (code === undefined) child.kill("SIGKILL");
      emulator.dispose();
    },
  };
}
