/** Where a reference's file is, and whether nobody but the operator can read or change it. */
import { JackinError, quoteShell } from "../../core/index.ts";
import type { FileStat, Host, HostFiles, PluginContext } from "../../core/index.ts";

const name = "secret-file";
const scheme = "file";

/** bytes */
export const maxBytes = 64 * 1024;

export function failure(what: string, hint: string, cause?: unknown): JackinError {
  return new JackinError({ code: "secret-failed", message: `[${name}] ${what}`, hint, cause });
}

/** What the machine says of a file, as words of this plugin. */
export function toFailure(error: unknown): unknown {
  if (!(error instanceof JackinError) || error.code !== "host-failed") return error;
  return failure(error.message.replace(/\.$/, ""), error.hint ?? "Try again.", error);
}

export function filesOf({ host }: PluginContext): HostFiles {
  if (host.files) return host.files;
  throw failure("this host has no files", "Use another secret store here.");
}

/** The path of `file:///abs`, percent-encoded where it has to be. */
export function toPath(reference: string): string {
  const text = reference.slice(`${scheme}://`.length);
  const path = reference.startsWith(`${scheme}:///`) ? decoded(text) : undefined;
  // oxlint-disable-next-line no-control-regex -- no file that a person names has one
  if (path !== undefined && !/[\x00-\x1f\x7f]|\/$/.test(path)) return path;
  throw failure(
    `${JSON.stringify(reference)} names no file`,
    `Write ${scheme}:///home/me/token: an absolute path, a % in it as %25.`,
  );
}

export function toReference(path: string): string {
  return `${scheme}://${path.replaceAll("%", "%25")}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** What is at a path, links followed; undefined when nothing is. Throws unless it is a file that only the operator can read and change. */
export async function findFile(path: string, ctx: PluginContext): Promise<string | undefined> {
  const files = filesOf(ctx);
  const real = await files.resolve(path);
  const stat = real === undefined ? undefined : await files.stat(real);
  if (real === undefined || stat === undefined) return undefined;
  if (stat.kind !== "file") throw noFile(real, stat.kind);
  await refuseFolder(folderOf(real), ctx);
  await refuseOwner(real, stat, ctx);
  refuseWide(real, stat, ctx.host);
  return real;
}

export function noFile(path: string, kind: FileStat["kind"]): JackinError {
  const what = kind === "folder" ? "is a folder" : "is no plain file";
  return failure(`${path} ${what}`, `See what it is: ls -ld ${quoted(path)}`);
}

/** A folder that others can enter: whoever may write there may put another file into its place. */
export async function refuseFolder(folder: string, ctx: PluginContext): Promise<void> {
  const stat = await filesOf(ctx).stat(folder);
  if (stat === undefined || ctx.host.platform === "win32") return;
  const isOpen = (stat.mode & 0o077) !== 0;
  const isForeign = stat.uid !== (await owner(ctx.host));
  if (!isOpen && !isForeign) return;
  const { home, state } = filesOf(ctx);
  const isOurs = [home, state].some((own) => folder === own || folder.startsWith(`${own}/`));
  const own = `Move it into a folder of its own: mkdir -m 700 ${quoted(home)}/secrets`;
  // To close `/etc` or `/tmp` would stop the machine.
  const isShared = isForeign || !isOurs || (stat.mode & 0o1000) !== 0;
  throw failure(
    isOpen
      ? `${folder}, its folder, is open to others on this machine (mode ${octal(stat)}): files of secrets belong into a folder of mode 0700`
      : `${folder}, its folder, belongs to somebody else on this machine`,
    isShared ? own : `chmod 700 ${quoted(folder)}\n${own}`,
  );
}

async function refuseOwner(path: string, stat: FileStat, ctx: PluginContext): Promise<void> {
  if (ctx.host.platform === "win32" || stat.uid === (await owner(ctx.host))) return;
  throw failure(
    `${path} belongs to somebody else on this machine`,
    `See whose it is: ls -l ${quoted(path)}`,
  );
}

export function refuseWide(path: string, stat: FileStat, host: Host): void {
  if (host.platform === "win32" || (stat.mode & 0o077) === 0) return;
  throw failure(
    `${path} is open to others on this machine (mode ${octal(stat)})`,
    `chmod 600 ${quoted(path)}`,
  );
}

/** Whoever runs jackin has made its folder; before its first run, whose home it is. */
async function owner({ files }: Host): Promise<number | undefined> {
  return ((await files!.stat(files!.state)) ?? (await files!.stat(files!.home)))?.uid;
}

function octal({ mode }: FileStat): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

/** For a command that is shown. */
export function quoted(path: string): string {
  return /^[\w/.@%+=:,-]+$/.test(path) ? path : quoteShell(path);
}
