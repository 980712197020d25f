import type { Command } from "commander";
import type { JackinEvent, KeeperStatus } from "../../core/index.ts";
import { JackinError, throwIfAborted, toJackinError } from "../../core/index.ts";
import type { OpenedJackin } from "../node/open.ts";
import type { CommandDeps } from "./command.ts";
import { commandGroup } from "./command.ts";
import type { Paint } from "./show.ts";
import { createPaint, harmless, nextLines } from "./show.ts";

export function registerKeeperCommands(program: Command, deps: CommandDeps): void {
  const keeper = commandGroup(
    program,
    "keeper",
    "the process that keeps running agents signed in",
  ).helpGroup("Credentials:");
  keeper
    .command("log")
    .summary("what happened to agents and their logins")
    .description("Show what happened to agents and their logins, oldest first.")
    .option("-f, --follow", "go on showing until Ctrl-C")
    .option("-n, --lines <count>", "how many of the newest", "50")
    .option("--json", "print JSON lines")
    .action((flags: LogFlags) => log(deps, flags));
  keeper
    .command("stop")
    .summary("end it; the next command that looks at agents starts another")
    .description("End the process that keeps running agents signed in. The agents go on.")
    .action(() => stop(deps));
  keeper
    .command("run", { hidden: true })
    .description(
      "Keep running agents signed in until none runs; other commands start this by themselves.",
    )
    .action(() => run(deps));
}

async function run(deps: CommandDeps): Promise<void> {
  const opened = await deps.open();
  const { jackin } = opened;
  // Nobody reads the output of a process in the background.
  const die = (error: unknown) => void write(opened, error).finally(() => process.exit(1));
  process.on("uncaughtException", die);
  try {
    const end = await jackin.keep({ signal: deps.signal });
    if (end === "taken")
      deps.err("Another process keeps running agents signed in.\n→ jackin status");
    else if (!deps.signal.aborted) deps.err("No agent runs any more.");
  } catch (error) {
    await write(opened, error);
    throw error;
  } finally {
    process.off("uncaughtException", die);
  }
}

async function write({ jackin, journal }: OpenedJackin, thrown: unknown): Promise<void> {
  const { message, hint } = toJackinError(thrown);
  const event = {
    at: jackin.host.clock.now(),
    kind: "keeper",
    level: "warning",
    text: `failed: ${message}`,
    ...(hint !== undefined && { next: hint }),
  } as const;
  await journal?.write(event).catch(() => {});
}

/** ms */
const patience = { poll: 50, limit: 20_000 };

async function stop(deps: CommandDeps): Promise<void> {
  const { jackin } = await deps.open();
  const { keeper } = await jackin.status({ signal: deps.signal });
  if (keeper?.state !== "running") return deps.err("No keeper runs.");
  const pid = await checkedPid(keeper, jackin.host.process);
  if (pid === undefined) return deps.err("No keeper runs.");
  await deps.working(`stopping process ${pid}`, async () => {
    terminate(pid);
    const isThere = () => jackin.host.process?.isAlive(keeper.process);
    for (let waited = 0; await isThere(); waited += patience.poll) {
      throwIfAborted(deps.signal);
      if (waited >= patience.limit)
        throw new JackinError({
          code: "timeout",
          message: `The keeper (pid ${pid}) does not end.`,
          hint: `kill -9 ${pid}`,
        });
      await new Promise((resolve) => setTimeout(resolve, patience.poll));
    }
  });
  deps.err(
    "The keeper has ended. Agents go on with the login that they have, and nobody renews it for them.\n" +
      "The next command that looks at agents starts it again.\n→ jackin status",
  );
}

function terminate(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ESRCH") return; // ended this moment
    throw new JackinError({
      code: "host-failed",
      message: `The keeper (pid ${pid}) cannot be ended: ${message}.`,
      hint: `See whose it is: ps -fp ${pid}`,
    });
  }
}

/** Only a process that does nothing else is ended; undefined when it has ended by itself. */
async function checkedPid(
  { process: id }: KeeperStatus,
  processes: OpenedJackin["host"]["process"],
): Promise<number | undefined> {
  const { commandOf } = await import("../node/process.ts");
  const [machine, number] = id.split("/");
  const pid = Number(number);
  const isHere = machine === processes?.id.split("/")[0] && Number.isSafeInteger(pid) && pid > 1;
  if (!isHere)
    throw new JackinError({
      code: "conflict",
      message: `The keeper is no process of this machine: ${harmless(id)}.`,
    });
  if (commandOf(pid).join(" ").endsWith(" keeper run")) return pid;
  if (!(await processes?.isAlive(id))) return undefined;
  throw new JackinError({
    code: "conflict",
    message: `Process ${pid} keeps agents signed in beside what else it does: jackin serve, or an agent's terminal.`,
    hint: `See what it is, and end it where it runs: ps -fp ${pid}`,
  });
}

interface LogFlags {
  readonly follow?: boolean;
  readonly lines: string;
  readonly json?: boolean;
}

async function log(deps: CommandDeps, flags: LogFlags): Promise<void> {
  const count = toCount(flags.lines);
  const { journal } = await deps.open();
  const paint = createPaint(deps.io, "stdout");
  const show = (event: JackinEvent) =>
    deps.out(flags.json ? JSON.stringify(event) : eventLines(event, paint).join("\n"));
  if (flags.follow) {
    for await (const event of journal?.follow(deps.signal, count) ?? []) show(event);
    return;
  }
  const past = (await journal?.recent(count)) ?? [];
  past.forEach(show);
  if (past.length === 0 && !flags.json) deps.err("Nothing has happened yet.");
}

function eventLines(
  { at, kind, level, instance, text, next }: JackinEvent,
  paint: Paint,
): string[] {
  const [first, ...rest] = harmless(text).split("\n");
  // In the operator's own time zone, as ISO 8601 writes it.
  const time = new Date(at).toLocaleString("sv-SE");
  const word = kind.padEnd(8);
  // Some texts begin with the name by themselves.
  const isNamed = instance === undefined || /^[ :]/.test(text.slice(instance.length));
  const who = isNamed && text.startsWith(instance ?? "") ? "" : `${harmless(instance ?? "")}: `;
  return [
    `${paint("dim", time)}  ${level !== "info" ? paint("yellow", word) : word} ${who}${first}`,
    ...rest.map((line) => `    ${line}`),
    ...nextLines(next && harmless(next), "    "),
  ];
}

function toCount(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new JackinError({
    code: "usage",
    message: `--lines ${JSON.stringify(text)} is no number of events.`,
    hint: "jackin keeper log --lines 100",
  });
}
