/** The same promises for an ordinary operator: no root, in the docker group. */
import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import { inside } from "./inside.ts";
import { testModes } from "./modes.ts";
import type { Installed, OperatorOptions } from "./operator.ts";
import { createOperator, installForAll, labCertificate } from "./operator.ts";

const run = promisify(execFile);
const uid = 4321;

// Becoming another user takes root. Who runs the tests as an ordinary user has shown it with modes.test.ts already.
describe.skipIf(process.getuid!() !== 0)("an ordinary operator", () => {
  let installed: Installed | undefined;
  const ordinary = async (): Promise<Omit<OperatorOptions, "lab">> => {
    installed ??= await installForAll();
    const { gid } = await stat("/var/run/docker.sock");
    return { installed, as: { uid, gid: uid, groups: [gid] } };
  };
  afterAll(() => installed?.[Symbol.asyncDispose]());

  testModes("as an ordinary user in the docker group", ordinary);

  it("owns what the agent writes, in the workspace and in the instance's folder", async () => {
    await using lab = await startLab({ containers: true });
    await using operator = await createOperator({ lab, ...(await ordinary()) });
    const app = await operator.folder("app");
    await operator.configure("");
    expect(await operator.jackin(["load", app, "--auth", "ignore", "--detach"])).toMatchObject({
      code: 0,
      stdout: "app\n",
    });
    expect((await inside(await operator.container("app"), "id -u")).trim()).toBe(String(uid));
    await inside(
      await operator.container("app"),
      `mkdir ${app}/made && echo hi > ${app}/made/file`,
    );
    for (const path of [
      join(app, "made"),
      join(app, "made/file"),
      join(operator.state, "instances/app/claude"),
    ]) {
      expect(await stat(path)).toMatchObject({ uid, gid: uid });
    }
    const { stdout } = await run("find", [operator.home, "-not", "-user", String(uid)]);
    // The tests' own file aside, all of it is the operator's.
    expect(stdout.split("\n").filter((path) => path && !path.endsWith(labCertificate))).toEqual([]);
    // What Claude Code makes for itself has its own modes, in folders that only the operator can enter.
    const agents = ["claude", "home"].flatMap((name) => [
      "-path",
      `*/app/${name}/*`,
      "-prune",
      "-o",
    ]);
    const { stdout: open } = await run("find", [
      operator.state,
      ...agents,
      "-perm",
      "/077",
      "-print",
    ]);
    expect(open).toBe("");
    expect(await operator.jackin(["eject", "app"])).toMatchObject({ code: 0 });
    expect(await operator.jackin(["purge", "app", "--yes"])).toMatchObject({ code: 0 });
    await expect(stat(join(operator.state, "instances/app"))).rejects.toMatchObject({
      code: "ENOENT",
    });
  });
});
