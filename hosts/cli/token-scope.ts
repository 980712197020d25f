import { findTarget, isSameScope, JackinError, scopeName, tokenCommand } from "../../core/index.ts";
import type { Config, Jackin, TokenScope, TokenStatus } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { scopePath } from "./config-scope.ts";
import { chooseWorkspace } from "./workspace-choose.ts";

export type TokenVerb = Parameters<typeof tokenCommand>[0];

/** Which token a command is about; `workspace` commands find theirs, `config auth` commands have none. */
export interface TokenTarget {
  readonly group: "workspace" | "config";
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
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

/** The token that the scope itself names. */
export async function tokenOf(
  deps: CommandDeps,
  jackin: Jackin,
  scope: TokenScope,
): Promise<TokenStatus | undefined> {
  const all = await jackin.tokens.list({ signal: deps.signal });
  return all.find(({ scopes }) => scopes.some((each) => isSameScope(each, scope)));
}

/** The token that the scope itself names. Throws with the scope to name instead when it takes one from elsewhere. */
export async function ownToken(
  deps: CommandDeps,
  jackin: Jackin,
  scope: TokenScope,
  verb: TokenVerb,
): Promise<TokenStatus> {
  const own = await tokenOf(deps, jackin, scope);
  if (own) return own;
  const taken = await launchToken(deps, jackin, scope);
  const elsewhere = taken?.scopes ?? [];
  throw new JackinError({
    code: "token-missing",
    message:
      elsewhere.length === 0
        ? `${scopeName(scope)} has no token.`
        : `${scopeName(scope)} has no token of its own; its launches take that of ${scopeNames(elsewhere)}.`,
    hint: [
      ...elsewhere.map((each) => tokenCommand(verb, each)),
      `${tokenCommand("setup", scope)}   gives it one of its own`,
    ].join("\n"),
  });
}

/** What a launch of the scope would take in mode token. */
export async function launchToken(
  deps: CommandDeps,
  jackin: Jackin,
  { workspace, role }: TokenScope,
): Promise<TokenStatus | undefined> {
  if (workspace === undefined) return await tokenOf(deps, jackin, {});
  const request = { target: workspace, role, mode: "token" };
  return await jackin.tokens.ofLaunch(request, { signal: deps.signal });
}
