import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../core/index.ts";
import { createNodeHost } from "../../hosts/node/host.ts";
import { testSecretResolver } from "../../test/conformance/secret.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import { secretFile } from "./index.ts";

let home: string;
let host: Host;
const made: string[] = [];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "jackin-secret-file-"));
  made.push(home);
  host = hostOf(home);
});
afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true });
});

function hostOf(folder: string): Host {
  return createNodeHost({ env: { HOME: folder, PATH: process.env["PATH"] } });
}

const own = Object.fromEntries(
  Array.from({ length: 50 }, (_, i) => [`/home/me/s/canary ${i}%41`, `canary-value-${i} \n"$x"`]),
);

testSecretResolver("secret-file", {
  make: secretFile,
  host: () =>
    createHostDouble({
      files: Object.fromEntries(Object.entries(own).map(([path, value]) => [path, `${value}\n`])),
    }),
  present: Object.fromEntries(
    Object.entries(own).map(([path, value]) => [`file://${path.replace("%", "%25")}`, value]),
  ),
  absent: "file:///home/me/s/nothing",
  malformed: "file://relative",
  async writes() {
    const folder = await mkdtemp(join(tmpdir(), "jackin-secret-file-"));
    made.push(folder);
    for (const path of [".jackin", ".jackin/secrets", "other"])
      await mkdir(join(folder, path), { mode: 0o700 });
    return {
      host: hostOf(folder),
      contents: () => contentsOf(folder),
      async addForeign(value) {
        await writeFile(join(folder, "other/token"), value, { mode: 0o600 });
        return `file://${folder}/other/token`;
      },
    };
  },
});

describe("secret-file reads", () => {
  const answer = async (path: string, options?: Parameters<typeof secretFile>[0]) => {
    const reference = `file://${path}`;
    const all = await secretFile(options).resolve([reference], createContextDouble(host));
    const found = all.get(reference);
    return found?.status === "value" ? found.value.reveal() : found;
  };
  const put = async (path: string, text: string | Uint8Array, mode = 0o600, folder = 0o700) => {
    const full = join(home, path);
    await mkdir(join(full, ".."), { recursive: true });
    await chmod(join(full, ".."), folder);
    await writeFile(full, text);
    await chmod(full, mode);
    return full;
  };
  const refused = (message: string | RegExp, hint: string | RegExp = "") => ({
    status: "error",
    error: {
      name: "JackinError",
      code: "secret-failed",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    },
  });

  it.each([
    ["token", "token"],
    ["token\n", "token"],
    ["a\nb\n\n\n", "a\nb"],
    ["\n", ""],
    ["", ""],
    [" \n \n", " \n "],
    ["token\r\n", "token\r"],
  ])("%j as `$(cat)` would", async (text, value) => {
    expect(await answer(await put("s/f", text))).toBe(value);
  });

  it("many line breaks in no time", async () => {
    const text = `${"\n".repeat(60_000)}x`;
    expect(await answer(await put("s/f", text))).toBe(text);
  });

  it("up to 64 KiB, and says so of more", async () => {
    expect(await answer(await put("s/f", "x".repeat(64 * 1024)))).toHaveLength(64 * 1024);
    expect(await answer(await put("s/f", "x".repeat(64 * 1024 + 1)))).toMatchObject(
      refused(
        /^\[secret-file\] \/.*\/s\/f cannot be read: it holds more than 65536 bytes$/,
        /^See/,
      ),
    );
  });

  it("text only", async () => {
    const path = await put("s/f", new Uint8Array([0xff, 0xfe, 0x00, 0x80]));
    expect(await answer(path)).toMatchObject(refused(/s\/f cannot be read: it is no UTF-8 text$/));
  });

  it("no folder, no pipe, no device", async () => {
    await put("s/f", "x");
    await host.exec!("mkfifo", ["-m", "600", join(home, "s/pipe")]);
    expect(await answer(join(home, "s"))).toMatchObject(refused(/\/s is a folder$/, /^See/));
    expect(await answer(join(home, "s/pipe"))).toMatchObject(refused(/pipe is no plain file$/));
    expect(await answer("/dev/zero")).toMatchObject(refused(/zero is no plain file$/));
  });

  it("what a link of the operator's leads to, by the permissions that it has there", async () => {
    await put("s/f", "value");
    await symlink(join(home, "s/f"), join(home, "link"));
    await symlink(join(home, "nowhere"), join(home, "dangling"));
    expect(await answer(join(home, "link"))).toBe("value");
    expect(await answer(join(home, "dangling"))).toMatchObject({ status: "absent" });
    await chmod(join(home, "s/f"), 0o644);
    expect(await answer(join(home, "link"))).toMatchObject(
      refused(/\/s\/f is open to others/, `^chmod 600 ${home}/s/f$`),
    );
    await chmod(join(home, "s/f"), 0o600);
    await chmod(join(home, "s"), 0o755);
    expect(await answer(join(home, "link"))).toMatchObject(refused(/\/s, its folder, is open/));
  });

  it("nothing where nothing is, and says how to look", async () => {
    expect(await answer(join(home, "no/such"))).toEqual({
      status: "absent",
      hint: `See what is there: ls -ld ${home}/no/such`,
    });
    expect(await answer(join(await put("s/f", "x"), "below"))).toMatchObject({ status: "absent" });
  });

  it.each([0o640, 0o604, 0o620, 0o601, 0o666])("no file of mode %o", async (mode) => {
    const path = await put("s/canary file", "canary-value", mode);
    const found = await answer(path);
    expect(found).toMatchObject(
      refused(
        `^\\[secret-file\\] ${path} is open to others on this machine \\(mode 0${mode.toString(8)}\\)$`,
        `^chmod 600 '${path}'$`,
      ),
    );
    expect(JSON.stringify(found)).not.toContain("canary-value");
  });

  it.each([0o755, 0o750, 0o770, 0o711, 0o702])("no file in a folder of mode %o", async (mode) => {
    const path = await put("s/f", "x", 0o600, mode);
    expect(await answer(path)).toMatchObject(
      refused(
        `^\\[secret-file\\] ${home}/s, its folder, is open to others on this machine \\(mode 0${mode.toString(8)}\\)`,
        `^chmod 700 ${home}/s\n`,
      ),
    );
  });

  it("whatever its mode on Windows, where that tells nothing", async () => {
    const path = await put("s/f", "value", 0o644, 0o755);
    const ctx = createContextDouble({ ...host, platform: "win32" });
    const found = (await secretFile().resolve([`file://${path}`], ctx)).get(`file://${path}`);
    expect(found?.status === "value" && found.value.reveal()).toBe("value");
  });

  it("never proposes to close a folder that all use", async () => {
    const path = await put("s/f", "x", 0o600, 0o1777);
    const found = await answer(path);
    expect(found).toMatchObject(refused(/mode 1777/, /^Move it/));
    expect(JSON.stringify(found)).not.toContain("chmod");
  });

  it("never proposes to close a folder that is not below the operator's own", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "jackin-elsewhere-"));
    try {
      await chmod(elsewhere, 0o755);
      await writeFile(join(elsewhere, "f"), "x", { mode: 0o600 });
      const found = await answer(join(elsewhere, "f"));
      expect(found).toMatchObject(refused(/mode 0755/, /^Move it/));
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  // Who is not root cannot give a file away.
  it.runIf(process.getuid?.() === 0)("no file, and no folder, of somebody else", async () => {
    const path = await put("s/f", "x");
    await chown(path, 12_345, 12_345);
    expect(await answer(path)).toMatchObject(refused(/\/s\/f belongs to somebody else/));
    await chown(path, 0, 0);
    await chown(join(home, "s"), 12_345, 12_345);
    expect(await answer(path)).toMatchObject(
      refused(/\/s, its folder, belongs to somebody else/, /^Move it/),
    );
  });

  it.each([
    "file://",
    "file:///",
    "file:///a/",
    "file://host/a",
    "file:///a%",
    "file:///a%00b",
    "file:///a%0Ab",
    "abc:///a",
  ])("refuses %s", async (reference) => {
    const all = await secretFile().resolve([reference], createContextDouble(host));
    expect(all.get(reference)).toMatchObject(refused(/names no file$/, /^Write file:\/\/\//));
  });

  it("says so where there are no files", async () => {
    const ctx = createContextDouble(createHostDouble({ hasFiles: false }));
    const found = (await secretFile().resolve(["file:///a"], ctx)).get("file:///a");
    expect(found).toMatchObject(refused(/^\[secret-file\] this host has no files$/));
    expect(await secretFile().places!(ctx)).toMatchObject([{ place: "file", error: {} }]);
  });
});

describe("secret-file writes", () => {
  const write = (place: string, value = "canary-value", title = "Claude Code token of my-app") => {
    const ctx = createContextDouble(host);
    return secretFile().write!({ place, title, value: ctx.secret(value) }, ctx);
  };
  const modeOf = async (path: string) => ((await stat(join(home, path))).mode & 0o777).toString(8);

  it("a file of its own, 0600 in a folder of 0700, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      const { reference } = await write("file");
      const [name] = await readdir(join(home, ".jackin/secrets"));
      expect(reference).toBe(`file://${home}/.jackin/secrets/${name}`);
      expect(name).toMatch(/^claude-code-token-of-my-app-[0-9a-f]{12}$/);
      expect(await modeOf(`.jackin/secrets/${name}`)).toBe("600");
      expect(await modeOf(".jackin/secrets")).toBe("700");
      expect(await readFile(join(home, ".jackin/secrets", name!), "utf8")).toBe("canary-value");
    } finally {
      process.umask(before);
    }
  });

  it("one that is named, in a folder that it makes", async () => {
    const { reference, undo } = await write(`file://${home}/a/b/100%25 mine`);
    expect(reference).toBe(`file://${home}/a/b/100%25 mine`);
    expect(await readFile(join(home, "a/b/100% mine"), "utf8")).toBe("canary-value");
    expect([await modeOf("a"), await modeOf("a/b")]).toEqual(["700", "700"]);
    await undo(createContextDouble(host));
    expect(await readdir(join(home, "a/b"))).toEqual([]);
  });

  it.each([
    ["a folder that others can enter", "mkdir -m 755 f", "f/x", /chmod 700/],
    [
      "a file that others can read",
      "mkdir -m 700 f; echo old > f/x; chmod 644 f/x",
      "f/x",
      /chmod 600/,
    ],
    ["a link", "mkdir -m 700 f; echo old > f/y; chmod 600 f/y; ln -s y f/x", "f/x", /readlink/],
    ["a dangling link", "mkdir -m 700 f; ln -s nowhere f/x", "f/x", /readlink/],
    ["a folder", "mkdir -m 700 f; mkdir -m 700 f/x", "f/x", /ls -ld/],
    [
      "a file in the way of the folder",
      "mkdir -m 700 f; echo old > f/a; chmod 600 f/a",
      "f/a/x",
      /./,
    ],
  ])("nothing over %s", async (_, made, path, hint) => {
    expect((await host.exec!("sh", ["-c", made], { cwd: home })).code).toBe(0);
    const before = await contentsOf(home);
    await expect(write(`file://${home}/${path}`)).rejects.toMatchObject({
      name: "JackinError",
      message: expect.stringMatching(/^\[secret-file\] /),
      hint: expect.stringMatching(hint),
    });
    expect(await contentsOf(home)).toEqual(before);
  });

  it("nothing into its own folder once that was opened to others", async () => {
    await write("file");
    await chmod(join(home, ".jackin/secrets"), 0o750);
    await expect(write("file")).rejects.toMatchObject({
      hint: expect.stringMatching(/^chmod 700/),
    });
    expect(await readdir(join(home, ".jackin/secrets"))).toHaveLength(1);
    const places = await secretFile().places!(createContextDouble(host));
    expect(places).toMatchObject([{ error: { hint: expect.stringMatching(/^chmod 700/) } }]);
  });

  it("nothing that could not be read again as it is", async () => {
    for (const value of ["ends\n", "x".repeat(40_000)])
      await expect(write("file", value)).rejects.toMatchObject({ code: "secret-failed" });
    expect(await readdir(home)).toEqual([]);
  });

  it("nothing half when the disk is full", async () => {
    const { reference } = await write("file", "old");
    const before = await contentsOf(home);
    const script = `
      import { createNodeHost } from "./hosts/node/host.ts";
      import { secretFile } from "./plugins/secret-file/index.ts";
      const secret = (text) => ({ reveal: () => text });
      const ctx = { host: createNodeHost(), signal: new AbortController().signal, progress() {}, secret };
      const value = secret("canary-value".repeat(1000));
      for (const place of process.argv.slice(1))
        await secretFile().write({ place, title: "t", value }, ctx).then(
          () => console.log("written"),
          (error) => console.log(error.name, error.code, error.message),
        );`;
    // The system refuses every byte beyond 8 blocks of 512, as a full disk does; by the signal the process would end first.
    const limited = `trap "" XFSZ; ulimit -f 8; exec "$@"`;
    const run = [process.execPath, "--input-type=module", "-e", script, "file", reference];
    const options = { env: { HOME: home, NODE_OPTIONS: undefined }, cwd: process.cwd() };
    const { stdout, stderr } = await host.exec!("sh", ["-c", limited, "sh", ...run], options);
    const refused = /^JackinError secret-failed \[secret-file\] .* cannot be written: .*$/gm;
    expect(stdout.match(refused), stdout + stderr).toHaveLength(2);
    expect(stdout).not.toContain("canary");
    expect(await contentsOf(home)).toEqual(before);
  });

  it("says what could not be left as it was", async () => {
    const { reference } = await write("file", "old");
    const broken: Host = {
      ...host,
      files: {
        ...host.files!,
        write: () => Promise.reject(new Error("no space")),
      },
    };
    const ctx = createContextDouble(broken);
    const request = { place: reference, title: "t", value: ctx.secret("canary-value") };
    await expect(secretFile().write!(request, ctx)).rejects.toMatchObject({
      code: "secret-failed",
      message: expect.stringMatching(/was not written, and could not be left as it was: no space$/),
    });
  });

  it("tells where", async () => {
    expect(await secretFile().places!(createContextDouble(host))).toEqual([
      { place: "file", text: "a file, ~/.jackin/secrets (0600, not encrypted)" },
    ]);
  });
});

describe("secret-file removes", () => {
  const remove = (path: string) =>
    secretFile().remove!(`file://${home}/${path}`, createContextDouble(host));

  it("nothing that jackin has not made, wherever it is", async () => {
    const mine = "a-0123456789ab";
    const script = `mkdir -m 700 -p .jackin/secrets/sub other && cd .jackin/secrets
      touch token ${mine} sub/${mine} ../../other/${mine} && ln -s ${mine} b-0123456789ab && mkdir c-0123456789ab`;
    await host.exec!("sh", ["-c", script], { cwd: home });
    const store = ".jackin/secrets";
    const foreign = ["token", `sub/${mine}`, "b-0123456789ab", "c-0123456789ab"];
    for (const path of [...foreign.map((name) => `${store}/${name}`), `other/${mine}`])
      expect(await remove(path), path).toBe("foreign");
    expect(await remove(`${store}/../../other/${mine}`)).toBe("foreign");
    expect(await remove(`${store}/sub/../${mine}`)).toBe("removed");
    expect(await remove(`${store}/${mine}`)).toBe("absent");
  });
});

/** Each path with its mode and text. */
async function contentsOf(folder: string): Promise<unknown> {
  const paths = (await readdir(folder, { recursive: true })).sort();
  return await Promise.all(
    paths.map(async (path) => {
      const found = await stat(join(folder, path)).catch(() => undefined);
      const text = found?.isFile() ? await readFile(join(folder, path), "utf8") : undefined;
      return [path, found?.mode, text];
    }),
  );
}
