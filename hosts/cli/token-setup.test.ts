import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cancelled, JackinError } from "../../core/index.ts";
import type { Jackin, Tokens } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import type { Choice } from "./prompts.ts";
import {
  captureDouble,
  page,
  tokenNamed,
  createTokenOperator,
  onTerminal,
} from "./token-double.ts";
import { choosePlace } from "./token-place.ts";

let { operator, vault, jackin, config } = {} as Awaited<ReturnType<typeof createTokenOperator>>;
const token = tokenNamed("new");
const file = '[workspaces.web]\nworkdir = "~/web"\n[roles.r]\n';

beforeEach(async () => {
  ({ operator, vault, jackin, config } = await createTokenOperator(file));
});
afterEach(() => operator[Symbol.asyncDispose]());

const setup = "workspace claude-token setup web";
const where = "Where shall the token be stored?: vault, ";
const code = "Code that the page shows (it is not shown here)";
const paste = "The token that claude setup-token has printed (it is not shown here)";
const goOn = "The sign-in did not work here. How to go on?: paste, reuse, again, cancel";

describe("setup on a terminal", () => {
  it("asks where to store it, shows the page, takes the code, and says what was done", async () => {
    const capture = captureDouble(token);
    const { tokens } = capture;
    const outcome = await jackin(setup, { ...onTerminal("vault", " a b#c \n"), tokens });
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(operator.asked).toEqual([where, code]);
    expect(operator.browser.shown).toEqual([page]);
    expect(outcome.stderr.split("\n")).toContain(page);
    expect([capture.codes, capture.open]).toEqual([["ab#c"], 0]);
    expect([...vault.held]).toEqual([["vault://1", token]]);
    expect(outcome.stdout).toMatch(
      /^stored: {6}vault:\/\/1\nfingerprint: [0-9a-f]{12}\nvalid: {7}until about 2027-11-25 \(estimated.*\nproven: {6}Claude Code takes it for a sign-in.*\nmode token: {2}workspace web\n$/,
    );
    expect(outcome.stderr).toMatch(/revoked by hand\.\n→ jackin load web\n$/);
    expect(await config()).toBe(
      file.replace(
        "[roles.r]",
        '\n[workspaces.web.claude]\nauth_forward = "token"\noauth_token_source = "vault://1"\n[roles.r]',
      ),
    );
    // What was chosen is the usual place from now on.
    await jackin("config auth setup-token", { ...onTerminal("vault", "x#y"), tokens });
    const { stdout, stderr } = await jackin("config auth setup-token --role r --paste", {
      input: token,
    });
    expect([stdout, stderr]).toEqual([
      expect.stringContaining("vault://3"),
      expect.stringMatching(/\n→ jackin load --role r\n$/),
    ]);
    expect(await config()).toContain("[roles.r.claude]");
  });

  it("is about the workspace of the current folder, or one that is chosen", async () => {
    const args = "workspace claude-token setup --reuse vault://a";
    vault.held.set("vault://a", token);
    const here = await jackin(args, { ...onTerminal(), cwd: join(operator.home, "web") });
    expect(here.stdout).toContain("workspace web");
    const chosen = await jackin(`${args} --yes`, onTerminal("web"));
    expect([chosen.code, operator.asked]).toEqual([0, ["Which workspace?: web"]]);
    expect(await jackin(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("web") });
  });

  it("asks for another code when one is not taken, with the reason", async () => {
    const capture = captureDouble(token, { refused: { "bad#1": "Invalid code" } });
    const { code: rc, stderr } = await jackin(setup, {
      ...onTerminal("vault", "half", "bad#1", "good#1"),
      tokens: capture.tokens,
    });
    expect([rc, capture.codes]).toEqual([0, ["bad#1", "good#1"]]);
    expect(stderr).toContain("warning: That is not the whole code.\n");
    expect(stderr).toContain("warning: That code was not taken: Invalid code\n");
    expect(stderr.split(page)).toHaveLength(2);
  });

  it("shows the address as a QR code where no browser is and it fits", async () => {
    operator.browser.isThere = false;
    const init = (columns: number) => ({
      ...onTerminal("vault", "cancel"),
      tokens: captureDouble(token).tokens,
      columns,
    });
    const [wide, narrow] = [await jackin(setup, init(100)), await jackin(setup, init(40))];
    expect([wide.code, narrow.code]).toEqual([130, 130]);
    for (const { stderr } of [wide, narrow]) expect(stderr.split("\n")).toContain(page);
    expect(wide.stderr).toContain("▄▄▄▄▄");
    expect(wide.stderr.lastIndexOf("▄")).toBeLessThan(wide.stderr.indexOf(page));
    expect(narrow.stderr).not.toContain("▄");
  });

  it("ends the question when the sign-in fails meanwhile, and offers to paste a token", async () => {
    const failure = new JackinError({
      code: "timeout",
      message: "Nobody came back.",
      hint: "hurry",
    });
    const capture = captureDouble(token, { failure });
    const broken = `"${token.slice(0, 60)}\r\n  ${token.slice(60)}"`;
    const outcome = await jackin(setup, {
      ...onTerminal("vault", "wait", "paste", "sk-ant-api-1", token.slice(0, -9), false, broken),
      tokens: capture.tokens,
    });
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(operator.asked).toEqual([
      where,
      code,
      goOn,
      paste,
      paste,
      "Use it all the same?",
      paste,
    ]);
    expect(outcome.stderr).toContain("warning: Nobody came back.\n  → hurry\n");
    expect(outcome.stderr).toContain("The token is an API key");
    expect(outcome.stderr).toContain("The token is 99 characters long, and claude setup-token");
    expect([...vault.held.values(), capture.open]).toEqual([token, 0]);
  });

  it("offers to go on by a stored one, once more, or not at all, when there is no claude", async () => {
    const capture = () =>
      Promise.reject(new JackinError({ code: "host-failed", message: "claude is not there." }));
    const left = await jackin(setup, {
      ...onTerminal("vault", "again", "cancel"),
      tokens: { capture },
    });
    expect([left.code, await config()]).toEqual([130, file]);
    expect(operator.asked).toEqual([where, goOn, goOn]);
    vault.held.set("vault://mine", token);
    const { stdout } = await jackin(setup, {
      ...onTerminal("vault", "reuse", " ", token, " vault://mine "),
      tokens: { capture },
    });
    expect(stdout).toContain("stored:      vault://mine (not put there by jackin)\n");
    expect(stdout).toContain(
      "valid:       one year from when it was made, which is not known here\n",
    );
    const all = await jackin("config auth setup-token --reuse vault://other", {});
    expect(all.code).toBe(3);
    vault.held.set("vault://other", tokenNamed("other"));
    expect((await jackin("config auth setup-token --reuse vault://other")).stderr).toContain(
      "note: workspace web goes before it, with a token of its own: vault://mine\n",
    );
  });

  it("ends on a runtime that there is none of, which no other token would help", async () => {
    const outcome = await jackin(`${setup} --runtime dubble`, onTerminal("vault"));
    expect([outcome.code, operator.asked]).toEqual([2, [where]]);
    expect(outcome.stderr).toContain('Did you mean "double"?');
  });

  it("ends where no token could be proven, instead of asking for one made elsewhere", async () => {
    const failure = new JackinError({ code: "runtime-missing", message: "Docker is not there." });
    const asked: unknown[] = [];
    const outcome = await jackin(`${setup} --runtime double`, {
      ...onTerminal("vault"),
      tokens: {
        capture(call) {
          asked.push(call?.runtime);
          return Promise.reject(failure);
        },
      },
    });
    expect([outcome.code, asked, operator.asked]).toEqual([1, ["double"], [where]]);
    expect(outcome.stderr).toContain("error: Docker is not there.\n");
  });

  it.each([[["cancel"]], [["vault", "cancel"]]])("leaves no trace after %j", async (answers) => {
    const capture = captureDouble(token);
    const outcome = await jackin(setup, { ...onTerminal(...answers), tokens: capture.tokens });
    expect([outcome.code, outcome.stdout, capture.open]).toEqual([130, "", 0]);
    expect([await config(), vault.held.size]).toEqual([file, 0]);
  });

  it("shows what cannot be chosen, and takes a place that is typed", async () => {
    vault.state.error = new JackinError({ code: "secret-failed", message: "It is locked." });
    const outcome = await jackin(setup, {
      ...onTerminal("", "vault", "x#y"),
      tokens: captureDouble(token).tokens,
    });
    expect(operator.asked[0]).toBe(where.replace("vault", "(vault)"));
    expect(outcome).toMatchObject({ code: 3, stderr: expect.stringContaining("It is locked.") });
    // Named, it is looked at before anybody signs in.
    const capture = captureDouble(token);
    for (const [store, rc] of [
      ["vault", 3],
      ["vault://mine", 3],
      ["vlt", 2],
    ])
      expect(
        await jackin(`${setup} --store ${store}`, { ...onTerminal(), tokens: capture.tokens }),
      ).toMatchObject({ code: rc });
    expect([await config(), operator.browser.shown.length]).toEqual([file, 1]);
  });

  it("says of each place what works, and why one does not", async () => {
    const error = new JackinError({
      code: "secret-failed",
      message: "No Secret Service runs here.",
      hint: "apt install gnome-keyring\nOr choose another store.",
    });
    const places = [
      { place: "keychain", text: "Secret Service", error },
      { place: "file", text: "a file", isUsual: true },
      { place: "op://Private", text: "1Password" },
    ];
    let offered: readonly Choice[] = [];
    const deps = {
      isTerminal: true,
      signal: new AbortController().signal,
      working: (_: string, work: () => unknown) => work(),
      prompts: {
        select: async (_: string, options: readonly Choice[]) => {
          offered = options;
          return "op://Private";
        },
      },
    };
    const chosen = await choosePlace(
      deps as unknown as CommandDeps,
      { tokens: { places: async () => places } } as unknown as Jackin,
      undefined,
    );
    expect(chosen).toBe("op://Private");
    expect(offered.slice(0, -1)).toEqual([
      {
        value: "keychain",
        label: "Secret Service",
        hint: "No Secret Service runs here. → apt install gnome-keyring Or choose another store.",
        disabled: true,
      },
      { value: "file", label: "a file", hint: "file, as last time" },
      { value: "op://Private", label: "1Password", hint: "op://Private" },
    ]);
  });

  it("asks before another takes the place of one that is there, and points to rotate", async () => {
    vault.held.set("vault://a", token);
    await jackin(`${setup} --reuse vault://a`);
    const before = await config();
    const question = "Put another in its place, and leave the old one where it is?";
    const no = await jackin(`${setup} --paste`, onTerminal(false));
    expect([no.code, operator.asked, await config()]).toEqual([130, [question], before]);
    expect(no.stderr).toContain("→ jackin workspace claude-token rotate web");
    expect(await jackin(`${setup} --reuse vault://b`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("setup web --yes"),
    });
    const yes = await jackin(`${setup} --paste --store vault --yes`, { input: tokenNamed("b") });
    expect(yes.stderr).toContain("note: vault://a is not used here any more");
    expect(vault.held.get("vault://a")).toBe(token);
  });

  it("does what doctor proposes once another value was put into its place by hand", async () => {
    vault.held.set("vault://a", token);
    await jackin(`${setup} --reuse vault://a`);
    vault.held.set("vault://a", tokenNamed("b"));
    const doctor = () => jackin("workspace claude-token doctor web");
    const next = /→ jackin (.* --reuse) '(.*)' {3}notes the new one/.exec((await doctor()).stdout);
    const { code, stderr } = await jackin(`${next?.[1]} ${next?.[2]}`);
    expect(code, stderr).toBe(0);
    expect((await doctor()).stdout).not.toContain("replaced by hand");
  });

  it("says what was undone when it is stopped in the middle", async () => {
    const stop = new AbortController();
    const install = async () => {
      stop.abort("SIGINT");
      throw new JackinError({ code: "secret-failed", message: "Stopped. Could not be undone: x." });
    };
    const outcome = await jackin(`${setup} --reuse vault://a`, {
      signal: stop.signal,
      tokens: { install },
    });
    expect(outcome).toMatchObject({ code: 130, stderr: expect.stringContaining("undone: x.") });
    const other = await jackin(setup, {
      ...onTerminal("vault"),
      tokens: { capture: () => Promise.reject(cancelled()) },
    });
    expect(other.code).toBe(130);
  });
});

describe("setup without a terminal", () => {
  it.each([
    [" --reuse vault://a --store vault", "--paste and --store do not go with it"],
    ["", "there is no terminal to ask on.\n→ jackin workspace claude-token setup web --reuse REF"],
    [" --paste --reuse vault://a", "--paste and --store do not go with it"],
    [" --all", "a workspace or a role does not go with it"],
    [" --paste", "Where the token shall be stored is missing.\n→ --store vault   the vault\n"],
    [" --paste --store vlt", "The stores here: vault"],
    [" --paste --store ", "That is no store for a token.\n→ The stores here: vault"],
  ])("is a usage error with '%s'", async (more, text) => {
    const outcome = await jackin(setup + more, { input: token });
    expect(outcome).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(text) });
    expect(await config()).toBe(file);
  });

  it.each([
    ["setup nope", 'There is no workspace "nope"'],
    ["rotate nope", 'There is no workspace "nope"'],
    ["setup web --role nope", 'There is no role "nope"'],
  ])("says of '%s' first that there is none", async (args, text) => {
    const outcome = await jackin(`workspace claude-token ${args}`);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(text) });
    expect(outcome.stderr).not.toContain("terminal");
  });

  it("proposes no workspace that cannot be", async () => {
    const setupOf = (name: string) =>
      jackin(`workspace claude-token setup ${name} --paste --store vault`, { input: token });
    expect((await setupOf("new")).stderr).toContain("→ jackin workspace create new\n");
    expect((await setupOf("../x")).stderr).toMatch(/"\.\.\/x".*\n→ jackin workspace list.*\n$/);
  });

  it("does not take the place that was used last when it does not work", async () => {
    await jackin(`${setup} --paste --store vault`, { input: token });
    vault.state.error = new JackinError({ code: "secret-failed", message: "It is locked." });
    const outcome = await jackin(`${setup} --paste --yes`, { input: tokenNamed("b") });
    expect(outcome).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("→ vault does not work: It is locked.\n"),
    });
  });

  it("does not read a token from a terminal that would show it", async () => {
    const outcome = await jackin(`${setup} --paste --store vault`, { terminal: ["stdin"] });
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining("pipe it in") });
  });

  it("reads a token from stdin, repaired, and prints JSON", async () => {
    const args = `${setup} --paste --store vault --probe --json`;
    const outcome = await jackin(args, { input: `  \u001b[200~${token}\n\u001b[201~\n` });
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      reference: "vault://1",
      provenBy: "turn",
      scopes: [{ workspace: "web" }],
      replaced: [],
    });
    expect([...vault.held.values()]).toEqual([token]);
    const faulty = await jackin(`${args} --yes`, { input: "sk-ant-ort01-x" });
    expect(faulty).toMatchObject({ code: 2, stderr: expect.stringContaining("a refresh token") });
    const short = await jackin(`${args} --yes`, { input: token.slice(0, 100) });
    expect([short.code, short.stderr]).toEqual([0, expect.stringContaining("is 100 characters")]);
  });

  it("has the API answer with one that does not look like a token", async () => {
    for (const [input, provenBy] of [
      [token, "status"],
      [token.slice(0, 50), "turn"],
    ] as const) {
      const outcome = await jackin(`${setup} --paste --store vault --yes --json`, { input });
      expect(JSON.parse(outcome.stdout)).toMatchObject({ provenBy });
    }
  });

  it("gives one to every workspace that has none, whatever its mode, and leaves out what is gone", async () => {
    await mkdir(join(operator.home, "own"));
    await operator.configure(
      `${file}[workspaces.own]\nworkdir = "~/own"\nclaude.oauth_token_source = "vault://own"\n[workspaces.gone]\nworkdir = "~/gone"\n[workspaces.two]\nworkdir = "~/app"\nclaude.auth_forward = "ignore"\n`,
    );
    const args = "workspace claude-token setup --all --paste --store vault";
    const outcome = await jackin(args, { input: token });
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(outcome.stdout).toContain("mode token:  workspace web, workspace two\n");
    expect(outcome.stderr).toContain("gone is left out");
    expect((await config()).split('"vault://1"')).toHaveLength(3);
    expect(await jackin(args, { input: token })).toMatchObject({ code: 1 });
    expect(await jackin(`${args} --role r`, { input: token })).toMatchObject({ code: 2 });
    expect(vault.held.size).toBe(1);
  });

  it("sets up nothing when it cannot be told which workspaces have none", async () => {
    const ofLaunch = () =>
      Promise.reject(new JackinError({ code: "host-failed", message: "It hangs." }));
    const args = "workspace claude-token setup --all --paste --store vault";
    const outcome = await jackin(args, { input: token, tokens: { ofLaunch } });
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: It hangs\.$/m),
    });
    expect([vault.held.size, await config()]).toEqual([0, file]);
  });

  it("puts one in the place of a token that stands in the configuration", async () => {
    await operator.configure(
      `${file}[workspaces.web.env]\nCLAUDE_CODE_OAUTH_TOKEN = "${tokenNamed("old")}"\n`,
    );
    const { code, stderr } = await jackin(`${setup} --paste --store vault --yes`, { input: token });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("note: literal is not used here any more");
    expect(stderr).not.toContain("--reference");
    expect(await config()).not.toContain("CLAUDE_CODE_OAUTH_TOKEN");
  });

  it.each([
    `${setup} ${token}`,
    `${setup} --reuse ${token}`,
    `${setup} --paste=${token}`,
    `${setup} --token ${token}`,
    `workspace claude-token ${token}`,
    `config auth setup-token ${token}`,
    `config auth rotate-token --store=${token}`,
  ])("refuses a token on the command line without showing it (%#)", async (args) => {
    const outcome = await jackin(`${args} --json`);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("A token stands on the command line");
    expect(await config()).toBe(file);
  });

  it("keeps one that was pasted out of whatever it prints", async () => {
    const install: Tokens["install"] = async ({ from }, { progress } = {}) => {
      const message = `Who has ${"value" in from && from.value.reveal()}?`;
      progress?.(message);
      throw new JackinError({ code: "secret-failed", message });
    };
    const args = `${setup} --paste --store vault`;
    const { code, stderr } = await jackin(args, { input: token, tokens: { install } });
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^error: Who has \*+\?$/m)]);
  });

  it("leaves all as it was when the proof fails", async () => {
    operator.runtime.script.run = { code: 1, stdout: '{"loggedIn":false}' };
    const outcome = await jackin(`${setup} --paste --store vault`, { input: token });
    expect(outcome).toMatchObject({ code: 3, stderr: expect.stringContaining("Undone: ") });
    expect([vault.held.size, await config()]).toEqual([0, file]);
  });

  it("does not read an unfinished configuration", async () => {
    await writeFile(join(operator.home, ".config/jackin/config.toml"), "[claude\n");
    const outcome = await jackin(`${setup} --paste --store vault`, { input: token });
    expect([outcome.code, vault.held.size]).toEqual([1, 0]);
  });
});
