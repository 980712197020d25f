import type { Command } from "commander";
import type { ErrorCode, Notice } from "../../core/index.ts";
import type { OpenedJackin } from "../node/open.ts";
import type { Io } from "./io.ts";
import type { Prompts } from "./prompts.ts";
import type { Work } from "./working.ts";

/**
 * What every command is given. A module of commands exports `registerX(program, deps)`, which only declares: whatever is
 * heavy is imported by the action, so that `jackin --version` stays fast.
 */
export interface CommandDeps {
  readonly io: Io;
  /** Opened by the first call; later calls answer the same. */
  open(): Promise<OpenedJackin>;
  /** A result: one line, or several, on stdout. Redacted; foreign text goes through `harmless` of show.ts first. */
  out(text: string): void;
  /** The result of `--json`: one value on stdout, redacted. */
  json(value: unknown): void;
  /** A word to the person at the terminal, on stderr. */
  err(text: string): void;
  /** Notices with their next steps, on stderr. */
  notices(notices: readonly Notice[]): void;
  /** Shows what goes on while `work` runs: a spinner on a terminal, lines elsewhere. */
  working<T>(first: string, work: Work<T>): Promise<T>;
  /** Ends the command with another exit code than 0; the action returns after it as always. */
  exit(code: number): void;
  /** A person can be asked: stdin and stderr are a terminal. Without one, a missing argument is a `usage` error. */
  readonly isTerminal: boolean;
  /** Fires on Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  /** Each throws `cancelled` when the person gives up. Ask `isTerminal` first. */
  readonly prompts: Prompts;
}

/** Settles what an error in `--json` looks like as well. */
export interface ErrorJson {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
}

/** The sub-command `name` of `parent`, made when it is not there: two modules may add to one group, e.g. `config`. */
export function commandGroup(parent: Command, name: string, description: string): Command {
  const found = parent.commands.find((command) => command.name() === name);
  return found ?? parent.command(name).description(description);
}
