import type { NamedScope } from "../../core/index.ts";
import type { Draft } from "../node/config-draft.ts";
import type { Edited } from "../node/config-edit.ts";
import type { CommandDeps } from "./command.ts";

/** One edit of the configuration by a command; says for whom it waits and what was brought up to date on the way. */
export async function changeConfig<T>(
  deps: CommandDeps,
  edit: (draft: Draft) => T,
): Promise<Edited<T>> {
  const { editConfig } = await import("../node/config-edit.ts");
  const edited = await editConfig(await editTarget(deps), await editOptions(deps), edit);
  deps.notices(edited.notices);
  return edited;
}

export async function editTarget(deps: CommandDeps) {
  return (await deps.open()).host;
}

export async function editOptions(deps: CommandDeps) {
  const { jackin, configPath } = await deps.open();
  return {
    path: configPath,
    plugins: jackin.plugins,
    signal: deps.signal,
    onWait: (owner: string) => deps.err(`waiting for ${owner}, which changes the configuration`),
  };
}

export function noteOutranking(
  deps: CommandDeps,
  scopes: readonly NamedScope[],
  says: (scope: NamedScope) => string,
): void {
  deps.notices(
    scopes.map((scope) => ({
      level: "info",
      text: `${scope.name} goes before it: ${says(scope)}`,
    })),
  );
}
