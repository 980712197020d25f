import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { HostExec } from "../../core/index.ts";
import { createExec } from "./exec.ts";
import { createNotify } from "./notify.ts";

const text = `"quoted" $HOME \`id\` <b>\\n & "\nend tell`;

/** The programs that were run, with their arguments. */
async function shown(platform: string, env: Record<string, string>, title = "jackin: app") {
  const calls: (readonly string[])[] = [];
  const exec: HostExec = async (command, args, options) => {
    expect(options?.limitMs).toBeGreaterThan(0);
    calls.push([command, ...args]);
    throw new Error("nobody is there to show it");
  };
  await createNotify(exec, env, platform)(title, text);
  return calls;
}

describe("a notification", () => {
  it.each(["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"])(
    "is shown on Linux where %s names a desktop",
    async (name) => {
      const body = `"quoted" $HOME \`id\` &lt;b&gt;\\\\n &amp; "\nend tell`;
      expect(await shown("linux", { [name]: ":0" })).toEqual([
        ["notify-send", "--app-name=jackin", "--", "jackin: app", body],
      ]);
    },
  );

  it("is not where there is no desktop", async () => {
    expect(await shown("linux", { DISPLAY: "" })).toEqual([]);
    expect(await shown("win32", { DISPLAY: ":0" })).toEqual([]);
  });

  it("is an argument of the script on macOS, never a part of it", async () => {
    const [[command, ...args] = []] = await shown("darwin", {});
    expect(command).toBe("/usr/bin/osascript");
    expect(args.slice(-2)).toEqual(["jackin: app", text]);
    expect(args.slice(0, -2).join()).not.toContain("quoted");
  });

  it("reaches the program on PATH as it is, and its failure nobody", async () => {
    const folder = await mkdtemp(join(tmpdir(), "jackin-notify-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const said = join(folder, "said");
    await writeFile(
      join(folder, "notify-send"),
      `#!/bin/sh\nfor arg; do printf '%s\\0' "$arg"; done > '${said}'\nexit 1\n`,
    );
    await chmod(join(folder, "notify-send"), 0o755);
    const env = { PATH: folder, DISPLAY: ":0" };
    await createNotify(createExec(env), env, "linux")("-title", "a\nb");
    expect((await readFile(said, "utf8")).split("\0")).toEqual([
      "--app-name=jackin",
      "--",
      "-title",
      "a\nb",
      "",
    ]);
    await createNotify(createExec({ PATH: "" }), env, "linux")("a", "b");
  });
});
