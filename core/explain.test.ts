import { describe, expect, it } from "vitest";
import type { Surroundings } from "./contracts.ts";
import type { ExplainOptions, Source } from "./explain.ts";
import { environment, explain } from "./explain.ts";
import type { SettingsLayer } from "./settings-layer.ts";
import { surroundingsNotices } from "./surroundings-notices.ts";

const path = "/run/credentials/.credentials.json";
const access = { state: "access", access: "abc", path } as const;
const project = "/src/.claude/settings.json";
const own = "/jackin/claude/settings.json";

function layer(more: Partial<SettingsLayer>): SettingsLayer {
  return {
    layer: "project",
    path: project,
    apiKeyHelper: false,
    env: [],
    withoutHooks: false,
    ...more,
  };
}
const user = (more: Partial<SettingsLayer>) => layer({ layer: "user", path: own, ...more });

function seen(more: Partial<Surroundings>): Surroundings {
  return { env: [], settings: [], credential: access, ...more };
}
const sync: ExplainOptions = { mode: "sync", instance: "my-app", now: 1000 };
const token: ExplainOptions = { ...sync, mode: "token" };
const present = (rows: readonly Source[]) =>
  rows.filter(({ state }) => state !== "absent").map((row) => [row.source, row.where, row.state]);

describe("who wins", () => {
  it("is what the mode provides, when nothing else is there", () => {
    const rows = explain(seen({}), sync);
    expect(rows.find(({ state }) => state === "wins")).toEqual({
      source: "login",
      where: path,
      state: "wins",
      outranks: false,
      text: "an access token, which does not renew itself",
    });
    expect(rows.filter(({ state }) => state === "absent").map(({ source }) => source)).toEqual([
      "CLAUDE_CODE_USE_BEDROCK",
      "CLAUDE_CODE_USE_VERTEX",
      "CLAUDE_CODE_USE_FOUNDRY",
      "ANTHROPIC_AUTH_TOKEN",
      "ANTHROPIC_API_KEY",
      "apiKeyHelper",
      "CLAUDE_CODE_OAUTH_TOKEN",
      "ANTHROPIC_FEDERATION_RULE_ID",
    ]);
  });

  // Each pair as seen with 2.1.330, or documented: the first goes before the second.
  const order = [
    ["CLAUDE_CODE_USE_BEDROCK", seen({ env: ["CLAUDE_CODE_USE_BEDROCK"] })],
    ["CLAUDE_CODE_USE_VERTEX", seen({ env: ["CLAUDE_CODE_USE_VERTEX"] })],
    ["CLAUDE_CODE_USE_FOUNDRY", seen({ env: ["CLAUDE_CODE_USE_FOUNDRY"] })],
    ["ANTHROPIC_AUTH_TOKEN", seen({ env: ["ANTHROPIC_AUTH_TOKEN"] })],
    ["ANTHROPIC_API_KEY", seen({ env: ["ANTHROPIC_API_KEY"] })],
    ["apiKeyHelper", seen({ settings: [user({ apiKeyHelper: true })] })],
    ["CLAUDE_CODE_OAUTH_TOKEN", seen({ env: ["CLAUDE_CODE_OAUTH_TOKEN"] })],
    [
      "ANTHROPIC_FEDERATION_RULE_ID",
      seen({ env: ["ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_IDENTITY_TOKEN_FILE"] }),
    ],
    ["login", seen({})],
  ] as const;
  it.each(order.flatMap((one, index) => order.slice(index + 1).map((two) => [one, two] as const)))(
    "%j before %j",
    ([first, one], [second, two]) => {
      const both = seen({
        env: [...one.env, ...two.env],
        settings: [...one.settings, ...two.settings],
      });
      const rows = explain(both, sync);
      expect(rows.find(({ state }) => state === "wins")?.source).toBe(first);
      const shadowed = rows.find(({ source }) => source === second)!;
      expect(shadowed.state).toBe("shadowed");
      expect(shadowed.text).toContain(`${first} (`);
      expect(rows.indexOf(shadowed)).toBeGreaterThan(
        rows.findIndex(({ state }) => state === "wins"),
      );
    },
  );

  it("goes by settings before the environment, and by the higher layer", () => {
    const env = ["ANTHROPIC_AUTH_TOKEN"];
    const local = layer({ layer: "local", path: "/src/.claude/settings.local.json", env });
    const rows = explain(seen({ env, settings: [local, user({ env })] }), sync);
    expect(present(rows)).toEqual([
      ["ANTHROPIC_AUTH_TOKEN", local.path, "wins"],
      ["ANTHROPIC_AUTH_TOKEN", own, "shadowed"],
      ["ANTHROPIC_AUTH_TOKEN", environment, "shadowed"],
      ["login", path, "shadowed"],
    ]);
    expect(rows.filter(({ outranks }) => outranks).map(({ next }) => next)).toEqual([
      `take env.ANTHROPIC_AUTH_TOKEN out of ${local.path}`,
      `take env.ANTHROPIC_AUTH_TOKEN out of ${own}`,
      expect.stringContaining("jackin config env set ANTHROPIC_AUTH_TOKEN ''"),
    ]);
  });

  it("lets a layer set to nothing what is below it, and the environment", () => {
    const settings = [
      layer({ blank: ["ANTHROPIC_API_KEY", "apiKeyHelper"] }),
      user({ env: ["ANTHROPIC_API_KEY"], apiKeyHelper: true }),
    ];
    const rows = explain(seen({ env: ["ANTHROPIC_API_KEY"], settings }), sync);
    expect(present(rows).map(([source, , state]) => [source, state])).toEqual([
      ["ANTHROPIC_API_KEY", "dead"],
      ["ANTHROPIC_API_KEY", "dead"],
      ["apiKeyHelper", "dead"],
      ["login", "wins"],
    ]);
    expect(rows[0]?.text).toBe(`${project} sets it to nothing`);
    expect(rows.some(({ outranks }) => outranks)).toBe(false);
    expect(surroundingsNotices(seen({ settings }), { ...sync, given: [] })).toEqual([]);
  });

  it("is not a long-lived token of a project: Claude Code takes none from there", () => {
    const env = ["CLAUDE_CODE_OAUTH_TOKEN"];
    const foreign = explain(seen({ settings: [layer({ env })] }), sync);
    expect(present(foreign)).toEqual([
      ["CLAUDE_CODE_OAUTH_TOKEN", project, "dead"],
      ["login", path, "wins"],
    ]);
    const rows = explain(seen({ env, settings: [layer({ env })] }), token);
    expect(present(rows)[1]).toEqual(["CLAUDE_CODE_OAUTH_TOKEN", environment, "wins"]);
    expect(present(explain(seen({ env, settings: [user({ env })] }), token))[0]).toEqual([
      "CLAUDE_CODE_OAUTH_TOKEN",
      own,
      "wins",
    ]);
  });

  it("is not a federation rule without an identity token", () => {
    const rows = explain(seen({ env: ["ANTHROPIC_FEDERATION_RULE_ID"] }), sync);
    expect(present(rows)).toEqual([["login", path, "wins"]]);
  });
});

describe("what is not as it should be", () => {
  it("names file and key of a project's helper that is in the way of mode sync", () => {
    const [row] = explain(seen({ settings: [layer({ apiKeyHelper: true })] }), sync);
    expect(row).toMatchObject({
      source: "apiKeyHelper",
      where: project,
      state: "wins",
      outranks: true,
      next: `take apiKeyHelper out of ${project}`,
    });
  });

  it("says where the operator finds the instance's own settings, and what is in the image", () => {
    const options = {
      ...sync,
      userSettings: "/home/me/.jackin/instances/my-app/claude/settings.json",
    };
    const managed = layer({ layer: "managed", path: "/etc/m.json", env: ["ANTHROPIC_API_KEY"] });
    const settings = [managed, user({ apiKeyHelper: true, env: ["ANTHROPIC_API_KEY"] })];
    expect(
      explain(seen({ settings }), options).flatMap(({ next }) =>
        next === undefined ? [] : [next],
      ),
    ).toEqual([
      "take env.ANTHROPIC_API_KEY out of /etc/m.json, in the image",
      `take env.ANTHROPIC_API_KEY out of ${options.userSettings}`,
      `take apiKeyHelper out of ${options.userSettings}`,
    ]);
  });

  it("unsets what the configuration sets, and empties what the image sets, for the workspace", () => {
    const env = ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"];
    const configured = new Map([
      ["ANTHROPIC_API_KEY", "jackin config env unset ANTHROPIC_API_KEY"],
    ]);
    const rows = explain(seen({ env }), { ...sync, workspace: "my-app", configured });
    expect(rows[0]?.next).toMatch(/^jackin workspace env set my-app ANTHROPIC_AUTH_TOKEN '' /);
    expect(rows[1]?.next).toBe("jackin config env unset ANTHROPIC_API_KEY");
  });

  it("leaves what is below the mode's own alone", () => {
    const env = ["CLAUDE_CODE_OAUTH_TOKEN"];
    expect(explain(seen({ env }), token).some(({ outranks, next }) => outranks || next)).toBe(
      false,
    );
    expect(explain(seen({ env }), sync)[0]).toMatchObject({ outranks: true, state: "wins" });
  });

  it("finds no fault with a mode that is not known here", () => {
    const rows = explain(seen({ env: ["ANTHROPIC_API_KEY"] }), { ...sync, mode: "strange" });
    expect(rows.some(({ outranks, next }) => outranks || next)).toBe(false);
    expect(rows[0]?.state).toBe("wins");
  });

  it.each([
    ["hollow", "blanked"],
    ["torn", "is no .credentials.json"],
    ["unknown", "is no .credentials.json"],
  ] as const)("a %s credential is dead, and each mode has its own remedy", (state, text) => {
    const surroundings = seen({ credential: { state, path } });
    const remedyOf = (mode: string, asFile = false) => {
      const rows = explain(surroundings, { ...sync, mode, asFile });
      const row = rows.find((each) => each.source === "login")!;
      expect(row.state).toBe("dead");
      expect(row.text).toContain(text);
      return row.next;
    };
    expect(remedyOf("sync")).toMatch(/^jackin auth sync my-app /);
    expect(remedyOf("session")).toBe("jackin auth login");
    expect(remedyOf("ignore")).toMatch(/^jackin hardline my-app .*\/login/);
    expect(remedyOf("token")).toBeUndefined();
    expect(remedyOf("token", true)).toMatch(/^jackin auth sync my-app /);
  });

  it("says what brings the mode's own when it is not there", () => {
    const nothing = seen({ credential: { state: "none", path } });
    const missed = (mode: string) =>
      explain(nothing, { ...sync, mode }).flatMap(({ source, next }) =>
        next ? [[source, next]] : [],
      );
    expect(missed("sync")).toEqual([["login", expect.stringContaining("jackin auth sync my-app")]]);
    expect(missed("ignore")).toEqual([["login", expect.stringContaining("/login")]]);
    expect(missed("token")).toEqual([
      ["CLAUDE_CODE_OAUTH_TOKEN", "jackin eject my-app, then load it again"],
    ]);
  });

  it("tells an expired stamp without calling the login dead: the server decides", () => {
    const whole = { state: "whole", access: "abc", refresh: "def", expiresAt: 999, path } as const;
    const rows = explain(seen({ credential: whole }), sync);
    expect(rows.find(({ state }) => state === "wins")?.text).toBe(
      "a whole login, which renews itself; by its stamp it has expired",
    );
  });

  it("shows settings that Claude Code does not use", () => {
    const broken = user({ unreadable: true });
    const options = { ...sync, userSettings: "/h/settings.json" };
    expect(explain(seen({ settings: [broken] }), options)).toContainEqual({
      source: "settings",
      where: own,
      state: "dead",
      outranks: false,
      text: expect.stringContaining("no settings file that Claude Code can use"),
      next: "mend /h/settings.json",
    });
  });
});

describe("what a launch says", () => {
  const say = (surroundings: Surroundings, given: readonly string[] = []) =>
    surroundingsNotices(surroundings, { ...sync, given });

  it("is nothing when nothing is in the way", () => {
    expect(say(seen({}))).toEqual([]);
    expect(say(seen({ credential: { state: "none", path } }))).toEqual([]);
  });

  it("is each thing that outranks the mode, with the one command that helps", () => {
    const settings = [layer({ apiKeyHelper: true })];
    expect(say(seen({ env: ["ANTHROPIC_API_KEY"], settings }))).toEqual([
      {
        level: "warning",
        text: "ANTHROPIC_API_KEY (environment of the agent) outranks what mode sync provides: Claude Code uses it instead",
        next: expect.stringMatching(/^jackin config env set ANTHROPIC_API_KEY ''/),
      },
      {
        level: "warning",
        text: `apiKeyHelper (${project}) outranks what mode sync provides: Claude Code uses it instead`,
        next: `take apiKeyHelper out of ${project}`,
      },
    ]);
  });

  it("is not said twice of what the launch itself gave", () => {
    const env = ["ANTHROPIC_API_KEY"];
    expect(say(seen({ env }), env)).toEqual([]);
    expect(say(seen({ env, settings: [layer({ env })] }), env)).toHaveLength(1);
  });

  it("tells that refused turns will not be reported, and what Claude Code does not read", () => {
    const settings = [layer({ withoutHooks: true }), user({ unreadable: true })];
    expect(say(seen({ settings }))).toEqual([
      { level: "warning", text: expect.stringContaining(own), next: `mend ${own}` },
      { level: "info", text: expect.stringContaining(`${project} turns hooks off`) },
    ]);
  });
});
