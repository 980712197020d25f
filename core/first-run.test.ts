import { describe, expect, it } from "vitest";
import { reportMatcher } from "./failure-words.ts";
import { answerFirstRun } from "./first-run.ts";
import { failedCommand } from "./holder.ts";

const failed = failedCommand("/run/a");
const options = { workdir: "/work/a", acceptBypass: true, failed };
const ours = hookGroup(failed);

function hookGroup(...commands: readonly string[]) {
  const hooks = commands.map((command) => ({ type: "command", command, timeout: 10 }));
  return { matcher: reportMatcher, hooks };
}

function after(config: string | undefined, workdir = "/work/a"): Record<string, unknown> {
  const { changes } = answerFirstRun({ config, settings: undefined }, { ...options, workdir });
  return JSON.parse(changes.find(({ file }) => file === ".claude.json")!.content);
}

describe("answerFirstRun", () => {
  it("answers onboarding, trust and the bypass warning of a new instance", () => {
    const { changes, notices } = answerFirstRun(
      { config: undefined, settings: undefined },
      options,
    );
    expect(notices).toEqual([]);
    expect(changes.map(({ file, content }) => [file, JSON.parse(content)])).toEqual([
      [
        ".claude.json",
        {
          hasCompletedOnboarding: true,
          projects: { "/work/a": { hasTrustDialogAccepted: true } },
        },
      ],
      [
        "settings.json",
        { hooks: { StopFailure: [ours] }, skipDangerousModePermissionPrompt: true },
      ],
    ]);
  });

  it("leaves the bypass warning where nothing is isolated", () => {
    const { changes } = answerFirstRun(
      { config: undefined, settings: undefined },
      { ...options, acceptBypass: false },
    );
    const settings = changes.find(({ file }) => file === "settings.json")!;
    expect(JSON.parse(settings.content)).toEqual({ hooks: { StopFailure: [ours] } });
  });

  it("keeps every key that it does not know", () => {
    const config = {
      theme: "dark",
      projects: {
        "/other": { x: 1 },
        "/work/a": { history: ["h"], hasTrustDialogAccepted: false },
      },
      deep: { a: [1, { b: null }] },
    };
    expect(after(`\uFEFF${JSON.stringify(config)}`)).toEqual({
      ...config,
      hasCompletedOnboarding: true,
      projects: { "/other": { x: 1 }, "/work/a": { history: ["h"], hasTrustDialogAccepted: true } },
    });
  });

  it("changes nothing that is answered already", () => {
    const first = answerFirstRun({ config: undefined, settings: undefined }, options);
    const [config, settings] = first.changes.map(({ content }) => content);
    expect(answerFirstRun({ config, settings }, options).changes).toEqual([]);
  });

  it.each(["{", "", "[]", "null", '"text"'])("puts %j aside and says so", (broken) => {
    const { changes, notices } = answerFirstRun({ config: broken, settings: "{}" }, options);
    expect(changes[0]).toMatchObject({ file: ".claude.json", aside: ".claude.json.unusable" });
    expect(changes[1]).not.toHaveProperty("aside");
    expect(notices).toMatchObject([
      { level: "warning", text: expect.stringContaining(".unusable") },
    ]);
  });

  it("puts aside what the host could not read", () => {
    const found = { config: "{}", settings: { unreadable: true } } as const;
    const { changes, notices } = answerFirstRun(found, options);
    expect(changes[1]).toMatchObject({ file: "settings.json", aside: "settings.json.unusable" });
    expect(notices).toHaveLength(1);
  });

  it.each(["__proto__", "constructor", "toString"])(
    "takes a folder named %s as any other",
    (name) => {
      const projects = after('{"projects":{"/x":{}}}', name)["projects"] as object;
      expect(Object.keys(projects)).toEqual(["/x", name]);
      expect(Object.getOwnPropertyDescriptor(projects, name)?.value).toEqual({
        hasTrustDialogAccepted: true,
      });
    },
  );

  it("replaces a value of the wrong kind where an object belongs", () => {
    expect(after('{"projects":[1]}')["projects"]).toEqual({
      "/work/a": { hasTrustDialogAccepted: true },
    });
  });
});

describe("the hook that reports refused turns", () => {
  const mine = { type: "command", command: "notify-me", timeout: 3, note: "kept" };
  const older = failedCommand("/an/older run's");

  function settle(settings: unknown) {
    const text = JSON.stringify(settings);
    const answer = answerFirstRun({ config: undefined, settings: text }, options);
    const change = answer.changes.find(({ file }) => file === "settings.json");
    const after: unknown = JSON.parse(change?.content ?? text);
    return { after: after as { hooks?: unknown }, notices: answer.notices };
  }

  it("stands beside every hook that is there, once however often it is launched", () => {
    const hooks = {
      Stop: [{ hooks: [mine] }],
      StopFailure: [
        { matcher: "rate_limit", hooks: [mine] },
        { matcher: reportMatcher, hooks: [mine, { type: "prompt", prompt: "why" }] },
        { hooks: [mine] },
        "odd",
        { matcher: "odd", hooks: "odd" },
        { matcher: "empty", hooks: [] },
      ],
    };
    const first = settle({ hooks, model: "m", skipDangerousModePermissionPrompt: true }).after;
    expect(first).toEqual({
      hooks: { Stop: hooks.Stop, StopFailure: [...hooks.StopFailure, ours] },
      model: "m",
      skipDangerousModePermissionPrompt: true,
    });
    const again = answerFirstRun(
      { config: undefined, settings: JSON.stringify(first) },
      options,
    ).changes;
    expect(again.map(({ file }) => file)).toEqual([".claude.json"]);
  });

  it.each([
    ["alone", [hookGroup(older)], [ours]],
    ["twice", [ours, ours], [ours]],
    ["under another matcher", [{ ...ours, matcher: "*" }], [ours]],
    [
      "among the user's",
      [{ ...ours, hooks: [mine, ...hookGroup(older).hooks, mine] }],
      [{ ...ours, hooks: [mine, mine] }, ours],
    ],
    [
      "as it is, among the user's",
      [{ ...ours, hooks: [mine, ...ours.hooks] }, { hooks: [mine] }],
      [{ ...ours, hooks: [mine, ...ours.hooks] }, { hooks: [mine] }],
    ],
  ])("takes the place of one of an earlier launch that stands %s", (_, before, after) => {
    expect(settle({ hooks: { StopFailure: before } }).after.hooks).toEqual({ StopFailure: after });
  });

  it.each(["text", null, [1], { StopFailure: {} }, { StopFailure: "x" }, { StopFailure: null }])(
    "leaves hooks of the form %j alone and says so",
    (hooks) => {
      const { after, notices } = settle({ hooks });
      expect(after.hooks).toEqual(hooks);
      expect(notices).toMatchObject([
        { level: "warning", text: expect.stringContaining("settings.json") },
      ]);
    },
  );
});
