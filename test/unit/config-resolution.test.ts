import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { effectiveModes, mergeEnv, parseConfig, scopesOf } from "../../core/index.ts";
import type { Config } from "../../core/index.ts";
import { editConfig } from "../../hosts/node/config-edit.ts";
import { readConfig } from "../../hosts/node/config-file.ts";
import { createNodeHost } from "../../hosts/node/host.ts";
import type { NodeHost } from "../../hosts/node/host.ts";
import { parseToml } from "../../hosts/node/toml.ts";
import { setValue, unsetValue } from "../../hosts/node/toml-edit.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import "../fuzz-seed.ts";

const providers = [authSync(), authIgnore(), authToken()];
const roles = ["r1", "r2"];
const workspaces = ["w1", "w2"];
const keys = ["A", "B"];

interface Setting {
  readonly scope: readonly string[];
  readonly key: readonly string[];
  readonly value: string;
}

const base =
  '# base\n[roles.r1]\n[roles.r2]\n\n[workspaces.w1] # one\nworkdir = "/w1"\n\n[workspaces.w2]\nworkdir = "/w2"\n';

const setting: fc.Arbitrary<Setting> = fc.record({
  scope: fc
    .tuple(fc.constantFrom(undefined, ...workspaces), fc.constantFrom(undefined, ...roles))
    .map(([workspace, role]) => [
      ...(workspace === undefined ? [] : ["workspaces", workspace]),
      ...(role === undefined ? [] : ["roles", role]),
    ]),
  key: fc.constantFrom(["env", "A"], ["env", "B"], ["claude", "auth_forward"]),
  value: fc.constantFrom("sync", "ignore", "token"),
});

/** The model: of all that was set, in order, the last word of the most specific scope. */
function model(
  settings: readonly Setting[],
  workspace: string | undefined,
  role: string | undefined,
) {
  const w = workspace === undefined ? [] : ["workspaces", workspace];
  const r = role === undefined ? [] : ["roles", role];
  const said = new Map(settings.map((each) => [[...each.scope, ...each.key].join(), each.value]));
  return (key: readonly string[]) =>
    [[...w, ...r], w, r, []]
      .map((scope) => said.get([...scope, ...key].join()))
      .find((value) => value);
}

describe("the effective value of every key", () => {
  it("is what the scopes say, whatever was set in whatever order", () => {
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 25 }), (settings) => {
        const text = settings.reduce(
          (source, { scope, key, value }) => setValue(source, [...scope, ...key], value),
          base,
        );
        const parsed = parseConfig(parseToml(text, "config.toml").data, providers);
        if (parsed.problems) throw new Error(JSON.stringify(parsed.problems));
        const modes = effectiveModes(parsed.config);
        for (const workspace of [undefined, ...workspaces]) {
          for (const role of [undefined, ...roles]) {
            const expected = model(settings, workspace, role);
            const env = mergeEnv(scopesOf(parsed.config, { workspace, role }));
            for (const key of keys)
              expect(env.find((entry) => entry.key === key)?.value).toBe(expected(["env", key]));
            const mode = modes.find((each) => each.workspace === workspace && each.role === role);
            expect(mode?.mode).toBe(expected(["claude", "auth_forward"]) ?? "sync");
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is undone key by key: what is set and then unset leaves the file as it was", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(setting, { selector: (s) => [...s.scope, ...s.key].join() }),
        (settings) => {
          const paths = settings.map(({ scope, key }) => [...scope, ...key]);
          const set = settings.reduce(
            (source, { value }, index) => setValue(source, paths[index]!, value),
            base,
          );
          expect(paths.toReversed().reduce((source, path) => unsetValue(source, path), set)).toBe(
            base,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("the token, from the file up", () => {
  let home: string;
  let host: NodeHost;
  let path: string;
  beforeAll(async () => {
    home = await realpath(await mkdtemp(join(tmpdir(), "jackin-token-")));
    host = createNodeHost({ env: { HOME: home } });
    path = join(home, "config.toml");
  });
  afterAll(() => rm(home, { recursive: true }));

  async function read(text: string): Promise<Config> {
    await host.files.write(path, text);
    return (await readConfig(host.files, path, providers)).config;
  }

  it("is refused from two sources in one scope, and taken from one in each of two", async () => {
    const both = '[claude]\noauth_token_source = "keychain"\noauth_token_env = "X"\n';
    await expect(read(both)).rejects.toMatchObject({
      code: "config-invalid",
      message: `${path}:3:1: [claude] oauth_token_env: stands beside oauth_token_source: keep one of the two`,
    });
    const each =
      '[claude]\noauth_token_source = "keychain"\n[workspaces.w]\nworkdir = "/w"\n[workspaces.w.claude]\noauth_token_env = "X"\n';
    expect((await read(each)).workspaces?.["w"]?.claude?.oauth_token_env).toBe("X");
  });

  it("leaves the mode of a scope that sets only other keys", async () => {
    const config = await read(
      '[claude]\nauth_forward = "token"\n[roles.r]\n[workspaces.w]\nworkdir = "/w"\nclaude.sync.refresh = "container"\n[workspaces.w.roles.r]\nclaude.oauth_token_env = "X"\n',
    );
    expect(effectiveModes(config).map(({ mode, scope }) => `${mode} by ${scope}`)).toEqual(
      Array.from({ length: 4 }, () => "token by global"),
    );
  });

  it("is not written beside another source", async () => {
    const before = '[claude]\noauth_token_source = "keychain"\n';
    await host.files.write(path, before);
    const signal = new AbortController().signal;
    const work = editConfig(host, { path, plugins: providers, signal }, (draft) =>
      draft.set(["claude", "oauth_token_env"], "X"),
    );
    await expect(work).rejects.toMatchObject({ code: "config-invalid" });
    expect(await readFile(path, "utf8")).toBe(before);
  });
});
