import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOperatorDouble, everywhere } from "./operator-double.ts";
import type { OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

describe("jackin alone", () => {
  it("prints help without a terminal", async () => {
    const { code, stdout, stderr } = await operator.jackin([]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Usage: jackin");
    expect(stdout).toContain("Exit codes:");
  });

  it("asks on a terminal and does what was chosen", async () => {
    await operator.configure(`[workspaces.web]\nworkdir = "${operator.home}/app"`);
    const { code } = await operator.jackin([], { terminal: everywhere, answers: ["load", "web"] });
    expect(code).toBe(0);
    expect(operator.runtime.attached).toEqual(["web"]);
    expect(operator.asked).toEqual(["What next?: load, auth status, doctor", "Where?: , web"]);
  });

  it("is 130 when the menu is left", async () => {
    const { code } = await operator.jackin([], { terminal: everywhere, answers: ["cancel"] });
    expect(code).toBe(130);
  });
});

describe("wrong usage", () => {
  it.each([
    [["staus"], "error: Unknown command 'staus'. Did you mean status?\n→ jackin --help\n"],
    [["load", "--detatch"], "error: Unknown option '--detatch'. Did you mean --detach?"],
    [
      ["load", "a", "b"],
      "Too many arguments for 'load'. Expected 1 argument but got 2.\n→ jackin load --help\n",
    ],
    [
      ["config", "env", "set"],
      "Missing required argument 'key'.\n→ jackin config env set --help\n",
    ],
    [["config", "auth", "shwo"], "Did you mean show?"],
    [["load", "--auth", "snyc"], 'Unknown mode "snyc". Did you mean "sync"?'],
  ])("%j is 2 and names the nearest", async (argv, text) => {
    const { code, stdout, stderr } = await operator.jackin(argv);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });

  it("is an object with --json", async () => {
    const { code, stdout } = await operator.jackin(["status", "--json", "--wide"]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error.code).toBe("usage");
  });

  it.each([[["--help"]], [["load", "--help"]], [["help", "purge"]], [["--version"]]])(
    "%j is none",
    async (argv) => {
      const { code, stdout, stderr } = await operator.jackin(argv);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).not.toBe("");
    },
  );
});

describe("a defect", () => {
  it("says that it is one, and where only when asked", async () => {
    operator.runtime.plugin.list = () => Promise.reject(new TypeError("x is undefined"));
    operator.runtime.plugin.probe = () => Promise.reject(new TypeError("y is undefined"));
    const plain = await operator.jackin(["load", "-d"]);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain(
      "error: This is a defect of jackin: y is undefined\n→ JACKIN_DEBUG=1",
    );
    expect(plain.stderr).not.toContain("    at ");
    const debug = await operator.jackin(["load", "-d"], { env: { JACKIN_DEBUG: "1" } });
    expect(debug.stderr).toContain("    at ");
  });
});

describe("the plugins of the configuration", () => {
  it("that fail to load stop a launch, with the file's other faults, and nothing else", async () => {
    await operator.configure('[plugins."./gone"]\n[env]\nDOCKER_HOST = "x"');
    const { code, stderr } = await operator.jackin(["load", "-d"]);
    expect(code).toBe(1);
    expect(stderr).toContain("gone");
    expect(stderr).toContain("[env] DOCKER_HOST");
    expect((await operator.jackin(["status"])).code).toBe(0);
  });

  it("are there for a launch", async () => {
    const folder = join(operator.home, ".config/jackin/mine");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    await writeFile(
      join(folder, "index.js"),
      `export default ({ value }) => ({ kind: "secret", name: "mine", scheme: "mine", resolve: async (refs, ctx) =>
        new Map(refs.map((ref) => [ref, { status: "value", value: ctx.secret(value + ref) }])) })`,
    );
    await operator.configure('[plugins."./mine"]\nvalue = "v-"\n[env]\nA = "mine://x"');
    const { code } = await operator.jackin(["load", "-d"]);
    expect(code).toBe(0);
    expect(operator.runtime.running.get("app")?.env["A"]?.reveal()).toBe("v-mine://x");
  });
});

describe("a configuration that others can read", () => {
  const literal = '[env]\nAPI_TOKEN = "written-out"\n';
  const warning = "can be read by others on this machine and holds API_TOKEN as plain text";

  it("is warned of when it holds a secret as plain text", async () => {
    await operator.configure(literal, 0o644);
    const { stderr } = await operator.jackin(["load", "-d"]);
    expect(stderr).toContain(warning);
    expect(stderr).toContain(`→ chmod 600 ${operator.home}/.config/jackin/config.toml`);
  });

  it.each([
    [literal, 0o600],
    ['[env]\nAPI_TOKEN = "$TOKEN"\nPLAIN = "x"\n', 0o644],
  ])("is not with %j and mode %i", async (toml, mode) => {
    await operator.configure(toml, mode);
    const { code, stderr } = await operator.jackin(["load", "-d"], { env: { TOKEN: "abcdefgh" } });
    expect(code).toBe(0);
    expect(stderr).not.toContain(warning);
  });
});
