import { cancelled } from "../../core/index.ts";
import type { Io } from "./io.ts";

/** Questions to the person at the terminal. Giving up (Ctrl-C, Escape) throws `cancelled`. */
export interface Prompts {
  select<T extends string>(message: string, options: readonly Choice<T>[]): Promise<T>;
  /** The answer that Enter alone gives is no. */
  confirm(message: string): Promise<boolean>;
  /** `validate` answers what is wrong, or undefined. */
  text(message: string, options?: TextOptions): Promise<string>;
  /** What is typed is not shown. */
  password(message: string, options?: Pick<TextOptions, "validate">): Promise<string>;
}

export interface Choice<T extends string = string> {
  readonly value: T;
  readonly label: string;
  readonly hint?: string;
}

export interface TextOptions {
  readonly placeholder?: string;
  readonly initialValue?: string;
  readonly validate?: (value: string) => string | undefined;
}

/** Prompts on stderr, so that a result on stdout can be piped while a question is asked. */
export function createPrompts({ stdin, stderr, signal }: Io): Prompts {
  const common = { input: stdin, output: stderr, signal };
  return {
    async select(message, options) {
      const { select } = await import("@clack/prompts");
      // clack's option type is conditional on T, which a generic cannot satisfy.
      return answer(await select<string>({ ...common, message, options: [...options] }));
    },
    async confirm(message) {
      const { confirm } = await import("@clack/prompts");
      return answer(await confirm({ ...common, message, initialValue: false }));
    },
    async text(message, { validate, ...options } = {}) {
      const { text } = await import("@clack/prompts");
      return answer(await text({ ...common, ...options, ...checked(validate), message }));
    },
    async password(message, { validate } = {}) {
      const { password } = await import("@clack/prompts");
      return answer(await password({ ...common, ...checked(validate), message }));
    },
  };
}

function checked(validate: TextOptions["validate"]) {
  return validate === undefined
    ? {}
    : { validate: (value: string | undefined) => validate(value ?? "") };
}

/** clack answers a symbol when the person gives up. */
function answer<T, R extends T>(value: T | symbol): R {
  if (typeof value === "symbol") throw cancelled();
  return value as R;
}
