/** Running agents stay signed in while the host's login changes: the real Claude Code, one process, many turns. */
import { spawn } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fingerprint, startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { signInByHand } from "../lab/sign-in.ts";
import { keeperOf } from "../survival/fleet.ts";
import { openLaunched } from "../survival/session.ts";
import type { Session } from "../survival/session.ts";
import { inside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, eventually } from "./operator.ts";

interface Login {
  readonly claudeAiOauth: { readonly accessToken: string; readonly expiresAt: number };
  readonly accountUuid?: string;
}

interface Shown {
  readonly alert?: { readonly text: string; readonly next?: string };
}

describe("a running agent in mode sync", () => {
  let lab: Lab;
  let operator: Operator;
  let container: string;
  let session: Session;
  const account = "host@example.test";
  const hostFile = () => join(operator.home, ".claude/.credentials.json");

  beforeAll(async () => {
    lab = await startLab({ containers: true });
    lab.reply = (prompt) => `heard ${prompt}`;
    operator = await createOperator({ lab });
    const app = await operator.folder("app");
    await operator.configure("");
    await signInOnHost(account);
    const loaded = await operator.jackin(["load", app, "--detach"]);
    expect(loaded).toMatchObject({ code: 0, stdout: "app\n" });
    container = await operator.container("app");
    session = await openLaunched(operator, "app");
  });
  afterAll(async () => {
    await operator?.jackin(["exile"]);
    await operator?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  async function signInOnHost(as: string): Promise<void> {
    const env = operator.env;
    const options = { env, cwd: operator.home, account: as };
    const signedIn = await signInByHand(lab, ["claude", "auth", "login"], options);
    expect(signedIn, signedIn.output).toMatchObject({ code: 0 });
  }
  const readHost = async () => JSON.parse(await readFile(hostFile(), "utf8")) as Login;
  const accessOf = ({ claudeAiOauth }: Login) => claudeAiOauth.accessToken;

  /** As Claude Code writes it: aside, then renamed. */
  async function writeHost(text: string): Promise<void> {
    await writeFile(`${hostFile()}.new`, text, { mode: 0o600 });
    await rename(`${hostFile()}.new`, hostFile());
  }

  /** A further login of the account, in the form of the one that is there. */
  async function rotateHost(): Promise<string> {
    const { claudeAiOauth, ...rest } = await readHost();
    const next = lab.newLogin({ account });
    await writeHost(
      JSON.stringify({ ...rest, claudeAiOauth: { ...claudeAiOauth, ...next.claudeAiOauth } }),
    );
    return accessOf(next);
  }

  const held = async () =>
    JSON.parse(await inside(container, "cat /jackin/run/credentials/.credentials.json")) as Login;
  const untilHeld = (token: string) =>
    eventually("the host's login in the agent", async () => accessOf(await held()) === token);

  /** One turn, and that it was made with this token. */
  let turns = 0;
  async function expectTurn(token: string): Promise<void> {
    const prompt = `turn ${++turns}`;
    expect(await session.say(prompt)).toBe(`heard ${prompt}`);
    const calls = lab.seen.filter((call) => call.prompt === prompt);
    expect(calls.map((call) => [call.status, call.token, call.account])).toEqual([
      [200, fingerprint(token), account],
    ]);
  }

  async function alertOf(): Promise<Shown["alert"]> {
    const { code, stdout, stderr } = await operator.jackin(["status", "--json"]);
    expect(code, stderr).toBe(0);
    return (JSON.parse(stdout) as Shown[])[0]!.alert;
  }
  /** What was told of the agent, in order. */
  async function told(): Promise<readonly string[]> {
    const text = await readFile(join(operator.state, "keeper/journal.jsonl"), "utf8");
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { level: string; text: string })
      .filter(({ level }) => level === "warning")
      .map((event) => event.text);
  }

  it("goes on when the login is renewed, replaced, or rotated ten times in a second", async () => {
    const first = accessOf(await readHost());
    await expectTurn(first);

    // Renewed by the host's own claude, because it runs out.
    const { claudeAiOauth, ...rest } = await readHost();
    const soon = { ...claudeAiOauth, expiresAt: Date.now() + 60_000 };
    await writeHost(JSON.stringify({ ...rest, claudeAiOauth: soon }));
    const renewed = await eventually("a renewal", async () => {
      const token = accessOf(await readHost());
      return token !== first && token;
    });
    lab.revoke(first);
    await untilHeld(renewed);
    await expectTurn(renewed);

    await signInOnHost(account);
    const replaced = accessOf(await readHost());
    lab.revoke(renewed);
    await untilHeld(replaced);
    await expectTurn(replaced);

    const rotated = [replaced];
    for (let n = 0; n < 10; n++) {
      rotated.push(await rotateHost());
      await sleep(80);
    }
    const last = rotated.pop()!;
    for (const token of rotated) lab.revoke(token);
    await untilHeld(last);
    await expectTurn(last);
    expect(await held()).not.toHaveProperty("claudeAiOauth.refreshToken");
    expect(await told()).toEqual([]);
  });

  it("is told of a hollow and of a torn login once each, and keeps the good one", async () => {
    const good = await readFile(hostFile(), "utf8");
    const hollow = {
      ...(JSON.parse(good) as Login).claudeAiOauth,
      accessToken: "",
      refreshToken: "",
    };
    for (const [bad, why] of [
      [JSON.stringify({ claudeAiOauth: { ...hollow, expiresAt: 0 } }), /blank/],
      [good.slice(0, good.length / 2), /not whole JSON/],
    ] as const) {
      const before = (await told()).length;
      await writeHost(bad);
      await eventually("that it is told", async () => (await told()).length > before);
      // Told again it would be by this.
      await writeHost(bad);
      expect(await alertOf()).toMatchObject({
        text: expect.stringMatching(why),
        next: "claude auth login",
      });
      expect((await told()).slice(before)).toEqual([expect.stringMatching(why)]);
      await expectTurn(accessOf(JSON.parse(good) as Login));
      await writeHost(good);
      await eventually("the end of the alert", async () => (await alertOf()) === undefined);
    }
  });

  it("is told of another account, and not switched", async () => {
    const mine = await readHost();
    const before = (await told()).length;
    await signInOnHost("other@example.test");
    await eventually("that it is told", async () => (await told()).length > before);
    expect(await alertOf()).toMatchObject({
      text: expect.stringContaining("other@example.test"),
      next: expect.stringContaining("jackin eject app"),
    });
    expect(accessOf(await held())).toBe(accessOf(mine));
    await expectTurn(accessOf(mine));
    const said = (await told()).slice(before);
    await signInOnHost(account);
    await untilHeld(accessOf(await readHost()));
    expect(said).toEqual([expect.stringContaining("other@example.test")]);
  });

  it("lives on when the keeper is killed at any moment: the next command restores following", async () => {
    await using reader = hammer();
    const rotated: string[] = [];
    for (let n = 0; n < 10; n++) {
      const rotation = rotateHost();
      await sleep(Math.random() * 300);
      process.kill(await keeperOf(operator, 1), "SIGKILL");
      rotated.push(await rotation);
      expect(await operator.jackin(["status"])).toMatchObject({ code: 0 });
      await untilHeld(rotated.at(-1)!);
    }
    const last = rotated.pop()!;
    for (const token of rotated) lab.revoke(token);
    await expectTurn(last);
    const seen = await reader.end();
    expect(seen.at(-1)).toBe(last);
    expect(new Set(seen).size).toBeGreaterThan(5);
  });

  /** Reads the agent's credential file without a pause; answers the tokens it held, each text once, all of them whole. */
  function hammer(): AsyncDisposable & { end(): Promise<readonly string[]> } {
    const script = `cd /jackin/run; rm -f read.stop
while [ ! -e read.stop ]; do
  now=$(cat credentials/.credentials.json) || now=missing
  [ "$now" = "$before" ] || printf '%s\\n' "$now"
  before=$now
done`;
    const child = spawn("docker", ["exec", container, "sh", "-c", script]);
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    const ended = new Promise((resolve) => child.once("close", resolve));
    const end = async () => {
      await inside(container, "touch /jackin/run/read.stop");
      await ended;
      const lines = text.split("\n").filter(Boolean);
      return lines.map((line) => accessOf(JSON.parse(line) as Login));
    };
    return { end, [Symbol.asyncDispose]: async () => void child.kill() };
  }
});
