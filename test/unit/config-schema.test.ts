import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../core/index.ts";
import type { AuthProvider } from "../../core/index.ts";
import { toConfigJsonSchema } from "../../hosts/node/config-schema.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSession } from "../../plugins/auth-session/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";

const providers = [authSync(), authIgnore(), authToken(), authSession()];
const shipped = JSON.parse(
  readFileSync(new URL("../../docs/config.schema.json", import.meta.url), "utf8"),
);

type Schema = { readonly [keyword: string]: unknown };

/** The keywords that the schema uses, as JSON Schema (draft 7) defines them; any other is a failure of this test. */
const keywords: Readonly<Record<string, (rule: never, value: unknown, schema: Schema) => boolean>> =
  {
    type: (rule: string, value) => typeOf(value).includes(rule),
    enum: (rule: unknown[], value) => rule.includes(value),
    pattern: (rule: string, value) => typeof value !== "string" || new RegExp(rule).test(value),
    minLength: (rule: number, value) => typeof value !== "string" || value.length >= rule,
    minimum: (rule: number, value) => typeof value !== "number" || value >= rule,
    maximum: (rule: number, value) => typeof value !== "number" || value <= rule,
    required: (rule: string[], value) =>
      !isTable(value) || rule.every((key) => Object.hasOwn(value, key)),
    properties: (rule: Record<string, Schema>, value) =>
      !isTable(value) ||
      Object.entries(rule).every(
        ([key, each]) => !Object.hasOwn(value, key) || accepts(each, value[key]),
      ),
    additionalProperties: (rule: Schema | boolean, value, { properties = {} }) =>
      !isTable(value) ||
      Object.entries(value).every(
        ([key, each]) => Object.hasOwn(properties as object, key) || accepts(rule, each),
      ),
    propertyNames: (rule: Schema, value) =>
      !isTable(value) || Object.keys(value).every((key) => accepts(rule, key)),
    anyOf: (rule: Schema[], value) => rule.some((each) => accepts(each, value)),
    not: (rule: Schema, value) => !accepts(rule, value),
    default: () => true,
    description: () => true,
    title: () => true,
    $schema: () => true,
  };

function accepts(schema: Schema | boolean, value: unknown): boolean {
  if (typeof schema === "boolean") return schema;
  return Object.entries(schema).every(([keyword, rule]) => {
    const check = keywords[keyword];
    if (!check) throw new Error(`this test does not know the keyword ${keyword}`);
    return check(rule as never, value, schema);
  });
}

function typeOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return ["array"];
  if (value === null) return ["null"];
  if (Number.isInteger(value)) return ["integer", "number"];
  return [typeof value];
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const good: readonly object[] = [
  {},
  { $schema: "./config.schema.json", version: 1 },
  { claude: { auth_forward: "sync", sync: { refresh: "host", source_dir: "/x" } } },
  { claude: { auth_forward: "copy", oauth_token_source: "keychain" } },
  { claude: { oauth_token_env: "MY_TOKEN" } },
  { env: { A: "1", B: { value: "op://x" }, _c9: "" }, image: "a/b:1" },
  { roles: { reviewer: { image: "x", env: { A: "1" }, claude: { auth_forward: "token" } } } },
  {
    roles: { a: {} },
    workspaces: {
      "my.app-1": { workdir: "/x", role: "a", roles: { b: { env: { A: "1" } } }, image: "i" },
    },
  },
  { plugins: { "jackin-plugin-vault": { version: "1.2.0", any: [1, { deep: true }] } } },
];

const bad: readonly object[] = [
  { cloude: {} },
  { version: 0 },
  { version: 2 },
  { version: 1.5 },
  { version: "1" },
  { claude: [] },
  { claude: { auth_forward: "snyc" } },
  { claude: { auth_forwrd: "sync" } },
  { claude: { oauth_token_source: "" } },
  { claude: { oauth_token_env: "9X" } },
  { claude: { oauth_token_source: "keychain", oauth_token_env: "X" } },
  { claude: { sync: { refresh: "both" } } },
  { claude: { sync: { refesh: "host" } } },
  { claude: { sync: { source_dir: "relative" } } },
  { env: { PORT: 3000 } },
  { env: { "NOT A NAME": "x" } },
  { env: { JACKIN_X: "x" } },
  { env: { DOCKER_HOST: "x" } },
  { env: { CLAUDE_SECURESTORAGE_CONFIG_DIR: "x" } },
  { env: { A: { valu: "x" } } },
  { env: { A: { value: "x", more: 1 } } },
  { env: { A: ["x"] } },
  { env: ["x"] },
  { image: "" },
  { image: 3 },
  { roles: { "no name": {} } },
  { roles: { a: { workdir: "/x" } } },
  { workspaces: { a: {} } },
  { workspaces: { a: { workdir: 5 } } },
  { workspaces: { a: { workdir: "/a", env: { JACKIN: "x" } } } },
  { workspaces: { a: { workdir: "/a", roles: { b: { claude: { oauth_token_env: "" } } } } } },
  { plugins: { a: 3 } },
];

/** What no JSON Schema can tell: that one name is defined under another. */
const onlyJackin: readonly object[] = [{ workspaces: { a: { workdir: "/a", role: "nowhere" } } }];

describe("the JSON Schema in the package", () => {
  it("is up to date; else: npx node test/write-config-schema.ts", () => {
    expect(shipped).toEqual(toConfigJsonSchema(providers));
  });

  it.each(good)("accepts what jackin accepts: %j", (data) => {
    expect(parseConfig(data, providers).problems).toBeUndefined();
    expect(accepts(shipped, data)).toBe(true);
  });

  it.each(bad)("refuses what jackin refuses: %j", (data) => {
    expect(parseConfig(data, providers).problems).toBeDefined();
    expect(accepts(shipped, data)).toBe(false);
  });

  it.each(onlyJackin)("leaves to jackin what it cannot tell: %j", (data) => {
    expect(parseConfig(data, providers).problems).toBeDefined();
    expect(accepts(shipped, data)).toBe(true);
  });
});

describe("a stranger's mode", () => {
  const vault = (options: v.GenericSchema): AuthProvider => ({
    ...authIgnore(),
    mode: "vault",
    options,
  });

  it("is in the schema that is written beside the file", () => {
    const schema = toConfigJsonSchema([vault(v.strictObject({ address: v.string() }))]);
    expect(accepts(schema, { claude: { auth_forward: "vault", vault: { address: "x" } } })).toBe(
      true,
    );
    expect(accepts(schema, { claude: { vault: { adress: "x" } } })).toBe(false);
  });

  it("takes any table when its options cannot be told in JSON Schema", () => {
    const odd = v.pipe(
      v.strictObject({ a: v.date() }),
      v.check(() => true),
    );
    const schema = toConfigJsonSchema([vault(odd)]);
    expect(accepts(schema, { claude: { vault: { anything: 1 } } })).toBe(true);
    expect(accepts(schema, { claude: { vault: "text" } })).toBe(false);
  });
});
