import { JackinError, toCredential } from "../../core/index.ts";
import type { Credential, HostFiles } from "../../core/index.ts";

/** What a credential file or a settings file may have at most, in bytes. */
const maxBytes = 1024 * 1024;

/** The agent's own folder may hold a link, a pipe or an endless file. */
export async function readCredential(path: string, files: HostFiles): Promise<Credential> {
  try {
    return await toCredential(await files.read(path, { maxBytes }));
  } catch (error) {
    if (error instanceof JackinError && error.code === "host-failed") return { state: "unknown" };
    throw error;
  }
}
