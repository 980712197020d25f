#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { createStartKeeper } from "./keeper-start.ts";
import { nodeTrouble } from "./node-version.ts";
import { run } from "./run.ts";

const tooOld = nodeTrouble(process.versions.node);
if (tooOld !== undefined) {
  process.stderr.write(tooOld);
  process.exit(1);
}
const stop = new AbortController();
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, () => {
    // The second Ctrl-C is meant: whatever is left is found and cleared by the next command. The others come twice by themselves:
    // the system and the shell each tell of a terminal that is gone, and `timeout` tells its child and then its whole group.
    if (stop.signal.aborted && signal === "SIGINT") process.exit(code);
    stop.abort(signal);
  });
}
const { stdin, stdout, stderr, env } = process;
let unwritten = 0;
for (const stream of [stdout, stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read us has left (`jackin status | head -1`), or the terminal is gone: no failure.
    if (error.code === "EPIPE" || error.code === "EIO") return;
    unwritten = 1;
    if (stream === stdout) stderr.write(`error: The result cannot be written: ${error.message}\n`);
  });
}

const cwd = currentFolder();
const main = fileURLToPath(import.meta.url);
const code = await run(
  process.argv.slice(2),
  { stdin, stdout, stderr, env, cwd, signal: stop.signal },
  { startKeeper: createStartKeeper({ main, env, cwd }) },
);
// Not left to the event loop: a plugin's open handle must not keep the command from ending.
// A stream tells its error after it has called back.
stdout.write("", () => stderr.write("", () => setImmediate(() => process.exit(code || unwritten))));

/** Somebody may have deleted it under this shell; most commands do not care. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return env["PWD"] || "/";
  }
}
