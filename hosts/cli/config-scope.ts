import type { Config, Jackin, NamedScope, Scope } from "../../core/index.ts";
import { didYouMean, JackinError, namePattern, scopesOf, tableOf } from "../../core/index.ts";
import { formatKey } from "../node/toml-format.ts";

/** Which scope a command is about; neither is the global one. */
export interface ScopeFlags {
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
}

/** The table of a scope. Throws `not-found` when the workspace or the role is not there. */
export function scopePath(config: Config, { workspace, role }: ScopeFlags): readonly string[] {
  if (workspace !== undefined) checkWorkspace(config, workspace);
  if (role !== undefined) checkRole(config, role, workspace);
  return tableOf({ workspace, role });
}

export function checkWorkspace(config: Config, name: string): void {
  const workspaces = config.workspaces ?? {};
  if (Object.hasOwn(workspaces, name)) return;
  const known = Object.keys(workspaces);
  throw new JackinError({
    code: "not-found",
    message: `There is no workspace "${name}" in the configuration.${didYouMean(name, known)}`,
    hint: [
      `jackin workspace list${known.length === 0 ? "" : `   (${known.join(", ")})`}`,
      ...(namePattern.test(name) ? [`jackin workspace create ${name}`] : []),
    ].join("\n"),
  });
}

export function checkRole(config: Config, role: string, workspace?: string): void {
  const known = rolesOf(config, workspace);
  if (known.includes(role)) return;
  const here = known.length === 0 ? "none is defined" : `the roles are ${known.join(", ")}`;
  throw new JackinError({
    code: "not-found",
    message: `There is no role "${role}": ${here}.${didYouMean(role, known)}`,
    hint: `Add a table [roles.${role}]: jackin config edit`,
  });
}

export function checkMode(modes: readonly string[], mode: string): void {
  if (modes.includes(mode)) return;
  throw new JackinError({
    code: "usage",
    message: `There is no mode "${mode}"; the modes here are ${modes.join(", ")}.${didYouMean(mode, modes)}`,
    hint: "Another mode comes with its plugin, under [plugins].",
  });
}

/** The roles that a launch of the workspace, or of any, can have. */
export function rolesOf(config: Config, workspace?: string): readonly string[] {
  const own = workspace === undefined ? undefined : config.workspaces?.[workspace];
  const names = [...Object.keys(config.roles ?? {}), ...Object.keys(own?.roles ?? {})];
  return [...new Set(names)];
}

/** The scope as it is typed, with a space in front. */
export function typedScope({ workspace, role }: ScopeFlags): string {
  const flags = { workspace, role };
  return Object.entries(flags)
    .flatMap(([flag, name]) => (name === undefined ? [] : ` --${flag} ${name}`))
    .join("");
}

/** `[workspaces.my-app.env]`, as the file has it. */
export function tableName(path: readonly string[], table: string): string {
  return `[${formatKey([...path, table])}]`;
}

/** Every scope of the configuration, each once. */
export function allScopes(config: Config): readonly NamedScope[] {
  return scopesWithin(config, {}).filter(
    (scope, index, all) => all.findIndex(({ name }) => name === scope.name) === index,
  );
}

/** The scopes that outrank this one somewhere and say something about the same key: what was set does not count there. */
export function outranking(
  config: Config,
  flags: ScopeFlags,
  ask: (scope: Scope) => unknown,
): readonly NamedScope[] {
  const table = scopePath(config, flags).join(".");
  const found = new Map<string, NamedScope>();
  for (const scopes of queriesWithin(config, flags).map((query) => scopesOf(config, query))) {
    const own = scopes.findIndex((scope) => scope.table === table);
    for (const scope of scopes.slice(own + 1))
      if (ask(scope.values) !== undefined) found.set(scope.name, scope);
  }
  return [...found.values()];
}

function scopesWithin(config: Config, flags: ScopeFlags): readonly NamedScope[] {
  return queriesWithin(config, flags).flatMap((query) => scopesOf(config, query));
}

/** All launches that the scope has a say in. */
function queriesWithin(config: Config, { workspace, role }: ScopeFlags): readonly ScopeFlags[] {
  const workspaces =
    workspace === undefined ? [undefined, ...Object.keys(config.workspaces ?? {})] : [workspace];
  return workspaces.flatMap((name) =>
    (role === undefined ? [undefined, ...rolesOf(config, name)] : [role]).map((each) => ({
      workspace: name,
      role: each,
    })),
  );
}

/** A launch of a workspace that names no role has the workspace's own. */
export function launchOf(config: Config, { workspace, role }: ScopeFlags): ScopeFlags {
  const own = workspace === undefined ? undefined : config.workspaces?.[workspace]?.role;
  return { workspace, role: role ?? own };
}

export function schemesOf({ plugins }: Jackin): ReadonlySet<string> {
  return new Set(plugins.flatMap((plugin) => (plugin.kind === "secret" ? [plugin.scheme] : [])));
}
