/** The launch text of the session holder, run by the machine's own sh. */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { createSecret, envText, holderFiles } from "../../core/index.ts";

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
