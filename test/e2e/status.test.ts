/** `jackin status` over many instances, some of them gone behind its back. */
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { InstanceRecord } from "../../core/instances.ts";
import { writeInstance } from "../../core/instances.ts";
import { toLabels } from "../../core/roster.ts";
import { createNodeHost } from "../../hosts/node/index.ts";
import { createFileStore } from "../../hosts/node/store.ts";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { createOperator, docker } from "./operator.ts";
import type { Operator } from "./operator.ts";

let lab: Lab;
let operator: Operator;
let store: string;

beforeEach(async () => {
  lab = await startLab({ containers: true });
  operator = await createOperator({ lab });
  await operator.configure("");
  store = join(operator.state, "store");
});
afterEach(async () => {
  await operator?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** Containers' names are the machine's: other tests may run beside this one. */
const nameOf = (short: string) => `${short}.${process.pid}`;

function record(short: string, change: Partial<InstanceRecord> = {}): InstanceRecord {
  const instance = nameOf(short);
  return {
    schema: 1,
    instance,
    key: `workspace:${instance}`,
    workspace: instance,
    workdir: `/w/${instance}`,
    mode: "ignore",
    runtime: "docker",
    phase: "running",
    startedAt: 1_700_000_000_000,
    ...change,
  };
}

/** A container as jackin labels it; what runs in it is of no account here. */
async function container(of: InstanceRecord): Promise<string> {
  const all = {
    ...toLabels(of),
    "jackin.instance": of.instance,
    "jackin.home": operator.state,
  };
  const labels = Object.entries(all).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
  const name = `jackin-${of.instance}`;
  const args = ["run", "-d", "--init", "--name", name, ...labels];
  return (await docker(...args, "debian:bookworm-slim", "sleep", "infinity")).trim();
}

/** Docker behind a door that counts who comes in. */
async function countedDocker(): Promise<{ PATH: string; calls(): Promise<readonly string[]> }> {
  const folder = join(operator.home, "counted");
  const log = join(folder, "log");
  await mkdir(folder);
  const { stdout } = await promisify(execFile)("sh", ["-c", "command -v docker"]);
  const script = `#!/bin/sh\necho "$1" >> '${log}'\nexec ${stdout.trim()} "$@"\n`;
  await writeFile(join(folder, "docker"), script);
  await chmod(join(folder, "docker"), 0o755);
  return {
    PATH: [folder, operator.env["PATH"]].join(delimiter),
    calls: async () => (await readFile(log, "utf8")).split("\n").filter(Boolean),
  };
}

it("tells what each of fifty is, and asks Docker no oftener than for one", async () => {
  const records = createFileStore(store);
  const alive = createNodeHost().process.id;
  const given: (readonly [InstanceRecord, string])[] = [
    [record("launching", { phase: "starting", launcher: `${alive} 1` }), "starting"],
    [record("killed", { phase: "starting", launcher: `${alive}0 1` }), "stopped"],
    [record("half-way", { phase: "starting", launcher: `${alive}0 1` }), "running"],
    [record("here-1", { account: "me@example.test" }), "running"],
    [record("here-2", { mode: "sync" }), "running"],
    [record("here-3"), "running"],
    [record("removed-1"), "stopped"],
    [record("removed-2"), "stopped"],
    [record("died"), "stopped"],
    ...Array.from({ length: 20 }, (_, at) => [record(`gone-${at}`), "stopped"] as const),
    ...Array.from(
      { length: 21 },
      (_, at) => [record(`stopped-${at}`, { phase: "stopped" }), "stopped"] as const,
    ),
  ];
  expect(given).toHaveLength(50);
  await Promise.all(given.map(([item]) => writeInstance(records, item)));
  const unknown = record("unknown", { phase: "stopped" });
  const ids: Record<string, string> = {};
  for (const item of [...given.map(([one]) => one), unknown])
    if (/^(half|here|removed|died|unknown)/.test(item.instance))
      ids[item.instance] = await container(item);
  await docker("rm", "-f", ids[nameOf("removed-1")]!, ids[nameOf("removed-2")]!);
  await docker("kill", ids[nameOf("died")]!);
  await writeFile(join(store, "instances%3atorn.json"), '{"schema":1,"instance":"to');
  await writeFile(
    join(store, "instances%3afuture.json"),
    JSON.stringify({ ...record("future"), schema: 2 }),
  );

  // The keeper that would be started asks Docker too.
  const claim = { process: alive, since: 1_700_000_000_000, keeps: 3 };
  await records.setItem(`keeper:${alive.split("/")[0]}`, claim);
  const { PATH, calls } = await countedDocker();
  const { code, stdout, stderr } = await operator.jackin(["status", "--json"], { env: { PATH } });
  expect(code, stderr).toBe(0);
  const shown = JSON.parse(stdout) as { instance: string; state: string }[];
  const states = shown.map(({ instance, state }) => [instance, state]);
  const expected = given.map(([{ instance }, state]) => [instance, state]);
  expect(states.toSorted()).toEqual([...expected, [unknown.instance, "running"]].toSorted());
  expect(states.findLastIndex(([, state]) => state !== "stopped")).toBe(5);
  expect(shown.find((item) => item.instance === nameOf("here-1"))).toMatchObject({
    account: "me@example.test",
    workspace: nameOf("here-1"),
    workdir: `/w/${nameOf("here-1")}`,
    mode: "ignore",
  });
  expect(shown.find((item) => item.instance === unknown.instance)).toMatchObject({
    workspace: unknown.workspace,
    workdir: unknown.workdir,
    mode: "ignore",
    startedAt: 1_700_000_000_000,
  });
  for (const name of ["torn", "future"])
    expect(stderr).toContain(`warning: The record of ${name} cannot be read`);
  expect(await calls()).toEqual(["ps", "inspect"]);

  const table = await operator.jackin(["status"]);
  expect(table.stdout.split("\n").filter(Boolean)).toHaveLength(1 + 51);
  const exiled = await operator.jackin(["exile"]);
  expect(exiled.code, exiled.stderr).toBe(0);
  expect(exiled.stdout.split("\n").filter(Boolean).toSorted()).toEqual(
    ["launching", "half-way", "here-1", "here-2", "here-3", "unknown"].map(nameOf).toSorted(),
  );
  expect(await operator.containers()).toEqual([]);
});
