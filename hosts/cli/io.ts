import { addAbortSignal } from "node:stream";
import type { Readable, Writable } from "node:stream";
import { JackinError } from "../../core/index.ts";

/** The world as the command sees it; tests hand in their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & {
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Its reason is the name of the system's signal: `SIGINT`, `SIGTERM` or `SIGHUP`. */
  readonly signal: AbortSignal;
}

/** characters; what never ends would fill the memory */
const longest = 16_000_000;

/** All of it. Ctrl-C ends the wait for somebody who does not write. */
export async function readStdin({ stdin, signal }: Pick<Io, "stdin" | "signal">): Promise<string> {
  addAbortSignal(signal, stdin);
  let text = "";
  for await (const chunk of stdin.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > longest)
      throw new JackinError({
        code: "usage",
        message: `More than ${longest / 1_000_000} million characters came on stdin.`,
      });
  }
  return text;
}

export function canAsk(io: Io): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true && !isDumb(io);
}

/** The agent's screen needs both ends. */
export function canAttach(io: Io): boolean {
  return io.stdin.isTTY === true && io.stdout.isTTY === true;
}

export function canAnimate(io: Io): boolean {
  return io.stderr.isTTY === true && !isDumb(io) && !isSet(io.env["CI"]);
}

export function hasColor(io: Io, stream: "stdout" | "stderr"): boolean {
  return io[stream].isTTY === true && !isDumb(io) && !io.env["NO_COLOR"];
}

function isDumb(io: Io): boolean {
  return io.env["TERM"] === "dumb";
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "false"].includes(value);
}
