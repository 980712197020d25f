import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { readStdin } from "./io.ts";

it("reads stdin to its end, or until Ctrl-C", async () => {
  const stop = new AbortController();
  const stdin = new PassThrough();
  stdin.write("one ");
  const reading = readStdin({ stdin, signal: stop.signal });
  stop.abort("SIGINT");
  await expect(reading).rejects.toThrow("aborted");
  const whole = new PassThrough().end("one two é");
  expect(await readStdin({ stdin: whole, signal: new AbortController().signal })).toBe("one two é");
});
