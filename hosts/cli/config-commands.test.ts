import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretResolver } from "../../core/index.ts";
import { secret1password } from "../../plugins/secret-1password/index.ts";
import { createOp } from "../../test/lab/op/op.ts";
import { createOperatorDouble, everywhere } from "./operator-double.ts";
import type { CallInit, OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const file = () => join(operator.home, ".config/jackin/config.toml");
const text = () => readFile(file(), "utf8");
const jackin = (line: string, init?: CallInit) => operator.jackin(line.split(" "), init);
const canary = "sk-ant-oat01-canarycanarycanary";

const layout = `# my settings
[roles.reviewer]

[workspaces.web]
workdir = "/w"
role = "reviewer"

[workspaces.web.claude]
auth_forward = "ignore"   # on purpose
`;

describe("config auth set", () => {
  it.each([
    ["token", "[claude]", 'auth_forward = "token"'],
    ["token --role reviewer", "[roles.reviewer.claude]", 'auth_forward = "token"'],
    ["sync --workspace web", "[workspaces.web.claude]", 'auth_forward = "sync"   # on purpose'],
    ["sync -w web -r reviewer", "[workspaces.web.roles.reviewer.claude]", 'auth_forward = "sync"'],
  ])("sets %s in its table and says where", async (args, table, line) => {
    await operator.configure(layout);
    const { code, stdout } = await jackin(`config auth set ${args}`);
    expect(code).toBe(0);
    expect(stdout).toBe(`Set auth_forward = "${args.split(" ")[0]}" in ${table} of ${file()}\n`);
    expect(await text()).toContain(`${table}\n${line}\n`);
    expect(await text()).toMatch(/^# my settings\n/);
  });

  it("says which more specific scopes go before it", async () => {
    await operator.configure(layout);
    const { stderr } = await jackin("config auth set token");
    expect(stderr).toBe(
      'note: workspace web goes before it: [workspaces.web.claude] auth_forward = "ignore"\n',
    );
    expect((await jackin("config auth set token -w web")).stderr).toBe("");
  });

  it.each([
    ["tokn", 2, 'no mode "tokn"; the modes here are sync, ignore, token. Did you mean "token"?'],
    ["sync -w wbe", 1, 'no workspace "wbe" in the configuration. Did you mean "web"?'],
    ["sync -r revewer", 1, 'no role "revewer": the roles are reviewer. Did you mean "reviewer"?'],
    ["sync -w web -r x", 1, 'no role "x": the roles are reviewer.'],
  ])("refuses %s and touches nothing", async (args, exit, message) => {
    await operator.configure(layout);
    const { code, stderr } = await jackin(`config auth set ${args}`);
    expect(code).toBe(exit);
    expect(stderr).toContain(message);
    expect(await text()).toBe(layout);
  });

  it("understands the old name and writes the new one", async () => {
    const { stdout, stderr } = await jackin("config auth set copy");
    expect(stdout).toContain('Set auth_forward = "sync" in [claude]');
    expect(stderr).toContain('"copy" is read as "sync"');
  });

  it("asks for the mode on a terminal, and needs it without one", async () => {
    const missing = await jackin("config auth set");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("jackin config auth set sync|ignore|token");
    await jackin("config auth set", { terminal: everywhere, answers: ["ignore"] });
    expect(operator.asked).toEqual(["How shall agents be signed in?: sync, ignore, token"]);
    expect(await text()).toContain('auth_forward = "ignore"');
  });

  it("brings an older file up to date and says so", async () => {
    await operator.configure(
      "[claude]\nauth_forward = 'copy' # ever\n\n[workspaces.web]\nworkdir = \"/w\"\n",
    );
    const { stderr } = await jackin("config auth set token -w web");
    expect(stderr).toContain(
      `brought up to date in ${file()}: [claude] auth_forward = "sync" (was "copy")`,
    );
    expect(await text()).toContain("auth_forward = 'sync' # ever");
  });
});

describe("config env set", () => {
  it("never shows a literal, and warns when it looks like a secret", async () => {
    const { code, stdout, stderr } = await jackin(`config env set API_TOKEN ${canary}`);
    expect(code).toBe(0);
    expect(stdout).toBe(`Set API_TOKEN in [env] of ${file()}\n`);
    expect(stderr).toContain(
      "looks like a secret and is now plain text in the configuration, and in your shell's history",
    );
    expect(stderr).toContain("config env set API_TOKEN 'op://vault/item/field'");
    expect(stdout + stderr).not.toContain("canary");
    expect(await text()).toContain(`API_TOKEN = "${canary}"`);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["ORG", "acme", false],
    ["URL", "https://example.com/a/path/that/is/long/enough", false],
    ["FOLDER", "/usr/local/lib/node20/modules/something", false],
    ["MY_PASSWORD", "x", true],
    ["MY_PASSWORD", "", false],
    ["THING", "ghp_0123456789abcdef", true],
    ["THING", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==", true],
  ])("judges %s = %s", async (key, value, warns) => {
    const { stderr } = await operator.jackin(["config", "env", "set", key, value]);
    expect(stderr.includes("looks like a secret")).toBe(warns);
  });

  it("reads the value from stdin, or asks for it unseen", async () => {
    const piped = await jackin("config env set A -", { input: "two\nlines\n" });
    expect(piped.code).toBe(0);
    expect(await text()).toContain('A = "two\\nlines"');
    const asked = await jackin("config env set B_TOKEN", {
      terminal: everywhere,
      answers: [canary],
    });
    expect(asked.stdout + asked.stderr).not.toContain("canary");
    expect(asked.stderr).not.toContain("history");
    expect(await text()).toContain(`B_TOKEN = "${canary}"`);
    const missing = await jackin("config env set C");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("The value of C is missing.");
  });

  it("names the scope in each next step, so that what is pasted does not reach all agents", async () => {
    await operator.configure(layout);
    const missing = await jackin("workspace env set web A --role reviewer");
    expect(missing.stderr).toContain(
      "→ jackin config env set A - --workspace web --role reviewer   reads",
    );
    const { stderr } = await jackin(`config env set A ${canary} --workspace web`);
    expect(stderr).toContain("config env set A 'op://vault/item/field' --workspace web, or");
  });

  it("refuses a value that no variable can hold, and writes nothing", async () => {
    const input = `sk-ant-oat01-${"a".repeat(100_000)}`;
    const { code, stdout, stderr } = await jackin("config env set A -", { input });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      "error: The value of A has 100013 bytes; a variable here holds at most 100000.\n→ Put it into a file, and the file's path into the variable.\n",
    );
    await expect(text()).rejects.toThrow("ENOENT");
    expect((await jackin("config env set A -", { input: "a".repeat(100_000) })).code).toBe(0);
    expect((await jackin("config env set B b")).code).toBe(0);
  });

  it("writes into each scope, with a comment", async () => {
    await operator.configure(layout);
    await operator.jackin([
      "config",
      "env",
      "set",
      "A",
      "1",
      "--role",
      "reviewer",
      "--comment",
      "for all",
    ]);
    await jackin("workspace env set web B 2");
    await jackin("workspace env set web C 3 --role reviewer");
    await jackin("config env set D 4 --workspace web --role reviewer");
    expect(await text()).toContain('[roles.reviewer.env]\n# for all\nA = "1"\n');
    expect(await text()).toContain('[workspaces.web.env]\nB = "2"\n');
    expect(await text()).toContain('[workspaces.web.roles.reviewer.env]\nC = "3"\nD = "4"\n');
    const { stderr } = await jackin("config env set C 0");
    expect(stderr).toContain("workspace web × role reviewer goes before it");
  });

  it.each([
    ["JACKIN_HOME_DIR", "is reserved: jackin sets it itself"],
    ["DOCKER_HOST", "is reserved: jackin sets it itself"],
    ["CLAUDE_CONFIG_DIR", "is reserved: jackin sets it itself"],
    ["9LIVES", "is no name for an environment variable"],
  ])("refuses %s", async (key, message) => {
    const { code, stderr } = await jackin(`config env set ${key} x`);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("refuses a well-known scheme without its plugin, and takes it as text when told", async () => {
    const { code, stderr } = await jackin("config env set A vault://kv/a");
    expect(code).toBe(1);
    expect(stderr).toContain("vault:// needs a secret plugin");
    expect((await jackin("config env set A vault://kv/a --literal")).code).toBe(0);
    expect(await text()).toContain('A = { value = "vault://kv/a" }');
    await jackin("config env set A plain");
    expect(await text()).toContain('A = "plain"');
  });

  it("looks a variable of the host up at once", async () => {
    const missing = await jackin("config env set A $NOT_THERE");
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain("$NOT_THERE is not there.\nNothing was stored.");
    expect(missing.stderr).toContain("--no-check");
    await expect(text()).rejects.toThrow("ENOENT");
    const there = await jackin("config env set A $THERE", { env: { THERE: canary } });
    expect(there.stdout).toBe(`Set A to $THERE in [env] of ${file()}\n`);
    expect(there.stdout + there.stderr).not.toContain("canary");
    expect((await jackin("config env set B ${NOT_THERE} --no-check")).stdout).toContain(
      "Set B to ${NOT_THERE}, unchecked, in [env]",
    );
    expect(await text()).toContain('A = "$THERE"\nB = "${NOT_THERE}"\n');
  });

  it("reports what a stranger's plugin throws as its failure", async () => {
    const broken: SecretResolver = {
      kind: "secret",
      name: "plugin-broken",
      scheme: "broken",
      resolve: () => Promise.reject(new TypeError("no luck")),
    };
    const { code, stderr } = await jackin("config env set A broken://x", { plugins: [broken] });
    expect(code).toBe(3);
    expect(stderr).toContain("[plugin-broken] no luck\nNothing was stored.");
  });

  it("tells an invalid file, and touches nothing", async () => {
    await operator.configure("[env]\nPORT = 3000\n[cloude]\n");
    const { code, stderr } = await jackin("config env set A 1");
    expect(code).toBe(1);
    expect(stderr).toContain(`${file()}:2:1: [env] PORT: must be text`);
    expect(stderr).toContain(`${file()}:3:2: cloude: unknown key "cloude". Did you mean "claude"?`);
    expect(await text()).toBe("[env]\nPORT = 3000\n[cloude]\n");
  });
});

describe("config env set with 1Password", () => {
  const state = {
    accounts: {
      "my.1password.com": {
        email: "me@example.com",
        vaults: { Work: { "acme-api": { token: canary } } },
      },
    },
  };
  const call = async (line: string) => {
    const op = await createOp(operator.home, state);
    const init = { env: { ...op.env }, plugins: [secret1password()] };
    return { ...(await jackin(line, init)), calls: await op.calls() };
  };

  it("stores ids, which survive a rename, says what it stored and keeps the names as a comment", async () => {
    const { code, stdout, stderr } = await call("config env set API op://Work/acme-api/token");
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "checking op://Work/acme-api/token\n",
    });
    const stored = /^Set API to (op:\/\/\w+\/\w+\/\w+) \(Work › acme-api › token\) in/.exec(
      stdout,
    )?.[1];
    expect(stored).toBeDefined();
    expect(stored).not.toContain("acme");
    expect(await text()).toContain(`# Work › acme-api › token\nAPI = "${stored}"\n`);
    expect(await text()).not.toContain("canary");
  });

  it("refuses what is not there, and asks nobody with --no-check", async () => {
    const missing = await call("config env set API op://Work/acme-api/tokn");
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain("Nothing was stored.");
    const unchecked = await call("config env set API op://Work/acme-api/tokn --no-check");
    expect(unchecked.code).toBe(0);
    expect(unchecked.calls).toHaveLength(missing.calls.length);
    expect(await text()).toContain('API = "op://Work/acme-api/tokn"');
  });
});

describe("config env unset", () => {
  it("takes a key away and gives back the file as it was", async () => {
    await operator.configure(layout);
    await jackin("config env set A 1 -w web");
    const { stdout } = await jackin("workspace env unset web A");
    expect(stdout).toBe(`Unset A in [workspaces.web.env] of ${file()}\n`);
    expect(await text()).toBe(layout);
  });

  it("says where else the key is set", async () => {
    await operator.configure(`${layout}\n[env]\nORG = "acme"\n`);
    const typo = await jackin("config env unset OGR");
    expect(typo.code).toBe(1);
    expect(typo.stderr).toContain('OGR is not set in [env]. Did you mean "ORG"?');
    const elsewhere = await jackin("workspace env unset web ORG");
    expect(elsewhere.stderr).toContain("ORG is not set in [workspaces.web.env].");
    expect(elsewhere.stderr).toContain("It is set in: global");
    await jackin("workspace env set web ORG other");
    expect((await jackin("workspace env unset web ORG")).stderr).toContain(
      "ORG is still set for it: global says so",
    );
  });
});

describe("config env list", () => {
  beforeEach(() =>
    operator.configure(
      `${layout}\n[env]\nSECRET = "${canary}"\nREF = "op://a/b/c"\nVALUE = { value = "$X" }\n[roles.reviewer.env]\nREF = "$HOME"\n[workspaces.web.env]\nW = "1"\n`,
    ),
  );

  const cells = (stdout: string) =>
    stdout
      .trimEnd()
      .split("\n")
      .map((row) => row.split(/ {2,}/));

  it("masks literals, shows references, and names the scope", async () => {
    const { stdout } = await jackin("config env list");
    expect(cells(stdout)).toEqual([
      ["KEY", "VALUE", "SCOPE"],
      ["REF", "op://a/b/c", "global"],
      ["SECRET", "***", "global"],
      ["VALUE", "***", "global"],
      ["REF", "$HOME", "role reviewer"],
      ["W", "***", "workspace web"],
    ]);
  });

  it("lists what a launch gets, with the workspace's own role", async () => {
    const rows = JSON.parse((await jackin("workspace env list web --json")).stdout);
    expect(rows).toEqual([
      { key: "REF", kind: "reference", value: "$HOME", scope: "role reviewer" },
      { key: "SECRET", kind: "literal", value: "***", scope: "global" },
      { key: "VALUE", kind: "literal", value: "***", scope: "global" },
      { key: "W", kind: "literal", value: "***", scope: "workspace web" },
    ]);
  });

  it("shows literals on a terminal only", async () => {
    const piped = await jackin("config env list --show");
    expect(piped.code).toBe(2);
    expect(piped.stdout + piped.stderr).not.toContain("canary");
    expect((await jackin("config env list --show --json")).code).toBe(2);
    const shown = await jackin("config env list --show", { terminal: everywhere });
    expect(shown.stdout).toContain(canary);
  });
});

describe("config path", () => {
  it("says where the file is, or would be", async () => {
    expect((await jackin("config path")).stdout).toBe(`${file()}\n`);
    const env = { JACKIN_CONFIG_DIR: "/elsewhere" };
    expect((await jackin("config path", { env })).stdout).toBe("/elsewhere/config.toml\n");
  });
});

describe("config edit", () => {
  /** An editor that does the next thing of a list each time it is opened. */
  async function editor(...scripts: string[]) {
    const steps = scripts.map((script, index) => `${index}) ${script} ;;`).join("\n");
    const counter = join(operator.home, "opened");
    await writeFile(counter, "0");
    await writeFile(
      join(operator.home, "editor.sh"),
      `f="$1"; n=$(cat ${counter}); echo $((n+1)) > ${counter}\nstat -c %a "$f" >> ${operator.home}/modes\ncase $n in\n${steps}\nesac\n`,
    );
    return { PATH: process.env["PATH"]!, EDITOR: `sh ${operator.home}/editor.sh` };
  }
  const leftovers = () => readdir(join(operator.home, ".config/jackin"));

  it("writes what was saved, from a copy that only its owner can read", async () => {
    await operator.configure(layout);
    const env = await editor(`printf '[env]\\nA = "1"\\n' >> "$f"`);
    const { code, stdout } = await jackin("config edit", { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Changed ${file()}\n` });
    expect(await text()).toBe(`${layout}[env]\nA = "1"\n`);
    expect(await readFile(join(operator.home, "modes"), "utf8")).toBe("600\n");
    expect(await leftovers()).toEqual(["config.toml"]);
  });

  it("prefers VISUAL, and starts a new file", async () => {
    const env = {
      ...(await editor(`sed -i 's/^version.*/&\\nimage = "x"/' "$f"`)),
      EDITOR: "false",
    };
    const { code } = await jackin("config edit", {
      env: { ...env, VISUAL: `sh ${operator.home}/editor.sh` },
    });
    expect(code).toBe(0);
    expect(await text()).toBe('#:schema ./config.schema.json\n\nversion = 1\nimage = "x"\n');
  });

  it("goes back to the editor with what was written, until it is valid", async () => {
    await operator.configure(layout);
    const env = await editor(`echo '[cloude]' >> "$f"`, `sed -i s/cloude/claude/ "$f"`);
    const { code, stderr } = await jackin("config edit", {
      env,
      terminal: everywhere,
      answers: ["back"],
    });
    expect(code).toBe(0);
    expect(stderr).toContain('unknown key "cloude"');
    expect(await text()).toBe(`${layout}[claude]\n`);
  });

  it.each([
    ["drops an invalid text when told", { terminal: everywhere, answers: ["drop"] }, 0],
    ["drops it without a terminal", {}, 1],
    ["drops it when the person gives up", { terminal: everywhere, answers: ["cancel"] }, 130],
  ])("%s", async (_, init, exit) => {
    await operator.configure(layout);
    const env = await editor(`echo '[cloude]' >> "$f"`);
    expect((await jackin("config edit", { env, ...init })).code).toBe(exit);
    expect(await text()).toBe(layout);
    expect(await leftovers()).toEqual(["config.toml"]);
  });

  it("does nothing for no change, and for an editor that fails", async () => {
    await operator.configure(layout);
    expect(
      (await jackin("config edit", { env: { ...(await editor()), EDITOR: "true" } })).stdout,
    ).toContain("Nothing changed");
    const failed = await jackin("config edit", {
      env: { ...(await editor()), EDITOR: "sh -c 'exit 3'" },
    });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("ended with exit code 3; nothing was changed");
    expect(await text()).toBe(layout);
  });

  it("does not write over what changed meanwhile, and keeps what was written", async () => {
    await operator.configure(layout);
    const env = await editor(`echo '# mine' >> "$f"; echo '# theirs' >> ${file()}`);
    const { code, stderr } = await jackin("config edit", { env });
    expect(code).toBe(1);
    expect(await text()).toBe(`${layout}# theirs\n`);
    const kept = /What you wrote is in (\S+)/.exec(stderr)?.[1];
    expect(await readFile(kept!, "utf8")).toBe(`${layout}# mine\n`);
  });

  it("keeps what was written when it cannot be written, and says where", async () => {
    await operator.configure(layout);
    const locks = join(operator.home, ".jackin/locks");
    const env = await editor(
      `echo '# mine' >> "$f"; mkdir -p ${operator.home}/.jackin; rm -rf ${locks}; touch ${locks}`,
    );
    const { code, stderr } = await jackin("config edit", { env });
    expect(code).toBe(1);
    expect(await text()).toBe(layout);
    expect(stderr).toContain(`${locks} cannot be made`);
    const kept = /What you wrote is in (\S+)/.exec(stderr)?.[1];
    expect(await readFile(kept!, "utf8")).toBe(`${layout}# mine\n`);
    expect(stderr).toContain(`→ cp ${kept} ${file()}   once that is put right`);
  });

  it("repairs an invalid file", async () => {
    await operator.configure("[cloude]\n");
    const env = await editor(`sed -i s/cloude/claude/ "$f"`);
    expect((await jackin("config edit", { env })).code).toBe(0);
    expect(await text()).toBe("[claude]\n");
  });
});
