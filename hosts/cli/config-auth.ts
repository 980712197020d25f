import { JackinError } from "../../core/index.ts";
import type { Jackin } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { changeConfig, noteOutranking } from "./config-change.ts";
import { checkMode, outranking, scopePath, tableName } from "./config-scope.ts";
import type { ScopeFlags } from "./config-scope.ts";

/** `config auth set`: the mode of one scope. */
export async function authSet(
  deps: CommandDeps,
  named: string | undefined,
  flags: ScopeFlags,
): Promise<void> {
  const { jackin, configPath } = await deps.open();
  scopePath((await jackin.config()).config, flags);
  const mode = named === undefined ? await askMode(deps, jackin) : presentName(deps, named);
  checkMode(modesOf(jackin), mode);
  const { result, config, written } = await changeConfig(deps, (draft) => {
    const path = scopePath(draft.config, flags);
    const keyPath = [...path, "claude", "auth_forward"];
    draft.set(keyPath, mode);
    return { table: tableName(path, "claude"), file: draft.fileOf(keyPath) };
  });
  const { table, file } = result;
  deps.out(
    written.length > 0
      ? `Set auth_forward = "${mode}" in ${table} of ${file}`
      : `auth_forward is "${mode}" already in ${table} of ${configPath}`,
  );
  noteOutranking(
    deps,
    outranking(config, flags, ({ claude }) => claude?.auth_forward),
    ({ table: other, values }) =>
      `[${other}.claude] auth_forward = "${values.claude?.auth_forward}"`,
  );
}

export function modesOf({ plugins }: Jackin): readonly string[] {
  return plugins.flatMap((plugin) => (plugin.kind === "auth" ? [plugin.mode] : []));
}

/** `copy`, the old name, is understood wherever a mode is named. */
export function presentName(deps: CommandDeps, mode: string): string {
  if (mode !== "copy") return mode;
  deps.notices([{ level: "info", text: '"copy" is read as "sync", its new name' }]);
  return "sync";
}

const meanings: Readonly<Record<string, string>> = {
  sync: "the access token of the host's login",
  ignore: "nothing; /login in the container",
  token: "the long-lived token of the environment",
  session: "a login of jackin's own, shared by its agents (jackin auth login)",
};

export async function askMode(deps: CommandDeps, jackin: Jackin): Promise<string> {
  if (!deps.isTerminal) {
    throw new JackinError({
      code: "usage",
      message: "The mode is missing.",
      hint: `jackin config auth set ${modesOf(jackin).join("|")}`,
    });
  }
  return deps.prompts.select("How shall agents be signed in?", modeChoices(jackin));
}

export function modeChoices(jackin: Jackin) {
  return modesOf(jackin).map((mode) => ({
    value: mode,
    label: mode,
    ...(meanings[mode] !== undefined && { hint: meanings[mode] }),
  }));
}
