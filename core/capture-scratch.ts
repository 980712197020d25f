import type { PluginContext } from "./contracts.ts";
import { JackinError, toJackinError } from "./error.ts";

export interface Scratch extends AsyncDisposable {
  /** Absolute, empty, 0700. */
  readonly folder: string;
}

/**
 * A folder for one sign-in, gone when it is disposed. Those that killed processes have left are removed; the owner stands in
 * the name.
 */
export async function createScratch({ host, progress }: PluginContext): Promise<Scratch> {
  const { files, process } = host;
  if (!files)
    throw new JackinError({
      code: "host-failed",
      message: "This host has no files to run claude setup-token with.",
    });
  const all = `${files.state}/captures`;
  const remove = async (folder: string) => {
    try {
      await files.remove(folder);
    } catch (error) {
      progress(`${folder} could not be removed: ${toJackinError(error).message}`);
    }
  };
  for (const name of await files.list(all)) {
    const owner = name.split("~").slice(0, -1).join("/");
    if (owner !== "" && (await process?.isAlive(owner)) === false) await remove(`${all}/${name}`);
  }
  const owner = process?.id.replaceAll("/", "~") ?? "";
  const folder = `${all}/${owner}~${crypto.randomUUID()}`;
  await files.makeFolder(folder);
  return { folder, [Symbol.asyncDispose]: () => remove(folder) };
}
