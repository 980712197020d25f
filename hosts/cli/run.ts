import type { Command } from "commander";
import { errorCodes, JackinError, toJackinError } from "../../core/index.ts";
import type { OpenedJackin, OpenOptions } from "../node/open.ts";
import type { CommandDeps, ErrorJson } from "./command.ts";
import type { Io } from "./io.ts";
import { canAsk } from "./io.ts";
import { createPrompts } from "./prompts.ts";
import type { Prompts } from "./prompts.ts";
import { createPaint, harmless, nextLines, noticeLines } from "./show.ts";
import { refuseTokenArgument } from "./token-argument.ts";
import { working } from "./working.ts";

export interface RunOptions {
  /** Instead of this machine's jackin. */
  readonly open?: (options: OpenOptions) => Promise<OpenedJackin>;
  readonly prompts?: Prompts;
  /** Starts the process that keeps agents signed in when this one has ended; without it none is started. */
  readonly startKeeper?: () => Promise<void>;
}

/** The `jackin` command: `argv` without the program's name. Answers the exit code; nothing of it throws. */
export async function run(
  argv: readonly string[],
  io: Io,
  options: RunOptions = {},
): Promise<number> {
  const session = createSession(argv, io, options);
  try {
    const { createProgram } = await import("./program.ts");
    // What follows `--` is Claude Code's, whatever it looks like.
    const cut = argv[0] === "load" ? argv.indexOf("--") : -1;
    const own = cut === -1 ? argv : argv.slice(0, cut);
    refuseTokenArgument(own);
    const program = createProgram(session.deps, cut === -1 ? [] : argv.slice(cut + 1));
    if (own.length === 0) {
      if (!session.deps.isTerminal) return (program.outputHelp(), 0);
      const { menu } = await import("./menu.ts");
      await parse(program, await menu(session.deps));
    } else await parse(program, own);
    return session.code();
  } catch (error) {
    return session.fail(error);
  }
}

async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    throw toUsage(error, `${commandOf(program, argv)} --help`);
  }
}

function createSession(argv: readonly string[], io: Io, options: RunOptions) {
  let opened: Promise<OpenedJackin> | undefined;
  let redact = (text: string) => text;
  let code = 0;
  const paint = createPaint(io, "stderr");
  const json = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : undefined);
  const wantsJson = json.includes("--json");

  const open = async () => {
    const openJackin = options.open ?? (await import("../node/open.ts")).openJackin;
    const command = `jackin ${argv[0] ?? ""}`.trim();
    const result = await openJackin({
      env: io.env,
      signal: io.signal,
      command,
      startKeeper: options.startKeeper,
    });
    redact = (text) => result.jackin.redactor.redact(text);
    return result;
  };
  const deps: CommandDeps = {
    io,
    open: () => (opened ??= open()),
    out: (text) => void io.stdout.write(`${redact(text)}\n`),
    json: (value) => void io.stdout.write(`${redact(JSON.stringify(value, null, 2))}\n`),
    err: (text) => void io.stderr.write(`${redact(text)}\n`),
    notices: (notices) => noticeLines(notices, paint).forEach((line) => deps.err(line)),
    working: (first, work) => working(io, (text) => redact(text), first, work),
    exit: (value) => void (code = value),
    isTerminal: canAsk(io),
    signal: io.signal,
    prompts: options.prompts ?? createPrompts(io),
  };
  return { deps, code: () => code, fail };

  function fail(thrown: unknown): number {
    // Help and version end by throwing too.
    if (isCommander(thrown)) return 0;
    const error = toShown(thrown);
    const { message, hint } = error;
    const label = error.code === "cancelled" ? "" : `${paint("red", "error:")} `;
    deps.err(label + harmless(message));
    for (const line of nextLines(hint && harmless(hint))) deps.err(line);
    if (io.env["JACKIN_DEBUG"] === "1") deps.err(harmless(stackOf(thrown)));
    if (wantsJson) {
      const shown: ErrorJson = { error: { code: error.code, message, ...(hint && { hint }) } };
      deps.json(shown);
    }
    return error.code === "cancelled" ? cancelledCode(io.signal) : errorCodes[error.code].exit;
  }

  function toShown(thrown: unknown): JackinError {
    const error = toJackinError(thrown);
    // Ctrl-C reaches the programs that run for us as well; how each of them failed then is of no interest.
    if (io.signal.aborted && error.code !== "cancelled")
      return new JackinError({ code: "cancelled", message: "Cancelled.", cause: thrown });
    if (error.code !== "internal") return error;
    const hint = "JACKIN_DEBUG=1 shows where it happened; please report it.";
    const message = `This is a defect of jackin: ${error.message}`;
    return new JackinError({ code: "internal", message, hint, cause: thrown });
  }
}

interface CommanderError extends Error {
  readonly exitCode: number;
  readonly code: string;
}

function isCommander(thrown: unknown): thrown is CommanderError {
  return thrown instanceof Error && thrown.name === "CommanderError";
}

/** What commander says of a wrong command line, the nearest name in its message; anything else as it is. */
function toUsage(thrown: unknown, hint: string): unknown {
  if (!isCommander(thrown) || thrown.exitCode === 0) return thrown;
  const { code, message } = thrown;
  if (code === "commander.help")
    return new JackinError({ code: "usage", message: "A sub-command is missing; they are above." });
  const [first, ...rest] = message.replace(/^error: /, "").split("\n");
  const near = rest.join(" ").replace(/^\(|\)$/g, "");
  const text = first!.charAt(0).toUpperCase() + first!.slice(1).replace(/\.$/, "");
  return new JackinError({ code: "usage", message: `${text}.${near && ` ${near}`}`, hint });
}

/** The command that the words lead to, as it is typed. */
function commandOf(command: Command, [word, ...rest]: readonly string[]): string {
  const next = command.commands.find((one) => one.name() === word);
  return next ? `${command.name()} ${commandOf(next, rest)}` : command.name();
}

function cancelledCode(signal: AbortSignal): number {
  return { SIGHUP: 129, SIGTERM: 143 }[String(signal.reason)] ?? errorCodes.cancelled.exit;
}

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause === undefined ? "" : `\ncaused by ${stackOf(thrown.cause)}`;
  return `${thrown.stack ?? thrown.message}${cause}`;
}
