import type { Command } from "commander";
import type { CommandDeps } from "./command.ts";
import { commandGroup } from "./command.ts";
import type { EnvSetFlags } from "./config-env.ts";
import type { EnvListFlags } from "./config-env-list.ts";
import type { ScopeFlags } from "./config-scope.ts";

type Group = "config" | "workspace";

/** `config env …`, where flags name the scope, and `workspace env …`, where the workspace comes first. */
export function registerEnvCommands(parent: Command, deps: CommandDeps, kind: Group): void {
  const env = commandGroup(parent, "env", "variables that agents get, by scope");
  const command = (name: string) => withScope(env.command(name), kind);

  command("set")
    .summary("set a variable to a reference or a text")
    .description(
      "Set a variable. A reference is looked up once, to see that it leads to a value. Without a value it is asked for, unseen; - reads it from stdin.",
    )
    .argument("<key>", "the variable's name")
    .argument("[value]", "op://vault/item/field, $NAME, any reference or text; - is stdin")
    .option("-c, --comment <text>", "a line of comment above it")
    .option("--literal", "take the value as text even if it looks like a reference")
    .option("--no-check", "store a reference without looking it up")
    .addHelpText("after", examples[kind])
    .action(async (...all: unknown[]) => {
      const { args, scope, flags } = toCall<EnvSetFlags>(all, kind);
      const { envSet } = await import("./config-env.ts");
      await envSet(deps, args[0]!, args[1], scope, flags);
    });

  command("unset")
    .description("Remove a variable from one scope.")
    .argument("<key>", "the variable's name")
    .action(async (...all: unknown[]) => {
      const { args, scope } = toCall(all, kind);
      const { envUnset } = await import("./config-env.ts");
      await envUnset(deps, args[0]!, scope);
    });

  command("list")
    .summary("list the variables; literals are masked")
    .description(
      kind === "workspace"
        ? "List what a launch of the workspace gets, each with the scope that decided."
        : "List what is set in all scopes; with a workspace or a role, what a launch there gets.",
    )
    .option("--show", "show literals too; on a terminal only")
    .option("--json", "print a JSON array")
    .action(async (...all: unknown[]) => {
      const { scope, flags } = toCall<EnvListFlags>(all, kind);
      const { envList } = await import("./config-env-list.ts");
      await envList(deps, scope, flags);
    });
}

function withScope(command: Command, kind: Group): Command {
  if (kind === "workspace") command.argument("<workspace>", "its name");
  else command.option("-w, --workspace <workspace>", "for this workspace only");
  return command.option("-r, --role <role>", "for this role only");
}

/** Commander hands over the arguments, the flags and the command. */
function toCall<T>(all: readonly unknown[], kind: Group) {
  const flags = all.at(-2) as T & ScopeFlags;
  const args = all.slice(0, -2) as (string | undefined)[];
  const workspace = kind === "workspace" ? args.shift() : flags.workspace;
  const scope: ScopeFlags = { workspace, role: flags.role };
  return { args, scope, flags };
}

const examples: Readonly<Record<Group, string>> = {
  config: `
Examples:
  jackin config env set ORG acme
  jackin config env set API 'op://Work/acme-api/token' --role reviewer
  jackin config env set GH_TOKEN '$GITHUB_TOKEN'    read at each launch
  pass show acme | jackin config env set KEY -       text from stdin`,
  workspace: `
Examples:
  jackin workspace env set my-app API 'op://Work/acme-api/token'
  jackin workspace env set my-app LEVEL debug --role reviewer`,
};
