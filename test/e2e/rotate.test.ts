/** A token is replaced under running agents: the real Claude Code, one process each, many turns. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fingerprint, startLab } from "../lab/lab.ts";
import type { Lab, Seen } from "../lab/lab.ts";
import { openLaunched } from "../survival/session.ts";
import type { Session } from "../survival/session.ts";
import { inside, lookInside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator } from "./operator.ts";

/** They hold their token in a file. */
const filed = ["one", "two", "three"];
/** It holds it in a variable. */
const pinned = "pinned";

describe("a token that is replaced under running agents", () => {
  let lab: Lab;
  let operator: Operator;
  let sessions: Readonly<Record<string, Session>>;
  let pinnedToken: string;
  /** What the operator's variables hold, by name; the configuration names them. */
  const env: Record<string, string> = {};
  const newToken = (account: string) => lab.newLongLivedToken({ account });

  beforeAll(async () => {
    lab = await startLab({ containers: true });
    lab.reply = (prompt) => `heard ${prompt}`;
    operator = await createOperator({ lab });
    env["FIRST_TOKEN"] = newToken("first@example.test");
    const names = [...filed, pinned];
    const tables = await Promise.all(
      names.map(async (name) => `[workspaces.${name}]\nworkdir = "${await operator.folder(name)}"`),
    );
    await operator.configure(`
[claude]
auth_forward = "token"
oauth_token_source = "env://FIRST_TOKEN"
[claude.token]
deliver = "file"
${tables.join("\n")}
claude = { token = { deliver = "env" } }
`);
    const opened = names.map(async (name) => [name, await load(name)] as const);
    sessions = Object.fromEntries(await Promise.all(opened));
  });
  afterAll(async () => {
    await operator?.jackin(["exile"]);
    await operator?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  async function load(name: string): Promise<Session> {
    const loaded = await operator.jackin(["load", name, "--detach"], { env });
    expect(loaded, loaded.stderr).toMatchObject({ code: 0, stdout: `${name}\n` });
    expect(loaded.stderr).toContain("claude auth: long-lived OAuth token");
    return await openLaunched(operator, name);
  }
  const turnsOf = (name: string) => lab.seen.filter(({ prompt }) => prompt?.startsWith(`${name} `));

  /** One turn; answers what it was made with. */
  let count = 0;
  async function turn(name: string): Promise<Seen> {
    const prompt = `${name} ${++count}`;
    expect(await sessions[name]!.say(prompt)).toBe(`heard ${prompt}`);
    return (await lab.until((call) => call.prompt === prompt))!;
  }

  /** Has an agent go on talking until it is disposed; a turn that fails is thrown then. */
  function talk(name: string): AsyncDisposable {
    let isOver = false;
    const talking = (async () => {
      while (!isOver) await turn(name);
    })();
    talking.catch(() => undefined);
    return {
      async [Symbol.asyncDispose]() {
        isOver = true;
        await talking;
      },
    };
  }
  const untilUsed = (name: string, token: string) =>
    lab.until(
      (call) => call.prompt?.startsWith(`${name} `) === true && call.token === fingerprint(token),
    );

  async function states(): Promise<Readonly<Record<string, string>>> {
    const { code, stdout, stderr } = await operator.jackin(["auth", "status", "--json"], { env });
    expect(code, stderr).toBe(0);
    const { agents } = JSON.parse(stdout) as { agents: { instance: string; state: string }[] };
    return Object.fromEntries(agents.map(({ instance, state }) => [instance, state]));
  }
  const all = (state: string) => Object.fromEntries(filed.map((name) => [name, state]));

  it("is in a file in memory alone, without anything that renews it, or in a variable alone", async () => {
    const token = (pinnedToken = env["FIRST_TOKEN"]!);
    for (const name of filed) expect((await turn(name)).token).toBe(fingerprint(token));
    expect((await turn(pinned)).token).toBe(fingerprint(token));
    const [file, variable] = await Promise.all(
      [filed[0]!, pinned].map(async (name) => lookInside(await operator.container(name))),
    );
    const login = { claudeAiOauth: { accessToken: token, scopes: ["user:inference"] } };
    expect(file).toMatchObject({ forwarded: login, own: undefined });
    expect(file!.env).not.toHaveProperty("CLAUDE_CODE_OAUTH_TOKEN");
    expect(variable).toMatchObject({ forwarded: undefined, own: undefined });
    expect(variable!.env["CLAUDE_CODE_OAUTH_TOKEN"]).toBe(token);
    const container = await operator.container(filed[0]!);
    const folder = "/jackin/run/credentials";
    const seen = await inside(
      container,
      `stat -c %a ${folder}/.credentials.json; df --output=fstype ${folder}`,
    );
    expect(seen.split("\n")).toMatchObject(["600", "Type", "tmpfs", ""]);
    expect(await states()).toEqual({ ...all("fresh"), [pinned]: "fresh" });
  });

  it("is brought by auth sync when its store holds another by the same name", async () => {
    const token = (env["FIRST_TOKEN"] = newToken("first@example.test"));
    const { code, stdout, stderr } = await operator.jackin(["auth", "sync", "--json"], { env });
    expect(code, stderr).toBe(0);
    const results = JSON.parse(stdout) as { instance: string; outcome: string }[];
    expect(Object.fromEntries(results.map(({ instance, outcome }) => [instance, outcome]))).toEqual(
      {
        ...all("updated"),
        [pinned]: "kept",
      },
    );
    expect(stdout + stderr).not.toContain(token);
    for (const name of filed) expect((await turn(name)).token).toBe(fingerprint(token));
    expect((await turn(pinned)).token).toBe(fingerprint(pinnedToken));
  });

  it("is rotated without a failed turn, to another account too; who holds a variable is told of", async () => {
    const [old, token] = [env["FIRST_TOKEN"]!, newToken("second@example.test")];
    env["SECOND_TOKEN"] = token;
    {
      await using talks = new AsyncDisposableStack();
      for (const name of filed) talks.use(talk(name));
      await Promise.all(filed.map((name) => untilUsed(name, old)));
      const rotated = await operator.jackin(
        ["config", "auth", "rotate-token", "--reuse", "env://SECOND_TOKEN", "--no-restart"],
        { env },
      );
      expect(rotated, rotated.stderr).toMatchObject({ code: 0 });
      expect(rotated.stderr).toContain(`→ jackin eject ${pinned}, then load it again`);
      expect(rotated.stderr).toContain(`${pinned} goes on with the old token until restarted`);
      expect(rotated.stdout + rotated.stderr).not.toContain(token);
      const used = await Promise.all(filed.map((name) => untilUsed(name, token)));
      expect(used.map(({ account }) => account)).toEqual(filed.map(() => "second@example.test"));
      expect((await turn(pinned)).token).toBe(fingerprint(pinnedToken));
      expect(await states()).toEqual({ ...all("fresh"), [pinned]: "behind" });
      lab.revoke(old);
      const before = lab.seen.length;
      for (const name of filed)
        await lab.until((call) => lab.seen.indexOf(call) >= before && turnsOf(name).includes(call));
    }
    const failed = filed.flatMap(turnsOf).filter(({ status }) => status !== 200);
    expect(failed).toEqual([]);
    await operator.jackin(["eject", pinned]);
    await load(pinned);
    const { env: now } = await lookInside(await operator.container(pinned));
    expect(now["CLAUDE_CODE_OAUTH_TOKEN"]).toBe(token);
  });
});
