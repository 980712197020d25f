import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cancelled, JackinError } from "../../core/index.ts";
import type { ReleaseRequest } from "../../core/index.ts";
import { now } from "./operator-double.ts";
import { tokenNamed, createTokenOperator, onTerminal } from "./token-double.ts";

let { operator, vault, jackin, config } = {} as Awaited<ReturnType<typeof createTokenOperator>>;

beforeEach(async () => {
  ({ operator, vault, jackin, config } = await createTokenOperator(
    '[workspaces.web]\nworkdir = "~/web"\n[workspaces.two]\nworkdir = "~/app"\n',
  ));
  const input = tokenNamed("old");
  await jackin("workspace claude-token setup --all --paste --store vault", { input });
});
afterEach(() => operator[Symbol.asyncDispose]());

const revoke = "workspace claude-token revoke web";
const running = () =>
  [...operator.runtime.running].map(([name, { grant }]) => `${name}: ${grant.line}`);

describe("revoke", () => {
  it("tells who uses it, asks what becomes of them, and takes it away everywhere", async () => {
    await jackin("load web --detach");
    const outcome = await jackin(revoke, onTerminal(true, "sync", "restart"));
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(operator.asked).toEqual([
      "Take it away from all of them?",
      "How shall agents be signed in instead?: ignore, sync",
      "What becomes of web?: stop, restart, leave",
    ]);
    expect(outcome.stderr).toMatch(
      /vault:\/\/1 is the token of workspace web, workspace two\.\nIt was given to web\.\n/,
    );
    expect(outcome.stdout).toBe(
      "vault://1 is not used any more; mode sync now: workspace web, workspace two\n",
    );
    expect(outcome.stderr).toContain("is good until you revoke it at Anthropic:\n");
    expect(operator.browser.shown).toEqual(["https://claude.ai/settings/claude-code"]);
    expect([vault.held.size, await config()]).toEqual([0, expect.not.stringContaining("vault")]);
    expect(running()).toEqual(["web: claude auth: forwarded host session (sync)"]);
  });

  it("needs --yes without a terminal, and leaves agents then, or what was said of them", async () => {
    await jackin("load web --detach");
    await jackin("load two --detach");
    const before = await config();
    expect(await jackin(revoke)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("→ jackin workspace claude-token revoke web --yes"),
    });
    expect(await jackin(`${revoke} --yes --agents kill`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--agents is stop, restart, leave"),
    });
    for (const mode of ["tokn", "token"])
      expect(await jackin(`${revoke} --yes --mode ${mode}`)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`no mode "${mode}" that needs no token`),
      });
    expect(await config()).toBe(before);
    const { code, stdout, stderr } = await jackin(`${revoke} --yes --json`);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      {
        scopes: [{ workspace: "web" }, { workspace: "two" }],
        mode: "ignore",
        references: ["vault://1"],
        retired: ["vault://1"],
        agents: expect.arrayContaining(["web", "two"]),
        fate: "leave",
      },
    ]);
    expect(stderr).toMatch(/(web, two|two, web) still hold it/);
    expect(operator.runtime.running.size).toBe(2);
    expect((await config()).split('auth_forward = "ignore"')).toHaveLength(3);
    const again = await jackin(`${revoke} --yes`);
    expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining("has no token.") });
  });

  it("takes no other than the one that was shown", async () => {
    let asked: ReleaseRequest | undefined;
    const release = async (request: ReleaseRequest) => {
      asked = request;
      throw new JackinError({ code: "conflict", message: "Another one by now." });
    };
    expect(await jackin(`${revoke} --yes`, { tokens: { release } })).toMatchObject({ code: 1 });
    expect(asked).toMatchObject({ reference: "vault://1", mode: "ignore" });
    expect(vault.held.size).toBe(1);
  });

  it("stops agents if that is wanted", async () => {
    await jackin("load two --detach");
    const { code, stderr } = await jackin(`${revoke} --yes --agents stop --mode sync`);
    expect([code, running()]).toEqual([0, []]);
    expect(stderr).toContain("two: stopped\n");
    expect(stderr).not.toContain("still hold");
  });

  it("goes on when one cannot be stopped, and says who holds it still", async () => {
    for (const name of ["web", "two"]) await jackin(`load ${name} --detach`);
    const { stop } = operator.runtime.plugin;
    vi.spyOn(operator.runtime.plugin, "stop").mockImplementation(async (instance, ctx) => {
      if (instance === "web") throw new JackinError({ code: "host-failed", message: "It hangs." });
      await stop(instance, ctx);
    });
    const { code, stderr } = await jackin(`${revoke} --yes --agents stop`);
    expect([code, vault.held.size, [...operator.runtime.running.keys()]]).toEqual([1, 0, ["web"]]);
    expect(stderr).toContain("web was not stopped: It hangs.");
    expect(stderr).toContain("web still holds it");
  });

  it("says who holds it still when one cannot be started again", async () => {
    await jackin("load web --detach");
    operator.keepers.error = new Error("no keeper");
    const restart = () =>
      Promise.reject(new JackinError({ code: "start-failed", message: "No room." }));
    const args = `${revoke} --yes --agents restart`;
    const { code, stderr } = await jackin(args, { tokens: { restart } });
    expect([code, vault.held.size]).toEqual([1, 0]);
    expect(stderr).toContain("web was not started again: No room.");
    expect(stderr).toContain("web still holds it, and will be refused once it is revoked");
    expect(stderr).toContain("Nobody keeps running agents signed in: no keeper");
  });

  it("says what is left to be done when it is interrupted half-way", async () => {
    await jackin("load web --detach");
    vi.spyOn(operator.runtime.plugin, "stop").mockRejectedValue(cancelled());
    const { code, stderr } = await jackin(`${revoke} --yes --agents stop`);
    expect([code, vault.held.size]).toEqual([130, 1]);
    expect(stderr).toContain("→ jackin config auth revoke-token --reference 'vault://1'");
    expect(await config()).not.toContain("vault");
  });

  it("is 130 when it is left, and changes nothing", async () => {
    await jackin("load web --detach");
    const before = await config();
    for (const answers of [[false], ["cancel"], [true, "cancel"], [true, "sync", "cancel"]])
      expect((await jackin(revoke, onTerminal(...answers))).code).toBe(130);
    expect([await config(), vault.held.size]).toEqual([before, 1]);
  });

  it("is 1 when its store does not let it go, and says how to go on", async () => {
    const plugin = {
      ...vault.plugin,
      remove: () =>
        Promise.reject(
          new JackinError({ code: "secret-failed", message: "Read-only.", hint: "x" }),
        ),
    };
    const outcome = await jackin(`${revoke} --yes`, { plugins: [plugin] });
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining("Read-only") });
    const next = /→ jackin (config auth revoke-token --reference) '(\S+)'/.exec(outcome.stderr)!;
    expect(await jackin(`${next[1]} ${next[2]}`)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /removed from its store\n(?:.*\n)*The token vault:\/\/1 \(made on .*\) is good until .*\nhttps:\/\/claude\.ai\//,
      ),
    });
    expect(vault.held.size).toBe(0);
    expect(await config()).not.toContain("vault");
  });

  it("does not take one away by its reference that is used", async () => {
    expect(await jackin("config auth revoke-token --reference vault://1 --yes")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("→ jackin workspace claude-token revoke web\n"),
    });
    expect(vault.held.size).toBe(1);
  });

  it("says that it knows none by a mistyped reference", async () => {
    const outcome = await jackin("config auth revoke-token --reference vault://11 --yes");
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('knows no token vault://11. Did you mean "vault://1"?'),
    });
  });
});

describe("removing a workspace", () => {
  it("says how the token goes that nobody uses any more", async () => {
    const first = await jackin("workspace remove web --yes");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    const last = await jackin("workspace remove two --yes");
    const next = /→ jackin (config auth revoke-token --reference) '(\S+)'/.exec(last.stderr)!;
    expect(await jackin(`${next[1]} ${next[2]}`)).toMatchObject({ code: 0 });
    expect(vault.held.size).toBe(0);
  });
});

describe("doctor", () => {
  it("shows each check with its mark, and what helps", async () => {
    const { code, stdout } = await jackin("workspace claude-token doctor web --probe");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ value: vault:\/\/1 is there, fingerprint [0-9a-f]{12}\n/m);
    expect(stdout).toContain("✓ turn: the API answers with it\n");
    operator.clock.time = now + 366 * 86_400_000;
    const late = await jackin("workspace claude-token doctor web");
    expect([late.code, late.stdout]).toEqual([
      3,
      expect.stringMatching(/✗ age: .*\n {4}→ jackin workspace claude-token rotate web\n/),
    ]);
  });

  it("says who uses it, of whichever scope it is", async () => {
    await jackin("load web --detach");
    await operator.configure(
      `${await config()}\n[roles.r.claude]\noauth_token_source = "vault://1"\n[claude]\nauth_forward = "token"\noauth_token_source = "vault://2"\n`,
    );
    for (const args of [
      "workspace claude-token doctor web",
      "workspace claude-token doctor two",
      "config auth doctor-token --role r",
    ])
      expect((await jackin(args)).stdout).toMatch(
        /^vault:\/\/1: used by role r, workspace web, workspace two; held by web\n✓ value: /,
      );
    vault.held.set("vault://2", tokenNamed("global"));
    const { stdout } = await jackin("config auth doctor-token");
    expect(stdout).toMatch(/^vault:\/\/2: used by global\n✓ value: vault:\/\/2 is there/);
  });

  it("is 3 when it cannot be had from its store; --json has all that was looked at", async () => {
    vault.held.clear();
    const { code, stdout } = await jackin("workspace claude-token doctor web --json");
    expect([code, JSON.parse(stdout)]).toEqual([
      3,
      expect.objectContaining({
        reference: "vault://1",
        checks: expect.arrayContaining([expect.objectContaining({ name: "value", state: "bad" })]),
      }),
    ]);
  });

  it("looks at all tokens, also where none is", async () => {
    const input = tokenNamed("global");
    await jackin("config auth setup-token --paste --store vault", { input });
    const { stdout } = await jackin("config auth doctor-token --all");
    expect(stdout.match(/^vault.*$/gm)).toEqual([
      "vault://2: used by global",
      "vault://1: used by workspace web, workspace two",
    ]);
    const json = await jackin("workspace claude-token doctor --all --json");
    expect(JSON.parse(json.stdout)).toHaveLength(2);
    await operator.configure("");
    const none = await jackin("config auth doctor-token");
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining("setup-token")]);
  });

  it("names those that nobody uses, and says when there is none", async () => {
    await jackin(`${revoke} --yes`);
    const all = "config auth doctor-token --all";
    expect(await jackin(all)).toMatchObject({ code: 0, stdout: "" });
    expect((await jackin(all)).stderr).toContain(
      "No token is known.\n→ jackin workspace claude-token setup\n",
    );
    await jackin("config auth setup-token --paste --store vault", { input: tokenNamed("b") });
    await jackin("config auth setup-token --paste --store vault --yes", { input: tokenNamed("c") });
    const { code, stdout } = await jackin(all);
    expect([code, stdout.match(/^vault.*$/gm)]).toEqual([
      0,
      ["vault://3: used by global", "vault://2: not in use"],
    ]);
  });

  it("has a token answer where it is told to", async () => {
    const doctor = "workspace claude-token doctor web --probe --runtime";
    expect((await jackin(`${doctor} double`)).stdout).toContain("✓ turn: ");
    const { code, stdout } = await jackin(`${doctor} none`);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^! turn: .*none/m)]);
  });
});

describe("auth status", () => {
  it("shows each token, until when, and who uses it", async () => {
    await jackin("load web --detach");
    const { stdout, code } = await jackin("auth status");
    expect(stdout).toMatch(
      /^✓ token vault:\/\/1: until about 2027-11-25, fingerprint [0-9a-f]{12}, used by workspace web, workspace two; held by web\n {4}valid for 365 d\n/m,
    );
    expect(code).toBe(0);
    const json = JSON.parse((await jackin("auth status --json")).stdout);
    expect(json.tokens).toMatchObject([{ reference: "vault://1", agents: ["web"] }]);
  });

  it("says how one goes that nobody uses", async () => {
    await jackin("workspace claude-token setup web --paste --store vault --yes", {
      input: tokenNamed("b"),
    });
    await jackin("workspace claude-token setup two --paste --store vault --yes", {
      input: tokenNamed("c"),
    });
    const { stdout } = await jackin("auth status");
    expect(stdout).toMatch(/^✓ token vault:\/\/1: .*, not in use\n/m);
    operator.clock.time = now + 366 * 86_400_000;
    for (const name of ["web", "two"]) {
      vault.held.set(`vault://${name}`, tokenNamed(name));
      await jackin(`workspace claude-token setup ${name} --reuse vault://${name} --yes`);
    }
    const late = await jackin("auth status");
    expect([late.code, late.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^✓ token vault:\/\/web: nobody knows until when it is valid, fingerprint \w+, used by workspace web$/m,
      ),
    ]);
    expect(stdout.match(/→ jackin config auth revoke-token --reference '.*'/g)).toEqual([
      "→ jackin config auth revoke-token --reference 'vault://1'",
    ]);
  });

  it("warns in the last days of one, then is red, and 3 when it has expired", async () => {
    operator.clock.time = now + 345 * 86_400_000;
    const early = await jackin("auth status", { env: {}, terminal: ["stdout"] });
    expect([early.code, early.stdout]).toEqual([
      0,
      expect.stringContaining(
        "\u001b[33m!\u001b[39m token vault://1: expires in 20 days, on 2027-11-25 (estimated), fingerprint ",
      ),
    ]);
    operator.clock.time = now + 362 * 86_400_000;
    const { stdout, code } = await jackin("auth status", { env: {}, terminal: ["stdout"] });
    expect([code, stdout]).toEqual([
      0,
      // oxlint-disable-next-line no-control-regex -- the colour is what this is about
      expect.stringMatching(/\u001b\[31m✗\u001b\[39m token vault/),
    ]);
    expect(stdout).toContain("→ jackin workspace claude-token rotate web\n");
    operator.clock.time += 4 * 86_400_000;
    expect((await jackin("auth status")).code).toBe(3);
  });
});
