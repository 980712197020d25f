/** Mode session: one login of jackin's own for many containers, with the real Claude Code, by pipes as a script would. */
import { execFile } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Lab } from "../lab/lab.ts";
import { startLab } from "../lab/lab.ts";
import { signInByHand } from "../lab/sign-in.ts";
import { inside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, eventually, labCertificate } from "./operator.ts";
import { openTerminal } from "./terminal.ts";

// Six agents start at once, on machines that may be busy.
vi.setConfig({ testTimeout: 300_000 });

const run = promisify(execFile);

interface Login {
  readonly claudeAiOauth: { accessToken: string; refreshToken: string; expiresAt: number };
}

const line = "claude auth: jackin session (shared)";
const agents = ["one", "two", "three", "four", "five", "six"];

describe("a jackin session", () => {
  let lab: Lab;
  let operator: Operator;
  let hostFile: string;

  beforeAll(async () => {
    lab = await startLab({ containers: true });
    operator = await createOperator({ lab });
    hostFile = await lab.signIn(operator.home, lab.newLogin({ account: "host@example.test" }));
    const workspaces = [...agents, "other"].map(async (name) => {
      const workdir = await operator.folder(name);
      const ca = join(workdir, labCertificate);
      return `[workspaces.${name}]\nworkdir = "${workdir}"\nenv.NODE_EXTRA_CA_CERTS = "${ca}"\n`;
    });
    await operator.configure(
      `[claude]\nauth_forward = "session"\n${(await Promise.all(workspaces)).join("")}claude.session.account = "work"\n`,
    );
  });
  afterAll(async () => {
    await operator?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const folder = (account: string) => join(operator.state, "sessions", account);
  const file = (account: string) => join(folder(account), ".credentials.json");
  const read = async (account: string) =>
    JSON.parse(await readFile(file(account), "utf8")) as Login;
  const signIn = (account: string, ...args: string[]) => {
    const [program, ...first] = operator.command;
    const command = [program!, ...first, "auth", "login", ...args] as const;
    return signInByHand(lab, command, { env: operator.env, cwd: operator.home, account });
  };
  const turn = async (agent: string) => {
    const { ANTHROPIC_BASE_URL, HTTPS_PROXY, NO_PROXY } = lab.forContainers.env;
    const env = Object.entries({ ANTHROPIC_BASE_URL, HTTPS_PROXY, NO_PROXY });
    const ca = `NODE_EXTRA_CA_CERTS=${join(operator.home, agent, labCertificate)}`;
    const set = [ca, ...env.map(([name, value]) => `${name}='${value}'`)].join(" ");
    return (
      await inside(await operator.container(agent), `cd; ${set} claude -p ping </dev/null || true`)
    ).trim();
  };
  const accountOfLastTurn = () => lab.seen.findLast(({ kind }) => kind === "message")?.account;
  const since = (count: number, kind: string) =>
    lab.seen.slice(count).filter((call) => call.kind === kind);

  it("is not there at first: the launch does not start and says how to sign in", async () => {
    const outcome = await operator.jackin(["load", "one", "--detach"]);
    expect(outcome).toMatchObject({ code: 3, stdout: "" });
    expect(outcome.stderr).toContain("→ jackin auth login\n");
    expect(await operator.containers()).toEqual([]);
  });

  it("is made by jackin auth login, one beside the other, and belongs to nobody else", async () => {
    const wrong = await signInByHand(
      { newCode: () => "wrong" },
      [operator.command[0]!, ...operator.command.slice(1), "auth", "login"],
      { env: operator.env, cwd: operator.home },
    );
    expect(wrong).toMatchObject({
      code: 3,
      output: expect.stringContaining("nothing was changed"),
    });
    await expect(stat(file("default"))).rejects.toThrow("ENOENT");

    const [mine, work] = await Promise.all([
      signIn("jackin@example.test"),
      signIn("work@example.test", "--account", "work"),
    ]);
    expect(mine).toMatchObject({ code: 0, output: expect.stringContaining("Login successful.") });
    expect(mine.output).toContain("account: jackin@example.test (Lab)");
    expect(work).toMatchObject({ code: 0, output: expect.stringContaining("account work") });
    for (const path of [folder("default"), folder("work")])
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(file("default"))).mode & 0o777).toBe(0o600);
    const health = await operator.jackin(["auth", "status"]);
    expect(health.stdout).toContain("other accounts: work (work@example.test (Lab))");
  });

  it("is as it was after Ctrl-C in the middle of a sign-in, and after its terminal was closed", async () => {
    const before = await readFile(file("default"), "utf8");
    const left = () => readdir(operator.state, { recursive: true });
    const files = (await left()).toSorted();
    await using terminal = await openTerminal(operator.env, operator.home);
    const command = [...operator.command, "auth", "login"].join(" ");
    await terminal.type(command);
    await terminal.until("Paste code here");
    await terminal.press("C-c");
    await terminal.until(/^Cancelled\.\nrc=130$/m);
    await terminal.expectRestored();
    expect((await left()).toSorted()).toEqual(files);
    await terminal.type(command);
    await terminal.until("Paste code here");
    expect(await left()).not.toHaveLength(files.length);
    await terminal.kill();
    await eventually("an end", async () => (await left()).length === files.length);
    expect(await readFile(file("default"), "utf8")).toBe(before);
  });

  it("is renewed once for six containers that find it expired at the same moment, and all answer", async () => {
    const host = await readFile(hostFile, "utf8");
    const before = await read("default");
    lab.revoke(before.claudeAiOauth.accessToken);
    before.claudeAiOauth.expiresAt = Date.now() - 60_000;
    await writeFile(file("default"), JSON.stringify(before));
    const count = lab.seen.length;
    // No turn ends before all have begun.
    const goOn = lab.hold();
    const printing = Promise.all(
      agents.map((name) => operator.jackin(["load", name, "--print", "ping"])),
    );
    await eventually("six turns", async () => since(count, "message").length === 6, 240_000);
    goOn();
    const launches = await printing;
    expect(launches.map(({ code, stdout }) => [code, stdout])).toEqual(
      agents.map(() => [0, "pong\n"]),
    );
    expect(since(count, "renewal")).toMatchObject([{ ok: true, account: "jackin@example.test" }]);
    expect((await read("default")).claudeAiOauth.refreshToken).not.toBe(
      before.claudeAiOauth.refreshToken,
    );
    for (const { stderr } of launches) expect(stderr.split("\n")).toContain(line);
    const told = launches.map(({ stderr }) => /shared with: (.*)/.exec(stderr)?.[1]?.split(", "));
    expect(told.map((names) => names?.length ?? 0).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await readFile(hostFile, "utf8")).toBe(host);
  });

  it("is signed in anew under a running agent; as another account only with --yes", async () => {
    const launches = await Promise.all(
      ["one", "other"].map((name) => operator.jackin(["load", name, "--detach"])),
    );
    expect(launches.map(({ code }) => code)).toEqual([0, 0]);
    expect(launches[1]!.stderr).toContain("account: work@example.test (Lab)");
    for (const { stderr } of launches) expect(stderr).not.toContain("shared with");
    const before = await read("default");
    const refused = await signIn("new@example.test");
    expect(refused.code).toBe(1);
    expect(refused.output).toContain(
      "one, signed in as jackin@example.test (Lab), would go on as new@example.test (Lab)",
    );
    expect(await read("default")).toEqual(before);
    expect((await signIn("new@example.test", "--yes")).code).toBe(0);
    expect([await turn("one"), accountOfLastTurn()]).toEqual(["pong", "new@example.test"]);
    expect([await turn("other"), accountOfLastTurn()]).toEqual(["pong", "work@example.test"]);
  });

  it("is gone after jackin auth logout, which asks for running agents; a new one reaches them", async () => {
    const refused = await operator.jackin(["auth", "logout"]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/one would be signed/),
    });
    const other = await read("work");
    expect((await operator.jackin(["auth", "logout", "--yes"])).code).toBe(0);
    await expect(stat(file("default"))).rejects.toThrow("ENOENT");
    expect(await turn("one")).toBe("Not logged in · Please run /login");
    expect(await read("work")).toEqual(other);
    expect((await signIn("jackin@example.test")).code).toBe(0);
    expect(await turn("one")).toBe("pong");
  });

  it("has left the host's own login alone, and alive", async () => {
    const { stdout } = await run("sh", ["-c", "claude -p ping </dev/null"], { env: operator.env });
    expect([stdout, accountOfLastTurn()]).toEqual(["pong\n", "host@example.test"]);
    expect((await operator.jackin(["exile"])).code).toBe(0);
  });
});
