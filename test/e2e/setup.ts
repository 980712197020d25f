/** Before the end-to-end tests: Docker answers, the images are there, jackin is built. Fails with what is missing. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createNodeHost } from "../../hosts/node/index.ts";
import { runtimeDocker } from "../../plugins/runtime-docker/index.ts";
import { createContextDouble } from "../doubles/host.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export async function setup(): Promise<void> {
  must("bash", "test/lab/ready.sh");
  must("node", "test/build.ts");
  await buildImage();
}

/** On a new machine this takes minutes, more than a test may. */
async function buildImage(): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "jackin-setup-"));
  try {
    await runtimeDocker().prepare!({}, createContextDouble(createNodeHost({ stateDir })));
  } finally {
    await rm(stateDir, { recursive: true });
  }
}

function must(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
}
