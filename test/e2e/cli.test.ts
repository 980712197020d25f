/** What only a real terminal shows of the command: prompts, the spinner under Ctrl-C, attaching and coming back. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { createOperator } from "./operator.ts";
import type { Operator } from "./operator.ts";
import { openTerminal } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

let lab: Lab;
let operator: Operator;
let terminal: Terminal;
let folder: string;

beforeAll(async () => {
  lab = await startLab({ containers: true });
  // The first launch on a machine builds the image, which takes longer than a test may.
  await using first = await createOperator({ lab });
  const { code, stderr } = await first.jackin(["load", "--auth", "ignore", "--detach"], {
    cwd: await first.folder("first"),
  });
  expect(code, stderr).toBe(0);
});
afterAll(() => lab[Symbol.asyncDispose]());

beforeEach(async () => {
  operator = await createOperator({ lab });
  folder = await operator.folder("app");
  terminal = await openTerminal(operator.env, folder);
  await operator.configure("");
});
afterEach(async () => {
  await terminal[Symbol.asyncDispose]();
  await operator[Symbol.asyncDispose]();
});

/** The command in the shell of the terminal. */
const jackin = (args: string) => terminal.type(`${operator.command.join(" ")} ${args}`);
const stateOf = async (instance: string) => {
  const { stdout } = await operator.jackin(["status", "--json"]);
  const all = JSON.parse(stdout) as { instance: string; state: string }[];
  return all.find((item) => item.instance === instance)?.state;
};

async function expectCookedTerminal(): Promise<void> {
  await terminal.type("stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(echo|icanon|isig)' | xargs");
  await terminal.until("isig icanon echo");
}

it("is taken down by Ctrl-C under the spinner, with 130 and a terminal as before", async () => {
  const plugin = join(operator.env["JACKIN_CONFIG_DIR"]!, "slow");
  await mkdir(plugin, { recursive: true });
  await writeFile(join(plugin, "package.json"), '{"type":"module"}');
  await writeFile(
    join(plugin, "index.js"),
    `export default () => ({ kind: "secret", name: "slow", scheme: "slow", resolve: (_, ctx) => {
      ctx.progress("the vault thinks"); return new Promise(() => {}); } })`,
  );
  await operator.configure('[env]\nA = "slow://x"\n[plugins."./slow"]\n', { bare: true });
  await jackin("load");
  await terminal.until("the vault thinks");
  await terminal.press("C-c");
  const screen = await terminal.until("rc=");
  expect(screen).toContain("Cancelled.\nrc=130");
  expect(screen).not.toContain("the vault thinks");
  await expectCookedTerminal();
  expect(await operator.containers()).toEqual([]);
  expect(await stateOf("app")).toBeUndefined();
});

it("asks, and does nothing when the person gives up", async () => {
  await operator.jackin(["load", "--auth", "ignore", "--detach"], { cwd: folder });
  await jackin("eject");
  await terminal.until(/Stop[^]*app/);
  await terminal.press("C-c");
  expect(await terminal.until("rc=")).toContain("Cancelled.\nrc=130");
  await expectCookedTerminal();
  await jackin("");
  await terminal.until(/What next\?[^]*hardline/);
  await terminal.press("Escape");
  await terminal.until("rc=130");
  expect(await stateOf("app")).toBe("running");
  await operator.jackin(["exile"]);
  await jackin("purge app");
  await terminal.until(/for good\?/);
  await terminal.press("y");
  await terminal.until("rc=0");
  expect(await stateOf("app")).toBeUndefined();
});

it("attaches, detaches with the launch line still to be read, comes back, and survives its terminal", async () => {
  await lab.signIn(operator.home, lab.newLogin({ account: "me@example.test" }));
  await jackin("load");
  await terminal.until("bypass permissions on");
  await terminal.press("C-\\");
  const screen = await terminal.until("rc=");
  expect(screen.split("\n")).toContain("claude auth: forwarded host session (sync)");
  expect(screen).toContain("valid for ");
  expect(screen).toMatch(/Detached: app keeps running\.\n→ jackin hardline app\nrc=0/);

  await jackin("hardline");
  await terminal.until("bypass permissions on");
  await terminal.kill();
  expect(await stateOf("app")).toBe("running");
  await terminal[Symbol.asyncDispose]();
  terminal = await openTerminal(operator.env, folder);
  await jackin("hardline app");
  await terminal.until("bypass permissions on");
  await terminal.press("/exit", "Enter");
  await terminal.until("app ended with exit code 0.\nrc=0");
});
