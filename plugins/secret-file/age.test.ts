/** With the real `age`; its words are of 1.1.1, which Debian 12 has. */
import { execFileSync } from "node:child_process";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "@lydell/node-pty";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host, HostExec } from "../../core/index.ts";
import { createNodeHost } from "../../hosts/node/host.ts";
import { testSecretResolver } from "../../test/conformance/secret.ts";
import {
  createContextDouble,
  createHostDouble,
  programMissing,
  programTooSlow,
} from "../../test/doubles/host.ts";
import type { ExecScript } from "../../test/doubles/host.ts";
import type { AgeOptions } from "./age.ts";
import { secretFile } from "./index.ts";

const intro = "-----BEGIN AGE ENCRYPTED FILE-----";

let folder: string;
let recipient: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jackin-age-"));
  for (const name of ["key", "other"])
    execFileSync("age-keygen", ["-o", at(name)], { stdio: "ignore" });
  recipient = execFileSync("age-keygen", ["-y", at("key")], { encoding: "utf8" }).trim();
  await writeFile(at("recipients"), `# mine\n${recipient}\n`);
  await mkdir(at("s"), { mode: 0o700 });
});
afterAll(() => rm(folder, { recursive: true }));

/** Encrypts by age itself, as the operator would; armored, 0600. */
async function encrypt(name: string, text: string, ...args: readonly string[]): Promise<string> {
  const path = at(`s/${name}.age`);
  const encrypted = execFileSync("age", ["--armor", ...args, "-r", recipient], { input: text });
  await writeFile(path, encrypted, { mode: 0o600 });
  return path;
}

/** Encrypts with a passphrase that age makes up, which it does on a terminal only. */
async function lock(to: string, from: string): Promise<void> {
  const done = Promise.withResolvers<void>();
  const terminal = spawn("age", ["--armor", "-p", "-o", to, from], {});
  terminal.onData((text) => text.includes("Enter passphrase") && terminal.write("\r"));
  terminal.onExit(() => done.resolve());
  await done.promise;
  await chmod(to, 0o600);
}

/** A machine with a home of its own, in which `~/key` is the identity. */
async function createMachine(): Promise<Host> {
  const home = await mkdtemp(join(folder, "home-"));
  await mkdir(join(home, ".jackin/secrets"), { recursive: true, mode: 0o700 });
  await mkdir(join(home, "other"), { mode: 0o700 });
  await copyFile(at("key"), join(home, "key"));
  return createNodeHost({ env: { HOME: home, PATH: process.env["PATH"] } });
}

/** A machine in memory whose `age` does as the script says. */
const createDouble = (exec: ExecScript, file = `${intro}\nX\n`) =>
  createHostDouble({
    files: { "/home/me/key": "AGE-SECRET-KEY-1", "/home/me/s/a.age": file },
    exec,
  });

/** What age does, without its processes: a suite that interrupts each step starts hundreds. */
const likeAge: HostExec = async (command, args, { stdin = "" } = {}) => {
  expect(command).toBe("age");
  const text = args[0] === "--decrypt" ? atob(stdin.split("\n")[1]!) : "";
  const stdout = args[0] === "--decrypt" ? decodeURIComponent(text) : imitated(stdin);
  return { code: 0, stdout, stderr: "" };
};
const imitated = (text: string) => `${intro}\n${btoa(encodeURIComponent(text))}\n`;

testSecretResolver("secret-file", {
  make: () => secretFile({ identity: "~/key" }),
  host: () =>
    createDouble(({ command, args, options: { stdin, ownSession } }) => {
      expect([command, ownSession]).toEqual(["age", true]);
      if (args[0] !== "--version")
        expect([args, stdin]).toEqual([["--decrypt", "-i", "/home/me/key"], `${intro}\nX\n`]);
      return { stdout: "canary-value\n" };
    }),
  present: { "file:///home/me/s/a.age": "canary-value" },
  absent: "file:///home/me/s/nothing.age",
  malformed: "file://relative.age",
  async writes() {
    const host = await createMachine();
    const { home } = host.files!;
    return {
      host: { ...host, exec: likeAge },
      contents: async () => {
        const paths = (await readdir(home, { recursive: true })).sort();
        const files = paths.filter((path) => path.endsWith(".age"));
        return [paths, await Promise.all(files.map((path) => readFile(join(home, path), "utf8")))];
      },
      async addForeign(value) {
        await writeFile(join(home, "other/token.age"), imitated(value), { mode: 0o600 });
        return `file://${home}/other/token.age`;
      },
    };
  },
});

describe("secret-file with age", () => {
  const ask = async (path: string, identity: string | undefined = at("key"), host?: Host) => {
    const reference = `file://${path}`;
    const ctx = createContextDouble(host ?? (await createMachine()));
    const plugin = secretFile(identity === undefined ? {} : { identity });
    const answer = (await plugin.resolve([reference], ctx)).get(reference);
    return answer?.status === "value" ? answer.value.reveal() : answer;
  };
  const refused = (message: RegExp, hint: RegExp = /./) => ({
    status: "error",
    error: {
      code: "secret-failed",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    },
  });
  const value = `canary "x" \\n\n$HOME ü 😀`;
  const write = async (options: AgeOptions, place = "file", host?: Host) => {
    const ctx = createContextDouble(host ?? (await createMachine()));
    const request = { place, title: "my-app", value: ctx.secret(value) };
    return await secretFile(options).write!(request, ctx);
  };

  it("reads what age has encrypted", async () => {
    expect(await ask(await encrypt("plain", "canary-value\n"))).toBe("canary-value");
  });

  it("encrypts for whom it is told to", async () => {
    for (const to of [recipient, at("recipients")]) {
      const host = await createMachine();
      const { reference } = await write({ identity: at("key"), recipient: to }, "file", host);
      expect(reference).toMatch(/\/my-app-[0-9a-f]{12}\.age$/);
      const path = reference.slice("file://".length);
      expect(await readFile(path, "utf8")).toMatch(new RegExp(`^${intro}\n`));
      expect(execFileSync("age", ["--decrypt", "-i", at("key"), path], { encoding: "utf8" })).toBe(
        value,
      );
      expect(await ask(path, at("key"), host)).toBe(value);
    }
  });

  it("says where, and what is missing for it", async () => {
    const places = async (options: AgeOptions, host?: Host) =>
      await secretFile(options).places!(createContextDouble(host ?? (await createMachine())));
    const place = { place: "file", text: "a file, ~/.jackin/secrets (encrypted with age)" };
    expect(await places({ identity: at("key") })).toEqual([place]);
    expect(await places({ identity: at("none") })).toMatchObject([
      {
        ...place,
        error: { message: expect.stringMatching(/none, the age identity, is not there$/) },
      },
    ]);
    expect(await places({ identity: at("key"), recipient: at("none") })).toMatchObject([
      { ...place, error: { message: expect.stringMatching(/none, the file of age recipients,/) } },
    ]);
    const host = createDouble(({ command }) => Promise.reject(programMissing(command)));
    expect(await places({ identity: "~/key" }, host)).toMatchObject([
      { ...place, error: { hint: "apt install age\nbrew install age" } },
    ]);
  });

  it("tells a wrong identity", async () => {
    expect(await ask(await encrypt("wrong", "canary-value"), at("other"))).toMatchObject(
      refused(/wrong\.age was encrypted for another identity than .*other$/, /^Set identity/),
    );
  });

  it("tells an identity that is not set, not there, open to others, or none", async () => {
    const path = await encrypt("identity", "canary-value");
    const host = await createMachine();
    const reference = `file://${path}`;
    const without = await secretFile().resolve([reference], createContextDouble(host));
    expect(without.get(reference)).toMatchObject(
      refused(/no identity is set/, /\[plugins\.secret-file\] identity = /),
    );
    expect(await ask(path, at("none"))).toMatchObject(
      refused(/is not there$/, /^Make one: age-keygen/),
    );
    await copyFile(at("key"), at("open"));
    await chmod(at("open"), 0o640);
    expect(await ask(path, at("open"))).toMatchObject(refused(/open to others/, /^chmod 600 /));
    await writeFile(at("no-key"), "canary-text\n", { mode: 0o600 });
    const answer = await ask(path, at("no-key"));
    expect(answer).toMatchObject(refused(/no-key is no age identity$/));
    expect(JSON.stringify(answer)).not.toContain("canary");
  });

  it("tells a damaged file", async () => {
    const whole = await readFile(await encrypt("whole", "canary-value"), "utf8");
    const lines = whole.trimEnd().split("\n");
    const damaged = {
      "cut short": whole.slice(0, 150),
      "changed in its header": [lines[0], lines[1]!.replace(/..$/, "AA"), ...lines.slice(2)].join(
        "\n",
      ),
      "changed in its end": [...lines.slice(0, -2), "A".repeat(16), lines.at(-1)].join("\n"),
      "with more behind it": `${whole}canary-text\n`,
      "begun only": `${intro}\n`,
    };
    for (const [how, text] of Object.entries(damaged)) {
      await writeFile(at("s/damaged.age"), text, { mode: 0o600 });
      const answer = await ask(at("s/damaged.age"));
      expect(answer, how).toMatchObject(refused(/damaged\.age is damaged/));
      expect(JSON.stringify(answer)).not.toContain("canary");
    }
  });

  it("shows nothing of a file that is not encrypted at all", async () => {
    await writeFile(at("s/token.age"), "sk-ant-oat01-canary\n", { mode: 0o600 });
    const answer = await ask(at("s/token.age"));
    expect(answer).toMatchObject(refused(/token\.age is no armored age file/));
    expect(JSON.stringify(answer)).not.toContain("canary");
    const binary = execFileSync("age", ["-r", recipient], { input: "canary-value" });
    await writeFile(at("s/binary.age"), binary, { mode: 0o600 });
    expect(await ask(at("s/binary.age"))).toMatchObject(
      refused(
        /binary\.age cannot be read: it is no UTF-8 text/,
        /^Armor it: age --decrypt .* \| age --armor /,
      ),
    );
  });

  it("never waits for a passphrase, nor asks for one on the operator's terminal", async () => {
    const path = await encrypt("passphrase", "canary-value");
    await writeFile(at("text"), "canary-value");
    await Promise.all([lock(at("locked"), at("key")), lock(at("s/locked.age"), at("text"))]);
    const script = `
      import { createNodeHost } from "./hosts/node/host.ts";
      import { secretFile } from "./plugins/secret-file/index.ts";
      const secret = (text) => ({ reveal: () => text });
      const ctx = { host: createNodeHost(), signal: new AbortController().signal, progress() {}, secret };
      const say = (how, error) => console.log(how + ": " + error?.message.replaceAll("\\n", " "));
      const [locked, key, path, other] = process.argv.slice(1);
      for (const [how, identity, reference] of [["identity", locked, path], ["file", key, other]]) {
        const answers = await secretFile({ identity }).resolve(["file://" + reference], ctx);
        say(how, answers.get("file://" + reference).error);
      }
      const request = { place: "file", title: "t", value: secret("x") };
      await secretFile({ identity: locked }).write(request, ctx).catch((error) => say("write", error));`;
    const args = [
      "--input-type=module",
      "-e",
      script,
      at("locked"),
      at("key"),
      path,
      at("s/locked.age"),
    ];
    const env = { HOME: folder, PATH: process.env["PATH"] };
    const done = Promise.withResolvers<number>();
    const terminal = spawn(process.execPath, args, { cols: 500, cwd: process.cwd(), env });
    let seen = "";
    terminal.onData((text) => (seen += text));
    terminal.onExit(({ exitCode }) => done.resolve(exitCode));
    expect(await done.promise, seen).toBe(0);
    expect(seen.trimEnd().split("\r\n")).toEqual([
      expect.stringMatching(
        /^identity: \[secret-file\] .*locked, the age identity, is protected by a passphrase/,
      ),
      expect.stringMatching(/^file: \[secret-file\] .*locked\.age is protected by a passphrase/),
      expect.stringMatching(
        /^write: \[secret-file\] .*locked, the age identity, is protected by a passphrase/,
      ),
    ]);
  });

  it("says what to do without age, and when age does not answer", async () => {
    const path = "/home/me/s/a.age";
    const missing = createDouble(({ command }) => Promise.reject(programMissing(command)));
    expect(await ask(path, "~/key", missing)).toMatchObject(
      refused(/^\[secret-file\] age is not installed$/, /^apt install age\nbrew install age$/),
    );
    const slow = createDouble(({ command }) => Promise.reject(programTooSlow(command)));
    expect(await ask(path, "~/key", slow)).toMatchObject(refused(/did not answer within 20 s/));
    const unknown = createDouble(() => ({ code: 1, stderr: "age: error: canary-text" }));
    const answer = await ask(path, "~/key", unknown);
    expect(answer).toMatchObject(refused(/exit code 1/, /^See what it says: age --decrypt/));
    expect(JSON.stringify(answer)).not.toContain("canary");
    await expect(write({ identity: "~/key" }, "file", unknown)).rejects.toMatchObject({
      code: "secret-failed",
    });
    expect(unknown.changes).toEqual([]);
  });

  it.each([
    [{ identity: "keys.txt" }, "identity: must be an absolute path, or begin with ~/"],
    [{ identity: 1 }, /identity: /],
    [{ recipient: "age1x" }, /^\[secret-file\] identity: is missing: /],
    [{ identity: "~/key", recipient: "me" }, /recipient: must be an age recipient/],
    [{ idenity: "~/key" }, "idenity: is no option; there are identity and recipient"],
  ])("refuses the options %j", (options, message) => {
    expect(() => secretFile(options as object)).toThrow(message);
    expect(() => secretFile(options as object)).toThrow(
      expect.objectContaining({ code: "config-invalid" }),
    );
  });
});
