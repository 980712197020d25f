/** Builds, unless what `npm ci` has built is newer than all that it is built from. */
import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
// Types are written last.
const built = statSync(join(root, "dist/hosts/cli/main.d.ts"), { throwIfNoEntry: false });
const sources = [
  ...globSync("{core,plugins,hosts}/**/*.ts", { cwd: root }).filter(
    (path) => !path.endsWith(".test.ts"),
  ),
  "package-lock.json",
  "package.json",
  "tsconfig.json",
  "tsup.config.ts",
];
if (built && sources.every((path) => statSync(join(root, path)).mtimeMs < built.mtimeMs))
  console.log("dist is newer than its sources");
else
  process.exitCode = spawnSync("tsup", ["--silent"], { cwd: root, stdio: "inherit" }).status ?? 1;
