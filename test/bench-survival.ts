/**
 * `npm run bench:survival`: what a day of short-lived logins leaves of sessions, and of the host, by how they are signed in.
 * Real Claude Code in real containers against the lab; needs Docker and a build. Asserts nothing.
 *
 * One login lives for 8 hours; here those are `--life` seconds, and each way has `--lives` lives. Every session and the
 * host's own claude make turns at random moments, and renew what they hold as they do in life.
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { runtimeDocker } from "../plugins/runtime-docker/index.ts";
import { createNodeHost } from "../hosts/node/index.ts";
import { createContextDouble } from "./doubles/host.ts";
import { createOperator } from "./e2e/operator.ts";
import { startLab } from "./lab/lab.ts";
import { hostLogin, modes, setExpiryOf } from "./survival/modes.ts";
import type { Start } from "./survival/modes.ts";
import { createRandom, spendNight } from "./survival/night.ts";
import type { Outcome } from "./survival/night.ts";
import { openPiped, streaming } from "./survival/session.ts";

const { values: flags } = parseArgs({
  options: {
    sessions: { type: "string", default: "8" },
    modes: { type: "string", default: Object.keys(modes).join(",") },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    life: { type: "string", default: "24" },
    lives: { type: "string", default: "3" },
    turns: { type: "string", default: "12" },
    verbose: { type: "boolean", default: false },
  },
});
const count = Number(flags.sessions);
const lifeMs = Number(flags.life) * 1000;
const spanMs = lifeMs * Number(flags.lives);
const chosen = flags.modes.split(",").map((name): [string, Start] => {
  const start = modes[name];
  if (!start) throw new Error(`No way "${name}"; there are ${Object.keys(modes).join(", ")}.`);
  return [name, start];
});

interface Row extends Outcome {
  readonly mode: string;
  readonly hostAlive: boolean;
  readonly renewals: number;
  readonly refused: number;
}

console.log(
  `${count} sessions and the host, real Claude Code in containers; a login lives ${lifeMs / 1000} s (for 8 h), each way has ${spanMs / 1000} s (for ${Number(flags.lives) * 8} h). Seed ${flags.seed}.\n`,
);
const image = await findImage();
const rows: Row[] = [];
for (const [mode, start] of chosen) {
  const row = await measure(mode, start);
  rows.push(row);
  report(row);
}
print(rows);

async function measure(mode: string, start: Start): Promise<Row> {
  await using lab = await startLab({ containers: true });
  await using operator = await createOperator({ lab });
  const app = await operator.folder("night");
  const login = lab.newLogin();
  await lab.signIn(operator.home, login);
  const { sessions, setExpiry, accessToken } = await start({ lab, operator, app, image }, count);
  await using host = openPiped("host", ["claude", ...streaming], {
    env: operator.env,
    cwd: operator.home,
  });
  // None has an advantage because it began earlier.
  await Promise.all([...sessions, host].map((session) => session.say("good morning")));
  // All have started in the morning, with one login. From now on lives are short.
  lab.lifetimeMs = lifeMs;
  const expiresAt = Date.now() + lifeMs;
  await setExpiryOf(hostLogin(operator), expiresAt);
  await setExpiry?.(expiresAt);
  const runOut = setTimeout(() => {
    lab.revoke(login.claudeAiOauth.accessToken);
    if (accessToken !== undefined) lab.revoke(accessToken);
  }, expiresAt - Date.now());
  const outcome = await spendNight([...sessions, host], lab, {
    spanMs,
    graceMs: lifeMs / 4,
    turnsEach: Number(flags.turns),
    random: createRandom(Number(flags.seed)),
  });
  clearTimeout(runOut);
  const hostAlive = await answers(operator.env);
  const renewals = lab.seen.filter((call) => call.kind === "renewal");
  await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  await operator.jackin(["exile"]);
  if (flags.verbose) console.log((await operator.jackin(["keeper", "log", "-n", "1000"])).stdout);
  return {
    mode,
    ...outcome,
    hostAlive,
    renewals: renewals.filter((call) => call.ok).length,
    refused: renewals.filter((call) => !call.ok).length,
  };
}

/** Whether a new `claude` on the host works. */
async function answers(env: NodeJS.ProcessEnv): Promise<boolean> {
  const call = promisify(execFile)("claude", ["-p", "ping"], { env, timeout: 60_000 });
  call.child.stdin?.end();
  return await call.then(
    ({ stdout }) => stdout.includes("heard ping"),
    () => false,
  );
}

async function findImage(): Promise<string> {
  const ctx = createContextDouble(createNodeHost());
  return (await runtimeDocker().prepare!({}, ctx)).image;
}

/** What the lost turns said, each text once. */
function report({ mode, lost, dead }: Row): void {
  console.log(`${mode}: ${lost.length} lost, dead: ${dead.join(", ") || "none"}`);
  const texts = Map.groupBy(lost, ({ said }) => said.replaceAll(/\s+/g, " ").slice(0, 100));
  for (const [text, losses] of texts) {
    const who = losses.map(({ session, at }) => `${session} at ${(at / 1000).toFixed(1)} s`);
    console.log(`  ${losses.length} × ${text}${flags.verbose ? `: ${who.join(", ")}` : ""}`);
  }
}

function print(all: readonly Row[]): void {
  const width = Math.max(...all.map(({ mode }) => mode.length));
  console.log(
    `\n${"".padEnd(width)}   turns lost   sessions dead   host signed in   renewals (refused)`,
  );
  for (const { mode, turns, lost, dead, hostAlive, renewals, refused } of all) {
    const died = dead.filter((name) => name !== "host").length;
    const cells = [
      `${lost.length} of ${turns}`.padEnd(10),
      `${died} of ${count}`.padEnd(13),
      (hostAlive ? "yes" : "NO").padEnd(14),
      `${renewals} (${refused})`,
    ];
    console.log(`${mode.padEnd(width)}   ${cells.join("   ")}`);
  }
}
