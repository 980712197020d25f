/** The shell texts of the session holder, run by the machine's own sh and tmux. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createSecret, envText, failedCommand, holderFiles, tellText } from "../../core/index.ts";

const exec = promisify(execFile);

describe("the launch text", () => {
  let folder: string;
  let run: string;
  let bin: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "jackin-holder-"));
    [run, bin] = [join(folder, "it's run"), join(folder, "bin")];
    await mkdir(run);
    await mkdir(bin);
    return () => rm(folder, { recursive: true });
  });

  /** Answers the environment of the agent, and of each program that was run on the way to it. */
  async function launch(values: Record<string, string>): Promise<Record<string, string[]>> {
    const env = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, createSecret(value)]),
    );
    await writeFile(join(run, "env"), envText(env, "test"));
    const options = { run, reports: folder, workdir: folder, command: ["agent", "--fixed"] };
    await writeFile(join(run, "launch"), holderFiles(options)["launch"]!);
    const { PATH = "" } = process.env;
    for (const program of ["agent", "rm", "cat", "mv", "env", "printf"]) {
      const rest = program === "agent" ? "" : `PATH='${PATH}' exec ${program} "$@"`;
      const record = `tr '\\0' '\\n' < /proc/$$/environ > '${folder}/'${program}.environ`;
      await writeFile(join(bin, program), `#!/bin/sh\nPATH='${PATH}' ${record}\n${rest}\n`);
      await chmod(join(bin, program), 0o755);
    }
    await exec("sh", [join(run, "launch")], { env: { PATH: `${bin}:${PATH}` } });
    const seen: Record<string, string[]> = {};
    for (const program of ["agent", "rm", "cat", "mv", "env", "printf"]) {
      const text = await readFile(join(folder, `${program}.environ`), "utf8").catch(() => "");
      if (text) seen[program] = text.split("\n");
    }
    return seen;
  }

  it.runIf(process.platform === "linux")(
    "gives the values to the agent and to no other program",
    async () => {
      const { agent, ...others } = await launch({ API: "the value", OTHER: "it's\n$HOME" });
      expect(agent).toContain("API=the value");
      expect(agent!.join("\n")).toContain("OTHER=it's\n$HOME");
      expect(Object.keys(others)).toContain("rm");
      for (const environ of Object.values(others))
        expect(environ.join("\n")).not.toMatch(/the value|it's\n/);
      await expect(stat(join(run, "env"))).rejects.toThrow("ENOENT");
      expect(await readFile(join(run, "pid"), "utf8")).toMatch(/^\d+\n$/);
    },
  );

  it.runIf(process.platform === "linux")("takes any name, its own variable's too", async () => {
    const { agent } = await launch({ run: "/nowhere", n: "1", code: "2" });
    expect(agent).toEqual(expect.arrayContaining(["run=/nowhere", "n=1", "code=2"]));
    await expect(stat(join(run, "env"))).rejects.toThrow("ENOENT");
  });
});

/** A run folder with a name that is hard on shells, and its files. */
async function makeRun(): Promise<{ folder: string; run: string; reports: string }> {
  const folder = await mkdtemp(join(tmpdir(), "jackin-holder-"));
  const [run, reports] = [join(folder, "it's run"), join(folder, "re ports")];
  await mkdir(run);
  await mkdir(reports);
  const options = { run, reports, workdir: folder, command: ["sh"] };
  for (const [name, text] of Object.entries(holderFiles(options)))
    await writeFile(join(run, name), text);
  return { folder, run, reports };
}

describe("the text that reports a refused turn", () => {
  let folder: string;
  let run: string;
  let reports: string;
  beforeEach(async () => {
    ({ folder, run, reports } = await makeRun());
    return () => rm(folder, { recursive: true });
  });
  const hook = (input: string) => {
    const options = { input, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", failedCommand(run)], options);
    return { status, stdout, stderr };
  };
  const silent = { status: 0, stdout: "", stderr: "" };
  const read = async (names: readonly string[]) =>
    await Promise.all(names.map((name) => readFile(join(reports, name), "utf8")));

  it("writes what it is told into one file, cut at 64 KiB, that only its owner reads", async () => {
    const told = `{"error":"it's"}\n`;
    expect(hook(told)).toEqual(silent);
    const [name = ""] = await readdir(reports);
    expect(name).toMatch(/^\d{10}-\d+\.json$/);
    expect(await read([name])).toEqual([told]);
    expect((await stat(join(reports, name))).mode & 0o777).toBe(0o600);
    expect(hook("x".repeat(300_000))).toEqual(silent);
    const [long = ""] = (await readdir(reports)).filter((each) => each !== name);
    expect(await read([long])).toEqual(["x".repeat(65_536)]);
  });

  it("finishes the report when Claude Code ends meanwhile and ends its hooks", async () => {
    const child = spawn("sh", ["-c", failedCommand(run)], { detached: true });
    child.stdin.write("its beginning");
    const files = () => readdir(reports);
    await vi.waitFor(async () => expect(await files()).not.toEqual([]), 10_000);
    process.kill(-child.pid!, "SIGTERM");
    child.stdin.end(" and its end");
    await vi.waitFor(
      async () => expect(await files()).toEqual([expect.stringMatching(/^\d/)]),
      10_000,
    );
    expect(await read(await files())).toEqual(["its beginning and its end"]);
  });

  it("keeps the twenty newest, and what is no report", async () => {
    for (let old = 10; old < 40; old++) await writeFile(join(reports, `10${old}-1.json`), "old");
    await writeFile(join(reports, "notes.txt"), "kept");
    expect(hook("new")).toEqual(silent);
    const names = (await readdir(reports)).toSorted();
    expect(names).toHaveLength(21);
    expect(names.slice(0, 2)).toEqual(["1021-1.json", "1022-1.json"]);
    expect(await read(names.slice(-2))).toEqual(["new", "kept"]);
  });

  it("says nothing where it can write nothing, nor where its run folder is gone", async () => {
    await rm(reports, { recursive: true });
    expect(hook("told")).toEqual(silent);
    await rm(run, { recursive: true });
    expect(hook("told")).toEqual(silent);
  });
});

const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

describe.runIf(hasTmux)("the text that shows a line on the agent's terminals", () => {
  it("shows it as it is on each of them, and runs nothing that it names", async () => {
    const { folder, run } = await makeRun();
    const outer = ["-f", "/dev/null", "-S", join(folder, "outer")];
    const held = ["-S", join(run, "tmux"), "-f", join(run, "tmux.conf")];
    const tmux = async (...args: string[]) => (await exec("tmux", args)).stdout;
    const tell = async (line: string) => {
      const told = spawnSync("sh", [], { input: tellText(run, line), encoding: "utf8" });
      expect([told.status, told.stdout, told.stderr]).toEqual([0, "", ""]);
    };
    await tell("no session yet");
    try {
      await tmux(...held, "new-session", "-d", "-s", "agent", "sleep 600");
      await tell("no terminal yet");
      const attach = `sh '${run.replaceAll("'", `'\\''`)}/attach'`;
      for (const name of ["one", "two"])
        await tmux(...outer, "new-session", "-d", "-s", name, "-x", "150", "-y", "20", attach);
      await until(async () => (await tmux(...held, "list-clients")).split("\n").length === 3);
      const line = `it's "so": #(touch '${folder}/ran') ##(touch x) #{pane_pid} %H 100% $(touch y) \`z\``;
      await tell(`${line}\u001b]0;x\u0007\nnext`);
      for (const name of ["one", "two"])
        await until(async () =>
          (await tmux(...outer, "capture-pane", "-p", "-t", name)).includes(`it's "so"`),
        );
      const screen = await tmux(...outer, "capture-pane", "-p", "-t", "one");
      for (const part of [`#(touch '${folder}/ran')`, "#{pane_pid} %H 100% $(touch y) `z`", "next"])
        expect(screen).toContain(part);
      expect((await readdir(folder)).toSorted()).toEqual(["it's run", "outer", "re ports"]);
    } finally {
      spawnSync("tmux", [...held, "kill-server"]);
      spawnSync("tmux", [...outer, "kill-server"]);
      await rm(folder, { recursive: true });
    }
  });
});

async function until(ready: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await ready())) {
    if (Date.now() > end) throw new Error("not there after 30 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
