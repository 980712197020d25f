import { join } from "node:path";
import { createStorage, defineDriver } from "unstorage";
import type { HostFiles, StateStore } from "../../core/index.ts";
import { createFiles } from "./files.ts";
import { systemCode } from "./host-error.ts";

const maxBytes = 16 * 1024 * 1024;
const ending = ".json";

/**
 * Keeps state as one JSON file a key in `folder`, 0600, each written whole. A damaged file, whatever is in it, counts as
 * absent and stays where it is.
 */
export function createFileStore(folder: string): StateStore {
  const files = createFiles({ home: "", state: folder });
  return createStorage({ driver: fileDriver({ folder, files }) });
}

// unstorage's own `fs-lite` writes in place, 0666, and follows links.
const fileDriver = defineDriver(({ folder, files }: { folder: string; files: HostFiles }) => {
  const pathOf = (key: string) => join(folder, toFileName(key));
  const isThere = async (key: string) => (await files.stat(pathOf(key)))?.kind === "file";
  return {
    name: "jackin-files",
    hasItem: isThere,
    async getItem(key) {
      if (!(await isThere(key))) return null;
      const text = await files
        .read(pathOf(key), { maxBytes, followLinks: false })
        .catch(refusedContent);
      return text !== undefined && holdsObject(text) ? text : null;
    },
    setItem: (key, value) => files.write(pathOf(key), value),
    removeItem: (key) => files.remove(pathOf(key)),
    getKeys: async () => (await files.list(folder)).flatMap(toKey),
  };
});

/** A file that was damaged may be no text at all; what the system itself refuses to read is another matter. */
function refusedContent(error: unknown): undefined {
  if (systemCode((error as Error).cause) !== undefined) throw error;
}

/** Upper-case letters are escaped too: on macOS `A.json` and `a.json` are one file. */
function toFileName(key: string): string {
  let name = "";
  for (const byte of new TextEncoder().encode(key)) {
    const char = String.fromCharCode(byte);
    name += /[a-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return name + ending;
}

/** No key for a name that `toFileName` never makes: the file is somebody else's. */
function toKey(name: string): string[] {
  try {
    const key = decodeURIComponent(name.slice(0, -ending.length));
    return toFileName(key) === name ? [key] : [];
  } catch {
    return [];
  }
}

function holdsObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
