import type { Command } from "commander";
import type { Jackin, Launched, LaunchRequest, TokenStatus } from "../../core/index.ts";
import { JackinError } from "../../core/index.ts";
import { attachTo } from "./attach.ts";
import type { CommandDeps } from "./command.ts";
import { canAttach, readStdin } from "./io.ts";
import { ensureKept } from "./keeping.ts";
import { harmless, validity } from "./show.ts";

interface LoadFlags {
  readonly role?: string;
  readonly auth?: string;
  readonly runtime?: string;
  readonly image?: string;
  readonly detach?: boolean;
  readonly print?: string;
  readonly json?: boolean;
}

export function registerLoad(
  program: Command,
  deps: CommandDeps,
  passed: readonly string[],
): Command {
  return program
    .command("load")
    .helpGroup("Agents:")
    .summary("start an agent, signed in")
    .description(
      "Start an agent in a container, signed in. Without a name: the workspace that holds the current folder, else the folder itself.",
    )
    .usage("[WORKSPACE|DIR] [OPTIONS] [-- CLAUDE ARGS...]")
    .argument("[workspace|dir]", "a workspace of the configuration, or a folder")
    .option("-r, --role <role>", "with the image and environment of [roles.<role>]")
    .option("-a, --auth <mode>", "how the agent is signed in: sync, session, token or ignore")
    .option("--runtime <runtime>", "where it runs: docker, or local (nothing is isolated)")
    .option("-i, --image <image>", "this image instead of jackin's own")
    .option("-d, --detach", "leave it running; prints the instance's name")
    .option("-p, --print <prompt>", "run one prompt without a screen (- reads it from stdin)")
    .option("--json", "print one JSON object; implies --detach, or captures --print")
    .addHelpText("after", examples)
    .action((target: string | undefined, flags: LoadFlags) => load(deps, target, flags, passed));
}

const examples = `
Examples:
  jackin load                                 the current folder
  jackin load my-app --role reviewer          a workspace, in a role
  jackin load ~/src/site --auth token         a folder, by the long-lived token
  jackin load my-app -- --model opus          what follows -- is for Claude Code
  git diff | jackin load --print - -- --output-format json`;

async function load(
  deps: CommandDeps,
  target: string | undefined,
  flags: LoadFlags,
  passed: readonly string[],
): Promise<void> {
  if (flags.print !== undefined && flags.detach === true)
    throw usage("--print and --detach exclude each other: one waits for the answer, one leaves.");
  // A script's variable that is unset must not start an agent on whatever folder it happens to be in.
  if (target?.trim() === "") throw usage("The workspace or folder is an empty text.");
  const prompt = flags.print === "-" ? await readAll(deps) : flags.print;
  if (prompt?.trim() === "") throw usage("The prompt is empty.");
  const { jackin } = await deps.open();
  const request: LaunchRequest = {
    cwd: deps.io.cwd,
    target,
    role: flags.role,
    mode: flags.auth,
    runtime: flags.runtime,
    image: flags.image,
    args: prompt === undefined ? passed : ["-p", ...passed],
  };
  await mayRotate(deps, jackin, request, flags);
  if (prompt !== undefined) return await print(deps, jackin, request, prompt, flags.json === true);
  return await start(deps, jackin, request, flags);
}

async function start(
  deps: CommandDeps,
  jackin: Jackin,
  request: LaunchRequest,
  flags: LoadFlags,
): Promise<void> {
  const launched = await deps.working("starting", (progress) =>
    jackin.load(request, { signal: deps.signal, progress }),
  );
  const { instance } = launched.instance;
  tell(deps, jackin, launched);
  const attaches = flags.detach !== true && flags.json !== true && canAttach(deps.io);
  if (attaches) return await attachTo(deps, jackin, instance);
  await ensureKept(deps, jackin);
  if (flags.json === true) return deps.json(toJson(launched));
  deps.out(instance);
  if (flags.detach !== true) deps.err(`No terminal to attach: ${instance} runs detached.`);
  deps.err(`→ jackin hardline ${instance}`);
}

async function print(
  deps: CommandDeps,
  jackin: Jackin,
  request: LaunchRequest,
  prompt: string,
  json: boolean,
): Promise<void> {
  const printed = await deps.working("starting", (progress, done) =>
    jackin.print(request, {
      stdin: prompt,
      capture: json,
      signal: deps.signal,
      progress,
      onLaunched(launched) {
        done();
        tell(deps, jackin, launched);
      },
    }),
  );
  if (json) deps.json({ ...toJson(printed), code: printed.code, stdout: printed.stdout });
  deps.exit(printed.code);
}

/** A token that has expired fails the agent's first turn: its operator is asked before. */
async function mayRotate(
  deps: CommandDeps,
  jackin: Jackin,
  request: LaunchRequest,
  { json }: LoadFlags,
): Promise<void> {
  if (!deps.isTerminal || json) return;
  // What is wrong with the launch is told by the launch.
  const token = await jackin.tokens
    .ofLaunch(request, { signal: deps.signal })
    .catch(() => undefined);
  const [scope] = token?.scopes ?? [];
  if (!token?.banner || !scope || !isPast(token, jackin.host.clock.now())) return;
  deps.notices([token.banner]);
  if (!(await deps.prompts.confirm("Put a new one in its place now?"))) return;
  const { rotate } = await import("./token-rotate.ts");
  const old = await jackin.tokens.own(scope, "rotate", { signal: deps.signal });
  await rotate(deps, jackin, scope, old);
}

function isPast({ entry }: TokenStatus, now: number): boolean {
  return entry?.expiresAt !== undefined && entry.expiresAt <= now;
}

/** What a launch says, on stderr: the line exactly and alone, then who, how long, who else, and what to look after. */
export function tell(deps: CommandDeps, jackin: Jackin, launched: Launched): void {
  const { instance, line, sharedWith, notices } = launched;
  const left = validity(instance.expiresAt, jackin.host.clock.now());
  deps.err(line);
  if (instance.account !== undefined) deps.err(`account: ${harmless(instance.account)}`);
  if (left !== undefined) deps.err(left === "expired" ? "validity: expired" : `valid for ${left}`);
  if (sharedWith.length > 0) deps.err(`shared with: ${sharedWith.join(", ")}`);
  deps.notices(notices);
}

function toJson({ instance, line, sharedWith, notices }: Launched) {
  return { instance, line, sharedWith, notices };
}

async function readAll({ io }: CommandDeps): Promise<string> {
  if (io.stdin.isTTY === true) throw usage("--print - reads the prompt from stdin: pipe one in.");
  return await readStdin(io);
}

function usage(message: string): JackinError {
  return new JackinError({ code: "usage", message, hint: "jackin load --help" });
}
