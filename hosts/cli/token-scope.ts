import { findTarget, scopeName, tokenCommand } from "../../core/index.ts";
import type { Config, Jackin, TokenScope, TokenVerb } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { scopePath } from "./config-scope.ts";
import { chooseWorkspace } from "./workspace-choose.ts";

/** Which token a command is about; `workspace` commands find theirs, `config auth` commands have none. */
export interface TokenTarget {
  readonly group: "workspace" | "config";
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
}

/** Throws when what was named is not there; nothing is asked. */
export async function checkTarget(jackin: Jackin, target: TokenTarget): Promise<void> {
  const { group, workspace, role } = target;
  // A role may be that of one workspace only, and without a name it is not known yet of which.
  if (group === "workspace" && workspace === undefined) return;
  scopePath((await jackin.config()).config, { workspace, role });
}

/** As it is typed, with a place for the name that was not given. */
export function targetCommand(verb: TokenVerb, { group, workspace, role }: TokenTarget): string {
  const isNamed = group === "config" || workspace !== undefined;
  return tokenCommand(verb, { workspace: isNamed ? workspace : "WORKSPACE", role });
}

/** The scope that was named, else that of the current folder's workspace, else a choice. */
export async function chooseScope(
  deps: CommandDeps,
  jackin: Jackin,
  target: TokenTarget,
): Promise<TokenScope> {
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const workspace =
    target.group === "config"
      ? undefined
      : (target.workspace ??
        (await workspaceHere(deps, config)) ??
        (await chooseWorkspace(deps, config, undefined)));
  // Throws when one of them is not there.
  scopePath(config, { workspace, role: target.role });
  return toScope(workspace, target.role);
}

export function toScope(workspace: string | undefined, role: string | undefined): TokenScope {
  return { ...(workspace !== undefined && { workspace }), ...(role !== undefined && { role }) };
}

async function workspaceHere(deps: CommandDeps, config: Config): Promise<string | undefined> {
  const { host } = await deps.open();
  const found = await findTarget(config, { cwd: deps.io.cwd }, host).catch(() => undefined);
  return found?.workspace;
}

export function scopeNames(scopes: readonly TokenScope[]): string {
  return scopes.map(scopeName).join(", ");
}
