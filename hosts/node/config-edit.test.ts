import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import type { HostFiles, Plugin } from "../../core/index.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import type { Draft } from "./config-draft.ts";
import { editConfig, replaceConfig } from "./config-edit.ts";
import { readConfig } from "./config-file.ts";
import { createNodeHost } from "./host.ts";
import type { NodeHost } from "./host.ts";

const plugins: readonly Plugin[] = [authSync(), authIgnore(), authToken()];
const signal = new AbortController().signal;
let home: string;
let path: string;
let host: NodeHost;

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "jackin-edit-")));
  path = join(home, ".config/jackin/config.toml");
  await mkdir(dirname(path), { recursive: true });
  host = createNodeHost({ env: { HOME: home } });
});
afterEach(() => rm(home, { recursive: true }));

const options = () => ({ path, plugins, signal });
const edit = <T>(change: (draft: Draft) => T, files: HostFiles = host.files) =>
  editConfig({ ...host, files }, options(), change);
const setOrg = (draft: Draft) => draft.set(["env", "ORG"], "acme");
const text = (file = path) => readFile(file, "utf8");

async function failureOf(work: Promise<unknown>): Promise<JackinError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof JackinError) return error;
  throw new Error("it did not fail as it should", { cause: error });
}

it("does not take a configuration whose link leads nowhere for none", async () => {
  await symlink(join(home, "not-mounted/config.toml"), path);
  const failure = await failureOf(readConfig(host.files, path, plugins));
  expect(failure.code).toBe("host-failed");
  expect(failure.message).toBe(
    `${path} is a link to ${home}/not-mounted/config.toml, where nothing is.`,
  );
});

describe("editConfig", () => {
  it("makes a new file that editors can check, its owner's alone", async () => {
    const edited = await edit(setOrg);
    expect(edited.written).toEqual([path]);
    expect(edited.config.env).toEqual({ ORG: "acme" });
    expect(await text()).toBe(
      '#:schema ./config.schema.json\n\nversion = 1\n\n[env]\nORG = "acme"\n',
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const schema = JSON.parse(await text(join(dirname(path), "config.schema.json")));
    expect(schema.properties.claude.properties.auth_forward.enum).toContain("token");
  });

  it("keeps what it does not concern, takes others' rights away, and is undone by unset", async () => {
    const before =
      "# mine\n[claude] # how\nauth_forward = 'token'\n\n[env]\n  A = \"1\"   # one\n# end";
    await writeFile(path, before);
    await chmod(path, 0o644);
    await edit(setOrg);
    expect(await text()).toBe(before.replace("# one\n", '# one\n  ORG = "acme"\n'));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await edit((draft) => draft.unset(["env", "ORG"]));
    expect(await text()).toBe(before);
    expect(await readdir(dirname(path))).toEqual(["config.toml"]);
  });

  it("does not write when nothing changes", async () => {
    await writeFile(path, '[env]\nORG = "acme"\n');
    const { ino } = await stat(path);
    expect((await edit(setOrg)).written).toEqual([]);
    expect((await stat(path)).ino).toBe(ino);
  });

  it("refuses to touch a file that is invalid, with all problems", async () => {
    const before = '[cloude]\n\n[env]\nPORT = 3000\nA = "x"\n';
    await writeFile(path, before);
    const error = await failureOf(edit(setOrg));
    expect(error.code).toBe("config-invalid");
    expect(error.message.split("\n")).toEqual([
      "The configuration is not valid. It was invalid before; nothing was changed.",
      `${path}:4:1: [env] PORT: must be text, or { value = "…" }, found number 3000`,
      `${path}:1:2: cloude: unknown key "cloude". Did you mean "claude"?`,
    ]);
    expect(await text()).toBe(before);
  });

  it("shows the line of a syntax error with secrets masked", async () => {
    await writeFile(path, '[env]\nTOKEN = "sk-ant-oat01-canary"x\n');
    const { message } = await failureOf(edit(setOrg));
    expect(message).toContain(`${path}:2:`);
    expect(message).toContain("2 | TOKEN = ");
    expect(message).not.toContain("canary");
  });

  it("masks a token that was pasted where a name belongs", async () => {
    await writeFile(path, '[env]\nsk-ant-oat01-canarycanary = "x"\n[ghp_0123456789canary9876]\n');
    const { message } = await failureOf(edit(setOrg));
    expect(message).toContain(`${path}:2:1: [env] ***: "***" is no name`);
    expect(message).toContain(`${path}:3:2: ***: unknown key "***".`);
    expect(message).not.toContain("canary");
  });

  it("writes nothing when the result would be invalid", async () => {
    const before = '[env]\nA = "1"\n';
    await writeFile(path, before);
    const error = await failureOf(
      edit((draft) => {
        draft.set(["env", "JACKIN_X"], "1");
        draft.set(["claude", "auth_forward"], "snyc");
      }),
    );
    expect(error.code).toBe("config-invalid");
    expect(error.message).toContain("The change would make it so; nothing was written.");
    expect(error.message).toContain("[env] JACKIN_X: JACKIN_X is reserved");
    expect(error.message).toContain('Did you mean "sync"?');
    expect(await text()).toBe(before);
  });

  it("stops at a file of a newer jackin and touches nothing", async () => {
    const before = 'version = 2\nnew = "thing"\n';
    await writeFile(path, before);
    const error = await failureOf(edit(setOrg));
    expect(error.code).toBe("config-invalid");
    expect(error.message).toContain(`${path}:1:1: version: version 2 is newer`);
    // By no means to be corrected by hand.
    expect(error.hint).toBe("Install the newer jackin.");
    expect(await text()).toBe(before);
    expect(await readdir(dirname(path))).toEqual(["config.toml"]);
  });

  it("starts again from a hand edit that came between, and keeps both", async () => {
    await writeFile(path, '[env]\nA = "1"\n');
    let runs = 0;
    const files: HostFiles = {
      ...host.files,
      async write(file, content) {
        await host.files.write(file, content);
        // The operator saves while the command is about to put its text in place.
        if (runs === 1) await writeFile(path, '# by hand\n[env]\nA = "2"\n');
      },
    };
    await edit((draft) => draft.set(["env", "ORG"], `acme ${++runs}`), files);
    expect(runs).toBe(2);
    expect(await text()).toBe('# by hand\n[env]\nA = "2"\nORG = "acme 2"\n');
  });

  it("gives up as busy when somebody writes each time, and leaves what they wrote", async () => {
    let hand = 0;
    const files: HostFiles = {
      ...host.files,
      async write(file, content) {
        await host.files.write(file, content);
        await writeFile(path, `# hand ${++hand}\n`);
      },
    };
    const error = await failureOf(edit(setOrg, files));
    expect(error.code).toBe("config-busy");
    expect(await text()).toBe("# hand 5\n");
    expect(await readdir(dirname(path))).toEqual(["config.toml"]);
  });

  it("waits for another command and says for whom", async () => {
    const other = createNodeHost({ env: { HOME: home }, command: "jackin config env" });
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    const slow: HostFiles = {
      ...other.files,
      async write(file, content) {
        entered.resolve();
        await leave.promise;
        await other.files.write(file, content);
      },
    };
    const first = editConfig({ ...other, files: slow }, options(), (draft) =>
      draft.set(["env", "FIRST"], "1"),
    );
    await entered.promise;
    const waiting = Promise.withResolvers<string>();
    const second = editConfig(host, { ...options(), onWait: waiting.resolve }, setOrg);
    expect(await waiting.promise).toContain("jackin config env (pid");
    leave.resolve();
    await Promise.all([first, second]);
    expect((await readConfig(host.files, path, plugins)).config.env).toEqual({
      FIRST: "1",
      ORG: "acme",
    });
  });

  it("writes where a link leads and leaves the link", async () => {
    const real = join(home, "dotfiles/jackin.toml");
    await mkdir(dirname(real));
    await writeFile(real, "# dotfiles\n");
    await symlink("../../dotfiles/jackin.toml", path);
    await edit(setOrg);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await text(real)).toBe('# dotfiles\n\n[env]\nORG = "acme"\n');
    expect(await readdir(dirname(real))).toEqual(["jackin.toml"]);
  });

  it("refuses a link that leads nowhere", async () => {
    await symlink(join(home, "gone.toml"), path);
    const error = await failureOf(edit(setOrg));
    expect(error.message).toContain("is a link to");
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
  });

  it("clears what a killed command has left, once it is old", async () => {
    const leftover = (name: string) => join(dirname(path), `.jackin-${name}.tmp`);
    const old = leftover("00000000-0000-4000-8000-000000000000");
    const young = leftover("00000000-0000-4000-8000-000000000001");
    await writeFile(old, "x");
    await writeFile(young, "x");
    await utimes(old, 1, 1);
    await edit(setOrg);
    expect((await readdir(dirname(path))).toSorted()).toEqual([
      young.split("/").at(-1),
      "config.schema.json",
      "config.toml",
    ]);
  });

  it("knows no magic names", async () => {
    await edit((draft) => draft.set(["roles", "constructor", "env", "__proto__"], "x"));
    const { config } = await readConfig(host.files, path, plugins);
    expect(Object.keys(config.roles ?? {})).toEqual(["constructor"]);
    await edit((draft) => draft.unset(["roles", "constructor", "env", "__proto__"]));
    expect(await text()).toBe("#:schema ./config.schema.json\n\nversion = 1\n");
  });
});

describe("an older layout", () => {
  const old =
    '# mine\n[claude]\nauth_forward = \'copy\' # as ever\n\n[workspaces.a]\nworkdir = "/a"\nclaude = { auth_forward = "copy" }\n';

  it("is read as it is, and written anew by the next edit, which says so", async () => {
    await writeFile(path, old);
    const { config, notices } = await readConfig(host.files, path, plugins);
    expect(config.claude?.auth_forward).toBe("sync");
    expect(notices).toHaveLength(1);
    expect(await text()).toBe(old);
    const edited = await edit(setOrg);
    expect(edited.notices.map((notice) => notice.text)).toEqual([
      `brought up to date in ${path}: [claude] auth_forward = "sync" (was "copy")`,
      `brought up to date in ${path}: [workspaces.a.claude] auth_forward = "sync" (was "copy")`,
    ]);
    expect(await text()).toBe(
      'version = 1\n\n# mine\n[claude]\nauth_forward = \'sync\' # as ever\n\n[workspaces.a]\nworkdir = "/a"\nclaude = { auth_forward = "sync" }\n\n[env]\nORG = "acme"\n',
    );
    expect((await readConfig(host.files, path, plugins)).notices).toEqual([]);
  });

  it("says nothing of what the edit itself has replaced, and writes nothing for no edit", async () => {
    await writeFile(path, "[claude]\nauth_forward = 'copy'\n");
    expect((await edit(() => {})).written).toEqual([]);
    expect(await text()).toBe("[claude]\nauth_forward = 'copy'\n");
    const edited = await edit((draft) => draft.set(["claude", "auth_forward"], "token"));
    expect(edited.notices).toEqual([]);
    expect(edited.config.claude?.auth_forward).toBe("token");
  });
});

describe("one file for each workspace", () => {
  const own = () => join(dirname(path), "workspaces/web.toml");
  beforeEach(async () => {
    await mkdir(dirname(own()));
    await writeFile(own(), '# web\nworkdir = "/web"\n\n[env]\nA = "1"\n');
  });

  it("is read as the workspace of its name", async () => {
    await writeFile(path, '[env]\nORG = "acme"\n[workspaces.b]\nworkdir = "/b"\n');
    const { config } = await readConfig(host.files, path, plugins);
    expect(config.workspaces).toEqual({
      b: { workdir: "/b" },
      web: { workdir: "/web", env: { A: "1" } },
    });
    await rm(path);
    expect((await readConfig(host.files, path, plugins)).config.workspaces).toHaveProperty("web");
  });

  it("is edited where it is", async () => {
    const edited = await edit((draft) => {
      expect(draft.fileOf(["workspaces", "web", "env", "B"])).toBe(own());
      draft.set(["workspaces", "web", "env", "B"], "2");
    });
    expect(edited.written).toEqual([own()]);
    expect(await text(own())).toBe('# web\nworkdir = "/web"\n\n[env]\nA = "1"\nB = "2"\n');
    expect(await readdir(dirname(path))).toEqual(["workspaces"]);
    await edit((draft) => draft.set(["workspaces", "b", "workdir"], "/b"));
    expect(await text()).toContain('[workspaces.b]\nworkdir = "/b"\n');
  });

  it("goes with its workspace", async () => {
    await edit((draft) => draft.remove(["workspaces", "web"]));
    expect(await readdir(dirname(own()))).toEqual([]);
  });

  it("is migrated where it is", async () => {
    await writeFile(own(), 'workdir = "/web"\nclaude.auth_forward = "copy"\n');
    await writeFile(path, "# main\n");
    const edited = await edit(setOrg);
    expect(edited.notices[0]?.text).toContain(`brought up to date in ${own()}`);
    expect(await text(own())).toBe('workdir = "/web"\nclaude.auth_forward = "sync"\n');
    expect(await text()).toBe('# main\n\nversion = 1\n\n[env]\nORG = "acme"\n');
  });

  it("places its problems in its file, all at once", async () => {
    await writeFile(own(), 'wrkdir = "/web"\n');
    await writeFile(join(dirname(own()), "no name.toml"), 'workdir = "/x"\n');
    await writeFile(path, '[workspaces.web]\nworkdir = "/b"\n');
    const twice = await failureOf(readConfig(host.files, path, plugins));
    expect(twice.message).toContain(
      `workspace web is defined twice: at ${path}:1:13 and in ${own()}`,
    );
    expect(twice.message).toContain("no name.toml: the file's name is no name for a workspace");
    await rm(path);
    const error = await failureOf(readConfig(host.files, path, plugins));
    expect(error.message).toContain(
      `${own()}:1:1: [workspaces.web] wrkdir: unknown key "wrkdir". Did you mean "workdir"?`,
    );
    expect(error.message).toContain(`${own()}:1:1: [workspaces.web] workdir: is missing`);
  });

  it("tells the syntax errors of all files", async () => {
    await writeFile(own(), "workdir = \n");
    await writeFile(path, "[env\n");
    const { message } = await failureOf(readConfig(host.files, path, plugins));
    expect(message).toContain(`${own()}:1:`);
    expect(message).toContain(`${path}:1:`);
  });
});

describe("replaceConfig", () => {
  it("writes a valid text over an invalid one", async () => {
    await writeFile(path, "[cloude]\n");
    await replaceConfig(host, options(), "[cloude]\n", "[claude]\n");
    expect(await text()).toBe("[claude]\n");
  });

  it("writes nothing that is invalid, and not over what came between", async () => {
    await writeFile(path, "# one\n");
    const invalid = await failureOf(replaceConfig(host, options(), "# one\n", "[cloude]\n"));
    expect(invalid.code).toBe("config-invalid");
    const late = await failureOf(replaceConfig(host, options(), "# before\n", "# mine\n"));
    expect(late.code).toBe("conflict");
    expect(await text()).toBe("# one\n");
  });
});
