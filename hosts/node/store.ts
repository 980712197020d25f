import { join } from "node:path";
import { createStorage, defineDriver } from "unstorage";
import type { HostFiles, StateStore } from "../../core/index.ts";
import { createFiles } from "./files.ts";

const maxBytes = 16 * 1024 * 1024;
const ending = ".json";

/**
 * Keeps state as one JSON file a key in `folder`, 0600, each written whole. A torn file, or one that is no JSON object,
 * counts as absent and stays where it is.
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
      const text = await files.read(pathOf(key), { maxBytes, followLinks: false });
      return text !== undefined && holdsObject(text) ? text : null;
    },
    setItem: (key, value) => files.write(pathOf(key), value),
    removeItem: (key) => files.remove(pathOf(key)),
    getKeys: async () => (await files.list(folder)).flatMap(toKey),
  };
});

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
