import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HiddenTerminal } from "../../core/index.ts";
import { createPty } from "./pty.ts";

const pty = createPty({ PATH: process.env["PATH"], KEPT: "kept", GONE: "gone" });
const never = new AbortController().signal;
const size = { columns: 200, rows: 10 };
const sh = (script: string, signal = never, env: Record<string, string | undefined> = {}) =>
  pty("sh", ["-c", script], { ...size, signal, env });

async function until(
  terminal: HiddenTerminal,
  holds: (text: string) => boolean,
): Promise<readonly string[]> {
  for (;;) {
    const rows = terminal.screen();
    if (holds(rows.join("\n"))) return rows;
    if (terminal.code !== undefined) throw new Error(`ended with ${terminal.code}: ${rows.join()}`);
    await terminal.changed();
  }
}

/** Commands that run and have this mark in their environment. */
function marked(mark: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`MARK=${mark}`);
    } catch {
      return false;
    }
  });
}

describe("createPty", () => {
  let mark: string;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "jackin-pty-"));
    mark = folder;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("says nothing itself of what no terminal understands", async () => {
    using said = vi.spyOn(console, "error").mockReturnValue();
    await using terminal = await sh(String.raw`printf '\177\n'; echo done`);
    await until(terminal, (text) => text.includes("done"));
    expect(said).not.toHaveBeenCalled();
  });

  it("holds the screen of a program that is on a terminal, and types into it", async () => {
    const script = `stty size; echo "$KEPT,$GONE,$ADDED"; read line; echo "got $line"; exit 7`;
    await using terminal = await sh(script, never, { GONE: undefined, ADDED: "added" });
    await until(terminal, (text) => text.includes("kept,,added"));
    expect(terminal.code).toBeUndefined();
    terminal.write("words\r");
    await until(terminal, () => terminal.code !== undefined);
    expect(terminal.code).toBe(7);
    expect(terminal.screen().slice(0, 5)).toEqual([
      "10 200",
      "kept,,added",
      "words",
      "got words",
      "",
    ]);
    // Nobody hears of a key any more, and it is no error.
    terminal.write("more");
    await terminal.changed();
  });

  it("draws what is drawn over, and shows the other screen while a program is on it", async () => {
    const script = `printf 'one\\ntwo\\033[1A\\rONE'; read x; printf '\\033[?1049hother'; read x`;
    await using terminal = await sh(script);
    expect((await until(terminal, (text) => text.includes("ONE"))).slice(0, 2)).toEqual([
      "ONE",
      "two",
    ]);
    terminal.write("\r");
    const rows = await until(terminal, (text) => text.includes("other"));
    expect(rows.join("")).not.toContain("ONE");
  });

  it("answers a program that asks its terminal", async () => {
    await using terminal = await sh(`stty raw -echo; printf '\\033[c'; head -c 3 | od -An -tx1`);
    await until(terminal, (text) => text.includes("1b 5b 3f"));
  });

  it.each([
    ["one that goes at a hang-up", ""],
    ["one that does not", "trap '' HUP; "],
  ])("ends all that was started, waits for it and wipes the screen: %s", async (_, trap) => {
    const script = `${trap}sleep 1000 & set -m; sleep 1000 & echo begun; sleep 1000; sleep 1000`;
    const terminal = await sh(script, never, { MARK: mark });
    await until(terminal, (text) => text.includes("begun"));
    expect(marked(mark).length).toBeGreaterThan(2);
    await terminal[Symbol.asyncDispose]();
    expect(marked(mark)).toEqual([]);
    expect(terminal.screen()).toEqual([]);
    expect(terminal.code).toBeGreaterThan(128);
    await terminal[Symbol.asyncDispose]();
  });

  it("ends what a program leaves behind that ends by itself", async () => {
    const terminal = await sh("trap '' HUP; sleep 1000 & exit 3", never, { MARK: mark });
    await until(terminal, () => terminal.code !== undefined);
    expect(terminal.code).toBe(3);
    await terminal[Symbol.asyncDispose]();
    expect(marked(mark)).toEqual([]);
  });

  it("ends it when the signal fires", async () => {
    const stop = new AbortController();
    await using terminal = await sh("echo begun; sleep 1000", stop.signal, { MARK: mark });
    await until(terminal, (text) => text.includes("begun"));
    stop.abort();
    await until(terminal, () => terminal.code !== undefined);
    expect(marked(mark)).toEqual([]);
    await expect(sh("true", stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("says which program it cannot start, and never takes one of the current folder", async () => {
    const start = (command: string, cwd?: string) =>
      pty(command, [], { ...size, signal: never, ...(cwd !== undefined && { cwd }) });
    await expect(start("no-such-program")).rejects.toMatchObject({
      code: "host-failed",
      message: "no-such-program was not found on PATH.",
      hint: expect.stringContaining("no-such-program"),
    });
    await writeFile(join(folder, "there"), "#!/bin/sh\n");
    await expect(start(join(folder, "there"))).rejects.toMatchObject({
      hint: expect.stringMatching(/chmod/),
    });
    await chmod(join(folder, "there"), 0o755);
    await expect(start("./there", folder)).rejects.toMatchObject({ code: "host-failed" });
    await expect(start("sh", join(folder, "nowhere"))).rejects.toMatchObject({
      message: expect.stringMatching(/no such folder/),
    });
  });
});
