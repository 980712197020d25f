import type { Command } from "commander";
import type { TokenVerb } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { commandGroup } from "./command.ts";
import type { DoctorFlags } from "./token-doctor.ts";
import type { RevokeFlags } from "./token-revoke.ts";
import type { RotateFlags } from "./token-rotate.ts";
import type { TokenTarget } from "./token-scope.ts";
import type { SetupFlags } from "./token-setup.ts";

type Group = TokenTarget["group"];

/** `workspace claude-token …`, and the same for all launches or a role under `config auth`. */
export function registerTokenCommands(program: Command, deps: CommandDeps): void {
  const workspace = commandGroup(program, "workspace", "folders that agents work in, by name");
  const tokens = commandGroup(
    workspace,
    "claude-token",
    "make, replace and watch a workspace's long-lived token",
  );
  const auth = commandGroup(
    commandGroup(program, "config", "show and change the configuration"),
    "auth",
    "how agents are signed in, by scope",
  );
  for (const [group, parent] of [
    ["workspace", tokens],
    ["config", auth],
  ] as const) {
    registerSetup(begin(group, parent, "setup"), deps, group);
    registerRotate(begin(group, parent, "rotate"), deps, group);
    registerRevoke(begin(group, parent, "revoke"), deps, group);
    registerDoctor(begin(group, parent, "doctor"), deps, group);
  }
}

function begin(group: Group, parent: Command, verb: TokenVerb): Command {
  if (group === "config")
    return parent
      .command(`${verb}-token`)
      .option("-r, --role <role>", "of this role; without it, of all launches");
  return parent
    .command(verb)
    .argument("[workspace]", "its name; without it, that of the current folder")
    .option("-r, --role <role>", "in this role only");
}

/** Commander hands the argument over only where one is declared. */
function target(group: Group, args: readonly unknown[], role: string | undefined): TokenTarget {
  const [workspace] = args;
  return {
    group,
    role,
    ...(group === "workspace" && typeof workspace === "string" && { workspace }),
  };
}

function withSource(command: Command): Command {
  return command
    .option(
      "-s, --store <where>",
      "where it is stored: op://Private, keychain, file, or a whole reference",
    )
    .option("--reuse <ref>", "take a token that is stored already")
    .option(
      "--paste",
      "paste a token that was made elsewhere; without a terminal, read it from stdin",
    )
    .option("--probe", "prove it by one real turn too")
    .option("--runtime <runtime>", "where it is proven: docker, or local");
}

function registerSetup(command: Command, deps: CommandDeps, group: Group): void {
  withSource(command)
    .summary("make a token, store it and sign agents in by it")
    .description(
      "Sign in once by this machine's own claude setup-token, store the token, prove it, and set mode token. The token is never shown. A failure leaves all as it was.",
    )
    .option("-y, --yes", "do not ask whether a token that is there shall be replaced")
    .option("--json", "print a JSON object");
  if (group === "workspace") command.option("--all", "one token for every workspace that has none");
  command
    .addHelpText(
      "after",
      group === "workspace"
        ? `
Examples:
  jackin workspace claude-token setup my-app
  jackin workspace claude-token setup my-app --store op://Private
  jackin workspace claude-token setup my-app --reuse op://Private/Claude/token
  jackin workspace claude-token setup my-app --store file --paste < FILE
  jackin workspace claude-token setup --all`
        : `
Examples:
  jackin config auth setup-token                    all launches
  jackin config auth setup-token --role reviewer    those of one role`,
    )
    .action(async (...args: unknown[]) => {
      const flags: SetupFlags = command.opts();
      const { tokenSetup } = await import("./token-setup.ts");
      await tokenSetup(deps, target(group, args, flags.role), flags);
    });
}

function registerRotate(command: Command, deps: CommandDeps, group: Group): void {
  withSource(command)
    .summary("put a new token in the place of the old one, under running agents")
    .description(
      "Make a new token, store and prove it, move to it, bring running agents along, and take the old one away. It shows the page where the old one is revoked.",
    )
    .option("--all", "move every scope that names the same token")
    .option(
      "--restart",
      "start agents again that cannot take it while they run, without arguments after --",
    )
    .option("--no-restart", "leave such agents as they are")
    .option("--verify-revoked", "take the old one away only when the API refuses it")
    .option("--json", "print a JSON object")
    .action(async (...args: unknown[]) => {
      const flags: RotateFlags = command.opts();
      const { tokenRotate } = await import("./token-rotate.ts");
      await tokenRotate(deps, target(group, args, flags.role), flags);
    });
}

function registerRevoke(command: Command, deps: CommandDeps, group: Group): void {
  command
    .summary("take a token away from all that use it, and out of its store")
    .description(
      "Take the token out of every scope that names it and out of its store, if jackin has put it there. It shows the page where it is revoked.",
    )
    .option("--agents <fate>", "what becomes of agents that run with it: stop, restart or leave")
    .option("-m, --mode <mode>", "how agents are signed in instead (default: ignore)")
    .option("--reference <ref>", "an old token that no scope names any more")
    .option("-y, --yes", "do not ask; agents are left as they are")
    .option("--json", "print a JSON object")
    .action(async (...args: unknown[]) => {
      const flags: RevokeFlags = command.opts();
      const { tokenRevoke } = await import("./token-revoke.ts");
      await tokenRevoke(deps, target(group, args, flags.role), flags);
    });
}

function registerDoctor(command: Command, deps: CommandDeps, group: Group): void {
  command
    .summary("look at a token: where it is, until when, who uses it, what outranks it")
    .description(
      "Check that the token can be had from its store, that it is the one that was stored there, until about when it is good, who uses it and whether something outranks it. Exit code 3 when something is bad.",
    )
    .option("--all", "all tokens")
    .option("--probe", "prove it by one real turn")
    .option("--runtime <runtime>", "where it is proven: docker, or local")
    .option("--json", "print a JSON object, or an array with --all")
    .action(async (...args: unknown[]) => {
      const flags: DoctorFlags = command.opts();
      const { tokenDoctor } = await import("./token-doctor.ts");
      await tokenDoctor(deps, target(group, args, flags.role), flags);
    });
}
