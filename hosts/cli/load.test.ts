import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createNodeHost } from "../node/host.ts";
import {
  createOperatorDouble,
  everywhere,
  hangingStart,
  now,
  startFailure,
} from "./operator-double.ts";
import type { CallInit, OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const line = "claude auth: forwarded host session (sync)";

describe("load --detach", () => {
  it("prints the name alone on stdout, the launch line alone on a line of stderr", async () => {
    const { code, stdout, stderr } = await operator.jackin(["load", "--detach"]);
    expect([code, stdout]).toEqual([0, "app\n"]);
    expect(stderr.split("\n")).toContain(line);
    expect(stderr).toContain("→ jackin hardline app");
    expect([...operator.runtime.running.keys()]).toEqual(["app"]);
    expect(operator.runtime.running.get("app")).toMatchObject({ session: true });
  });

  it("says account, what is left, who shares, and each notice with its next step", async () => {
    operator.login.grant = {
      account: "me@example.test",
      expiresAt: now + 11_400_000,
      notices: [{ level: "warning", text: "it will end\u001b[2J", next: "sign in again" }],
    };
    await operator.jackin(["load", "-d"]);
    const { stderr } = await operator.jackin(["load", "-d"]);
    expect(stderr.slice(stderr.indexOf(line))).toBe(
      `${line}\naccount: me@example.test\nvalid for 3 h 10 m\nshared with: app\n` +
        "warning: it will end?[2J\n  → sign in again\n" +
        `note: ${operator.home}/app already runs as app; this is one more\n  → jackin hardline app\n` +
        "→ jackin hardline app-2\n",
    );
  });

  it("shows steps as plain lines without a terminal, in CI and on a dumb one", async () => {
    for (const init of [
      {},
      { terminal: everywhere, env: { CI: "true" } },
      { terminal: everywhere, env: { TERM: "dumb" } },
    ]) {
      const { stderr } = await operator.jackin(["load", "-d"], init);
      expect(stderr).toMatch(/^starting\nstarting the container of app(-\d)?\n/);
      if (init.env?.CI === undefined) expect(stderr).not.toContain("\u001b");
    }
  });

  it("leaves no trace of the spinner on a terminal, and no colour under NO_COLOR", async () => {
    const { stderr } = await operator.jackin(["load", "-d"], {
      terminal: everywhere,
      env: { NO_COLOR: "1" },
    });
    expect(stderr).toContain(`\r\u001b[2K\u001b[?25h${line}\n`);
    expect(stderr).not.toContain("\u001b[3");
  });

  it("hands what follows -- to Claude Code, and a name before it to jackin", async () => {
    await operator.configure(`[workspaces.web]\nworkdir = "${operator.home}/app"`);
    await operator.jackin(["load", "web", "-d", "--", "--model", "opus", "--help"]);
    expect(operator.runtime.running.get("web")?.args).toEqual(["--model", "opus", "--help"]);
    const { code } = await operator.jackin(["load", "-d", "--", "--json"]);
    expect(code).toBe(0);
    expect(operator.runtime.running.get("web-2")?.args).toEqual(["--json"]);
  });

  it("passes mode, runtime and folder on", async () => {
    const folder = join(operator.home, "app");
    const { stderr } = await operator.jackin(
      ["load", folder, "--auth", "ignore", "--runtime", "double", "-d"],
      { cwd: operator.home },
    );
    expect(stderr).toContain("claude auth: none (manual /login required)\n");
    expect(operator.runtime.running.get("app")?.workdir).toBe(folder);
  });
});

it.each(["", " "])("load %j starts nothing", async (name) => {
  const { code, stderr } = await operator.jackin(["load", name, "-d"]);
  expect([code, operator.runtime.running.size]).toEqual([2, 0]);
  expect(stderr).toContain("The workspace or folder is an empty text.\n→ jackin load --help");
});

describe("load --json", () => {
  it("prints one object and nothing else on stdout, and does not attach", async () => {
    const { stdout } = await operator.jackin(["load", "--json"], { terminal: everywhere });
    expect(JSON.parse(stdout)).toEqual({
      instance: expect.objectContaining({ instance: "app", mode: "sync", state: "running" }),
      line,
      sharedWith: [],
      notices: [],
    });
    expect(operator.runtime.attached).toEqual([]);
  });

  it("prints an error as an object, and for a person as well", async () => {
    operator.runtime.script.start = startFailure;
    const { code, stdout, stderr } = await operator.jackin(["load", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: "start-failed",
        message: "[runtime-double] no room",
        hint: "make room\nor wait",
      },
    });
    expect(stderr).toContain("error: [runtime-double] no room\n→ make room\n→ or wait\n");
  });
});

describe("load on a terminal", () => {
  it("attaches, and its exit code is the agent's", async () => {
    operator.runtime.script.attach = { ended: true, code: 7 };
    const { code, stdout, stderr } = await operator.jackin(["load"], { terminal: everywhere });
    expect([code, stdout]).toEqual([7, ""]);
    expect(operator.runtime.attached).toEqual(["app"]);
    expect(stderr).toContain("app ended with exit code 7.");
  });

  it("is 0 after a detach and says the way back", async () => {
    operator.runtime.script.attach = { ended: false, code: 90 };
    const { code, stderr } = await operator.jackin(["load"], { terminal: everywhere });
    expect(code).toBe(0);
    expect(stderr).toMatch(/Detached: app keeps running\.\n→ jackin hardline app\n$/);
  });

  it("leaves the agent running when the terminal is hung up", async () => {
    const stop = new AbortController();
    operator.runtime.script.whileAttached = () => stop.abort("SIGHUP");
    const { code, stderr } = await operator.jackin(["load"], {
      terminal: everywhere,
      signal: stop.signal,
    });
    expect(code).toBe(129);
    expect([...operator.runtime.running.keys()]).toEqual(["app"]);
    expect(stderr).toContain("app keeps running.\n→ jackin hardline app");
  });

  it.each([[["stderr", "stdout"]], [["stdin", "stderr"]]] as const)(
    "runs detached and says so when only %j are a terminal",
    async (terminal) => {
      const { code, stdout, stderr } = await operator.jackin(["load"], { terminal });
      expect([code, stdout]).toEqual([0, "app\n"]);
      expect(stderr).toContain("No terminal to attach: app runs detached.");
      expect(operator.runtime.attached).toEqual([]);
    },
  );
});

describe("while its terminal shows an agent, the command keeps agents signed in", () => {
  /** Who keeps agents of this home now. */
  const keeper = async () => {
    const folder = join(operator.home, ".jackin/store");
    const names = await readdir(folder);
    const name = names.find((file) => file.startsWith("keeper"));
    return name && (JSON.parse(await readFile(join(folder, name), "utf8")) as { process: string });
  };
  /** The keeper as the agent's terminal is given away, and what is left of it in the end. */
  const attached = async (argv: readonly string[], init: CallInit = {}) => {
    const seen = Promise.withResolvers<unknown>();
    operator.runtime.script.attaching = async () => {
      // It is claimed in the background.
      await expect.poll(keeper, { timeout: 30_000 }).toBeTruthy();
      seen.resolve(await keeper());
    };
    const outcome = await operator.jackin(argv, { terminal: everywhere, ...init });
    return { ...outcome, meanwhile: await seen.promise, after: await keeper() };
  };
  const self = { process: createNodeHost().process.id };

  it("and has it go on after a detach", async () => {
    operator.runtime.script.attach = { ended: false, code: 90 };
    for (const argv of [["load"], ["hardline"]]) {
      operator.keepers.started = 0;
      const { code, meanwhile, after } = await attached(argv);
      expect([code, meanwhile, after]).toEqual([0, expect.objectContaining(self), undefined]);
      expect(operator.keepers.started).toBe(1);
    }
  });

  it("and nobody has to when no agent is left", async () => {
    const { meanwhile, after } = await attached(["load"]);
    expect(meanwhile).toMatchObject(self);
    expect(after).toBeUndefined();
    await operator.jackin(["exile"]);
  });

  it("and hands it over when the terminal is gone", async () => {
    const stop = new AbortController();
    operator.runtime.script.whileAttached = () => stop.abort("SIGHUP");
    const { code, after } = await attached(["load"], { signal: stop.signal });
    expect([code, after, operator.keepers.started]).toEqual([129, undefined, 1]);
  });
});

describe("load --print", () => {
  it("answers Claude Code's exit code and leaves stdout to it", async () => {
    operator.runtime.script.run = { code: 5, stdout: "" };
    const { code, stdout, stderr } = await operator.jackin([
      "load",
      "--print",
      "fix it",
      "--",
      "--model",
      "opus",
    ]);
    expect([code, stdout]).toEqual([5, ""]);
    expect(stderr).toContain(`${line}\n`);
    expect(operator.runtime.runs).toEqual([["-p", "--model", "opus"]]);
    expect(operator.runtime.prompts).toEqual(["fix it"]);
    expect([...operator.runtime.running.keys()]).toEqual([]);
  });

  it("captures with --json", async () => {
    const { stdout } = await operator.jackin(["load", "-p", "ping", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ line, code: 0, stdout: "pong\n" });
  });

  it("takes a prompt that would not fit into an argument", async () => {
    const diff = "é".repeat(500_000);
    const { code } = await operator.jackin(["load", "--print", "-"], { input: diff });
    expect([code, operator.runtime.prompts]).toEqual([0, [diff]]);
  });

  it("reads the prompt from stdin", async () => {
    await operator.jackin(["load", "--print", "-"], { input: "from a pipe\n" });
    expect(operator.runtime.runs).toEqual([["-p"]]);
    expect(operator.runtime.prompts).toEqual(["from a pipe\n"]);
  });

  it.each([
    [["load", "--print", ""], {}],
    [["load", "--print", "-"], { input: " \n" }],
    [["load", "--print", "-"], { terminal: everywhere, env: { NO_COLOR: "1" } }],
    [["load", "--print", "x", "--detach"], {}],
  ])("refuses %j", async (argv, init) => {
    const { code, stderr } = await operator.jackin(argv, init);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: .+\n→ jackin load --help\n$/);
    expect(operator.runtime.runs).toEqual([]);
  });
});

describe("a launch that is stopped", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])("by %s takes down what it started and answers %i", async (signal, expected) => {
    const { start, begun } = hangingStart();
    operator.runtime.script.start = start;
    const stop = new AbortController();
    const running = operator.jackin(["load", "-d"], { signal: stop.signal });
    await begun;
    stop.abort(signal);
    const { code, stdout, stderr } = await running;
    expect([code, stdout]).toEqual([expected, ""]);
    expect(stderr).toMatch(/\nCancelled\.\n$/);
    const { stdout: left } = await operator.jackin(["status", "--json"]);
    expect(JSON.parse(left)).toEqual([]);
  });

  it("is cancelled, whatever the programs say that the same Ctrl-C has ended", async () => {
    const stop = new AbortController();
    operator.runtime.script.start = () => {
      stop.abort("SIGINT");
      return startFailure();
    };
    const { code, stderr } = await operator.jackin(["load", "-d"], { signal: stop.signal });
    expect(code).toBe(130);
    expect(stderr).not.toContain("no room");
  });
});

describe("a launch that cannot be", () => {
  it("without a token is exit 3, with trace and fixes, and nothing has started", async () => {
    const { code, stderr } = await operator.jackin(["load", "--auth", "token", "-d"]);
    expect(code).toBe(3);
    expect(stderr).toContain("global: [env] CLAUDE_CODE_OAUTH_TOKEN: not set");
    expect(stderr).toContain("\n→ jackin config auth setup-token ");
    expect([...operator.runtime.running]).toEqual([]);
  });

  it("shows no secret, not even in its error", async () => {
    const secret = "a-very-secret-value";
    await operator.configure('[env]\nAPI_KEY = "$KEY"');
    operator.runtime.script.start = () => Promise.reject(new Error(`bad value ${secret}`));
    const { stdout, stderr } = await operator.jackin(["load", "--json"], { env: { KEY: secret } });
    expect(stdout + stderr).not.toContain(secret);
    expect(JSON.parse(stdout).error.message).toContain("bad value ***");
  });

  it("tells every fault of the configuration by its place, and starts nothing", async () => {
    await operator.configure(
      '[claude]\nauth_forward = "snyc"\n[workspaces.web]\nworkdir = 3\n[env]\nDOCKER_HOST = "x"\n',
    );
    const { code, stderr } = await operator.jackin(["load", "-d"]);
    const path = `${operator.home}/.config/jackin/config.toml`;
    expect(code).toBe(1);
    expect(stderr).toContain(`${path}:2:1: [claude] auth_forward: unknown mode "snyc"`);
    expect(stderr).toContain(
      `${path}:4:1: [workspaces.web] workdir: must be string, found number 3`,
    );
    expect(stderr).toContain(`${path}:6:1: [env] DOCKER_HOST: DOCKER_HOST is reserved`);
    expect(stderr).toContain(`→ Correct them in your editor: ${path}`);
  });
});
