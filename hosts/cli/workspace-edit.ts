import { basename, isAbsolute, resolve } from "node:path";
import { JackinError, namePattern } from "../../core/index.ts";
import type { Config, HostFiles, WorkspaceConfig } from "../../core/index.ts";
import type { Draft } from "../node/config-draft.ts";
import type { CommandDeps } from "./command.ts";
import { modeChoices, modesOf, presentName } from "./config-auth.ts";
import { changeConfig } from "./config-change.ts";
import { checkMode, checkRole, checkWorkspace, rolesOf } from "./config-scope.ts";
import { harmless } from "./show.ts";
import { chooseWorkspace } from "./workspace-choose.ts";

export interface WorkspaceFlags {
  readonly workdir?: string;
  /** False: `--no-role`. */
  readonly role?: string | false;
  readonly auth?: string | false;
}

export async function workspaceCreate(
  deps: CommandDeps,
  named: string | undefined,
  flags: WorkspaceFlags,
): Promise<void> {
  const { jackin, host } = await deps.open();
  const { config } = await jackin.config();
  const name = named ?? (await askName(deps, config));
  const refusal = refuseWorkspace(config, name);
  if (refusal !== undefined) throw refusal;
  checkSettings(deps, config, modesOf(jackin), flags);
  const workdir = await toWorkdir(
    deps,
    host.files,
    flags.workdir ?? (await askWorkdir(deps, deps.io.cwd, name)),
  );
  const settings = named === undefined ? await askSettings(deps, config, undefined, flags) : flags;
  const same = Object.entries(config.workspaces ?? {}).find(
    ([, other]) => other.workdir === workdir,
  );
  const { result } = await changeConfig(deps, (draft) => {
    const taken = refuseWorkspace(draft.config, name);
    if (taken !== undefined) throw taken;
    return write(deps, draft, name, { ...settings, workdir });
  });
  deps.out(`Made workspace ${name} for ${harmless(workdir)} in ${result}`);
  if (same)
    deps.notices([
      {
        level: "info",
        text: `workspace ${same[0]} has the same folder: name the one you mean when you load`,
      },
    ]);
}

export async function workspaceEdit(
  deps: CommandDeps,
  named: string | undefined,
  flags: WorkspaceFlags,
): Promise<void> {
  const { jackin, host } = await deps.open();
  const { config } = await jackin.config();
  const name = await chooseWorkspace(deps, config, named);
  const old = config.workspaces![name]!;
  const isAsked = Object.keys(flags).length === 0;
  if (isAsked && !deps.isTerminal) {
    throw new JackinError({
      code: "usage",
      message: "Nothing to change was named.",
      hint: `jackin workspace edit ${name} --workdir DIR | --role R | --no-role | --auth MODE | --no-auth`,
    });
  }
  checkSettings(deps, config, modesOf(jackin), flags, name);
  const asked = isAsked ? await askWorkdir(deps, old.workdir, name) : flags.workdir;
  const workdir = asked === undefined ? undefined : await toWorkdir(deps, host.files, asked);
  const settings = isAsked ? await askSettings(deps, config, name, flags) : flags;
  const { result, written } = await changeConfig(deps, (draft) => {
    checkWorkspace(draft.config, name);
    return write(deps, draft, name, { ...settings, ...(workdir !== undefined && { workdir }) });
  });
  deps.out(
    written.length > 0
      ? `Changed workspace ${name} in ${result}`
      : `Nothing changed in workspace ${name}`,
  );
}

function write(
  deps: CommandDeps,
  draft: Draft,
  name: string,
  { workdir, role, auth }: WorkspaceFlags,
): string {
  const table = ["workspaces", name];
  const mode = typeof auth === "string" ? presentName(deps, auth) : auth;
  if (workdir !== undefined) draft.set([...table, "workdir"], workdir);
  for (const [keyPath, value] of [
    [[...table, "role"], role],
    [[...table, "claude", "auth_forward"], mode],
  ] as const) {
    if (value === false) draft.unset(keyPath);
    else if (value !== undefined) draft.set(keyPath, value);
  }
  return draft.fileOf([...table, "workdir"]);
}

function checkSettings(
  deps: CommandDeps,
  config: Config,
  modes: readonly string[],
  { role, auth }: WorkspaceFlags,
  workspace?: string,
): void {
  if (typeof role === "string") checkRole(config, role, workspace);
  if (typeof auth === "string" && auth !== "copy") checkMode(modes, auth);
}

function refuseWorkspace(config: Config, name: string): JackinError | undefined {
  if (!namePattern.test(name)) {
    return new JackinError({
      code: "usage",
      message: `"${name.slice(0, 64)}" is no name for a workspace: letters, digits, . _ and -, at most 63.`,
      hint: "jackin workspace create NAME --workdir DIR",
    });
  }
  if (!Object.hasOwn(config.workspaces ?? {}, name)) return undefined;
  return new JackinError({
    code: "conflict",
    message: `There is a workspace ${name} already.`,
    hint: `jackin workspace edit ${name}`,
  });
}

async function askName(deps: CommandDeps, config: Config): Promise<string> {
  if (!deps.isTerminal) {
    throw new JackinError({
      code: "usage",
      message: "The workspace's name is missing.",
      hint: "jackin workspace create NAME --workdir DIR",
    });
  }
  return deps.prompts.text("Name of the workspace", {
    initialValue: basename(deps.io.cwd)
      .replaceAll(/[^A-Za-z0-9_.-]+/g, "-")
      .replace(/^[_.-]+/, ""),
    validate: (name) => refuseWorkspace(config, name)?.message,
  });
}

async function askWorkdir(deps: CommandDeps, initialValue: string, name: string): Promise<string> {
  if (!deps.isTerminal) {
    throw new JackinError({
      code: "usage",
      message: `The folder of workspace ${name} is missing.`,
      hint: `jackin workspace create ${name} --workdir DIR   (. is the current folder)`,
    });
  }
  return deps.prompts.text("Folder that agents work in", { initialValue });
}

async function askSettings(
  deps: CommandDeps,
  config: Config,
  workspace: string | undefined,
  flags: WorkspaceFlags,
): Promise<WorkspaceFlags> {
  const { jackin } = await deps.open();
  const old: Partial<WorkspaceConfig> =
    (workspace !== undefined && config.workspaces?.[workspace]) || {};
  const roles = rolesOf(config, workspace);
  const none = "";
  const role =
    flags.role !== undefined || roles.length === 0
      ? flags.role
      : await deps.prompts.select(`Role${now(old.role)}`, [
          { value: none, label: "none of its own" },
          ...roles.map((value) => ({ value, label: value })),
        ]);
  const auth =
    flags.auth ??
    (await deps.prompts.select(`How agents are signed in${now(old.claude?.auth_forward)}`, [
      { value: none, label: "as everywhere" },
      ...modeChoices(jackin),
    ]));
  return {
    ...(role !== undefined && { role: role === none ? false : role }),
    auth: auth === none ? false : auth,
  };
}

function now(value: string | undefined): string {
  return value === undefined ? "" : ` (now: ${value})`;
}

/** Absolute, or from `~` as it was typed, so that the file serves on several machines. */
async function toWorkdir(deps: CommandDeps, files: HostFiles, typed: string): Promise<string> {
  const path =
    typed === "~" || typed.startsWith("~/") || isAbsolute(typed)
      ? typed
      : resolve(deps.io.cwd, typed);
  const real = await files.resolve(path);
  if (real !== undefined && (await files.stat(real))?.kind === "folder") return path;
  throw new JackinError({
    code: "not-found",
    message: `${path} is ${real === undefined ? "not there" : "no folder"}.`,
    hint: real === undefined ? `mkdir -p ${path}` : "Name the folder that agents shall work in.",
  });
}
