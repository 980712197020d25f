/** Before the end-to-end tests: Docker answers, a base image is there, jackin is built. Fails with what is missing. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export function setup(): void {
  must("bash", "test/lab/ready.sh");
  must("npx", "tsup", "--silent");
}

function must(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
}
