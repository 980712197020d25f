import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { Config, Scope } from "./index.ts";
import { effectiveModes } from "./index.ts";
import { decideMode, mergeEnv, modeOptions, scopesOf } from "./scope.ts";

const says = (mode: string): Scope => ({ claude: { auth_forward: mode } });
const config: Config = {
  ...says("ignore"),
  env: { A: "global", B: "global", C: "global", D: "global" },
  roles: { r: { env: { B: "role", C: "role", D: "role" } }, other: says("token") },
  workspaces: {
    w: {
      workdir: "/w",
      role: "r",
      ...says("token"),
      env: { C: "workspace", D: "workspace" },
      roles: { r: { ...says("sync"), env: { D: "both" } } },
    },
    plain: { workdir: "/p", env: { X: "1" } },
  },
};

describe("scopes", () => {
  it("lets the most specific scope decide, and traces who was asked", () => {
    const decided = decideMode(
      scopesOf(config, { workspace: "w", role: "r", flags: { claude: {} } }),
    );
    expect(decided).toEqual({
      value: "sync",
      scope: "workspace w × role r",
      trace: [
        { scope: "command line", key: "command line", says: undefined },
        {
          scope: "workspace w × role r",
          key: "[workspaces.w.roles.r.claude] auth_forward",
          says: "sync",
        },
      ],
    });
  });

  it("does not change the mode in a scope that sets only other keys", () => {
    expect(decideMode(scopesOf(config, { workspace: "plain", role: "r" }))).toMatchObject({
      value: "ignore",
      scope: "global",
    });
  });

  it("has sync as the default", () => {
    expect(decideMode(scopesOf({}, {}))).toMatchObject({ value: "sync", scope: "default" });
  });

  it("lets the command line win", () => {
    expect(
      decideMode(scopesOf(config, { workspace: "w", role: "r", flags: says("ignore") })),
    ).toMatchObject({ value: "ignore", scope: "command line" });
  });

  it("decides each variable on its own", () => {
    const env = mergeEnv(scopesOf(config, { workspace: "w", role: "r" }));
    expect(env.map(({ key, value, scope }) => `${key}=${String(value)} (${scope})`)).toEqual([
      "A=global (global)",
      "B=role (role r)",
      "C=workspace (workspace w)",
      "D=both (workspace w × role r)",
    ]);
  });

  it("decides each option of a mode on its own", () => {
    const nested: Config = {
      claude: { sync: { refresh: "container", source_dir: "/a" } },
      workspaces: { w: { workdir: "/w", claude: { sync: { refresh: "host" } } } },
    };
    const provider = { name: "auth-sync", mode: "sync" };
    const scopes = scopesOf(nested, { workspace: "w" });
    expect(modeOptions(scopes, provider)).toEqual({ refresh: "host", source_dir: "/a" });
  });

  it("refuses options that are wrong together, each right where it stands", () => {
    const options = v.pipe(
      v.object({ a: v.optional(v.string()), b: v.optional(v.string()) }),
      v.check(({ a, b }) => a === undefined || b === undefined, "a and b exclude each other"),
    );
    const config: Config = {
      claude: { both: { a: "1" } },
      workspaces: { w: { workdir: "/w", claude: { both: { b: "2" } } } },
    };
    const provider = { name: "auth-both", mode: "both", options };
    expect(modeOptions(scopesOf(config, {}), provider)).toEqual({ a: "1" });
    expect(() => modeOptions(scopesOf(config, { workspace: "w" }), provider)).toThrow(
      expect.objectContaining({
        code: "config-invalid",
        message: "[auth-both] claude.both: a and b exclude each other",
      }),
    );
  });

  it("shows the effective mode of every workspace and role with the scope that decided", () => {
    const rows = effectiveModes(config).map(({ workspace, role, mode, scope }) => [
      workspace,
      role,
      mode,
      scope,
    ]);
    expect(rows).toEqual([
      [undefined, undefined, "ignore", "global"],
      [undefined, "r", "ignore", "global"],
      [undefined, "other", "token", "role other"],
      ["w", "r", "sync", "workspace w × role r"],
      ["w", "other", "token", "workspace w"],
      ["plain", undefined, "ignore", "global"],
      ["plain", "r", "ignore", "global"],
      ["plain", "other", "token", "role other"],
    ]);
  });
});
