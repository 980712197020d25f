/** Before the end-to-end tests: Docker answers, a base image is there, jackin is built. Fails with what is missing. */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export function setup(): void {
  must("bash", "test/lab/ready.sh");
  const built = statSync(join(root, "dist/hosts/cli/main.js"), { throwIfNoEntry: false });
  if (!built || newestSource() > built.mtimeMs) must("npx", "tsup", "--silent");
}

function newestSource(): number {
  const sources = ["core", "plugins", "hosts"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
      join(root, folder, name),
    ),
  );
  return Math.max(
    ...sources
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
      .map((path) => statSync(path).mtimeMs),
  );
}

function must(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
}
