import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { authSession } from "../../plugins/auth-session/index.ts";
import { createOperatorDouble, everywhere } from "./operator-double.ts";
import type { CallInit, OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
  await mkdir(join(operator.home, "bin"));
  await mkdir(join(operator.home, "web"));
});
afterEach(() => operator[Symbol.asyncDispose]());

/** Signs in as whom `WHO` names, and out. */
const claude = `#!/bin/sh
file="$CLAUDE_SECURESTORAGE_CONFIG_DIR/.credentials.json"
[ "$2" = logout ] && { rm "$file"; echo "Successfully logged out."; exit; }
[ "$WHO" = nobody ] && exit 1
echo '{"claudeAiOauth":{"accessToken":"a","refreshToken":"r","accountUuid":"'"$WHO"'"}}' > "$file"
echo '{"oauthAccount":{"emailAddress":"'"$WHO"'@x.test","accountUuid":"'"$WHO"'"}}' > "$CLAUDE_CONFIG_DIR/.claude.json"
`;

async function jackin(args: string, who = "me", init: CallInit = {}) {
  const bin = join(operator.home, "bin");
  await writeFile(join(bin, "claude"), claude, { mode: 0o755 });
  const env = { PATH: `${bin}:/usr/bin:/bin`, WHO: who };
  return operator.jackin(args.split(" "), { ...init, env, plugins: [authSession()] });
}

const holder = async (account = "default") =>
  /"accountUuid":"(\w+)"/.exec(
    await readFile(join(operator.home, ".jackin/sessions", account, ".credentials.json"), "utf8"),
  )?.[1];

const isGone = (account = "default") =>
  holder(account).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );

describe("auth login", () => {
  it("signs in, says as whom and what comes next", async () => {
    expect(await jackin("auth login")).toEqual({
      code: 0,
      stdout: "session account default is signed in and renews itself\n",
      stderr: "account: me@x.test\n→ jackin load --auth session\n",
    });
    expect(await holder()).toBe("me");
    const { stderr } = await jackin("load --detach --auth session");
    expect(stderr).toContain("claude auth: jackin session (shared)\naccount: me@x.test\n");
  });

  it("keeps named accounts side by side; without a name it takes that of the configuration", async () => {
    const { stderr } = await jackin("auth login --account work", "w");
    expect(stderr).toContain('set account = "work" under [claude.session]');
    await operator.configure('[claude.session]\naccount = "home"');
    expect((await jackin("auth login", "h")).stdout).toContain("session account home");
    expect(await Promise.all([holder("work"), holder("home"), isGone()])).toEqual(["w", "h", true]);
    const { stdout } = await jackin("auth status");
    expect(stdout).toContain(
      "session account home is signed in and renews itself; other accounts: work (w@x.test)",
    );
  });

  it("does not start an agent that is not signed in, and says how to", async () => {
    const { code, stderr } = await jackin("load --detach --auth session");
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining("session account default is not signed in\n→ jackin auth login\n"),
    ]);
    expect(operator.runtime.running.size).toBe(0);
  });

  it("is 3 when claude did not sign in, and 2 for a name that is none", async () => {
    await jackin("auth login");
    expect(await jackin("auth login", "nobody")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("nothing was changed"),
    });
    expect(await jackin("auth login --account ../x")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"../x" is no name for a login'),
    });
    expect(await holder()).toBe("me");
  });

  describe("as another account, while agents run", () => {
    const others = `[workspaces.web]\nworkdir = "~/web"\nclaude.session.account = "work"\n`;
    beforeEach(async () => {
      await jackin("auth login");
      await jackin("auth login --account work", "w");
      await operator.configure(`[claude]\nauth_forward = "session"\n${others}`);
      await jackin("load --detach");
      await jackin("load web --detach");
      await jackin("load --detach --auth ignore");
    });

    it("names those that would change and needs --yes without a terminal", async () => {
      const { code, stderr } = await jackin("auth login", "b");
      expect(code).toBe(1);
      expect(stderr).toContain(
        "app, signed in as me@x.test, would go on as b@x.test; the old login was left as it was.\n→ jackin auth login --yes\n",
      );
      expect(await holder()).toBe("me");
      expect((await jackin("auth login --yes", "b")).code).toBe(0);
      expect(await holder()).toBe("b");
    });

    it("asks on a terminal", async () => {
      const no = await jackin("auth login", "b", { terminal: everywhere, answers: [false] });
      expect([no.code, await holder()]).toEqual([130, "me"]);
      const yes = await jackin("auth login", "b", { terminal: everywhere, answers: [true] });
      expect([yes.code, await holder()]).toEqual([0, "b"]);
      expect(operator.asked[0]).toBe("Let app, signed in as me@x.test, go on as b@x.test?");
    });

    it("asks nothing when the account is the same", async () => {
      expect((await jackin("auth login")).code).toBe(0);
      await operator.jackin(["eject", "app"]);
      expect((await jackin("auth login", "b")).code).toBe(0);
    });
  });
});

describe("auth logout", () => {
  it("signs out, and only this account", async () => {
    await jackin("auth login");
    await jackin("auth login --account work", "w");
    expect(await jackin("auth logout")).toMatchObject({
      code: 0,
      stdout: "session account default is signed out\n",
    });
    expect(await Promise.all([isGone(), holder("work")])).toEqual([true, "w"]);
    expect((await jackin("auth logout")).code).toBe(0);
  });

  it("asks first while agents use it, or wants --yes", async () => {
    await jackin("auth login");
    await jackin("load --detach --auth session");
    expect(await jackin("auth logout")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "app would be signed out, and there is no terminal to ask on.\n→ jackin auth logout --yes\n",
      ),
    });
    const no = await jackin("auth logout", "me", { terminal: everywhere, answers: [false] });
    expect([no.code, operator.asked, await isGone()]).toEqual([130, ["Sign app out?"], false]);
    expect((await jackin("auth logout --yes")).code).toBe(0);
    expect(await isGone()).toBe(true);
  });
});

it("says so where no mode has a login of jackin's own", async () => {
  expect(await operator.jackin(["auth", "login"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("claude auth login   signs the host in"),
  });
});
