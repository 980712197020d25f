import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Plugin, SecretResolver } from "../../core/index.ts";
import { testSecretResolver } from "../../test/conformance/secret.ts";
import { openPlugins } from "./plugins.ts";

vi.setConfig({ testTimeout: 60_000 });

const fixtures = resolve(import.meta.dirname, "../../test/fixtures");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jackin-plugins-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Makes a plugin's folder; `code` is its index.js. */
async function make(
  name: string,
  code: string,
  manifest: object = {},
  file = "index.js",
): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, file, ".."), { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ type: "module", ...manifest }));
  await writeFile(join(path, file), code);
  return path;
}

const good = (scheme: string) =>
  `export default (options) => ({ kind: "secret", name: "x", scheme: "${scheme}", options, resolve: async () => new Map() })`;

function open(
  plugins: Record<string, Record<string, unknown>>,
  more: { taken?: Plugin[]; limitMs?: number } = {},
) {
  return openPlugins({ plugins }, { folder, home: folder, ...more });
}

const values = { token: "a value of a stranger", other: "and another" };
const [stranger] = await openPlugins(
  { plugins: { [join(fixtures, "plugin-stranger")]: { version: "1.0.0", values } } },
  { folder: fixtures },
);

testSecretResolver("plugin-stranger", {
  make: () => stranger as SecretResolver,
  present: { "stranger://token": values.token, "stranger://other": values.other },
  absent: "stranger://nobody",
  malformed: "stranger://",
});

describe("openPlugins", () => {
  it("loads nothing when nothing is named", async () => {
    expect(await openPlugins({}, { folder })).toEqual([]);
  });

  it("loads a folder by its path and hands over its options, without path and version", async () => {
    await make("options", good("options"));
    const table = { path: "./options", address: "http://127.0.0.1:1", depth: { a: 1 } };
    expect(await open({ mine: table })).toMatchObject([
      { scheme: "options", options: { address: "http://127.0.0.1:1", depth: { a: 1 } } },
    ]);
    const [plugin] = await open({ mine: table });
    expect((plugin as unknown as { options: object }).options).not.toHaveProperty("path");
  });

  it.each([
    ["absolute", () => join(folder, "where")],
    ["relative", () => "./where"],
    ["of the home folder", () => "~/where"],
  ])("takes an %s path as the key", async (_, key) => {
    await make("where", good("where"));
    expect(await open({ [key()]: {} })).toMatchObject([{ scheme: "where" }]);
  });

  it.each([
    ["a string", "./lib/a.js", "lib/a.js"],
    ["a root entry", { ".": "./lib/b.js", "./x": "./x.js" }, "lib/b.js"],
    ["conditions", { require: "./no.cjs", import: "./lib/c.js" }, "lib/c.js"],
    [
      "nested conditions",
      { ".": { types: "./t.d.ts", node: { require: "./no.cjs", default: "./lib/d.js" } } },
      "lib/d.js",
    ],
    ["a list", [{ require: "./no.cjs" }, "./lib/e.js"], "lib/e.js"],
  ])("follows exports that are %s", async (what, exports, file) => {
    const scheme = `exports-${what.replaceAll(" ", "-")}`;
    await make(scheme, good(scheme), { exports }, file);
    expect(await open({ [`./${scheme}`]: {} })).toMatchObject([{ scheme }]);
  });

  it("follows main, and index.ts without either", async () => {
    await make("main", good("main"), { main: "lib/main.js" }, "lib/main.js");
    await make("types", `const scheme: string = "types";\n${good("types")}`, {}, "index.ts");
    expect(await open({ "./main": {}, "./types": {} })).toMatchObject([
      { scheme: "main" },
      { scheme: "types" },
    ]);
  });

  it("finds a package in a node_modules above the configuration", async () => {
    await make("node_modules/@acme/jackin-plugin", good("package"), { exports: "./index.js" });
    const inner = join(folder, "deep", "er");
    expect(
      await openPlugins({ plugins: { "@acme/jackin-plugin": {} } }, { folder: inner }),
    ).toMatchObject([{ scheme: "package" }]);
  });

  it.each([
    ["a folder that is not there", "./nowhere", {}, /nowhere is not there/],
    [
      "a package that is not there",
      "jackin-plugin-nowhere",
      {},
      /no package jackin-plugin-nowhere/,
    ],
    ["a key that is neither", "not a name", {}, /neither a package's name nor a path/],
    ["a name that climbs", "a/../../b", {}, /neither a package's name nor a path/],
    [
      "another version",
      "./versioned",
      { version: "2.0.0" },
      /version 2\.0\.0 is asked for, 1\.0\.0 is there/,
    ],
    ["a folder without an entry", "./empty", {}, /has no index\.js/],
    ["an entry that was not built", "./unbuilt", {}, /has no \.\/dist\/index\.js/],
  ])("tells of %s", async (_, key, table, message) => {
    await make("versioned", good("versioned"), { version: "1.0.0" });
    await make("empty", "", {}, "other.js");
    await make("unbuilt", "", { exports: "./dist/index.js" }, "other.js");
    const error = await open({ [key]: table }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "plugin-missing",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
    expect((error as Error).message).toContain(`"${key}"`);
  });

  it.each([
    ["throws at import", `throw new Error("boom at import")`, /boom at import/],
    ["is no JavaScript", `export default (`, /cannot be loaded/],
    ["has no default export", `export const plugin = 1`, /no default export/],
    ["throws when made", `export default () => { throw new Error("no address") }`, /no address/],
    [
      "rejects when made",
      `export default async () => { throw new Error("no address") }`,
      /no address/,
    ],
    ["makes nothing", `export default () => undefined`, /it is no object/],
    ["has no kind", `export default () => ({ name: "x" })`, /"kind" must be/],
    [
      "lacks members",
      `export default () => ({ kind: "secret", name: "" })`,
      /"name" must be a string; "scheme" must be a string; "resolve" must be a function/,
    ],
    [
      "has a scheme with ://",
      `export default () => ({ kind: "secret", name: "x", scheme: "x://", resolve() {} })`,
      /without :\/\//,
    ],
    [
      "is half a runtime",
      `export default () => ({ kind: "runtime", name: "x", runtime: "x", probe() {} })`,
      /"start" must be a function.*"stop" must be a function/,
    ],
    [
      "is half an auth plugin",
      `export default () => ({ kind: "auth", name: "x", mode: "x" })`,
      /"grant" must be a function/,
    ],
  ])("tells of a plugin that %s", async (what, code, message) => {
    const name = `bad-${what.replaceAll(/\W/g, "-")}`;
    await make(name, code);
    await expect(open({ [`./${name}`]: {} })).rejects.toMatchObject({
      code: "plugin-failed",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
  });

  it("does not wait for ever for a plugin that does not load", async () => {
    await make(
      "hangs",
      `await new Promise(() => setInterval(() => {}, 1e6).unref()); ${good("hangs")}`,
    );
    await make("hangs-later", `export default () => new Promise(() => {})`);
    for (const key of ["./hangs", "./hangs-later"]) {
      await expect(open({ [key]: {} }, { limitMs: 200 })).rejects.toMatchObject({
        code: "plugin-failed",
        message: expect.stringContaining("did not load within 0.2 s"),
      });
    }
  });

  it("is cancelled by its signal", async () => {
    await make("hangs-too", `export default () => new Promise(() => {})`);
    const signal = AbortSignal.timeout(50);
    await expect(
      openPlugins({ plugins: { "./hangs-too": {} } }, { folder, signal }),
    ).rejects.toMatchObject({ code: "cancelled" });
  });

  it("refuses a scheme that another plugin has", async () => {
    await make("twice", good("twice"));
    const taken = {
      message: expect.stringMatching(/the scheme twice:\/\/ is taken by x already/),
      code: "plugin-failed",
    };
    await expect(open({ "./twice": {}, again: { path: "./twice" } })).rejects.toMatchObject(taken);
    const [plugin] = await open({ "./twice": {} });
    await expect(open({ "./twice": {} }, { taken: [plugin!] })).rejects.toMatchObject(taken);
  });
});
