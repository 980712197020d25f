import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JackinEvent } from "../../core/index.ts";
import { createNodeHost } from "../node/host.ts";
import { createJournal } from "../node/journal.ts";
import { createOperatorDouble, everywhere, now } from "./operator-double.ts";
import type { OperatorDouble } from "./operator-double.ts";

const patient = { timeout: 30_000 };

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const refused: JackinEvent = {
  at: now,
  kind: "refused",
  level: "warning",
  instance: "app",
  text: "401\u001b[2J\nsecond line",
  next: "jackin auth sync app\nor load it again",
};
const keeper: JackinEvent = { at: now, kind: "keeper", level: "info", text: "began" };

function journal() {
  const { files, lock } = createNodeHost({ stateDir: join(operator.home, ".jackin") });
  return createJournal({ files, lock, redact: (text) => text });
}

describe("keeper log", () => {
  it("says that nothing has happened", async () => {
    expect(await operator.jackin(["keeper", "log"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "Nothing has happened yet.\n",
    });
  });

  it("shows events with what helps, and nothing that steers the terminal", async () => {
    for (const event of [keeper, refused]) await journal().write(event);
    const { code, stdout } = await operator.jackin(["keeper", "log"]);
    expect(code).toBe(0);
    const time = String.raw`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(`${time}  keeper   began$`),
      expect.stringMatching(String.raw`${time}  refused  app: 401\?\[2J$`),
      "    second line",
      "    → jackin auth sync app",
      "    → or load it again",
      "",
    ]);
    const painted = await operator.jackin(["keeper", "log", "-n1"], { terminal: everywhere });
    expect(painted.stdout).toContain("\u001b[33mrefused");
    expect(painted.stdout).not.toContain("began");
  });

  it("prints JSON lines", async () => {
    for (const event of [keeper, refused]) await journal().write(event);
    const { stdout } = await operator.jackin(["keeper", "log", "--json"]);
    expect(stdout).toBe([keeper, refused].map((event) => `${JSON.stringify(event)}\n`).join(""));
  });

  it("goes on with -f, shows each event once, and Ctrl-C ends it with 0", async () => {
    await journal().write(keeper);
    await journal().write(keeper);
    const stop = new AbortController();
    const shown: string[] = [];
    const done = operator.jackin(["keeper", "log", "--follow", "--json"], {
      signal: stop.signal,
      onOutput: (text) => shown.push(...text.trim().split("\n")),
    });
    await expect.poll(() => shown.length, patient).toBe(2);
    await journal().write(keeper);
    await expect.poll(() => shown.length, patient).toBe(3);
    await journal().write(refused);
    await expect.poll(() => shown.length, patient).toBe(4);
    stop.abort("SIGINT");
    const { code, stdout, stderr } = await done;
    expect([code, stderr]).toEqual([0, ""]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JackinEvent);
    expect(events).toEqual([keeper, keeper, keeper, refused]);
  });

  it.each(["x", "-1", "", "1e3"])("refuses --lines %j", async (lines) => {
    const { code, stderr } = await operator.jackin(["keeper", "log", `--lines=${lines}`]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("is no number of events")]);
  });
});

it("keeper run writes down why it could not", async () => {
  await mkdir(join(operator.home, ".jackin"));
  await writeFile(join(operator.home, ".jackin/store"), "");
  const { code, stderr } = await operator.jackin(["keeper", "run"]);
  expect(code).toBe(1);
  expect(stderr).toContain(".jackin/store");
  expect(await journal().recent(1)).toMatchObject([
    { kind: "keeper", level: "warning", text: expect.stringContaining(".jackin/store") },
  ]);
});

describe("keeper stop", () => {
  it("says that none runs when it ends by itself at that moment", async () => {
    const { id } = createNodeHost().process;
    const [machine] = id.split("/");
    const folder = join(operator.home, ".jackin/store");
    await mkdir(folder, { recursive: true });
    const name = encodeURIComponent(`keeper:${machine}`).toLowerCase();
    // No process has this number.
    const claim = { process: `${machine}/99999999/1`, since: 1, keeps: 1 };
    await writeFile(join(folder, `${name}.json`), JSON.stringify(claim));
    const seen = [true, false];
    const isAlive = async (asked: string) => (asked === claim.process && seen.shift()) || false;
    expect(
      await operator.jackin(["keeper", "stop"], { host: { process: { id, isAlive } } }),
    ).toEqual({ code: 0, stdout: "", stderr: "No keeper runs.\n" });
    expect(seen).toEqual([]);
  });
});
