import { execFileSync, spawnSync } from "node:child_process";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFiles } from "./files.ts";

vi.setConfig({ testTimeout: 60_000 }); // a busy machine starts a process slowly

const isRoot = process.getuid?.() === 0;
const maxBytes = 1_000_000;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jackin-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/**
 * Permissions mean nothing to root, so root runs `body` as nobody. It becomes nobody only after it has loaded the code: a
 * checkout may be in a folder that nobody may enter. It answers what the error said.
 */
function asOrdinary(body: string): { code?: string; message?: string; hint?: string } {
  const code = `
    import { createFiles } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "files.ts")).href)};
    const files = createFiles({ home: "/", state: "/" });
    const folder = ${JSON.stringify(folder)};
    if (${isRoot}) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    try { ${body}; console.log("{}"); }
    catch ({ code, message, hint }) { console.log(JSON.stringify({ code, message, hint })); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
    cwd: "/",
  });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout) as ReturnType<typeof asOrdinary>;
}

async function giveAway(...paths: string[]): Promise<void> {
  if (isRoot) for (const path of paths) await chown(path, 65534, 65534);
}

it.skipIf(process.platform !== "linux")("gives up where no folder can be made", () => {
  // Where it does not give up, no signal but this one ends it.
  const limit = `setTimeout(() => process.kill(process.pid, "SIGKILL"), 10_000).unref()`;
  for (const work of [`makeFolder("/proc/none/deep")`, `write("/proc/none/deep/file", "x")`])
    expect(asOrdinary(`${limit}; await files.${work}`).message).toMatch(/nothing is there/);
});

describe("without permission", () => {
  it("says so, with the path and how to see why", async () => {
    const path = join(folder, "secret");
    await writeFile(path, "x", { mode: 0o000 });
    await giveAway(folder, path);
    expect(asOrdinary(`await files.read(folder + "/secret", { maxBytes: 10 })`)).toEqual({
      code: "host-failed",
      message: `${path} cannot be read: permission denied.`,
      hint: `See who owns it and each folder above it: namei -l ${path}`,
    });
  });

  it("does not write into a folder that is not to be written, nor list one that is not to be read", async () => {
    await mkdir(join(folder, "closed"));
    await giveAway(folder, join(folder, "closed"));
    await chmod(join(folder, "closed"), 0o000);
    const acts = [
      `write(path + "/a", "")`,
      `write(path + "/new/a", "")`,
      `list(path)`,
      `stat(path + "/a")`,
      `resolve(path + "/a")`,
      `makeFolder(path + "/a")`,
      `rename(path + "/a", path)`,
    ];
    const { message } = asOrdinary(`
      const path = folder + "/closed";
      const told = await Promise.all([${acts.map((act) => `files.${act}`).join()}].map((act) => act.catch(String)));
      throw new Error(told.join("\\n"))`);
    const told = message?.split("\n") ?? [];
    expect(told).toHaveLength(acts.length);
    for (const line of told) expect(line).toMatch(/closed.* cannot be .*: permission denied\.$/);
  });

  it("removes read-only folders that are the operator's own", async () => {
    await mkdir(join(folder, "cache/mod"), { recursive: true });
    await writeFile(join(folder, "cache/mod/go.sum"), "");
    await giveAway(
      folder,
      join(folder, "cache"),
      join(folder, "cache/mod"),
      join(folder, "cache/mod/go.sum"),
    );
    await chmod(join(folder, "cache/mod"), 0o555);
    await chmod(join(folder, "cache"), 0o555);
    expect(asOrdinary(`await files.remove(folder + "/cache")`)).toEqual({});
    expect(await readdir(folder)).toEqual([]);
  });

  it.runIf(isRoot)(
    "says what cannot be removed (needs root, to own a file that is somebody else's)",
    async () => {
      await mkdir(join(folder, "theirs/in"), { recursive: true });
      await giveAway(folder);
      expect(asOrdinary(`await files.remove(folder + "/theirs")`)).toMatchObject({
        code: "host-failed",
        message: `${folder}/theirs cannot be removed: permission denied.`,
      });
    },
  );
});

describe("a write", () => {
  it("clears what a killed one has left in the folder, once it is old, and nothing else", async () => {
    const leftover = (number: number) => `.jackin-00000000-0000-4000-8000-00000000000${number}.tmp`;
    const [old, young, link, other] = [leftover(0), leftover(1), leftover(2), ".jackin-mine.tmp"];
    const elsewhere = join(folder, "elsewhere");
    for (const name of [old, young, other, "elsewhere"])
      await writeFile(join(folder, name), "canary");
    await symlink(elsewhere, join(folder, link));
    for (const name of [old, other, "elsewhere"]) await utimes(join(folder, name), 1, 1);
    await createFiles({ home: folder, state: folder }).write(join(folder, "new"), "x");
    expect((await readdir(folder)).sort()).toEqual([young, link, other, "elsewhere", "new"].sort());
  });
});

describe("on a full disk", () => {
  it("keeps the old file and no other (skipped where a small file system cannot be mounted)", async ({
    skip,
  }) => {
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
    if (mount.status !== 0) return skip("mount is not permitted here");
    try {
      const files = createFiles({ home: "/", state: folder });
      const path = join(folder, "config");
      await files.write(path, "old");
      await expect(files.write(path, "x".repeat(maxBytes))).rejects.toMatchObject({
        code: "host-failed",
        message: `${path} cannot be written: no space is left on the disk.`,
        // Of a file that was not made it could tell nothing.
        hint: `Free some space: df -h ${folder}`,
      });
      expect(await readFile(path, "utf8")).toBe("old");
      expect(await readdir(folder)).toEqual(["config"]);
      await files.write(path, "new");
      expect(await readFile(path, "utf8")).toBe("new");
    } finally {
      execFileSync("umount", [folder]);
    }
  });
});

it.each([0o777, 0o000])("writes 0600 under any umask (%i)", async (umask) => {
  await giveAway(folder);
  expect(asOrdinary(`process.umask(${umask}); await files.write(folder + "/a", "")`)).toEqual({});
  expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o600);
});
