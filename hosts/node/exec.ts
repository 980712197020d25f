import { constants as fsConstants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { constants } from "node:os";
import { isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { execa } from "execa";
import { cancelled, JackinError } from "../../core/index.ts";
import type { ExecOptions, HostExec } from "../../core/index.ts";
import { systemCode } from "./host-error.ts";

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
    if (options.signal?.aborted) throw cancelled(options.signal.reason);
    const env = mergeEnv(hostEnv, options.env);
    refuseNul(command, args, env);
    const program = await findProgram(command, env["PATH"]);
    await checkFolder(command, options.cwd);
    return await run(command, program, args, env, options);
  };
}

async function run(
  command: string,
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  options: ExecOptions,
) {
  const { inherit, maxBytes = defaultMaxBytes } = options;
  const keepSignals = inherit === "terminal" ? leaveKeysToChild() : undefined;
  try {
    const child = execa(program, args, {
      env,
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      forceKillAfterDelay: patience,
      // Output is gathered here: execa would put it, escaped, into the message of an error that nobody reads, which takes
      // seconds for a few MiB and holds the process up meanwhile (9.6.1).
      buffer: false,
      // Without input the child reads an empty stdin, never the operator's terminal.
      ...(options.stdin !== undefined
        ? { input: options.stdin }
        : { stdin: inherit === "terminal" ? "inherit" : "ignore" }),
      stdout: inherit ? "inherit" : "pipe",
      stderr: inherit ? "inherit" : "pipe",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.signal ? { cancelSignal: options.signal } : {}),
      ...(options.limitMs === undefined ? {} : { timeout: options.limitMs }),
    });
    const output = gather(child, maxBytes);
    const lines = options.onLine ? followLines([child.stdout, child.stderr], options.onLine) : [];
    child.once("exit", () => {
      // What the program left running may hold its output open for ever; what it wrote itself is here long before this.
      const grace = setTimeout(() => setImmediate(() => letGo(child)), 500);
      child.once("close", () => clearTimeout(grace));
    });
    const result = await child;
    await Promise.all(lines);
    if (result.isCanceled) throw cancelled(options.signal?.reason);
    if (result.timedOut) throw tooSlow(command, options.limitMs ?? 0);
    if (output.overflows())
      throw failed(command, `printed more than ${maxBytes} bytes and was stopped`);
    const code = result.exitCode ?? signalCode(result.signal);
    if (code === undefined) throw failed(command, `cannot be started: ${startProblem(result)}`);
    return { code, stdout: output.stdout(), stderr: output.stderr() };
  } finally {
    keepSignals?.();
  }
}

interface Child {
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  kill(): boolean;
}

/** Both streams together may hold `maxBytes`; one byte more ends the child. */
function gather(child: Child, maxBytes: number) {
  let left = maxBytes;
  const follow = (stream: Readable | null): (() => string) => {
    const chunks: Uint8Array[] = [];
    stream?.on("data", (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left >= 0) return void chunks.push(chunk);
      letGo(child);
      child.kill();
    });
    return () => Buffer.concat(chunks).toString("utf8");
  };
  return { stdout: follow(child.stdout), stderr: follow(child.stderr), overflows: () => left < 0 };
}

function letGo(child: Child): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
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

async function findProgram(command: string, path = ""): Promise<string> {
  if (isAbsolute(command)) return await checkProgram(command, [command]);
  if (command === "" || command.includes("/")) {
    throw failed(command, "cannot be started: name it by its absolute path, or by its name alone");
  }
  // A relative entry (`.`, an empty one) would let the folder that jackin is started in choose the program.
  const folders = path.split(":").filter((folder) => isAbsolute(folder));
  return await checkProgram(
    command,
    folders.map((folder) => join(folder, command)),
  );
}

async function checkProgram(command: string, candidates: readonly string[]): Promise<string> {
  let denied = false;
  for (const candidate of candidates) {
    if (!(await stat(candidate).catch(() => undefined))?.isFile()) continue;
    if (
      await access(candidate, fsConstants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return candidate;
    denied = true;
  }
  const where = isAbsolute(command) ? "there" : "on PATH";
  throw new JackinError({
    code: "host-failed",
    message: denied
      ? `${command} is ${where} but may not be run.`
      : `${command} was not found${isAbsolute(command) ? "" : " on PATH"}.`,
    hint: denied
      ? `Make it executable: chmod +x ${command}`
      : `Install ${command}, or add its folder to PATH.`,
    cause: Object.assign(new Error(`${command}: not ${denied ? "executable" : "found"}`), {
      code: denied ? "EACCES" : "ENOENT",
    }),
  });
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

/** Resolves when the last line of each stream was told; a stopped child's streams never end, they close. */
function followLines(streams: readonly (Readable | null)[], onLine: (line: string) => void) {
  const open = streams.filter((stream) => stream !== null);
  return open.map((input) => {
    createInterface({ input, crlfDelay: Infinity }).on("line", onLine);
    return finished(input).catch(() => {});
  });
}

/** As shells count: 128 and the signal's number. */
function signalCode(signal: keyof typeof constants.signals | undefined): number | undefined {
  return signal && 128 + constants.signals[signal];
}

function startProblem(result: object): string {
  switch (systemCode(result)) {
    case "ENOENT":
      return "the interpreter that its first line names is missing";
    case "E2BIG":
      return "its arguments or its environment are too long";
    case undefined:
      return "the system gave no reason";
    default:
      return `the system says ${systemCode(result)}`;
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
