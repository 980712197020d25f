import { effectiveModes } from "../../core/index.ts";
import type { Config, HostFiles } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { envRows } from "./config-env-list.ts";
import { harmless, table } from "./show.ts";
import { chooseWorkspace } from "./workspace-choose.ts";

interface JsonFlag {
  readonly json?: boolean;
}

interface WorkspaceRow {
  readonly name: string;
  readonly workdir: string;
  /** False: the folder is gone. */
  readonly exists: boolean;
  readonly role?: string | undefined;
  readonly mode: string;
  /** The scope that decided the mode. */
  readonly modeScope: string;
}

export async function workspaceList(deps: CommandDeps, flags: JsonFlag): Promise<void> {
  const { jackin, host } = await deps.open();
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const names = Object.keys(config.workspaces ?? {});
  const rows = await Promise.all(names.map((name) => toRow(config, name, host.files)));
  if (flags.json) return deps.json(rows);
  if (rows.length === 0) return deps.err("There is no workspace yet: jackin workspace create");
  const columns = [
    { title: "NAME", cut: "end" as const },
    { title: "FOLDER", cut: "start" as const },
    { title: "ROLE", cut: "end" as const },
    { title: "MODE" },
  ];
  const cells = rows.map((row) => [row.name, folder(row), row.role ?? "", row.mode]);
  const { stdout } = deps.io;
  deps.out(table(columns, cells, stdout.isTTY ? stdout.columns : undefined).join("\n"));
}

export async function workspaceShow(
  deps: CommandDeps,
  named: string | undefined,
  flags: JsonFlag,
): Promise<void> {
  const { jackin, host } = await deps.open();
  const { config, notices } = await jackin.config();
  const name = await chooseWorkspace(deps, config, named);
  const row = await toRow(config, name, host.files);
  const env = envRows(jackin, config, { workspace: name }, false);
  const status = await jackin.status({ signal: deps.signal });
  deps.notices([...notices, ...status.notices]);
  const instances = status.instances.filter(({ workspace }) => workspace === name);
  if (flags.json) return deps.json({ ...row, env, instances });
  const facts: readonly (readonly [string, string])[] = [
    ["workspace", name],
    ["folder", folder(row)],
    ["role", row.role ?? "-"],
    ["mode", `${row.mode} (${row.modeScope})`],
    ["instances", instances.map((item) => `${item.instance} (${item.state})`).join(", ") || "-"],
    ["variables", env.length === 0 ? "-" : ""],
  ];
  const lines = facts.map(([fact, value]) =>
    `${`${fact}:`.padEnd(11)}${harmless(value)}`.trimEnd(),
  );
  const columns = [{ title: "KEY" }, { title: "VALUE" }, { title: "SCOPE" }];
  const variables = table(
    columns,
    env.map((each) => [each.key, each.value, each.scope]),
  );
  deps.out(
    [...lines, ...(env.length === 0 ? [] : variables.map((line) => `  ${line}`))].join("\n"),
  );
}

async function toRow(config: Config, name: string, files: HostFiles): Promise<WorkspaceRow> {
  const { workdir, role } = config.workspaces![name]!;
  const real = await files.resolve(workdir);
  const exists = real !== undefined && (await files.stat(real))?.kind === "folder";
  const effective = effectiveModes(config).find(
    (item) => item.workspace === name && item.role === role,
  );
  return {
    name,
    workdir,
    exists,
    role,
    mode: effective?.mode ?? "",
    modeScope: effective?.scope ?? "",
  };
}

function folder({ workdir, exists }: WorkspaceRow): string {
  return exists ? workdir : `${workdir} (gone)`;
}
