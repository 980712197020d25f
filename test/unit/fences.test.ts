/** What keeps core, plugins and the HTTP app free of any one runtime. Each fence is shown to stop what it is there for. */
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it, onTestFinished, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });
const root = new URL("../..", import.meta.url).pathname;
const bin = join(root, "node_modules/.bin");
const execute = promisify(execFile);

/** The files of a compilation, relative to the project. */
async function compiled(project: string, cwd: string): Promise<string[]> {
  const { stdout } = await execute(join(bin, "tsc"), ["-p", project, "--listFilesOnly"], { cwd });
  return stdout
    .trim()
    .split("\n")
    .map((file) => relative(cwd, file));
}

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "jackin-fences-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  return folder;
}

describe("core and plugins are compiled without Node's types", () => {
  it("no file of @types/node is in their compilation", async () => {
    const files = await compiled("tsconfig.core.json", root);
    expect(files).toContain("core/index.ts");
    expect(files.some((file) => file.startsWith("plugins/"))).toBe(true);
    const foreign = files.filter((file) => !/^(core|plugins)\//.test(file));
    const allowed = /^node_modules\/(typescript\/lib\/lib\.|valibot\/)/;
    expect(foreign.filter((file) => !allowed.test(file))).toEqual([]);
  });

  it("the check would see them", async () => {
    const folder = await folderWith({ "core/index.ts": 'import type {} from "unstorage";' });
    for (const file of ["tsconfig.json", "tsconfig.core.json"])
      await copyFile(join(root, file), join(folder, file));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const files = await compiled("tsconfig.core.json", folder);
    expect(files.some((file) => file.includes("@types/node/"))).toBe(true);
  });
});

describe("the linter", () => {
  it.each([
    ["core/a.ts", 'import "node:fs";', "no-restricted-imports"],
    ["core/a.ts", 'import "fs";', "no-restricted-imports"],
    [
      "core/a.ts",
      'import type { X } from "unstorage"; export type Y = X;',
      "no-restricted-imports",
    ],
    ["core/a.ts", 'import "../plugins/x/index.ts";', "no-restricted-imports"],
    ["core/a.ts", 'export { x } from "../hosts/node/index.ts";', "no-restricted-imports"],
    ["core/a.ts", 'export const x = await import("node:os");', "no-restricted-imports"],
    ["core/a.ts", "export const x = process.env;", "no-restricted-globals"],
    ["core/a.ts", "export const x = Buffer;", "no-restricted-globals"],
    ["core/a.ts", "export const x = globalThis.process;", "no-restricted-properties"],
    ["core/a.ts", 'import { b } from "./b.ts"; export const a = () => b;', "no-cycle"],
    ["plugins/x/index.ts", 'import "../../core/config.ts";', "no-restricted-imports"],
    ["plugins/x/index.ts", 'import "../y/index.ts";', "no-restricted-imports"],
    ["plugins/x/index.ts", 'import "../../hosts/node/index.ts";', "no-restricted-imports"],
    ["plugins/x/index.ts", 'import "execa";', "no-restricted-imports"],
    ["plugins/x/index.ts", "export const x = Deno;", "no-restricted-globals"],
    ["hosts/http/a.ts", 'import "node:crypto";', "no-restricted-imports"],
    ["hosts/http/a.ts", 'import "@hono/node-server";', "no-restricted-imports"],
    ["hosts/http/a.ts", 'import "../node/index.ts";', "no-restricted-imports"],
    ["hosts/http/a.ts", 'import "../../plugins/x/index.ts";', "no-restricted-imports"],
    ["hosts/http/a.ts", "export const x = Bun;", "no-restricted-globals"],
  ])("stops in %s: %s", async (file, text, rule) => {
    const b = 'import { a } from "./a.ts"; export const b = () => a;';
    const folder = await folderWith({ "core/b.ts": b, [file]: text });
    const { code, output } = await lint(folder);
    expect(output).toContain(`${rule})`);
    expect(code).not.toBe(0);
  });

  it("lets pass what is allowed", async () => {
    const { code, output } = await lint(
      await folderWith({
        "core/a.ts":
          'import "valibot"; import "./b.ts"; export const x = [setTimeout, crypto, URL];',
        "core/a.test.ts":
          'import "node:fs"; import "../test/double.ts"; export const x = process.pid;',
        "plugins/x/index.ts": 'import "valibot"; import "./y.ts"; import "../../core/index.ts";',
        "hosts/http/a.ts": 'import "hono"; import "hono/cors"; import "../../core/index.ts";',
        "hosts/node/a.ts": 'import "node:fs"; export const x = process.pid;',
      }),
    );
    expect([code, output]).toEqual([0, expect.stringContaining("0 errors")]);
  });

  async function lint(folder: string): Promise<{ code: number; output: string }> {
    await copyFile(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    try {
      const { stdout } = await execute(join(bin, "oxlint"), [], { cwd: folder });
      return { code: 0, output: stdout };
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string };
      return { code, output: stdout };
    }
  }
});

describe("a bundle with all its packages asks for nothing of a machine", () => {
  /** Other schema libraries that hono-openapi would load if they were in use. */
  const optional = [
    "zod",
    "effect",
    "sury",
    "zod-openapi",
    "zod-to-json-schema",
    "arktype",
    "typebox",
  ];

  it.each([
    ["core", ["core/index.ts"], []],
    ["the plugins", globSync("plugins/*/index.ts", { cwd: root }), []],
    ["the HTTP app", ["hosts/http/index.ts"], optional],
  ])("%s", async (_, entryPoints, external) => {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints,
      external: external.flatMap((name) => [name, `${name}/*`]),
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      outdir: "out",
      logLevel: "silent",
    });
    expect(Object.keys(metafile.inputs).length).toBeGreaterThan(1);
    const left = Object.values(metafile.outputs).flatMap((output) =>
      output.imports.filter((item) => item.external).map(({ path }) => path.split("/")[0]!),
    );
    expect(left.filter((name) => !external.includes(name))).toEqual([]);
  });
});
