import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { AuthProvider, ConfigProblem } from "./index.ts";
import { parseConfig } from "./index.ts";

const provider = (mode: string, options?: v.GenericSchema): AuthProvider => ({
  kind: "auth",
  name: `auth-${mode}`,
  mode,
  ...(options && { options }),
  grant: () => Promise.reject(new Error("not asked")),
});
const modes = [
  provider(
    "sync",
    v.objectWithRest(
      { refresh: v.optional(v.picklist(["host", "container"])) },
      v.never("unknown key"),
    ),
  ),
  provider("ignore"),
  provider("token"),
];

function problemsOf(data: unknown): string[] {
  const parsed = parseConfig(data, modes);
  return (parsed.problems ?? []).map(
    ({ path, message }: ConfigProblem) => `${path.join(".")}: ${message}`,
  );
}

describe("parseConfig", () => {
  it("takes the whole layout", () => {
    const data = {
      version: 1,
      claude: { auth_forward: "sync", oauth_token_source: "op://v/i/f", sync: { refresh: "host" } },
      env: { ORG: "acme", API: { value: "op://not a reference" } },
      roles: { reviewer: { image: "my/agent:1", env: { A: "1" } } },
      workspaces: {
        "my-app": {
          workdir: "/w",
          role: "reviewer",
          claude: { auth_forward: "token" },
          roles: { reviewer: { env: { B: "2" } } },
        },
      },
      plugins: { "jackin-plugin-vault": { version: "1.2.0", address: "http://127.0.0.1:8200" } },
    };
    expect(parseConfig(data, modes)).toEqual({ config: data, notices: [] });
    expect(parseConfig({}, modes)).toEqual({ config: {}, notices: [] });
  });

  it("reports all problems at once, each at its key", () => {
    const problems = problemsOf({
      cloude: {},
      claude: { auth_forwrd: "sync", auth_forward: "snyc" },
      env: { JACKIN_X: "1", DOCKER_HOST: "x", "NOT A NAME": "x", PORT: 3000 },
      workspaces: { "my-app": { wrkdir: "/x" }, other: { workdir: 5 } },
    });
    expect(problems).toEqual(
      expect.arrayContaining([
        'cloude: unknown key "cloude". Did you mean "claude"?',
        'claude.auth_forwrd: unknown key "auth_forwrd". Did you mean "auth_forward"?',
        'claude.auth_forward: unknown mode "snyc"; the modes here are sync, ignore, token. Did you mean "sync"?',
        "env.JACKIN_X: JACKIN_X is reserved: jackin sets it itself",
        "env.DOCKER_HOST: DOCKER_HOST is reserved: jackin sets it itself",
        'env.NOT A NAME: "NOT A NAME" is no name for an environment variable',
        'env.PORT: must be text, or { value = "…" }, found number 3000',
        'workspaces.my-app.wrkdir: unknown key "wrkdir". Did you mean "workdir"?',
        "workspaces.my-app.workdir: is missing",
        "workspaces.other.workdir: must be string, found number 5",
      ]),
    );
    expect(problems).toHaveLength(10);
  });

  it("checks a mode's own options", () => {
    expect(problemsOf({ claude: { sync: { refesh: "host" } } })).toEqual([
      'claude.sync.refesh: unknown key "refesh". Did you mean "refresh"?',
    ]);
    expect(problemsOf({ claude: { sync: { refresh: "hots" } } })).toEqual([
      'claude.sync.refresh: must be "host" or "container", found "hots". Did you mean "host"?',
    ]);
  });

  it("names an unknown key of a mode's options whatever kind of schema the mode has", () => {
    const strict = [provider("sync", v.strictObject({ refresh: v.optional(v.string()) }))];
    expect(parseConfig({ claude: { sync: { refesh: "host" } } }, strict).problems).toEqual([
      {
        path: ["claude", "sync", "refesh"],
        message: 'unknown key "refesh". Did you mean "refresh"?',
      },
    ]);
  });

  it("suggests the keys of the schema that stands there, a stranger's mode too", () => {
    const vault = [
      provider("vault", v.objectWithRest({ address: v.optional(v.string()) }, v.never())),
    ];
    const data = {
      claude: { vault: { adress: "x", refesh: "host" } },
      workspaces: { w: { workdir: "/w", roles: { r: { claud: {}, workdr: "/x" } } } },
    };
    const { problems } = parseConfig(data, vault);
    expect(problems?.map(({ message }) => message)).toEqual([
      'unknown key "adress". Did you mean "address"?',
      'unknown key "refesh".',
      'unknown key "claud". Did you mean "claude"?',
      'unknown key "workdr".',
    ]);
  });

  it.each([0, -1, 1.5])("refuses %d as a version", (version) => {
    expect(problemsOf({ version })).toEqual(["version: must be a whole number from 1 on"]);
  });

  it("never repeats a value that may be secret", () => {
    const problems = problemsOf({
      claude: { auth_forward: "sk-ant-oat01-canarycanarycanary" },
      env: ["canary"],
      image: ["canary"],
    }).join("\n");
    expect(problems).not.toContain("canary");
  });

  it("refuses two token sources at one scope", () => {
    expect(
      problemsOf({ claude: { oauth_token_source: "keychain", oauth_token_env: "X" } }),
    ).toEqual(["claude.oauth_token_env: stands beside oauth_token_source: keep one of the two"]);
  });

  it("refuses a role that is not there", () => {
    expect(
      problemsOf({
        roles: { reviewer: {} },
        workspaces: { a: { workdir: "/a", role: "revewer" } },
      }),
    ).toEqual(['workspaces.a.role: no role "revewer" is defined. Did you mean "reviewer"?']);
  });

  it("reads copy as sync, in every scope, with a notice, and leaves the data as it is", () => {
    const data = {
      claude: { auth_forward: "copy" },
      workspaces: { a: { workdir: "/a", claude: { auth_forward: "copy" } } },
    };
    const parsed = parseConfig(data, modes);
    expect(parsed).toMatchObject({
      config: {
        claude: { auth_forward: "sync" },
        workspaces: { a: { claude: { auth_forward: "sync" } } },
      },
      notices: [
        { level: "info", text: expect.stringContaining("[claude], [workspaces.a.claude]") },
      ],
    });
    expect(data.claude.auth_forward).toBe("copy");
  });

  it("refuses a workspace's folder that would be another one in another folder", () => {
    const workspaces = (workdir: string) => ({ workspaces: { a: { workdir } } });
    for (const workdir of ["src/app", ".", "~me/app"])
      expect(problemsOf(workspaces(workdir))).toEqual([
        "workspaces.a.workdir: must be an absolute path, or begin with ~",
      ]);
    for (const workdir of ["/src/app", "~", "~/app", "C:\\app"])
      expect(problemsOf(workspaces(workdir))).toEqual([]);
  });

  it("stops at a newer layout", () => {
    expect(problemsOf({ version: 2, anything: true })).toEqual([
      "version: version 2 is newer than this jackin reads (1): update jackin; nothing was touched",
    ]);
  });

  it.each([[null], [3], ["text"], [[]], [{ env: [] }], [{ claude: ["sync"] }]])(
    "refuses %j as a configuration",
    (data) => {
      expect(problemsOf(data)).not.toHaveLength(0);
    },
  );
});
