import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretResolver } from "../../core/index.ts";
import { createOperatorDouble } from "./operator-double.ts";
import type { OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
  await mkdir(join(operator.home, "web"));
});
afterEach(() => operator[Symbol.asyncDispose]());

const canary = "sk-ant-oat01-canarycanarycanary";

/** A Keychain that holds one token, and remembers what it was asked. */
function keychain() {
  const asked: string[] = [];
  const plugin: SecretResolver = {
    kind: "secret",
    name: "secret-keychain",
    scheme: "keychain",
    async resolve(references, ctx) {
      asked.push(...references);
      return new Map(
        references.map((each) => [each, { status: "value", value: ctx.secret(canary) }]),
      );
    },
  };
  return { asked, plugin };
}

const launched = () =>
  [...operator.runtime.running.values()].map(({ grant }) =>
    grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal(),
  );

const file = (more: string) =>
  `[claude]\nauth_forward = "token"\n[roles.r]\n[workspaces.web]\nworkdir = "~/web"\nrole = "r"\n${more}`;
const load = ["load", "web", "--detach"];

describe("the long-lived token of the configuration", () => {
  it("names every scope that was asked, in order, when there is none", async () => {
    await operator.configure(file(""));
    const { code, stderr } = await operator.jackin(load);
    expect(code).toBe(3);
    const trace = stderr.split("\n").filter((line) => line.startsWith("  "));
    expect(trace).toEqual([
      "  workspace web × role r: [workspaces.web.roles.r.claude] oauth_token_source: not set",
      "  workspace web: [workspaces.web.claude] oauth_token_source: not set",
      "  role r: [roles.r.claude] oauth_token_source: not set",
      "  global: [claude] oauth_token_source: not set",
      "  workspace web × role r: [workspaces.web.roles.r.env] CLAUDE_CODE_OAUTH_TOKEN: not set",
      "  workspace web: [workspaces.web.env] CLAUDE_CODE_OAUTH_TOKEN: not set",
      "  role r: [roles.r.env] CLAUDE_CODE_OAUTH_TOKEN: not set",
      "  global: [env] CLAUDE_CODE_OAUTH_TOKEN: not set",
    ]);
    expect(stderr).toContain("nothing was started");
    expect(launched()).toEqual([]);
  });

  it("stops at the scope that names one, and says that it is empty", async () => {
    await operator.configure(
      file(
        '[workspaces.web.claude]\noauth_token_env = "MY_TOKEN"\n[env]\nCLAUDE_CODE_OAUTH_TOKEN = "x"\n',
      ),
    );
    for (const env of [{}, { MY_TOKEN: "" }]) {
      const { code, stderr } = await operator.jackin(load, { env });
      expect(code).toBe(3);
      expect(stderr.split("\n").filter((line) => line.startsWith("  "))).toEqual([
        "  workspace web × role r: [workspaces.web.roles.r.claude] oauth_token_source: not set",
        "  workspace web: [workspaces.web.claude] oauth_token_env: env://MY_TOKEN, empty or not there",
      ]);
    }
    const there = await operator.jackin(load, { env: { MY_TOKEN: canary } });
    expect(there.code).toBe(0);
    expect(launched()).toEqual([canary]);
    expect(there.stdout + there.stderr).not.toContain("canary");
  });

  it("is looked up in the Keychain by its shorthand, which outranks the environment", async () => {
    await operator.configure(
      file("").replace("[roles.r]\n", 'oauth_token_source = "keychain"\n[roles.r]\n') +
        '[env]\nCLAUDE_CODE_OAUTH_TOKEN = "other"\n',
    );
    const { asked, plugin } = keychain();
    expect((await operator.jackin(load, { plugins: [plugin] })).code).toBe(0);
    expect(asked).toEqual(["keychain://jackin/claude-oauth-token"]);
    expect(launched()).toEqual([canary]);
  });

  it("says which plugin the shorthand needs", async () => {
    await operator.configure(file('[workspaces.web.claude]\noauth_token_source = "keychain"\n'));
    const { code, stderr } = await operator.jackin(load);
    expect(code).not.toBe(0);
    expect(stderr).toContain("keychain:// needs a secret plugin that is not installed");
    expect(launched()).toEqual([]);
  });

  it("can be set by a command, and is then used", async () => {
    await operator.configure(file(""));
    const set = ["workspace", "env", "set", "web", "CLAUDE_CODE_OAUTH_TOKEN", "$MY_TOKEN"];
    const env = { MY_TOKEN: canary };
    expect((await operator.jackin(set, { env })).code).toBe(0);
    expect((await operator.jackin(load, { env })).code).toBe(0);
    expect(launched()).toEqual([canary]);
  });
});
