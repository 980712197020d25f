/** An agent outlives the terminal that started it, and gives every terminal back as it was. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Lab } from "../lab/lab.ts";
import { startLab } from "../lab/lab.ts";
import { inside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, eventually } from "./operator.ts";
import type { Terminal } from "./terminal.ts";
import { openTerminal } from "./terminal.ts";

const ready = "bypass permissions on";
let lab: Lab;
let operator: Operator;
let terminal: Terminal;
let folder: string;

beforeAll(async () => void (lab = await startLab({ containers: true })));
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(async () => {
  operator = await createOperator({ lab });
  folder = await operator.folder("app");
  await operator.configure("");
  await lab.signIn(operator.home, lab.newLogin());
  terminal = await openTerminal(operator.env, folder);
});
afterEach(async () => {
  await terminal?.[Symbol.asyncDispose]();
  await operator?.[Symbol.asyncDispose]();
});

const jackin = (args: string) => terminal.type(`${operator.command.join(" ")} ${args}`);

it("finishes the turn when its terminal is killed in the middle, and hardline shows the same screen", async () => {
  lab.reply = (prompt) =>
    prompt.includes("first question") ? "the first answer" : "another answer";
  await jackin("load");
  await terminal.until(ready);
  const pid = await inside(await operator.container("app"), "cat /jackin/run/pid");
  const release = lab.hold();
  await terminal.press("first question", "Enter");
  await lab.until(
    (call) => call.kind === "message" && call.prompt?.includes("first question") === true,
  );
  await terminal.kill();
  release();
  await terminal[Symbol.asyncDispose]();

  terminal = await openTerminal(operator.env, folder);
  await jackin("hardline");
  const screen = await terminal.until("the first answer");
  expect(screen).toContain("first question");
  expect(await inside(await operator.container("app"), "cat /jackin/run/pid")).toBe(pid);
  await terminal.press("second question", "Enter");
  await terminal.until("another answer");
});

it("follows the size of the terminal", async () => {
  await jackin("load");
  await terminal.until(ready);
  for (const [columns, rows] of [
    [80, 24],
    [160, 50],
  ] as const) {
    await terminal.resize(columns, rows);
    await eventually(`${columns}x${rows} inside`, async () => {
      const size = await inside(
        await operator.container("app"),
        "tmux -S /jackin/run/tmux display-message -p '#{window_width}x#{window_height}'",
      );
      return size.trim() === `${columns}x${rows}`;
    });
  }
  await terminal.until(ready);
});

it("gives the terminal back after a detach, an exit and a crash, with the agent's exit code", async () => {
  await jackin("load");
  await terminal.until(ready);
  await terminal.press("C-\\");
  await terminal.until("rc=0");
  await terminal.expectRestored();

  await jackin("hardline");
  await terminal.until(ready);
  await terminal.press("/exit", "Enter");
  await terminal.until("rc=0");
  await terminal.expectRestored();

  await jackin("load");
  await terminal.until(ready);
  await inside(await operator.container("app"), "kill -9 $(cat /jackin/run/pid)");
  await terminal.until("rc=137");
  await terminal.expectRestored();

  await jackin("load");
  await terminal.until(ready);
  await operator.jackin(["eject", "app"]);
  await terminal.until(/rc=\d/);
  await terminal.expectRestored();
});

it("shows what an agent said that died at once", async () => {
  await jackin("load -- --no-such-flag");
  await terminal.until("rc=1");
  expect(await terminal.screen()).toMatch(/unknown option '--no-such-flag'/);
  await terminal.expectRestored();
});

it("goes on in the same agent after auth sync has brought it the host's renewed login", async () => {
  lab.reply = (prompt) => (prompt.includes("before") ? "answer one" : "answer two");
  const old = lab.newLogin();
  await lab.signIn(operator.home, old);
  await jackin("load");
  await terminal.until(ready);
  await terminal.press("before", "Enter");
  await terminal.until("answer one");
  const container = await operator.container("app");
  const pid = await inside(container, "cat /jackin/run/pid");

  await lab.signIn(operator.home, lab.newLogin());
  lab.revoke(old.claudeAiOauth.accessToken);
  const synced = await operator.jackin(["auth", "sync"]);
  expect(synced).toMatchObject({ code: 0, stdout: expect.stringMatching(/^app: updated/) });
  const had = lab.seen.length;
  await terminal.press("after", "Enter");
  await terminal.until("answer two");
  expect(lab.seen.slice(had).filter((call) => call.kind === "message" && !call.ok)).toEqual([]);
  expect(await inside(container, "cat /jackin/run/pid")).toBe(pid);
});
