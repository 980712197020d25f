/** Files that jackin writes: whole or not at all, never over a link. */
import { isStoredName, throwIfAborted } from "../../core/index.ts";
import type { HostFiles, PluginContext, WriteRequest, Written } from "../../core/index.ts";
import type { Age } from "./age.ts";
import * as at from "./place.ts";

/** What is there before is put back when it fails, is cancelled, or is taken back. */
export async function writeFile(
  path: string,
  { value }: WriteRequest,
  age: Age,
  ctx: PluginContext,
): Promise<Written> {
  const files = at.filesOf(ctx);
  const text = value.reveal();
  refuseText(text);
  // Encrypted before anything is touched: most of what can fail is in it.
  const content = path.endsWith(".age") ? await age.encrypt(text, ctx) : text;
  const before = await readBefore(path, ctx);
  await files.makeFolder(at.folderOf(path));
  await at.refuseFolder((await files.resolve(at.folderOf(path)))!, ctx);
  throwIfAborted(ctx.signal);
  const undo = async ({ host }: PluginContext) => {
    if (before === undefined) await host.files!.remove(path, { onlyFile: true });
    else await host.files!.write(path, before);
  };
  try {
    await files.write(path, content);
    throwIfAborted(ctx.signal);
  } catch (error) {
    await undo(ctx).catch((left: unknown) => {
      throw at.failure(
        `${path} was not written, and could not be left as it was: ${(left as Error).message}`,
        `See what is there: ls -l ${at.quoted(path)}`,
        error,
      );
    });
    throw error;
  }
  return { reference: at.toReference(path), isReplaced: before !== undefined, undo };
}

/** What is to be replaced. A link is left alone: what it leads to may be anybody's. */
async function readBefore(path: string, ctx: PluginContext): Promise<string | undefined> {
  const stat = await at.filesOf(ctx).stat(path);
  if (stat === undefined) return undefined;
  if (stat.kind === "link")
    throw at.failure(
      `${path} is a link, and no secret is written over a link`,
      `Name the file that it leads to: readlink -f ${at.quoted(path)}`,
    );
  await at.findFile(path, ctx);
  return await at.filesOf(ctx).read(path, { maxBytes: at.maxBytes, followLinks: false });
}

function refuseText(text: string): void {
  const why = text.endsWith("\n")
    ? "ends in a line break, which is left out when a file is read"
    : new TextEncoder().encode(text).length > at.maxBytes / 2
      ? `is longer than ${at.maxBytes / 2} bytes`
      : undefined;
  if (why) throw at.failure(`the value ${why}; nothing was stored`, "Store it elsewhere.");
}

/** Only what jackin has made in its own folder. */
export async function removeFile(
  path: string,
  ctx: PluginContext,
): Promise<"removed" | "absent" | "foreign"> {
  const files = at.filesOf(ctx);
  const stat = await files.stat(path);
  if (stat === undefined) return "absent";
  const [folder, store] = await Promise.all(
    [at.folderOf(path), storeOf(files)].map((place) => files.resolve(place)),
  );
  const own = path.slice(path.lastIndexOf("/") + 1).replace(/\.age$/, "");
  if (stat.kind !== "file" || store === undefined || folder !== store || !isStoredName(own))
    return "foreign";
  throwIfAborted(ctx.signal);
  await files.remove(path, { onlyFile: true });
  return "removed";
}

export function storeOf({ state }: HostFiles): string {
  return `${state}/secrets`;
}
