import { randomUUID } from "node:crypto";
import { open, readlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { JackinError } from "../../core/index.ts";
import type { HostFiles } from "../../core/index.ts";
import type { ConfigSource } from "./config-layout.ts";

/**
 * Replaces one file, or removes it when its text is undefined, unless `mayLand` says no in the last moment: nothing has
 * changed then. Atomic, 0600, on disk when it answers.
 */
export async function writeSource(
  files: HostFiles,
  source: ConfigSource,
  mayLand: () => Promise<boolean>,
): Promise<boolean> {
  const target = await resolveTarget(files, source.path);
  if (source.text === undefined) {
    if (!(await mayLand())) return false;
    await files.remove(source.path); // a link goes, not what it points to
    return true;
  }
  // Written aside first, so that between the last look and the rename there is no slow step.
  const aside = join(dirname(target), `.jackin-${randomUUID()}.tmp`);
  await files.write(aside, source.text);
  if (!(await mayLand())) {
    await files.remove(aside);
    return false;
  }
  await files.rename(aside, target);
  await syncFolder(dirname(target));
  return true;
}

/** Where a file is in truth: it may be a link, e.g. into a folder of dotfiles, and that link has to stay. */
export async function resolveTarget(files: HostFiles, path: string): Promise<string> {
  const real = await files.resolve(path);
  if (real !== undefined) return real;
  const link = await readlink(path).catch(() => undefined);
  if (link !== undefined) {
    throw new JackinError({
      code: "host-failed",
      message: `${path} is a link to ${link}, where nothing is.`,
      hint: `Bring that file back, or remove the link: rm ${path}`,
    });
  }
  const folder = await files.resolve(dirname(path));
  return folder === undefined ? path : join(folder, basename(path));
}

/** Best effort: the file is in place, and not every file system can do this. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close().catch(() => {});
}
