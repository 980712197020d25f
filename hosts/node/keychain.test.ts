/** The real package against a real Secret Service; test/lab/ready.sh installs it. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostExec } from "../../core/index.ts";
import { openSecretService } from "../../test/lab/secret-service.ts";
import type { SecretService } from "../../test/lab/secret-service.ts";
import { createExec } from "./exec.ts";
import { createKeychain } from "./keychain.ts";
import { createNodeHost } from "./host.ts";

const never = new AbortController().signal;
const failed = (message: string | RegExp) => ({
  name: "JackinError",
  code: "host-failed",
  message: expect.stringMatching(message),
  hint: expect.stringMatching(/^\S/),
});

describe("the keychain of a Linux machine with a Secret Service", () => {
  let service: SecretService;
  beforeAll(async () => {
    service = await openSecretService();
    await service.start("open");
  });
  afterAll(() => service[Symbol.asyncDispose]());
  const keychain = () => createNodeHost({ env: service.env }).keychain;

  it("keeps a password until it is removed, also when the machine restarts", async () => {
    const { name, probe, read, write, remove } = keychain();
    expect(name).toBe("Secret Service");
    await probe(never);
    expect(await read("jackin", "one", never)).toBeUndefined();
    await write("jackin", "one", "canary-one", never);
    await write("jackin", "two", "canary-two", never);
    await write("jackin", "one", "canary-new", never);
    // In the collection that is on disk, and not in what the kernel forgets.
    expect(await service.find({ service: "jackin", username: "one" })).toEqual([
      expect.stringMatching(/^\/org\/freedesktop\/secrets\/collection\/login\/\d+$/),
    ]);
    await service.stop();
    await service.start("open");
    expect(await read("jackin", "one", never)).toBe("canary-new");
    expect(await remove("jackin", "one", never)).toBe(true);
    expect(await remove("jackin", "one", never)).toBe(false);
    expect(await read("jackin", "one", never)).toBeUndefined();
    expect(await read("jackin", "two", never)).toBe("canary-two");
    for (const file of await readdir(join(service.data, "keyrings")))
      expect(await readFile(join(service.data, "keyrings", file), "latin1")).not.toContain(
        "canary",
      );
  });

  it("takes odd names and values as they are", async () => {
    const { read, write } = keychain();
    const value = `"x" 'y' \\n\n\r\n\t $HOME äß 漢字 😀 ${"long".repeat(1000)}`;
    await write("a/b c%2F", "ü@ü 'x' \"y\"", value, never);
    expect(await read("a/b c%2F", "ü@ü 'x' \"y\"", never)).toBe(value);
  });

  it("shows a value to no argument, no variable and no error", async () => {
    const seen: unknown[] = [];
    const exec = createExec(service.env);
    const watched: HostExec = (command, args, options) => {
      seen.push([command, args, options?.env]);
      return exec(command, args, options);
    };
    const { write, read } = createKeychain({ exec: watched, env: service.env });
    await write("jackin", "shown", "canary-shown", never);
    await read("jackin", "shown", never);
    const error = await write("", "shown", "canary-shown", never).catch(
      (thrown: unknown) => thrown,
    );
    expect(seen).toHaveLength(3);
    expect(JSON.stringify([seen, String(error), error])).not.toContain("canary");
  });

  it("ends at once when it is cancelled, and within its time when nobody answers", async () => {
    await using slow = await openSecretService();
    await slow.start("open");
    slow.freeze();
    const exec = createExec(slow.env);
    const keychain = createKeychain({ exec, env: slow.env, limitMs: 2_000 });
    const stop = new AbortController();
    const read = keychain.read("jackin", "one", stop.signal);
    const write = keychain.write("jackin", "one", "canary-value", never);
    stop.abort();
    await expect(read).rejects.toMatchObject({ code: "cancelled" });
    await expect(write).rejects.toMatchObject({
      code: "timeout",
      message: "Secret Service did not answer within 2 s: it may be asking for its password.",
    });
    await expect(keychain.remove("jackin", "one", AbortSignal.abort())).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  it("says so when it is locked and nobody can be asked", async () => {
    const { probe, read, write, remove } = keychain();
    await write("jackin", "locked", "canary-locked", never);
    await service.lock();
    const locked = failed(/^Secret Service is locked, and was not unlocked\.$/);
    await expect(probe(never)).rejects.toMatchObject(locked);
    await expect(read("jackin", "locked", never)).rejects.toMatchObject(locked);
    await expect(write("jackin", "new", "canary-value", never)).rejects.toMatchObject(locked);
    await expect(remove("jackin", "locked", never)).rejects.toMatchObject(locked);
    // On a desktop there is somebody to ask, and whoever needs a password asks.
    await createNodeHost({ env: { ...service.env, DISPLAY: ":0" } }).keychain.probe(never);
  });
});

describe("the keychain of a Linux machine without a Secret Service that can be used", () => {
  it("says so when nothing offers one in this session", async () => {
    await using bus = await openSecretService();
    const { probe, read, write } = createNodeHost({ env: bus.env }).keychain;
    const missing = failed(/^No Secret Service runs here/);
    await expect(probe(never)).rejects.toMatchObject(missing);
    await expect(read("jackin", "one", never)).rejects.toMatchObject(missing);
    await expect(write("jackin", "one", "canary-value", never)).rejects.toMatchObject(missing);
  });

  it("says so when it has no collection to put anything in", async () => {
    await using service = await openSecretService();
    await service.start("none");
    const { probe, read, write } = createNodeHost({ env: service.env }).keychain;
    const none = failed(/^Secret Service has no default collection/);
    await expect(probe(never)).rejects.toMatchObject(none);
    expect(await read("jackin", "one", never)).toBeUndefined();
    await expect(write("jackin", "one", "canary-value", never)).rejects.toMatchObject(none);
  });

  it.each([
    ["no session at all", {}],
    ["one that has ended", { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/bus" }],
  ])("says so when there is %s", async (_, env) => {
    const { probe, read } = createNodeHost({
      env: { HOME: "/nowhere", PATH: process.env["PATH"], ...env },
    }).keychain;
    const missing = failed(/this session has no D-Bus that answers\.$/);
    await expect(probe(never)).rejects.toMatchObject(missing);
    await expect(read("jackin", "one", never)).rejects.toMatchObject(missing);
  });
});

describe("keychains of other systems", () => {
  const ask = async (platform: string, answer: object | string) => {
    const asked: unknown[] = [];
    const exec: HostExec = async (command, _args, options) => {
      asked.push(JSON.parse(options!.stdin!));
      expect(command).toBe(process.execPath);
      return {
        code: 0,
        stdout: typeof answer === "string" ? answer : JSON.stringify(answer),
        stderr: "",
      };
    };
    const keychain = createKeychain({ exec, env: {}, platform });
    const read = keychain.read("jackin", "one", never);
    return { asked, name: keychain.name, value: await read.catch((error: unknown) => error) };
  };

  it.each([
    ["darwin", "macOS Keychain"],
    ["win32", "Windows Credential Manager"],
    ["freebsd", "Secret Service"],
  ])("have their names: %s", async (platform, name) => {
    const seen = await ask(platform, { value: "canary" });
    expect(seen).toMatchObject({ name, value: "canary" });
    expect(seen.asked).toMatchObject([
      { act: "read", service: "jackin", account: "one", platform },
    ]);
  });

  it.each([
    [{ value: null }, undefined],
    [{ error: "User interaction is not allowed." }, failed(/^macOS Keychain is locked/)],
    [{ error: "Entry is matched by multiple credentials" }, { code: "secret-failed" }],
    [{ error: "Data is not UTF-8 encoded" }, { code: "secret-failed" }],
    [
      { error: "Something new." },
      { code: "host-failed", message: "macOS Keychain refused: Something new." },
    ],
    ["", { code: "host-failed", message: "macOS Keychain could not be asked (exit code 0)." }],
    ['{"other": 1}', { code: "host-failed" }],
  ])("answer %j", async (answer, expected) => {
    const { value } = await ask("darwin", answer);
    if (expected === undefined) expect(value).toBeUndefined();
    else expect(value).toMatchObject(expected);
  });
});
