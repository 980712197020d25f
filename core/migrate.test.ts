import { describe, expect, it } from "vitest";
import type { Migration } from "./migrate.ts";
import { migrate, migrations } from "./migrate.ts";
import { configVersion } from "./index.ts";

/** What each migration does to a file of the layout before it. */
const fixtures: Readonly<Record<number, { before: object; after: object; notices: string[] }>> = {
  1: {
    before: {
      claude: { auth_forward: "copy", sync: { refresh: "host" } },
      env: { NAME: "copy" },
      roles: {
        copy: { claude: { auth_forward: "copy" } },
        b: { claude: { auth_forward: "token" } },
      },
      workspaces: {
        a: {
          workdir: "copy",
          claude: { auth_forward: "copy" },
          roles: { b: { claude: { auth_forward: "copy" } } },
        },
      },
    },
    after: {
      claude: { auth_forward: "sync", sync: { refresh: "host" } },
      env: { NAME: "copy" },
      roles: {
        copy: { claude: { auth_forward: "sync" } },
        b: { claude: { auth_forward: "token" } },
      },
      workspaces: {
        a: {
          workdir: "copy",
          claude: { auth_forward: "sync" },
          roles: { b: { claude: { auth_forward: "sync" } } },
        },
      },
    },
    notices: [
      'auth_forward = "copy" in [claude], [roles.copy.claude], [workspaces.a.claude], [workspaces.a.roles.b.claude] is read as "sync", its new name',
    ],
  },
};

describe("migrations", () => {
  it("lead to the present layout one by one, each with a fixture", () => {
    const steps = migrations.map(({ to }) => to);
    expect(steps).toEqual(Array.from({ length: configVersion }, (_, index) => index + 1));
    expect(Object.keys(fixtures).map(Number)).toEqual(steps);
  });

  it.each(migrations.map((step) => [step.to, step] as const))("to %d", (to, step) => {
    const { before, after, notices } = fixtures[to]!;
    const original = structuredClone(before);
    const migrated = migrate(before, [step]);
    expect(migrated.data).toEqual(after);
    expect(migrated.notices.map(({ text }) => text)).toEqual(notices);
    expect(before).toEqual(original);
    expect(migrate(migrated.data, [step])).toMatchObject({ changes: [], notices: [] });
  });
});

describe("migrate", () => {
  const step = (to: number, from: string, into: string): Migration => ({
    to,
    *changes(data) {
      if (!(from in data)) return;
      yield { path: [into], value: String(data[from]) };
      yield { path: [from], value: undefined };
    },
    notice: (paths) => ({ level: "info", text: `${to}: ${paths.join(" ")}` }),
  });
  const steps = [step(1, "a", "b"), step(2, "b", "c")];

  it("runs the steps that a file has not had, in order", () => {
    expect(migrate({ a: "x" }, steps)).toMatchObject({
      data: { c: "x" },
      changes: [
        { path: ["b"], value: "x" },
        { path: ["a"], value: undefined },
        { path: ["c"], value: "x" },
        { path: ["b"], value: undefined },
      ],
    });
    expect(migrate({ version: 1, a: "x", b: "y" }, steps).data).toEqual({
      version: 1,
      a: "x",
      c: "y",
    });
    expect(migrate({ version: 2, a: "x", b: "y" }, steps).changes).toEqual([]);
  });

  it("reads an old name in a file of any version", () => {
    expect(migrate({ version: 1, claude: { auth_forward: "copy" } }).changes).toEqual([
      { path: ["claude", "auth_forward"], value: "sync" },
    ]);
  });

  it.each([
    [null],
    [3],
    [[]],
    [{ claude: 3 }],
    [{ roles: [1], workspaces: { a: null } }],
    ["copy"],
  ])("leaves %j to the check that follows", (data) => {
    expect(migrate(data)).toEqual({ data, changes: [], notices: [] });
  });

  it("knows no magic keys", () => {
    const data = JSON.parse('{"roles": {"__proto__": {"claude": {"auth_forward": "copy"}}}}');
    const migrated = migrate(data);
    expect(migrated.changes).toEqual([
      { path: ["roles", "__proto__", "claude", "auth_forward"], value: "sync" },
    ]);
    expect(JSON.stringify(migrated.data)).toBe(JSON.stringify(data).replace("copy", "sync"));
    expect(Object.hasOwn(Object.prototype, "claude")).toBe(false);
  });
});
