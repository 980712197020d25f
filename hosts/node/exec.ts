import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { onExit } from "signal-exit";
import { cancelled, JackinError } from "../../core/index.ts";
import type { ExecOptions, ExecResult, HostExec } from "../../core/index.ts";
import { followLines, gather, letGo } from "./child-output.ts";
import { systemCode } from "./host-error.ts";
import { findProgram } from "./program.ts";
import { throughPipe } from "./through-pipe.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const defaultMaxBytes = 4 * 1024 * 1024;
/** Between SIGTERM and SIGKILL, in ms. */
const patience = 3_000;

/**
 * Runs programs without a shell. A program is looked up on PATH, absolute entries only, and run by its absolute path.
 * Not found: `host-failed` whose cause has `code: "ENOENT"`; found but not executable: `code: "EACCES"`. No other failure
 * has a cause with one of these codes.
 */
export function createExec(hostEnv: Environment): HostExec {
  return async (command, args, options = {}) => {
    const { program, env } = await checkStart(hostEnv, command, args, options);
    const started = options.stdinPipe
      ? await throughPipe(program, args, env["PATH"])
      : { program, args };
    // A signal that has fired by now tells nobody any more.
    if (options.signal?.aborted) throw cancelled(options.signal.reason);
    return await run(command, started.program, started.args, env, options);
  };
}

/** The program by its absolute path and its whole environment, or why it cannot be started. */
export async function checkStart(
  hostEnv: Environment,
  command: string,
  args: readonly string[],
  options: Pick<ExecOptions, "env" | "cwd" | "signal">,
): Promise<{ readonly program: string; readonly env: Record<string, string> }> {
  if (options.signal?.aborted) throw cancelled(options.signal.reason);
  const env = mergeEnv(hostEnv, options.env);
  refuseNul(command, args, env);
  const program = await findProgram(command, env["PATH"]);
  await checkFolder(command, options.cwd);
  return { program, env };
}

async function run(
  command: string,
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  options: ExecOptions,
): Promise<ExecResult> {
  const { inherit, limitMs, maxBytes = defaultMaxBytes } = options;
  // Whatever stops the program, its reason is the error.
  const stop = new AbortController();
  const giveKeysBack = inherit === "terminal" ? leaveKeysToChild() : undefined;
  const cancel = () => stop.abort(cancelled(options.signal?.reason));
  const timers: NodeJS.Timeout[] = [];
  let forget: (() => void) | undefined;
  try {
    const child = started(command, () =>
      spawn(program, args, {
        env,
        // Without input the child reads an empty stdin, never the operator's terminal.
        stdio: [
          options.stdin !== undefined ? "pipe" : inherit === "terminal" ? "inherit" : "ignore",
          inherit ? "inherit" : "pipe",
          inherit ? "inherit" : "pipe",
        ],
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.ownSession && { detached: true }),
      }),
    );
    const ended = toEnd(child);
    // What is left to itself would go on asking, renewing or waiting for a terminal that is gone.
    if (!options.ownSession) forget = onExit(() => void child.kill());
    // A program may end, or close its input, before it has read it all.
    child.stdin?.on("error", () => {}).end(options.stdin);
    options.signal?.addEventListener("abort", cancel);
    if (limitMs !== undefined)
      timers.push(setTimeout(() => stop.abort(tooSlow(command, limitMs)), limitMs));
    stop.signal.addEventListener("abort", () => {
      child.kill();
      timers.push(setTimeout(() => child.pid && forceEnd(child.pid), patience));
    });
    const output = gather(child, maxBytes, () => {
      letGo(child);
      stop.abort(failed(command, `printed more than ${maxBytes} bytes and was stopped`));
    });
    const lines = options.onLine ? followLines([child.stdout, child.stderr], options.onLine) : [];
    child.once("exit", () => {
      // It has kept its limit, and its number may be another's soon.
      for (const timer of timers.splice(0)) clearTimeout(timer);
      // What the program left running may hold its output open for ever; what it wrote itself is here long before this.
      timers.push(setTimeout(() => setImmediate(() => letGo(child)), 500));
    });
    const code = await ended.catch((error: unknown) => {
      throw notStarted(command, error);
    });
    await Promise.all(lines);
    stop.signal.throwIfAborted();
    return { code, stdout: output.stdout(), stderr: output.stderr() };
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    for (const timer of timers) clearTimeout(timer);
    forget?.();
    giveKeysBack?.();
  }
}

/** Some reasons why a program cannot be started are thrown here, others are an event. */
function started<T>(command: string, start: () => T): T {
  try {
    return start();
  } catch (error) {
    throw notStarted(command, error);
  }
}

/** Its exit code, once it has ended and its output is closed. A failure is one to start it. */
function toEnd(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      // Later ones say that a signal could not be sent.
      if (child.pid === undefined) reject(error);
    });
    child.once("close", (code, signal) => resolve(code ?? signalCode(signal)));
  });
}

/** Not `child.kill`: on Deno 2 a second signal through it is not sent. The child was not seen to end, so the number is its own. */
function forceEnd(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended this moment
  }
}

function mergeEnv(base: Environment, added: Environment = {}): Record<string, string> {
  const entries = Object.entries({ ...base, ...added });
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Node's own error for this prints the value, which may be a secret. */
function refuseNul(command: string, args: readonly string[], env: Record<string, string>): void {
  const variable = Object.entries(env).find((pair) => pair.join("=").includes("\0"))?.[0];
  if (variable !== undefined)
    throw failed(command, `cannot be started: ${variable.replaceAll("\0", "")} holds a NUL byte`);
  if (args.some((arg) => arg.includes("\0")))
    throw failed(command, "cannot be started: an argument holds a NUL byte");
}

/** A missing folder makes spawn report the program as missing, so it is told apart here. */
async function checkFolder(command: string, cwd: string | undefined): Promise<void> {
  if (cwd === undefined || (await stat(cwd).catch(() => undefined))?.isDirectory()) return;
  throw failed(command, `cannot be started in ${cwd}: there is no such folder`);
}

/** The terminal sends Ctrl-C and Ctrl-\ to the whole foreground group; the child decides what they mean. */
function leaveKeysToChild(): () => void {
  const ignore = () => {};
  for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, ignore);
  return () => {
    for (const signal of ["SIGINT", "SIGQUIT"] as const) process.off(signal, ignore);
  };
}

/** As shells count: 128 and the signal's number. */
function signalCode(signal: NodeJS.Signals | null): number {
  return 128 + (signal ? constants.signals[signal] : 0);
}

function notStarted(command: string, error: unknown): JackinError {
  return failed(command, `cannot be started: ${startProblem(systemCode(error))}`);
}

function startProblem(code: string | undefined): string {
  switch (code) {
    case "ENOENT":
      return "the interpreter that its first line names is missing";
    case "E2BIG":
      return "its arguments or its environment are too long";
    case undefined:
      return "the system gave no reason";
    default:
      return `the system says ${code}`;
  }
}

function tooSlow(command: string, limitMs: number): JackinError {
  return new JackinError({
    code: "timeout",
    message: `${command} did not end within ${limitMs / 1000} s and was stopped.`,
  });
}

function failed(command: string, what: string): JackinError {
  return new JackinError({ code: "host-failed", message: `${command} ${what}.` });
}
