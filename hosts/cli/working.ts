import type { Io } from "./io.ts";
import { canAnimate, canAsk } from "./io.ts";
import { createPaint, harmless } from "./show.ts";

const frames = ["◒", "◐", "◓", "◑"];
/** ms */
const pace = 100;

/** `progress` says what goes on now; after `done` nothing is said any more. */
export type Work<T> = (progress: (line: string) => void, done: () => void) => Promise<T>;

/**
 * Says what goes on while `work` runs: one line that changes on a terminal, a line for each step elsewhere.
 *
 * Not clack's spinner: it takes the keyboard (raw mode, so Ctrl-C is no signal any more) and ends the process with
 * exit 0 on Ctrl-C and Escape (1.9.0, `block()`), past every clean-up of ours.
 */
export async function working<T>(
  io: Io,
  redact: (text: string) => string,
  first: string,
  work: Work<T>,
): Promise<T> {
  const show = canAnimate(io) ? animation(io) : lines(io);
  let over = false;
  const say = (line: string) => {
    if (!over) show.say(harmless(redact(line)));
  };
  const onAbort = () => say(canAsk(io) ? "stopping; Ctrl-C again leaves at once" : "stopping");
  const done = () => {
    if (!over) show.end();
    over = true;
    io.signal.removeEventListener("abort", onAbort);
  };
  io.signal.addEventListener("abort", onAbort, { once: true });
  say(first);
  try {
    return await work((line) => {
      // What is taken down now is no news.
      if (!io.signal.aborted) say(line);
    }, done);
  } finally {
    done();
  }
}

interface Display {
  say(line: string): void;
  end(): void;
}

function lines({ stderr }: Io): Display {
  let last = "";
  return {
    say(line) {
      if (line !== last) stderr.write(`${line}\n`);
      last = line;
    },
    end() {},
  };
}

function animation(io: Io): Display {
  const { stderr } = io;
  const paint = createPaint(io, "stderr");
  let current = "";
  let frame = 0;
  const draw = () => {
    const text = current.slice(0, Math.max(1, (stderr.columns || 80) - 4));
    stderr.write(`\r\x1b[2K${paint("magenta", frames[frame++ % frames.length]!)}  ${text}`);
  };
  stderr.write("\x1b[?25l");
  const timer = setInterval(draw, pace);
  return {
    say(line) {
      current = line.split("\n")[0]!;
      draw();
    },
    end() {
      clearInterval(timer);
      stderr.write("\r\x1b[2K\x1b[?25h");
    },
  };
}
