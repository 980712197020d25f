import type { Command } from "commander";
import type { CommandDeps } from "./command.ts";
import { commandGroup } from "./command.ts";
import { registerEnvCommands } from "./config-env-commands.ts";
import type { ScopeFlags } from "./config-scope.ts";
import { registerWorkspaceCommands } from "./workspace-commands.ts";

/** `jackin config …` and `jackin workspace …`. */
export function registerConfigCommands(program: Command, deps: CommandDeps): void {
  const config = commandGroup(program, "config", "show and change the configuration");
  config.helpGroup("Setup:");

  commandGroup(config, "auth", "how agents are signed in, by scope")
    .command("set")
    .summary("choose how agents are signed in")
    .description("Set the mode of all launches, of a workspace, a role, or a role in a workspace.")
    .argument("[mode]", "sync, session, token or ignore")
    .option("-w, --workspace <workspace>", "for this workspace only")
    .option("-r, --role <role>", "for this role only")
    .addHelpText("after", authExamples)
    .action(async (mode: string | undefined, flags: ScopeFlags) => {
      const { authSet } = await import("./config-auth.ts");
      await authSet(deps, mode, flags);
    });

  registerEnvCommands(config, deps, "config");

  config
    .command("edit")
    .summary("open the file in your editor; what you save is checked first")
    .description("Open the configuration in $VISUAL or $EDITOR. It is written when it is valid.")
    .action(async () => {
      const { editInEditor } = await import("./config-editor.ts");
      await editInEditor(deps);
    });

  config
    .command("path")
    .description("Print where the configuration file is.")
    .action(async () => deps.out((await deps.open()).configPath));

  registerWorkspaceCommands(program, deps);
}

const authExamples = `
Examples:
  jackin config auth set token                        all launches
  jackin config auth set ignore --workspace my-app    one workspace
  jackin config auth set sync -w my-app -r reviewer   one role in one workspace`;
