/** A long-lived token, made by the real `claude setup-token` in a terminal that nobody sees, on terminals of all kinds. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Lab } from "../lab/lab.ts";
import { startLab } from "../lab/lab.ts";
import { fingerprint } from "../lab/authority.ts";
import { codeFor } from "../lab/sign-in.ts";
import type { Operator } from "./operator.ts";
import { createOperator, eventually } from "./operator.ts";
import { readProc } from "./proc.ts";
import { record } from "./recorded.ts";
import { openTerminal } from "./terminal.ts";

let lab: Lab;
beforeAll(async () => void (lab = await startLab({ containers: true })));
afterAll(() => lab?.[Symbol.asyncDispose]());

const prefix = "sk-ant-oat01-";
const setup = "workspace claude-token setup my-app";
const askedForCode = "Code that the page shows";

async function newOperator(): Promise<Operator> {
  const operator = await createOperator({ lab });
  const folder = await operator.folder("my-app");
  await operator.configure(`# mine\n[workspaces.my-app]\nworkdir = "${folder}"\n`);
  return operator;
}

const configOf = ({ home }: Operator) => readFile(join(home, "config/config.toml"), "utf8");

/** The token that a launch of the workspace would read. */
async function storedToken(operator: Operator): Promise<string> {
  const [, path] = /oauth_token_source = "file:\/\/([^"]+)"/.exec(await configOf(operator)) ?? [];
  const info = await stat(path!);
  expect(info.mode & 0o777).toBe(0o600);
  return (await readFile(path!, "utf8")).trim();
}

/** Whether any 8 characters of the token that only it has are in what was shown, also with a terminal's steering between them. */
function isSeen(token: string, shown: string): boolean {
  // oxlint-disable-next-line no-control-regex -- what steers a terminal
  const plain = shown.replaceAll(/\u001b(\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])|[\r\n]/g, "");
  const own = token.slice(prefix.length);
  const pieces = Array.from({ length: own.length - 7 }, (_, at) => own.slice(at, at + 8));
  return pieces.some((piece) => shown.includes(piece) || plain.includes(piece));
}

/** Programs of this operator that are `claude`, on this machine. */
async function claudes({ home }: Operator): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  return pids.filter(
    (pid) =>
      readProc(pid, "cmdline").includes("setup-token") &&
      readProc(pid, "environ").split("\0").includes(`HOME=${home}`),
  );
}

it("sees a token that is shown in pieces", () => {
  const token = prefix + "abcdefghijklmnopqrstuvwxyz".repeat(4);
  expect(isSeen(token, `Your token: ${prefix} and no more`)).toBe(false);
  expect(isSeen(token, "hijk\r\n\u001b[1Clm\u001b[2Kno")).toBe(true);
});

it.concurrent.each([
  [40, 90],
  [80, 33],
  [100, 200],
  [200, 60],
])(
  "is stored as it was issued, and never shown, %i columns wide and then %i",
  async (columns, later) => {
    await using operator = await newOperator();
    const command = [...operator.command, ...setup.split(" "), "--store", "file", "--probe"];
    const { env, home: cwd } = operator;
    await using terminal = record(command, { env, cwd, columns });
    await terminal.until(askedForCode);
    expect(await claudes(operator)).not.toEqual([]);
    const account = `wide-${columns}@example.test`;
    // The address stands on a line of its own, whole.
    const [url] = /^https:\/\/\S+$/m.exec(terminal.bytes().replaceAll("\r\n", "\n")) ?? [];
    terminal.resize(later, 30);
    terminal.press(`wrong#${"x".repeat(43)}`);
    terminal.resize(columns, 40);
    terminal.press("\r");
    await terminal.until(/was not taken/);
    terminal.resize(later, 20);
    terminal.press(codeFor(lab, url!, account));
    terminal.press("\r");
    terminal.resize(columns, 24);
    expect(await terminal.ended(), terminal.screen()).toBe(0);
    const token = await storedToken(operator);
    expect(token).toMatch(/^sk-ant-oat01-[\w-]{95}$/);
    const stored = fingerprint(token);
    expect(terminal.screen()).toContain(stored);
    expect(isSeen(token, terminal.bytes())).toBe(false);
    expect(await claudes(operator)).toEqual([]);
    expect(await operator.containers()).toEqual([]);
    // The one that was issued for this code: the API knows whose the token of the proof is.
    const turn = lab.seen.find((call) => call.kind === "message" && call.account === account);
    expect(turn).toMatchObject({ ok: true, token: stored });
  },
);

it("leaves nothing after Ctrl-C, whatever is asked or done, and after its terminal is gone", async () => {
  await using operator = await newOperator();
  const config = await configOf(operator);
  const list = (name: string) => readdir(join(operator.state, name)).catch(() => []);
  await using terminal = await openTerminal(operator.env, operator.home);
  const type = (args: string) => terminal.type(`${operator.command.join(" ")} ${args}`);
  async function expectNothing() {
    await eventually("an end of claude", async () => (await claudes(operator)).length === 0);
    await eventually("an empty scratch", async () => (await list("captures")).length === 0);
    expect(await list("secrets")).toEqual([]);
    expect(await configOf(operator)).toBe(config);
    expect(await operator.containers()).toEqual([]);
  }
  async function stop(args: string, at: string, before: (() => Promise<unknown>) | undefined) {
    await type(args);
    await terminal.until(at);
    await before?.();
    await terminal.press("C-c");
    expect(await terminal.until("rc=")).toMatch(/^Cancelled\.[^]*\nrc=130$/m);
    await terminal.expectRestored();
    await expectNothing();
  }
  const token = lab.newLongLivedToken();
  const paste = `${setup} --store file --paste`;
  await stop(setup, "Where shall the token be stored?", undefined);
  await stop(`${setup} --store file`, askedForCode, () => terminal.press("half of it"));
  await stop(paste, "The token that claude setup-token", () => terminal.press(token));
  // In the middle of the proof, when it is stored already.
  const goOn = lab.hold();
  await stop(`${paste} --probe`, "The token that claude setup-token", async () => {
    await terminal.press(token, "Enter");
    await terminal.until("one turn");
    expect(await list("secrets")).toHaveLength(1);
  });
  goOn();
  await type(`${setup} --store file`);
  await terminal.until(askedForCode);
  await terminal.kill();
  await expectNothing();
});
