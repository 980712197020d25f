import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Terminal } from "@xterm/headless";
import { cancelled, JackinError } from "../../core/index.ts";
import type { HiddenTerminal, Host, PtyOptions } from "../../core/index.ts";
import { checkStart } from "./exec.ts";

/** Between SIGHUP and SIGKILL, in ms. */
const patience = 2_000;

/**
 * Runs a program in a terminal of its own, whose screen is held in memory. What the program started in it ends with it.
 * Both packages are loaded at the first use: one is a native addon, the other large.
 */
export function createPty(
  hostEnv: Readonly<Record<string, string | undefined>>,
): NonNullable<Host["pty"]> {
  return async (command, args, options) => {
    const { program, env } = await checkStart(hostEnv, command, args, options);
    const { spawn, Emulator } = await load(command);
    // A signal that has fired by now tells nobody any more.
    if (options.signal.aborted) throw cancelled(options.signal.reason);
    const { columns: cols, rows, cwd } = options;
    const emulator = new Emulator({
      cols,
      rows,
      scrollback: 0,
      allowProposedApi: true,
      // What it does not understand it would print.
      logLevel: "off",
    });
    try {
      const size = { cols, rows, ...(cwd !== undefined && { cwd }) };
      const child = spawn(program, [...args], {
        ...size,
        env,
        name: "xterm-256color",
        encoding: null,
      });
      return follow(child, emulator, options);
    } catch (error) {
      emulator.dispose();
      throw failed(`${command} cannot be started in a hidden terminal`, error);
    }
  };
}

type Child = import("@lydell/node-pty").IPty;

function follow(child: Child, emulator: Terminal, { signal, rows }: PtyOptions): HiddenTerminal {
  let drawn = 0;
  let looked = 0;
  let code: number | undefined;
  let isWiped = false;
  let waiting = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const tell = () => {
    drawn++;
    waiting.resolve();
    waiting = Promise.withResolvers();
  };
  child.onData((data) => {
    // With `encoding: null` they are bytes, whatever the type says.
    const bytes = data as unknown as Uint8Array;
    if (isWiped) return;
    emulator.write(bytes, () => {
      bytes.fill(0);
      tell();
    });
  });
  // What a program asks its terminal is answered: it waits for some of it.
  emulator.onData((answer) => write(answer));
  child.onExit(({ exitCode, signal: by }) => {
    void endRest(child.pid).then(() =>
      emulator.write("", () => {
        code = by ? 128 + by : exitCode;
        ended.resolve();
        tell();
      }),
    );
  });
  const onAbort = () => void stop();
  signal.addEventListener("abort", onAbort, { once: true });

  function write(text: string): void {
    if (code === undefined && !isWiped) child.write(text);
  }

  async function stop(): Promise<void> {
    if (code !== undefined) return;
    end(child.pid, "SIGHUP");
    const timer = setTimeout(() => end(child.pid, "SIGKILL"), patience);
    await ended.promise;
    clearTimeout(timer);
  }

  return {
    get code() {
      return code;
    },
    screen() {
      looked = drawn;
      if (isWiped) return [];
      const { active } = emulator.buffer;
      const row = (index: number) => active.getLine(active.baseY + index);
      return Array.from({ length: rows }, (_, index) => row(index)?.translateToString(true) ?? "");
    },
    write,
    async changed() {
      if (drawn === looked && code === undefined) await waiting.promise;
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", onAbort);
      await stop();
      if (isWiped) return;
      isWiped = true;
      // Erases cell by cell, where a reset would only let go of them: this screen, then the one behind it.
      const erase = "\u001b[2J\u001b[3J";
      await new Promise<void>((done) => emulator.write(`${erase}\u001b[?47l${erase}`, done));
      emulator.reset();
      emulator.dispose();
    },
  };
}

/** What the leader of a session has left behind. Killed ones are gone in a moment, but not at once. */
async function endRest(leader: number): Promise<void> {
  end(leader, "SIGKILL");
  for (let tries = 0; sessionOf(leader).length > 0 && tries < 200; tries++) await delay(5);
}

/** The program leads a session of its own: this reaches all of it, also what has a process group of its own. */
function end(leader: number, signal: "SIGHUP" | "SIGKILL"): void {
  for (const target of [-leader, ...sessionOf(leader)]) {
    try {
      process.kill(target, signal);
    } catch {
      // it has ended
    }
  }
}

/** Those of a session that run; only Linux tells, elsewhere the process group of the leader has to do. */
function sessionOf(leader: number): readonly number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && sessionNumber(pid) === leader);
}

/** proc(5): the name, in brackets, may hold spaces and brackets; the state follows it, the session is field 6. */
function sessionNumber(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, , , session] = stat.replace(/^.*\)\s/s, "").split(" ");
    return state === "Z" || state === "X" ? undefined : Number(session);
  } catch {
    return undefined;
  }
}

async function load(command: string) {
  try {
    // The addon loads there, and its terminal is hung up at once (Bun 1.4, node-pty 1.1).
    if (process.versions["bun"] !== undefined) throw new Error("Bun hangs it up at once");
    const [{ spawn }, { default: headless }] = await Promise.all([
      import("@lydell/node-pty"),
      import("@xterm/headless"),
    ]);
    return { spawn, Emulator: headless.Terminal };
  } catch (error) {
    throw failed(
      `${command} cannot be started: there is no hidden terminal on this runtime`,
      error,
    );
  }
}

function failed(what: string, cause: unknown): JackinError {
  return new JackinError({
    code: "host-failed",
    message: `${what}: ${cause instanceof Error ? cause.message : String(cause)}.`,
    hint: "Run jackin on Node 22 or newer, installed with optional packages.",
    cause,
  });
}
