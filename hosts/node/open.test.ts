import { describe, expect, it } from "vitest";
import { isAbsent } from "./open.ts";

/** What each runtime says of `plugins/x/index.ts` that is not there, and of one that imports `./gone.ts`. */
const said: readonly [runtime: string, absent: string, broken: string][] = [
  [
    "Node 24",
    "Cannot find module '/j/plugins/x/index.ts' imported from /j/hosts/node/open.ts",
    "Cannot find module '/j/plugins/x/gone.ts' imported from /j/plugins/x/index.ts",
  ],
  [
    "Deno 2",
    'Module not found "file:///j/plugins/x/index.ts".',
    'Module not found "file:///j/plugins/x/gone.ts".\n    at file:///j/plugins/x/index.ts:1:8',
  ],
  [
    "Bun 1.4",
    "Cannot find module '../../plugins/x/index.ts' imported from /j/hosts/node/open.ts",
    "Cannot find module './gone.ts' imported from /j/plugins/x/index.ts",
  ],
  [
    "the bundle",
    "Module not found in bundle: ../../plugins/x/index.ts",
    "Cannot find package 'gone' imported from /j/dist/plugins/x/index.js",
  ],
];

describe("a built-in plugin", () => {
  it.each(said)("is absent, or broken, as %s says it", (_, absent, broken) => {
    expect(isAbsent(new Error(absent), "x")).toBe(true);
    expect(isAbsent(new Error(broken), "x")).toBe(false);
    expect(isAbsent(new Error(absent), "y")).toBe(false);
  });
});
