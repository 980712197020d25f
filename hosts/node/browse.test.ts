import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually } from "../../test/doubles/eventually.ts";
import { createBrowse } from "./browse.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "jackin-browse-"))));
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const page = "https://claude.ai/oauth/authorize?code=true&state=a%20b";

/** A browser as `xdg-open` starts it: it notes what it was asked to show, then does as `script` says. */
async function browser(script = ""): Promise<string> {
  const program = join(folder, "browser");
  await writeFile(program, `#!/bin/sh\necho "$1" >> ${folder}/shown\n${script}`);
  await chmod(program, 0o755);
  // `open` hands its own environment on. No desktop is known there, and nobody else opens pages.
  for (const name of ["DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "DESKTOP_SESSION"])
    vi.stubEnv(name, "");
  vi.stubEnv("BROWSER", program);
  return program;
}
const shown = () => readFile(join(folder, "shown"), "utf8").catch(() => "");

it.runIf(process.platform === "linux")(
  "shows a page and does not wait for the browser",
  async () => {
    const pids = join(folder, "pid");
    await browser(`echo $$ > ${pids}; exec sleep 60`);
    expect(await createBrowse({ DISPLAY: ":0" }, "linux")(page)).toBe(true);
    const pid = await eventually(async () => {
      expect(await shown()).toBe(`${page}\n`);
      const found = Number(await readFile(pids, "utf8"));
      expect(found).toBeGreaterThan(1);
      return found;
    });
    process.kill(pid);
  },
);

it.runIf(process.platform === "linux")("is false when the opener fails", async () => {
  await browser("exit 1");
  expect(await createBrowse({ WAYLAND_DISPLAY: "wayland-0" }, "linux")(page)).toBe(false);
  expect(await shown()).toContain(page);
});

it.each([
  [{}, "linux", page],
  [{ DISPLAY: "" }, "linux", page],
  [{ DISPLAY: ":0", SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" }, "linux", page],
  [{ SSH_TTY: "/dev/pts/1" }, "darwin", page],
  [{ DISPLAY: ":0", CI: "true" }, "linux", page],
  [{ DISPLAY: ":0" }, "linux", "file:///etc/passwd"],
  [{ DISPLAY: ":0" }, "linux", "javascript:alert(1)"],
  [{ DISPLAY: ":0" }, "linux", "/bin/sh"],
])("asks no browser with %j on %s for %s", async (env, platform, url) => {
  await browser();
  expect(await createBrowse(env, platform)(url)).toBe(false);
  expect(await shown()).toBe("");
});
