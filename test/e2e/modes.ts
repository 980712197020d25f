/** What the modes promise, with the real Claude Code in real containers, for an operator of any kind. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Lab } from "../lab/lab.ts";
import { startLab } from "../lab/lab.ts";
import { inside, lookInside } from "./inside.ts";
import type { Operator, OperatorOptions } from "./operator.ts";
import { createOperator, labCertificate } from "./operator.ts";

const lines = {
  sync: "claude auth: forwarded host session (sync)",
  ignore: "claude auth: none (manual /login required)",
  token: "claude auth: long-lived OAuth token",
} as const;
type Mode = keyof typeof lines;

export function testModes(who: string, options: () => Promise<Omit<OperatorOptions, "lab">>): void {
  describe(`modes, ${who}`, () => {
    let lab: Lab;
    let operator: Operator;
    let app: string;
    let token: string;
    /** A login as `/login` inside would leave it. */
    let inContainer: { claudeAiOauth: { accessToken: string } };

    beforeAll(async () => {
      lab = await startLab({ containers: true });
      operator = await createOperator({ lab, ...(await options()) });
      app = await operator.folder("app");
      token = lab.newLongLivedToken();
      inContainer = lab.newLogin({ account: "inside@example.test" });
      await lab.signIn(operator.home, lab.newLogin({ account: "host@example.test" }));
      await operator.own();
      await operator.configure(
        `[workspaces.app]\nworkdir = "${app}"\nenv.CLAUDE_CODE_OAUTH_TOKEN = "$MY_TOKEN"\n`,
      );
    });
    afterAll(async () => {
      await operator?.[Symbol.asyncDispose]();
      await lab?.[Symbol.asyncDispose]();
    });

    const load = (...args: string[]) =>
      operator.jackin(["load", "app", ...args], { env: { MY_TOKEN: token } });
    const hostFile = () => readFile(join(operator.home, ".claude/.credentials.json"), "utf8");

    it.each([
      ["sync", 0, "pong", "host@example.test"],
      ["token", 0, "pong", undefined],
      ["ignore", 1, "Not logged in · Please run /login", undefined],
    ] as const)(
      "%s: says its line and the agent is what it says",
      async (mode, code, answer, account) => {
        const before = await hostFile();
        const seen = lab.seen.length;
        const outcome = await load("--auth", mode, "--print", "ping");
        expect({ ...outcome, stderr: outcome.stderr.split("\n") }).toMatchObject({
          code,
          stdout: expect.stringContaining(answer),
          stderr: expect.arrayContaining([lines[mode]]),
        });
        const turn = lab.seen.slice(seen).find((call) => call.kind === "message" && call.ok);
        expect(turn?.account).toBe(mode === "token" ? turn?.account : account);
        expect(turn === undefined).toBe(mode === "ignore");
        expect(await hostFile()).toBe(before);
        expect(await operator.containers()).toEqual([]);
      },
    );

    // A walk through all six ordered pairs.
    const walk: readonly Mode[] = ["ignore", "sync", "ignore", "token", "sync", "token", "ignore"];

    it("leaves nothing of the former mode behind, in any order, and keeps the login made inside", async () => {
      let planted = false;
      for (const mode of walk) {
        const outcome = await load("--auth", mode, "--detach");
        expect(outcome).toMatchObject({ code: 0, stdout: "app\n" });
        expect(outcome.stderr.split("\n")).toContain(lines[mode]);
        const seen = await lookInside(await operator.container("app"));
        const host = JSON.parse(await hostFile()) as {
          claudeAiOauth: { accessToken: string; scopes: string[] };
        };
        expect(seen.env["CLAUDE_CODE_OAUTH_TOKEN"]).toBe(mode === "token" ? token : undefined);
        expect(seen.env["CLAUDE_SECURESTORAGE_CONFIG_DIR"]).toBe(
          mode === "ignore" ? undefined : "/jackin/run/credentials",
        );
        expect(seen.own).toEqual(mode === "ignore" && planted ? inContainer : undefined);
        if (mode === "sync") {
          expect(seen.forwarded).toMatchObject({
            claudeAiOauth: {
              accessToken: host.claudeAiOauth.accessToken,
              scopes: host.claudeAiOauth.scopes,
            },
          });
          expect(JSON.stringify(seen.forwarded)).not.toContain("refreshToken");
        } else expect(seen.forwarded).toBeUndefined();
        if (!planted) {
          await inside(
            await operator.container("app"),
            `umask 077; echo '${JSON.stringify(inContainer)}' > /jackin/claude/.credentials.json`,
          );
          planted = true;
        }
        expect(await operator.jackin(["eject", "app"])).toMatchObject({ code: 0 });
      }
      // The walk ended in ignore: the login made inside is in use again.
      const printed = await load("--auth", "ignore", "--print", "ping");
      expect(printed).toMatchObject({ code: 0, stdout: expect.stringContaining("pong") });
      expect(lab.seen.findLast((call) => call.kind === "message")?.account).toBe(
        "inside@example.test",
      );
    });

    it("token: a stale login planted in the instance is gone and the token wins", async () => {
      const stale = {
        claudeAiOauth: {
          accessToken: "sk-ant-oat01-stale",
          scopes: ["user:inference"],
          expiresAt: 1,
        },
      };
      await load("--auth", "ignore", "--detach");
      await inside(
        await operator.container("app"),
        `echo '${JSON.stringify(stale)}' > /jackin/claude/.credentials.json`,
      );
      await operator.jackin(["eject", "app"]);
      await load("--auth", "token", "--detach");
      const seen = await lookInside(await operator.container("app"));
      expect([seen.own, seen.forwarded, seen.env["CLAUDE_CODE_OAUTH_TOKEN"]]).toEqual([
        undefined,
        undefined,
        token,
      ]);
      await operator.jackin(["eject", "app"]);
      expect(await load("--auth", "token", "--print", "ping")).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("pong"),
      });
    });

    it.each([
      ["is not set", undefined],
      ["is empty", ""],
    ])("token: stops with exit 3 when the token %s, and nothing was started", async (_, value) => {
      const outcome = await operator.jackin(["load", "app", "--auth", "token", "--detach"], {
        env: { MY_TOKEN: value },
      });
      expect(outcome).toMatchObject({ code: 3, stdout: "" });
      expect(outcome.stderr).toContain("nothing was started");
      expect(outcome.stderr).toContain(
        "workspace app: [workspaces.app.env] CLAUDE_CODE_OAUTH_TOKEN: $MY_TOKEN, empty or not there",
      );
      expect(outcome.stderr).toContain("claude setup-token");
      expect(await operator.containers()).toEqual([]);
    });

    it("sync: an expired agent makes no renewal and the host's file stays as it is, byte for byte", async () => {
      const home = operator.home;
      await operator.jackin(["load", "app", "--auth", "sync", "--detach"]);
      const before = await hostFile();
      const host = JSON.parse(before) as { claudeAiOauth: { accessToken: string } };
      lab.revoke(host.claudeAiOauth.accessToken);
      const renewals = () => lab.seen.filter((call) => call.kind === "renewal").length;
      const had = renewals();
      const turn = await inside(
        await operator.container("app"),
        "CLAUDE_SECURESTORAGE_CONFIG_DIR=/jackin/run/credentials ANTHROPIC_BASE_URL=" +
          lab.forContainers.env["ANTHROPIC_BASE_URL"] +
          " claude -p ping || echo code $?",
      );
      expect(turn).toContain("401");
      expect(turn).toContain("code 1");
      expect(renewals()).toBe(had);
      expect(await hostFile()).toBe(before);
      await operator.jackin(["eject", "app"]);
      await lab.signIn(home, lab.newLogin({ account: "host@example.test" }));
      await operator.own();
    });

    it("sync: an expired login is renewed by the host's own claude first, and the launch says so", async () => {
      // One that has an agent of before still in view would have it renewed before the launch does.
      expect(await operator.jackin(["keeper", "stop"])).toMatchObject({ code: 0 });
      await lab.signIn(
        operator.home,
        lab.newLogin({ account: "host@example.test", lifetimeMs: -60_000 }),
      );
      await operator.own();
      const had = lab.seen.length;
      const outcome = await load("--auth", "sync", "--print", "ping");
      expect(outcome).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("pong"),
        stderr: expect.stringMatching(/renewed/),
      });
      expect(lab.seen.slice(had).filter((call) => call.kind === "renewal")).toMatchObject([
        { ok: true },
      ]);
    });

    it('sync with refresh = "container": copies the whole login, and warns at the second session, naming both', async () => {
      const other = await operator.folder("other");
      await operator.configure(
        [
          `[workspaces.one]\nworkdir = "${app}"\nclaude.sync.refresh = "container"\nenv.NODE_EXTRA_CA_CERTS = "${join(app, labCertificate)}"`,
          `[workspaces.two]\nworkdir = "${other}"\nclaude.sync.refresh = "container"\nenv.NODE_EXTRA_CA_CERTS = "${join(other, labCertificate)}"`,
        ].join("\n"),
      );
      const first = await operator.jackin(["load", "one", "--detach"]);
      expect(first.code).toBe(0);
      expect(first.stderr).not.toMatch(/one.*two|two.*one/);
      expect((await lookInside(await operator.container("one"))).forwarded).toEqual(
        JSON.parse(await hostFile()),
      );
      const second = await operator.jackin(["load", "two", "--detach"]);
      expect(second.code).toBe(0);
      expect(second.stderr).toMatch(/\btwo\b.*\bone\b|\bone\b.*\btwo\b/);
      expect(await operator.jackin(["exile"])).toMatchObject({ code: 0 });
    });
  });
}
