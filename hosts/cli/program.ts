import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import type { CommandDeps } from "./command.ts";
import { registerAuthCommands } from "./auth-commands.ts";
import { registerConfigCommands } from "./config-commands.ts";
import { registerKeeperCommands } from "./keeper-commands.ts";
import { registerLoad } from "./load.ts";
import { registerServe } from "./serve.ts";
import { registerSessionCommands } from "./session-commands.ts";
import { registerTokenCommands } from "./token-commands.ts";

/** All commands, declared only: what they need is imported when they run. `passed` is what followed `--`. */
export function createProgram(deps: CommandDeps, passed: readonly string[]): Command {
  const { io } = deps;
  const program = new Command("jackin")
    .description("Start Claude Code agents in containers, signed in, and keep them signed in.")
    .usage("[COMMAND] [OPTIONS]")
    .version(manifest.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    // That a command has options is no news.
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${argumentsOf(command)}` })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      // The run shows errors itself, all in one way.
      outputError: () => {},
    })
    .addHelpText("after", examples);
  registerLoad(program, deps, passed);
  registerSessionCommands(program, deps);
  registerAuthCommands(program, deps);
  registerKeeperCommands(program, deps);
  program.commandsGroup("Setup:");
  registerConfigCommands(program, deps);
  registerTokenCommands(program, deps);
  registerServe(program, deps);
  program.commands.forEach(describe);
  return program.helpCommand("help [command]", "print the help of a command");
}

/** One text does for both, a sentence in its own help and a phrase in the list of commands, where they say the same. */
function describe(command: Command): void {
  const text = command.description() || command.summary();
  if (command.summary() === "")
    command.summary(`${text.charAt(0).toLowerCase()}${text.slice(1)}`.replace(/\.$/, ""));
  command.description(`${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/[^.]$/, "$&."));
  if (command.commands.length === 0) return;
  command.helpCommand("help [command]", "print the help of a command");
  command.commands.forEach(describe);
}

function argumentsOf({ registeredArguments }: Command): string {
  return registeredArguments
    .map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`))
    .join(" ");
}

const examples = `
Alone, on a terminal, jackin asks what to do.

Examples:
  jackin load                          an agent for the current folder
  jackin load my-app --detach          workspace my-app, left running
  jackin load --print "fix the tests"  one prompt without a screen
  jackin hardline my-app               come back to a running agent
  jackin status                        what runs, with which login
  jackin doctor                        what is missing on this machine

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a credential needs you,
130 cancelled.`;
