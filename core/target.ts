import type { Config } from "./config.ts";
import type { Host } from "./host.ts";
import { JackinError } from "./error.ts";
import { didYouMean } from "./nearest.ts";

/** What a launch is about: a workspace of the configuration, or a plain folder. */
export interface Target {
  readonly workspace: string | undefined;
  /** Absolute, links resolved where the host can. */
  readonly workdir: string;
  /** What other launches of the same thing share. */
  readonly key: string;
  /** The name that its instances begin with. */
  readonly base: string;
}

export interface TargetQuery {
  /** A workspace's name or a folder. */
  readonly target?: string | undefined;
  /** The folder that relative paths start from, absolute. */
  readonly cwd?: string | undefined;
}

/** A name wins over a folder; without either, the workspace that holds the current folder, else that folder. */
export async function findTarget(config: Config, query: TargetQuery, host: Host): Promise<Target> {
  const { target, cwd } = query;
  const workspaces = config.workspaces ?? {};
  if (target !== undefined && Object.hasOwn(workspaces, target)) return workspaceTarget(target);
  const path = target === undefined ? cwd : absolute(target, cwd);
  if (path === undefined && target === undefined)
    throw new JackinError({ code: "usage", message: "Name a workspace or a folder." });
  if (path === undefined) throw unknownTarget(target!, Object.keys(workspaces));
  const folder = host.files ? await host.files.resolve(path) : path;
  const isFolder =
    folder !== undefined &&
    (host.files === undefined || (await host.files.stat(folder))?.kind === "folder");
  if (!isFolder) throw unknownTarget(target ?? path, Object.keys(workspaces));
  const holder = await holderOf(folder, target === undefined);
  return holder === undefined ? folderTarget(folder) : workspaceTarget(holder);

  async function workspaceTarget(name: string): Promise<Target> {
    const written = workspaces[name]!.workdir;
    const workdir = host.files ? await host.files.resolve(written) : written;
    if (
      workdir === undefined ||
      (host.files && (await host.files.stat(workdir))?.kind !== "folder")
    ) {
      throw new JackinError({
        code: "not-found",
        message: `The folder of workspace ${name} is gone: ${written}`,
        hint: `Bring it back, or point the workspace to where it is now: jackin workspace edit ${name}`,
      });
    }
    await refuseFolder(workdir, host);
    return { workspace: name, workdir, key: `workspace:${name}`, base: slug(name) };
  }

  async function folderTarget(workdir: string): Promise<Target> {
    await refuseFolder(workdir, host);
    return {
      workspace: undefined,
      workdir,
      key: `folder:${workdir}`,
      base: slug(workdir.split("/").at(-1) ?? ""),
    };
  }

  /** The workspace with the longest workdir at (or, when nothing was named, above) the folder. */
  async function holderOf(inside: string, above: boolean): Promise<string | undefined> {
    let best: { name: string; length: number } | undefined;
    for (const [name, { workdir }] of Object.entries(workspaces)) {
      const real = (await host.files?.resolve(workdir)) ?? workdir;
      const holds =
        inside === real || (above && inside.startsWith(real === "/" ? "/" : `${real}/`));
      if (holds && real.length > (best?.length ?? -1)) best = { name, length: real.length };
    }
    return best?.name;
  }
}

/** Where Linux and macOS show the machine itself: other processes' environments, devices, sockets. */
const machineFolders = ["/proc", "/sys", "/dev", "/run", "/var/run"];

/** A folder that is the machine, holds the host's logins or jackin's own state must not be given to an agent. */
async function refuseFolder(workdir: string, host: Host): Promise<void> {
  if (machineFolders.some((folder) => workdir === folder || workdir.startsWith(`${folder}/`)))
    throw new JackinError({
      code: "usage",
      message: `${workdir} cannot be a workspace: it would open this machine's processes and devices to the agent.`,
      hint: "Name the project's own folder.",
    });
  if (!host.files) return;
  const { home, state } = host.files;
  const named = [host.env["CLAUDE_CONFIG_DIR"], host.env["CLAUDE_SECURESTORAGE_CONFIG_DIR"]];
  for (const inside of [`${home}/.claude`, state, ...named]) {
    if (!inside) continue;
    const real = (await host.files.resolve(inside)) ?? inside;
    if (
      workdir !== "/" &&
      real !== workdir &&
      !real.startsWith(`${workdir}/`) &&
      !workdir.startsWith(`${real}/`)
    )
      continue;
    throw new JackinError({
      code: "usage",
      message: `${workdir} cannot be a workspace: ${inside}, which holds logins, would be open to the agent.`,
      hint: "Name the project's own folder.",
    });
  }
}

function unknownTarget(target: string, workspaces: readonly string[]): JackinError {
  return new JackinError({
    code: "not-found",
    message: `No workspace and no folder "${target}".${didYouMean(target, workspaces)}`,
    hint: "jackin workspace list   shows the workspaces\njackin workspace create NAME --workdir DIR   makes one of a folder that is there",
  });
}

function absolute(path: string, cwd: string | undefined): string | undefined {
  if (path.startsWith("/") || path === "~" || path.startsWith("~/")) return path;
  return cwd === undefined ? undefined : `${cwd}/${path}`;
}

/** A container's name takes ASCII letters, digits, `.`, `_` and `-`. */
function slug(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "");
  return plain.slice(0, 40) || "folder";
}
