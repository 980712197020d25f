import {
  cancelled,
  isSameScope,
  JackinError,
  scopeName,
  toJackinError,
  tokenCommand,
} from "../../core/index.ts";
import type { Jackin, TokenScope } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { install, tellInstalled, tellReplaced, toInstalledJson } from "./token-install.ts";
import { checkObtainFlags, obtainToken } from "./token-obtain.ts";
import type { ObtainFlags } from "./token-obtain.ts";
import { checkTarget, chooseScope, scopeNames, targetCommand } from "./token-scope.ts";
import type { TokenTarget } from "./token-scope.ts";

export interface InstallFlags extends ObtainFlags {
  readonly probe?: boolean;
  readonly json?: boolean;
}

export interface SetupFlags extends InstallFlags {
  readonly role?: string;
  /** Every workspace without a token. */
  readonly all?: boolean;
  readonly yes?: boolean;
}

export async function tokenSetup(
  deps: CommandDeps,
  target: TokenTarget,
  flags: SetupFlags,
): Promise<void> {
  if (flags.all && (target.workspace ?? target.role) !== undefined)
    throw new JackinError({
      code: "usage",
      message:
        "--all is every workspace without a token; a workspace or a role does not go with it.",
    });
  const command = flags.all
    ? "jackin workspace claude-token setup --all"
    : targetCommand("setup", target);
  const { jackin } = await deps.open();
  await checkTarget(jackin, target);
  checkObtainFlags(deps, flags, command);
  const scopes = flags.all
    ? await scopesWithoutToken(deps, jackin)
    : [await chooseScope(deps, jackin, target)];
  deps.err(`A token for ${scopeNames(scopes)}.`);
  if (!flags.all) await mayReplace(deps, jackin, scopes[0]!, flags);
  const { from, isDoubtful } = await obtainToken(deps, jackin, flags);
  const request = { scopes, from, probe: flags.probe || isDoubtful, runtime: flags.runtime };
  const installed = await install(deps, jackin, request);
  if (flags.json) return deps.json(toInstalledJson(installed, request));
  tellInstalled(deps, installed, request);
  tellReplaced(deps, installed.replaced);
  deps.err(
    "A token lasts a year, cannot be renewed, is good for model calls only, and is revoked by hand.",
  );
  const [{ workspace, role } = {}] = scopes;
  const load = ["jackin load", workspace ?? [], role === undefined ? [] : `--role ${role}`];
  deps.err(`→ ${load.flat().join(" ")}`);
}

/** One that is there may be in use: that is told, and asked, unless it is the same place. */
async function mayReplace(
  deps: CommandDeps,
  jackin: Jackin,
  scope: TokenScope,
  { yes, reuse }: SetupFlags,
): Promise<void> {
  const tokens = await jackin.tokens.list({ signal: deps.signal });
  const old = tokens.find(({ scopes }) => scopes.some((each) => isSameScope(each, scope)));
  if (!old || yes || old.reference === reuse) return;
  const message = `${scopeName(scope)} has a token already: ${old.reference}.`;
  const rotate = `${tokenCommand("rotate", scope)}   replaces it, brings running agents along and takes the old one away`;
  if (!deps.isTerminal)
    throw new JackinError({
      code: "conflict",
      message,
      hint: `${rotate}\n${tokenCommand("setup", scope)} --yes   leaves the old one where it is`,
    });
  deps.notices([{ level: "info", text: message, next: rotate }]);
  if (!(await deps.prompts.confirm("Put another in its place, and leave the old one where it is?")))
    throw cancelled();
}

async function scopesWithoutToken(
  deps: CommandDeps,
  jackin: Jackin,
): Promise<readonly TokenScope[]> {
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const found: TokenScope[] = [];
  for (const workspace of Object.keys(config.workspaces ?? {})) {
    try {
      const request = { target: workspace, mode: "token" };
      const token = await jackin.tokens.ofLaunch(request, { signal: deps.signal });
      if (!token) found.push({ workspace });
    } catch (thrown) {
      const { code, message } = toJackinError(thrown);
      if (code !== "not-found") throw thrown;
      // Its folder is gone, which is no reason against the others.
      deps.notices([{ level: "warning", text: `${workspace} is left out: ${message}` }]);
    }
  }
  if (found.length > 0) return found;
  throw new JackinError({
    code: "conflict",
    message: "There is no workspace whose launch has no token.",
    hint: "jackin workspace claude-token doctor --all",
  });
}
