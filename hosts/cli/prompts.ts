import { cancelled } from "../../core/index.ts";
import type { Io } from "./io.ts";
import { pasteInput } from "./paste-input.ts";

/** Questions to the person at the terminal. Giving up (Ctrl-C, Escape) throws `cancelled`. */
export interface Prompts {
  select<T extends string>(message: string, options: readonly Choice<T>[]): Promise<T>;
  /** The answer that Enter alone gives is no. */
  confirm(message: string): Promise<boolean>;
  /** `validate` answers what is wrong, or undefined. */
  text(message: string, options?: TextOptions): Promise<string>;
  /** What is typed is not shown. */
  password(message: string, options?: PasswordOptions): Promise<string>;
}

export interface Choice<T extends string = string> {
  readonly value: T;
  readonly label: string;
  readonly hint?: string;
  /** It is shown and cannot be chosen. */
  readonly disabled?: boolean;
}

export interface TextOptions {
  readonly placeholder?: string;
  readonly initialValue?: string;
  readonly validate?: (value: string) => string | undefined;
}

export interface PasswordOptions extends Pick<TextOptions, "validate"> {
  /** Line breaks of a paste are left out, and do not end the answer. */
  readonly oneLine?: boolean;
  /** Ends the question, which then throws `cancelled`. */
  readonly signal?: AbortSignal;
}

/** Prompts on stderr, so that a result on stdout can be piped while a question is asked. */
export function createPrompts(io: Io): Prompts {
  const { stdin, stderr } = io;
  return {
    select: (message, options) =>
      ask(io.signal, async (signal) => {
        const { select } = await import("@clack/prompts");
        // clack's option type is conditional on T, which a generic cannot satisfy.
        return await select<string>({
          input: stdin,
          output: stderr,
          signal,
          message,
          options: [...options],
        });
      }),
    confirm: (message) =>
      ask(io.signal, async (signal) => {
        const { confirm } = await import("@clack/prompts");
        return await confirm({
          input: stdin,
          output: stderr,
          signal,
          message,
          initialValue: false,
        });
      }),
    text: (message, { validate, ...options } = {}) =>
      ask(io.signal, async (signal) => {
        const { text } = await import("@clack/prompts");
        return await text({
          ...options,
          ...checked(validate),
          input: stdin,
          output: stderr,
          signal,
          message,
        });
      }),
    password: (message, { validate, oneLine = false, signal: end } = {}) =>
      ask(end ? AbortSignal.any([io.signal, end]) : io.signal, async (signal) => {
        const { password } = await import("@clack/prompts");
        using joined = oneLine ? pasteInput(io) : undefined;
        return await password({
          ...checked(validate),
          input: joined ?? stdin,
          output: stderr,
          signal,
          message,
        });
      }),
  };
}

/** clack answers a symbol when the person gives up, and listens to its signal for ever: each question has its own. */
async function ask<T, R extends T>(
  outer: AbortSignal,
  question: (signal: AbortSignal) => Promise<T | symbol>,
): Promise<R> {
  const own = new AbortController();
  const stop = () => own.abort(outer.reason);
  if (outer.aborted) stop();
  outer.addEventListener("abort", stop, { once: true });
  try {
    const answer = await question(own.signal);
    if (typeof answer === "symbol") throw cancelled();
    return answer as R;
  } finally {
    outer.removeEventListener("abort", stop);
  }
}

function checked(validate: TextOptions["validate"]) {
  return validate === undefined
    ? {}
    : { validate: (value: string | undefined) => validate(value ?? "") };
}
