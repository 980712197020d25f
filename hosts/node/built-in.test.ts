import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { JackinError } from "../../core/index.ts";
import { isAbsent } from "./built-in.ts";
import { openJackin } from "./open.ts";

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

describe("options of built-in plugins", () => {
  const open = async (config: string) => {
    const home = await mkdtemp(join(tmpdir(), "jackin-built-in-"));
    onTestFinished(() => rm(home, { recursive: true }));
    await mkdir(join(home, ".config/jackin"), { recursive: true });
    await writeFile(join(home, ".config/jackin/config.toml"), config);
    // No program is there: `status` shows that nothing of it is needed.
    return await openJackin({ env: { HOME: home, PATH: home } });
  };

  // A plugin's folder may be deleted, and with it what is said here of it.
  const areThere = (text: string) =>
    [...text.matchAll(/plugins\.([\w-]+-\w+)/g)].every(([, name]) =>
      existsSync(new URL(`../../plugins/${name}`, import.meta.url)),
    );
  const all = "[plugins.secret-file]\n[plugins.secret-1password]\n[plugins.runtime-docker]";

  it.runIf(areThere(all))("come from the table that has a plugin's name", async () => {
    const { jackin } = await open(`
[plugins.secret-file]
identity = "~/.config/age/keys.txt"
[plugins.secret-1password]
account = "my.1password.eu"
[plugins.runtime-docker]
pidsLimit = 8192
`);
    expect((await jackin.config()).notices).toEqual([]);
    const file = jackin.plugins.find((plugin) => plugin.name === "secret-file");
    const places = file?.kind === "secret" ? await file.places!(jackin.context()) : [];
    expect(places).toMatchObject([{ text: "a file, ~/.jackin/secrets (encrypted with age)" }]);
  });

  it.each(
    [
      [
        '[plugins.secret-file]\nidentity = "keys.txt"',
        "[secret-file] identity: must be an absolute path, or begin with ~/",
      ],
      ["[plugins.secret-file]\nidentiy = 1", "[secret-file] identiy: is no option; there are"],
      [
        '[plugins.secret-1password]\naccount = "-x"',
        "[secret-1password] account: must name an account",
      ],
      ["[plugins.runtime-docker]\npidsLimit = 1", "[runtime-docker] Option pidsLimit: "],
      ["[plugins.auth-sync]\nrefresh = 1", "[auth-sync] takes no options."],
      ["[plugins.secret-keychain]", "[secret-keychain] takes no options."],
    ].filter(([text]) => areThere(text!)) as [string, string][],
  )(
    "that are wrong fail what reads the configuration, and nothing else: %s",
    async (text, says) => {
      const { jackin, configPath } = await open(`${text}\n[nonsense]\n`);
      const [table, plugin] = /plugins\.([\w-]+)/.exec(text)!;
      expect(jackin.plugins.map(({ name }) => name)).toContain(plugin);
      const error = (await jackin.config().catch((thrown: unknown) => thrown)) as JackinError;
      expect(error).toMatchObject({ name: "JackinError", code: "config-invalid" });
      expect(error.message).toContain(says);
      expect(error.message).toContain('unknown key "nonsense"');
      expect(error.hint).toContain(`Correct [${table}] in your editor: ${configPath}`);
      expect((await jackin.status()).instances).toEqual([]);
      expect(await jackin.exile()).toEqual([]);
    },
  );

  it.runIf(areThere(all))("of several that are wrong are told together", async () => {
    const { jackin } = await open(
      "[plugins.secret-file]\nx = 1\n[plugins.runtime-docker]\nx = 1\n[plugins.stranger]\n",
    );
    await expect(jackin.config()).rejects.toThrow(
      /^\[secret-file\] .*\n\[runtime-docker\] .*\nThe plugin "stranger" cannot be found/,
    );
  });
});
