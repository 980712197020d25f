import { JackinError } from "../../core/index.ts";
import type { Config } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { checkWorkspace } from "./config-scope.ts";
import { harmless } from "./show.ts";

/** The workspace that a command is about: the one that was named, or one that is chosen on a terminal. */
export async function chooseWorkspace(
  deps: CommandDeps,
  config: Config,
  named: string | undefined,
): Promise<string> {
  if (named !== undefined) {
    checkWorkspace(config, named);
    return named;
  }
  const workspaces = Object.entries(config.workspaces ?? {});
  if (workspaces.length === 0) {
    throw new JackinError({
      code: "not-found",
      message: "There is no workspace yet.",
      hint: "jackin workspace create NAME --workdir DIR",
    });
  }
  if (!deps.isTerminal) {
    throw new JackinError({
      code: "usage",
      message: "Name the workspace.",
      hint: `They are: ${workspaces.map(([name]) => name).join(", ")}`,
    });
  }
  return deps.prompts.select(
    "Which workspace?",
    workspaces.map(([name, { workdir }]) => ({
      value: name,
      label: name,
      hint: harmless(workdir),
    })),
  );
}
