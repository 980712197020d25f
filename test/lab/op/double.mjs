// A double of the 1Password CLI as a program: see replies.mjs for what it answers, op.ts for its state and its record.
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  fstatSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { answer, look } from "./replies.mjs";

const stateFile = process.env.OP_DOUBLE_STATE;
if (!stateFile) {
  process.stderr.write("op double: OP_DOUBLE_STATE is not set\n");
  process.exit(64);
}
const argv = process.argv.slice(2);
const id = `${process.pid}-${randomBytes(4).toString("hex")}`;

const note = (line) => appendFileSync(`${stateFile}.calls`, `${JSON.stringify({ id, ...line })}\n`);
const load = () => JSON.parse(readFileSync(stateFile, "utf8"));

async function run() {
  const state = load();
  const { command, reads, tells } = look(state, argv);
  const shown = tells ? argv.map(() => "***") : argv;
  const env = Object.keys(process.env).filter(
    (name) => name.startsWith("OP_") && name !== "OP_DOUBLE_STATE",
  );
  const start = Date.now();
  // op looks what kind of thing its stdin is before it reads.
  const input = reads && fstatSync(0).isFIFO() ? readFileSync(0, "utf8") : undefined;
  note({ start, argv: shown, env });
  for (const moment of [state, state.commands?.[command] ?? {}]) {
    await sleep(moment.latencyMs ?? 0);
    while (moment.waitWhile && existsSync(moment.waitWhile)) await sleep(20);
  }
  const result = await alone(() => {
    const now = load();
    const before = JSON.stringify(now);
    const answered = answer(now, argv, input);
    const after = JSON.stringify(now);
    if (after !== before) {
      writeFileSync(`${stateFile}.${id}`, after, { mode: 0o600 });
      renameSync(`${stateFile}.${id}`, stateFile);
    }
    return answered;
  });
  if (result.hangs) return new Promise(() => setInterval(() => undefined, 60_000));
  return { ...result, shown };
}

/** Several calls may change the state at once; what they do is short, so that hardly one is killed in the middle. */
async function alone(work) {
  const lock = `${stateFile}.lock`;
  const mine = `${lock}.${id}`;
  writeFileSync(mine, String(process.pid));
  for (;;) {
    try {
      linkSync(mine, lock);
      break;
    } catch {
      if (!isHeld(lock)) rmSync(lock, { force: true });
      await sleep(5);
    }
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
    rmSync(mine, { force: true });
  }
}

/** By somebody who is alive. */
function isHeld(lock) {
  try {
    return process.kill(Number(readFileSync(lock, "utf8")), 0);
  } catch (error) {
    return error.code !== "ESRCH";
  }
}

let code = 70;
let shown = argv;
try {
  const result = await run();
  ({ code, shown } = result);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
}
note({ end: Date.now(), code, argv: shown });
process.exitCode = code;
