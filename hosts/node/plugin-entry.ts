import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { JackinError } from "../../core/index.ts";
import { createFiles, expandHome } from "./files.ts";

export interface PluginPlace {
  /** The folder of the configuration: `./…` is relative to it, and packages are looked for from here up. */
  readonly folder: string;
  readonly home: string;
}

export interface PluginEntry {
  readonly file: string;
  readonly version: string | undefined;
}

/** The file to import for a plugin: a folder (`/…`, `~/…`, `./…`) or a package. Throws `plugin-missing`. */
export async function findEntry(
  key: string,
  where: string,
  place: PluginPlace,
): Promise<PluginEntry> {
  const asFolder = /^(\/|~\/|\.\.?\/)/.test(where);
  if (!asFolder && !packageName.test(where)) {
    throw missing(
      key,
      `"${where}" is neither a package's name nor a path`,
      "Name a package, or a folder that begins with /, ~/ or ./",
    );
  }
  const candidates = asFolder ? [fromFolder(where, place)] : packageFolders(where, place.folder);
  const folder = candidates.find((candidate) => existsSync(candidate));
  if (folder === undefined) {
    throw asFolder
      ? missing(
          key,
          `${candidates[0]} is not there`,
          `Correct its path under [plugins], or put the plugin there.`,
        )
      : missing(
          key,
          `no package ${where} in ${join(place.folder, "node_modules")} or above, nor beside jackin`,
          `npm install --prefix ${place.folder} ${where}`,
        );
  }
  const manifest = await readManifest(key, folder, place.home);
  const named = conditional(rootExport(manifest["exports"])) ?? manifest["main"];
  const names = typeof named === "string" ? [named] : ["index.js", "index.mjs", "index.ts"];
  const file = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) {
    throw missing(
      key,
      `${folder} has no ${names.join(", ")}`,
      `Build the plugin, or correct "exports" in its package.json.`,
    );
  }
  return {
    file,
    version: typeof manifest["version"] === "string" ? manifest["version"] : undefined,
  };
}

const packageName = /^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i;

function fromFolder(path: string, { folder, home }: PluginPlace): string {
  return path.startsWith("~/") ? expandHome(path, home) : resolve(folder, path);
}

/** As Node looks for packages: from the configuration's folder up, then from where jackin itself is installed. */
function packageFolders(name: string, from: string): string[] {
  return [from, import.meta.dirname].flatMap((start) =>
    ancestors(start).map((folder) => join(folder, "node_modules", name)),
  );
}

function ancestors(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...ancestors(above)];
}

async function readManifest(
  key: string,
  folder: string,
  home: string,
): Promise<Record<string, unknown>> {
  const path = join(folder, "package.json");
  const text = await createFiles({ home, state: folder }).read(path, { maxBytes: 1024 * 1024 });
  if (text === undefined) return {};
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === "object" && manifest !== null)
      return manifest as Record<string, unknown>;
  } catch {
    // told below
  }
  throw missing(key, `${path} is no JSON object`, "Repair the file, or install the plugin again.");
}

function rootExport(exports: unknown): unknown {
  const isTable = typeof exports === "object" && exports !== null && !Array.isArray(exports);
  return isTable && "." in exports ? exports["."] : exports;
}

/** Node's rule: the first condition that holds, in the order of the file. */
function conditional(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (Array.isArray(target)) return target.map(conditional).find((path) => path !== undefined);
  if (typeof target !== "object" || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const path = ["node", "import", "default"].includes(condition) ? conditional(inner) : undefined;
    if (path !== undefined) return path;
  }
  return undefined;
}

export function missing(key: string, why: string, hint: string): JackinError {
  return new JackinError({
    code: "plugin-missing",
    message: `The plugin "${key}" cannot be found: ${why}.`,
    hint,
  });
}
