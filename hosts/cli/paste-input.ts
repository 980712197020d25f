import { PassThrough } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Io } from "./io.ts";

const start = "\u001b[200~";
// oxlint-disable-next-line no-control-regex -- the markers of a bracketed paste
const marker = /(\u001b\[20[01]~)/;
/** A marker that has only begun at the end of a piece. */
// oxlint-disable-next-line no-control-regex -- the markers of a bracketed paste
const begun = /\u001b(\[(2(0([01])?)?)?)?$/;

type Input = PassThrough & { readonly isTTY: boolean; setRawMode(on: boolean): void };

/**
 * A terminal's keyboard on which a pasted line break does not press Enter: what a terminal has broken over lines, or a mail
 * wrapped, comes as one line. Else the first line alone would be taken, and the rest come to be shown by the shell. The
 * terminal is asked to mark pastes; of one that does not, whatever comes in one piece with text after a line break is one.
 */
export function pasteInput({ stdin, stderr }: Pick<Io, "stdin" | "stderr">): Input & Disposable {
  const { setRawMode } = stdin as { setRawMode?: (on: boolean) => void };
  const input = Object.assign(new PassThrough(), {
    isTTY: stdin.isTTY === true,
    setRawMode: (on: boolean) => setRawMode?.call(stdin, on),
    [Symbol.dispose]() {
      stdin.off("data", read);
      stdin.pause();
      stderr.write("\u001b[?2004l");
    },
  });
  const decoder = new StringDecoder("utf8");
  const join = joinLines();
  const read = (chunk: Uint8Array | string) =>
    void input.write(join(typeof chunk === "string" ? chunk : decoder.write(chunk)));
  stdin.on("data", read).resume();
  stderr.write("\u001b[?2004h");
  return input;
}

/** Takes markers and pasted line breaks out of what comes, piece by piece. */
export function joinLines(): (piece: string) => string {
  let isPasting = false;
  let held = "";
  return (piece) => {
    const text = held + piece;
    // A lone Escape is a key, and waits for nothing.
    held = text === "\u001b" ? "" : (begun.exec(text)?.[0] ?? "");
    const parts = text.slice(0, text.length - held.length).split(marker);
    let out = "";
    for (const part of parts) {
      if (marker.test(part)) isPasting = part === start;
      else
        out += isPasting
          ? part.replaceAll(/[\r\n]+/g, "")
          : part.replaceAll(/[\r\n]+(?=[^\r\n])/g, "");
    }
    return out;
  };
}
