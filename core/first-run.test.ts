import { describe, expect, it } from "vitest";
import { answerFirstRun } from "./first-run.ts";

const options = { workdir: "/work/a", acceptBypass: true };

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
      ["settings.json", { skipDangerousModePermissionPrompt: true }],
    ]);
  });

  it("leaves the bypass warning where nothing is isolated", () => {
    const { changes } = answerFirstRun(
      { config: undefined, settings: undefined },
      { ...options, acceptBypass: false },
    );
    expect(changes.map(({ file }) => file)).toEqual([".claude.json"]);
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
