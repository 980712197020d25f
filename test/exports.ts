/**
 * `package.json` says the same as the build, both ways: every subpath of `exports` has its files, and every plugin, host and
 * command that was built can be reached. Run it after the build: `node test/exports.ts`.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const { exports, bin, files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<
    Record<string, string | { readonly types: string; readonly default: string }>
  >;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
};
const faults: string[] = [];
const reached = new Set<string>();
const plugins = globSync("plugins/*/index.ts", { cwd: root }).map((path) => path.split("/")[1]!);
const hosts = globSync("hosts/*/index.ts", { cwd: root }).map((path) => path.split("/")[1]!);
const subpaths = new Set<string>();

for (const [pattern, target] of Object.entries(exports)) {
  const targets = typeof target === "string" ? [target] : [target.types, target.default];
  for (const name of pattern.includes("*") ? plugins : [""]) {
    const subpath = pattern.replace("*", name);
    subpaths.add(subpath);
    for (const path of targets.map((text) => text.replaceAll("*", name))) {
      reached.add(join(path));
      if (!existsSync(join(root, path))) faults.push(`${subpath}: ${path} is not there`);
    }
    if (typeof target !== "string") await checkImport(subpath, name);
  }
}

for (const name of plugins)
  if (!subpaths.has(`./plugins/${name}`)) faults.push(`plugin ${name} has no subpath`);
for (const name of hosts)
  if (!subpaths.has(`./${name}`)) faults.push(`host ${name} has no subpath`);

for (const [name, path] of Object.entries(bin)) {
  reached.add(join(path));
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  if (!text.startsWith("#!/usr/bin/env node\n")) faults.push(`bin ${name}: ${path} is no program`);
}
for (const path of files)
  if (!existsSync(join(root, path))) faults.push(`files: ${path} is not there`);
for (const path of globSync("dist/{core,plugins/*,hosts/*}/*.js", { cwd: root }))
  if (!reached.has(path)) faults.push(`${path} was built and nothing leads to it`);

for (const fault of faults) console.error(fault);
console.log(`${subpaths.size} subpaths, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;

/** As a user's program imports it; a plugin's export is its folder's name in camelCase. */
async function checkImport(subpath: string, plugin: string): Promise<void> {
  try {
    const module = (await import(`jackin${subpath.slice(1)}`)) as Record<string, unknown>;
    const name = plugin.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    if (plugin !== "" && typeof module[name] !== "function")
      faults.push(`${subpath} does not export ${name}`);
  } catch (error) {
    faults.push(`${subpath} cannot be imported: ${String(error)}`);
  }
}
