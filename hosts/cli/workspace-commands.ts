import type { Command } from "commander";
import type { CommandDeps } from "./command.ts";
import { commandGroup } from "./command.ts";
import { registerEnvCommands } from "./config-env-commands.ts";
import type { WorkspaceFlags } from "./workspace-edit.ts";

export function registerWorkspaceCommands(program: Command, deps: CommandDeps): void {
  const group = commandGroup(program, "workspace", "folders that agents work in, by name");
  group.helpGroup("Setup:");

  withSettings(group.command("create"))
    .summary("give a folder a name and settings of its own")
    .description("Make a workspace. What is not given is asked for on a terminal.")
    .argument("[name]", "letters, digits, . _ and -")
    .addHelpText("after", createExamples)
    .action(async (name: string | undefined, flags: WorkspaceFlags) => {
      const { workspaceCreate } = await import("./workspace-edit.ts");
      await workspaceCreate(deps, name, flags);
    });

  withSettings(group.command("edit"))
    .summary("change a workspace's folder, role or mode")
    .description("Change a workspace. Without options, each setting is asked for on a terminal.")
    .argument("[name]", "its name")
    .option("--no-role", "without a role of its own")
    .option("--no-auth", "without a mode of its own")
    .action(async (name: string | undefined, flags: WorkspaceFlags) => {
      const { workspaceEdit } = await import("./workspace-edit.ts");
      await workspaceEdit(deps, name, flags);
    });

  group
    .command("show")
    .summary("show one workspace: folder, role, mode, variables, instances")
    .argument("[name]", "its name")
    .option("--json", "print a JSON object")
    .action(async (name: string | undefined, flags: { readonly json?: boolean }) => {
      const { workspaceShow } = await import("./workspace-show.ts");
      await workspaceShow(deps, name, flags);
    });

  group
    .command("list")
    .summary("list the workspaces")
    .option("--json", "print a JSON array")
    .action(async (flags: { readonly json?: boolean }) => {
      const { workspaceList } = await import("./workspace-show.ts");
      await workspaceList(deps, flags);
    });

  group
    .command("remove")
    .summary("take a workspace out of the configuration; its folder and instances stay")
    .argument("[name]", "its name")
    .option("-y, --yes", "do not ask")
    .action(async (name: string | undefined, flags: { readonly yes?: boolean }) => {
      const { workspaceRemove } = await import("./workspace-remove.ts");
      await workspaceRemove(deps, name, flags);
    });

  registerEnvCommands(group, deps, "workspace");
}

function withSettings(command: Command): Command {
  return command
    .option("-d, --workdir <dir>", "the folder that agents work in")
    .option("-r, --role <role>", "the role that a launch has when it names none")
    .option("-a, --auth <mode>", "how agents are signed in here");
}

const createExamples = `
Examples:
  jackin workspace create my-app --workdir ~/src/my-app
  jackin workspace create my-app --workdir . --role reviewer --auth token`;
