import type { Command } from "commander";
import type { InstanceStatus, Jackin } from "../../core/index.ts";
import { cancelled, detachKey, JackinError, quoteShell } from "../../core/index.ts";
import { attachTo } from "./attach.ts";
import type { CommandDeps } from "./command.ts";
import { canAttach } from "./io.ts";
import { ensureKept } from "./keeping.ts";
import { alertNotices, harmless, inOrder, keeperLine, statusTable } from "./show.ts";

export function registerSessionCommands(program: Command, deps: CommandDeps): void {
  const command = (name: string, summary: string, example: string) =>
    program
      .command(name)
      .helpGroup("Agents:")
      .summary(summary)
      .addHelpText("after", `\nExamples:\n${example}`);

  command(
    "hardline",
    "come back to a running agent",
    `  jackin hardline          the one that runs, or a choice\n  jackin hardline my-app   ${detachKey} leaves it running again`,
  )
    .argument("[instance]", "its name, as jackin status shows it")
    .action((instance: string | undefined) => hardline(deps, instance));

  command(
    "status",
    "show the agents, with which login and valid until when",
    "  jackin status\n  jackin status --running --quiet\n  jackin status --json | jq '.[].instance'",
  )
    .option("-q, --quiet", "names only")
    .option("--running", "leave out those that are stopped")
    .option("--json", "print a JSON array")
    .action((flags: StatusFlags) => status(deps, flags));

  command("eject", "stop an agent; its folder and its own login stay", "  jackin eject my-app")
    .argument("[instance]", "its name, as jackin status shows it")
    .action((instance: string | undefined) => eject(deps, instance));

  command("exile", "stop all agents", "  jackin exile").action(() => exile(deps));

  command(
    "purge",
    "forget the state of a stopped agent, or of all agents of a workspace",
    "  jackin purge my-app\n  jackin purge my-app --yes",
  )
    .argument("[instance|workspace]", "whose state is removed: conversations, settings, own login")
    .option("-y, --yes", "do not ask")
    .action((target: string | undefined, flags: { readonly yes?: boolean }) =>
      purge(deps, target, flags.yes === true),
    );
}

async function hardline(deps: CommandDeps, named: string | undefined): Promise<void> {
  if (!canAttach(deps.io)) {
    throw new JackinError({
      code: "usage",
      message: "hardline shows the agent's screen and needs a terminal.",
      hint: 'jackin load --print "PROMPT"   runs one prompt without a screen',
    });
  }
  const { jackin } = await deps.open();
  const instance = named ?? (await choose(deps, jackin, "Come back to", isLive));
  deps.err(`${detachKey} leaves it running; jackin hardline ${instance} comes back`);
  await attachTo(deps, jackin, instance);
}

interface StatusFlags {
  readonly quiet?: boolean;
  readonly running?: boolean;
  readonly json?: boolean;
}

async function status(deps: CommandDeps, flags: StatusFlags): Promise<void> {
  const { jackin } = await deps.open();
  const { instances, notices, keeper } = await jackin.status({ signal: deps.signal });
  const shown = inOrder(flags.running ? instances.filter(isLive) : instances);
  const anyLives = instances.some(isLive);
  if (anyLives) await ensureKept(deps, jackin);
  deps.notices(notices);
  if (flags.json) return deps.json(shown);
  if (flags.quiet) {
    if (shown.length > 0) deps.out(shown.map((item) => harmless(item.instance)).join("\n"));
    return;
  }
  if (shown.length === 0)
    return deps.err(`No agent ${flags.running ? "runs" : "is here"}.\n→ jackin load`);
  const { stdout } = deps.io;
  const width = stdout.isTTY ? (stdout.columns ?? 80) : undefined;
  const now = jackin.host.clock.now();
  deps.out(statusTable(shown, now, width).join("\n"));
  deps.notices(alertNotices(shown, now));
  if (anyLives) deps.err(keeperLine(keeper, now));
}

async function eject(deps: CommandDeps, named: string | undefined): Promise<void> {
  const { jackin } = await deps.open();
  const instance = named ?? (await choose(deps, jackin, "Stop", isLive));
  const { workspace, workdir } = await deps.working(`stopping ${instance}`, (progress) =>
    jackin.eject(instance, { signal: deps.signal, progress }),
  );
  await ensureKept(deps, jackin);
  deps.out(instance);
  deps.err(
    `It is stopped; its folder stays.\n→ jackin load ${shellWord(harmless(workspace ?? workdir))}`,
  );
}

async function exile(deps: CommandDeps): Promise<void> {
  const { jackin } = await deps.open();
  const stopped = await deps.working("stopping all agents", (progress) =>
    jackin.exile({ signal: deps.signal, progress }),
  );
  await ensureKept(deps, jackin);
  if (stopped.length > 0) deps.out(stopped.join("\n"));
  else deps.err("No agent runs.");
}

async function purge(deps: CommandDeps, named: string | undefined, sure: boolean): Promise<void> {
  if (!sure && !deps.isTerminal) {
    throw new JackinError({
      code: "usage",
      message: "purge removes state for good and there is no terminal to ask on.",
      hint: `jackin purge ${named ?? "INSTANCE"} --yes`,
    });
  }
  const { jackin } = await deps.open();
  const target = named ?? (await choose(deps, jackin, "Forget", (item) => !isLive(item)));
  if (!sure) {
    const question = `Remove the conversations, settings and own login of ${target} for good?`;
    if (!(await deps.prompts.confirm(question))) throw cancelled();
  }
  deps.out((await jackin.purge(target, { signal: deps.signal })).join("\n"));
}

/** The instance that an argument would have named: the only one there is, or the person's choice. */
async function choose(
  deps: CommandDeps,
  jackin: Jackin,
  what: string,
  fits: (item: InstanceStatus) => boolean,
): Promise<string> {
  const { instances } = await jackin.status({ signal: deps.signal });
  const found = inOrder(instances.filter(fits));
  if (found.length === 0) {
    const message = `There is no ${fits === isLive ? "running" : "stopped"} agent.`;
    throw new JackinError({ code: "not-found", message, hint: "jackin status" });
  }
  // Stopping or forgetting is never guessed.
  if (found.length === 1 && what === "Come back to") return found[0]!.instance;
  if (!deps.isTerminal) {
    const names = found.map((item) => item.instance).join(", ");
    throw new JackinError({ code: "usage", message: `Name one of ${names}.` });
  }
  return deps.prompts.select(
    what,
    found.map(({ instance, workdir, mode }) => ({
      value: instance,
      label: harmless(instance),
      hint: harmless(`${mode}, ${workdir}`),
    })),
  );
}

/** As it can be pasted. */
function shellWord(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : quoteShell(text);
}

function isLive({ state }: InstanceStatus): boolean {
  return state !== "stopped";
}
