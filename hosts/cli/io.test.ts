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
  const endless = new PassThrough();
  const filling = readStdin({ stdin: endless, signal: new AbortController().signal });
  endless.write("x".repeat(16_000_001));
  await expect(filling).rejects.toMatchObject({
    code: "usage",
    message: expect.stringMatching(/^More than 16 million/),
  });
  const whole = new PassThrough().end("one two é");
  expect(await readStdin({ stdin: whole, signal: new AbortController().signal })).toBe("one two é");
});
