import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cancelled, JackinError } from "../../core/index.ts";
import type { ProbeOptions } from "../../core/index.ts";
import { now } from "./operator-double.ts";
import { captureDouble, tokenNamed, createTokenOperator, onTerminal } from "./token-double.ts";

let { operator, vault, jackin, config } = {} as Awaited<ReturnType<typeof createTokenOperator>>;
const revoke = "https://claude.ai/settings/claude-code";

beforeEach(async () => {
  ({ operator, vault, jackin, config } = await createTokenOperator(
    '[workspaces.web]\nworkdir = "~/web"\n[workspaces.two]\nworkdir = "~/app"\n',
  ));
  await jackin("workspace claude-token setup --all --paste --store vault", {
    input: tokenNamed("old"),
  });
  await jackin("load web --detach");
});
afterEach(() => operator[Symbol.asyncDispose]());

const rotate = "workspace claude-token rotate web";
const pasted = (input = tokenNamed("new")) => ({ input });
const held = () =>
  [...operator.runtime.running.values()].map(({ grant }) =>
    grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal(),
  );

describe("rotate", () => {
  it("moves all, starts agents again, shows where the old one is revoked, and takes it away", async () => {
    const { tokens } = captureDouble(tokenNamed("new"));
    const outcome = await jackin(rotate, { ...onTerminal("all", "vault", "c#s", true), tokens });
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(operator.asked).toEqual([
      "vault://1 is the token of workspace two too. Who gets the new one?: all, one",
      "Where shall the token be stored?: vault, ",
      "Code that the page shows (it is not shown here)",
      "web must be started again for the new token. Do it now? The conversation goes on; a turn that runs is lost, and so are arguments that were given after --.",
    ]);
    expect(outcome.stdout).toContain("mode token:  workspace web, workspace two\n");
    expect(outcome.stderr).toMatch(
      /The old token vault:\/\/1 \(made on 2026-11-25, fingerprint [0-9a-f]{12}\) is good until you revoke it/,
    );
    expect(operator.browser.shown.at(-1)).toBe(revoke);
    expect([...vault.held]).toEqual([["vault://2", tokenNamed("new")]]);
    expect(outcome.stderr).toContain(`${revoke}   (your browser shows it)\n`);
    expect(await config()).not.toContain("vault://1");
    expect(held()).toEqual([tokenNamed("new")]);
    expect(outcome.stderr).not.toMatch(/web:? .*(hold|old)/);
  });

  it("names the token of another rotation that was quicker", async () => {
    const args = `${rotate} --all --paste --store vault --no-restart`;
    const both = await Promise.all(
      ["one", "other"].map((name) => jackin(args, pasted(tokenNamed(name)))),
    );
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const told = both.flatMap(({ stderr }) => stderr.match(/vault:\/\/\S+ is not used here any/g));
    const now = await config();
    const left = [...vault.held.keys()].filter((reference) => !now.includes(`"${reference}"`));
    expect(left).toHaveLength(1);
    expect(told.filter((line) => line !== null)).toEqual([`${left[0]} is not used here any`]);
    expect(both.map(({ stderr }) => stderr).join("")).not.toContain("is kept");
  });

  it("moves one scope only without a terminal, and keeps what the others use", async () => {
    const outcome = await jackin(`${rotate} --paste --json`, pasted());
    expect(outcome.code).toBe(0);
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      reference: "vault://2",
      scopes: [{ workspace: "web" }],
      agents: [{ instance: "web", outcome: "restart" }],
      retired: false,
    });
    expect(outcome.stderr).toContain("→ jackin workspace claude-token rotate web --all\n");
    expect(outcome.stderr).toContain("vault://1 stays: it is the token of workspace two.");
    expect(outcome.stderr).not.toContain(revoke);
    expect([...vault.held.keys()]).toEqual(["vault://1", "vault://2"]);
    expect(held()).toEqual([tokenNamed("old")]);
  });

  it("moves the one scope that was named when that is chosen", async () => {
    const { tokens } = captureDouble(tokenNamed("new"));
    const outcome = await jackin(rotate, { ...onTerminal("one", "vault", "c#s", false), tokens });
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(outcome.stdout).toContain("mode token:  workspace web\n");
    expect((await config()).match(/vault:\/\/\d/g)).toEqual(["vault://2", "vault://1"]);
    expect([...vault.held.keys()]).toEqual(["vault://1", "vault://2"]);
  });

  it("says once of agents that hold the old one, and does not start them again unasked", async () => {
    for (const flag of ["", " --no-restart"]) {
      const { stderr } = await jackin(
        `${rotate} --all --paste${flag}`,
        pasted(tokenNamed(`n${flag.length}`)),
      );
      expect(stderr).toContain(
        "warning: web goes on with the old token until restarted, and will be refused once that is revoked\n  → jackin eject web, then load it again\n",
      );
      expect(stderr.indexOf("web goes on")).toBeLessThan(stderr.indexOf(revoke));
      expect(stderr.match(/web:? .*(hold|old)/g)).toHaveLength(1);
      await jackin("eject web");
      await jackin("load web --detach");
    }
    await jackin(`${rotate} --all --paste --restart`, pasted());
    expect(held()).toEqual([tokenNamed("new")]);
  });

  it("goes on with the others when one cannot be started again, and is 1", async () => {
    const restart = () =>
      Promise.reject(new JackinError({ code: "start-failed", message: "No room." }));
    const outcome = await jackin(`${rotate} --all --paste --restart`, {
      ...pasted(),
      tokens: { restart },
    });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain("web was not started again: No room.");
    expect(outcome.stderr).toContain("web still holds it, and will be refused once it is revoked");
    expect([...vault.held.keys()]).toEqual(["vault://2"]);
  });

  it("tells how to go on when it is left after the new one is in place", async () => {
    const { tokens } = captureDouble(tokenNamed("new"));
    const outcome = await jackin(`${rotate} --all`, {
      ...onTerminal("vault", "c#s", "cancel"),
      tokens,
    });
    expect([outcome.code, [...vault.held.keys()]]).toEqual([130, ["vault://1", "vault://2"]]);
    expect(outcome.stderr).toContain(
      "note: the new token is in place; the old one, vault://1, is kept\n  → jackin config auth revoke-token --reference 'vault://1'",
    );
    const one = await jackin(rotate, { ...onTerminal("one", "vault", "c#s", "cancel"), tokens });
    expect(one.code).toBe(130);
    expect(one.stderr).toContain("the old one, vault://2, is kept\n");
    expect(one.stderr).not.toContain("--reference");
  });

  it("does not say when it is left that one is kept which is not there any more", async () => {
    const bringAlong = () => Promise.reject(cancelled());
    const leave = async (args: string) => {
      const outcome = await jackin(`${rotate} ${args}`, { ...pasted(), tokens: { bringAlong } });
      expect(outcome.code).toBe(130);
      expect(outcome.stderr).toContain("note: the new token is in place\n");
      expect(outcome.stderr).not.toMatch(/is kept|--reference/);
    };
    await leave("--all --paste --store vault://1");
    await leave("--paste --store vault://1");
    await operator.configure(
      `[workspaces.web]\nworkdir = "~/web"\nenv.CLAUDE_CODE_OAUTH_TOKEN = "${tokenNamed("old")}"\n`,
    );
    await leave("--paste --store vault");
  });

  it("takes the old one away only when the API refuses it, if that is wanted", async () => {
    const answers: (string | Error)[] = ["accepted", new Error("no network"), "refused"];
    const isAccepted = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer as "accepted";
    };
    const tokens = { ...captureDouble(tokenNamed("new")).tokens, isAccepted };
    const kept = await jackin(`${rotate} --all --paste --verify-revoked`, { ...pasted(), tokens });
    expect(kept.code).toBe(3);
    expect(kept.stderr).toContain("the API still takes the old token");
    expect(kept.stderr).toContain("→ jackin config auth revoke-token --reference 'vault://1'");
    expect([...vault.held.keys()]).toEqual(["vault://1", "vault://2"]);
    expect((await jackin("config auth revoke-token --reference vault://1 --yes")).code).toBe(0);
    expect([...vault.held.keys()]).toEqual(["vault://2"]);

    const checks = await jackin(`${rotate} --all --verify-revoked --no-restart`, {
      ...onTerminal("vault", "c#s", "check", "check"),
      tokens,
    });
    expect(checks.code, checks.stderr).toBe(0);
    expect(checks.stderr).toContain("cannot be told whether the old token is revoked: no network");
    expect(checks.stderr).toContain("The API refuses the old token: it is revoked.");
    expect([...vault.held.keys()]).toEqual(["vault://3"]);

    const left = await jackin(
      `${rotate} --all --verify-revoked --no-restart --reuse vault://9`,
      onTerminal("skip"),
    );
    expect(left.code).toBe(3);
    vault.held.set("vault://9", tokenNamed("nine"));
    const skipped = await jackin(
      `${rotate} --all --verify-revoked --no-restart --reuse vault://9`,
      onTerminal("skip"),
    );
    expect([skipped.code, vault.held.has("vault://3")]).toEqual([3, true]);
  });

  it("is 3 when it was to be verified of one that others use still", async () => {
    const { code, stderr } = await jackin(`${rotate} --paste --verify-revoked`, pasted());
    expect(code).toBe(3);
    expect(stderr).toContain("vault://1 stays: it is the token of workspace two.");
  });

  it("shows where the old one is revoked, also to who put the new one into its very place", async () => {
    const { code, stderr, stdout } = await jackin(`${rotate} --paste --store vault://1`, pasted());
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("stored:      vault://1\n");
    expect(stderr).toContain(`is good until you revoke it at Anthropic:\n${revoke}\n`);
    expect(stderr).not.toContain("vault://1 stays: ");
    expect([...vault.held]).toEqual([["vault://1", tokenNamed("new")]]);
  });

  it("opens no browser without a terminal", async () => {
    await jackin(`${rotate} --all --paste`, pasted());
    expect(operator.browser.shown).toEqual([]);
  });

  it("ends when it is cancelled while the API is asked", async () => {
    const isAccepted = () => Promise.reject(cancelled());
    const args = `${rotate} --all --paste --verify-revoked`;
    const { code, stderr } = await jackin(args, { ...pasted(), tokens: { isAccepted } });
    expect([code, vault.held.size]).toEqual([130, 2]);
    expect(stderr).toContain("the old one, vault://1, is kept\n");
  });

  it("proves it, and asks for the old one, as it was told", async () => {
    const asked: unknown[] = [];
    const isAccepted = async (_: string, { scope, runtime }: ProbeOptions = {}) => {
      asked.push({ scope, runtime });
      return "refused" as const;
    };
    const args = `${rotate} --all --paste --json --runtime double --verify-revoked`;
    const tokens = { isAccepted };
    for (const [flag, input, provenBy] of [
      ["", tokenNamed("a"), "status"],
      [" --probe", tokenNamed("b"), "turn"],
      // It does not look like a token.
      ["", tokenNamed("c").slice(0, 50), "turn"],
    ] as const) {
      const { stdout } = await jackin(args + flag, { input, tokens });
      expect(JSON.parse(stdout)).toMatchObject({ provenBy, retired: true });
    }
    expect(asked).toEqual(Array(3).fill({ scope: { workspace: "web" }, runtime: "double" }));
    const none = await jackin(args.replace("double", "none"), pasted());
    expect(none.stderr).toMatch(/"?none"?[^]*\nUndone: /);
    expect(none.code).not.toBe(0);
  });

  it("keeps agents in the mode that they were started in", async () => {
    await operator.configure(
      '[claude]\noauth_token_source = "vault://1"\n[workspaces.web]\nworkdir = "~/web"\nclaude.auth_forward = "ignore"\n',
    );
    await jackin("eject web");
    await jackin("load web --auth token --detach");
    operator.keepers.error = new Error("no keeper");
    const args = "config auth rotate-token --paste --restart";
    const { code, stderr } = await jackin(args, pasted());
    expect([code, held()]).toEqual([0, [tokenNamed("new")]]);
    expect(stderr).toContain("Nobody keeps running agents signed in: no keeper");
  });

  it("does not have the old one revoked when the new one is the same", async () => {
    const args = `${rotate} --all --paste --store vault --no-restart`;
    const { code, stderr } = await jackin(args, pasted(tokenNamed("old")));
    expect(code).toBe(0);
    expect(stderr).toContain("the new token is the old one once more");
    expect(stderr).not.toContain(revoke);
  });

  it("does not say of a token that is nowhere any more that it is revoked", async () => {
    await operator.configure(
      `[workspaces.web]\nworkdir = "~/web"\nclaude.auth_forward = "token"\nenv.CLAUDE_CODE_OAUTH_TOKEN = "${tokenNamed("old")}"\n`,
    );
    await jackin("eject web");
    await jackin("load web --detach");
    const isAccepted = async () => "refused" as const;
    const tokens = { ...captureDouble("").tokens, isAccepted };
    const args = `${rotate} --paste --store vault --verify-revoked`;
    const { code, stderr } = await jackin(args, { ...pasted(), tokens });
    expect(code).toBe(3);
    expect(stderr).toContain("whether the old token is revoked cannot be told");
    expect(stderr).toContain("web goes on with the old token until restarted");
    expect(stderr).not.toContain("--reference");
  });

  it("says whose token it is when the scope has none of its own", async () => {
    await operator.configure(
      '[claude]\noauth_token_source = "vault://1"\n[roles.r]\n[workspaces.web]\nworkdir = "~/web"\n',
    );
    for (const args of [rotate, "config auth rotate-token --role r"])
      expect(await jackin(`${args} --paste`, pasted())).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/take that of global\.\n→ jackin config auth rotate-token\n/),
      });
    await operator.configure('[workspaces.web]\nworkdir = "~/web"\n');
    expect(await jackin(`${rotate} --paste`, pasted())).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("→ jackin workspace claude-token setup web"),
    });
  });

  it("leaves all as it was when it fails or is left", async () => {
    const before = await config();
    operator.runtime.script.run = { code: 1, stdout: '{"loggedIn":false}' };
    expect((await jackin(`${rotate} --all --paste`, pasted())).code).toBe(3);
    const { tokens } = captureDouble(tokenNamed("new"));
    for (const answers of [["cancel"], ["all", "cancel"], ["all", "vault", "cancel"]])
      expect((await jackin(rotate, { ...onTerminal(...answers), tokens })).code).toBe(130);
    expect([await config(), [...vault.held.keys()]]).toEqual([before, ["vault://1"]]);
    expect(held()).toEqual([tokenNamed("old")]);
  });
});

describe("a launch with a token that has expired", () => {
  const question = "Put a new one in its place now?";
  const load = "load two --detach";
  beforeEach(() => void (operator.clock.time = now + 366 * 86_400_000));

  it("asks to rotate it, and goes on", async () => {
    const { tokens } = captureDouble(tokenNamed("new"));
    const outcome = await jackin(load, {
      ...onTerminal(true, "all", "vault", "c#s", false),
      tokens,
    });
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(operator.asked[0]).toBe(question);
    expect(outcome.stderr).toMatch(/warning: .*vault:\/\/1 has expired on 2027-11-25/);
    expect(held()).toEqual([tokenNamed("old"), tokenNamed("new")]);
  });

  it("goes on without it, and is left by Ctrl-C", async () => {
    expect((await jackin(load, onTerminal(false))).code).toBe(0);
    expect((await jackin(load, onTerminal("cancel"))).code).toBe(130);
    expect(operator.asked).toEqual([question, question]);
  });

  it("asks nobody without a terminal, nor who wants JSON, and before that day", async () => {
    expect((await jackin(load)).code).toBe(0);
    expect((await jackin(`${load} --json`, onTerminal())).code).toBe(0);
    operator.clock.time = now + 360 * 86_400_000;
    const { code, stderr } = await jackin(load, onTerminal());
    expect([code, stderr]).toEqual([0, expect.stringMatching(/warning: .*expires in 5 days/)]);
  });
});
