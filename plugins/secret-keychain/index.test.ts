import { describe, expect, it } from "vitest";
import { cancelled, JackinError } from "../../core/index.ts";
import type { Keychain } from "../../core/index.ts";
import { testSecretResolver } from "../../test/conformance/secret.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import { secretKeychain } from "./index.ts";

interface KeychainDouble extends Keychain {
  /** By service and account, as JSON. */
  readonly entries: Map<string, string>;
  readonly calls: string[];
}

/** A keychain in memory; `trouble` is what its next calls throw, by name. */
function createKeychainDouble(
  entries: Readonly<Record<string, string>> = {},
  trouble: Readonly<Record<string, JackinError>> = {},
): KeychainDouble {
  const all = new Map(Object.entries(entries));
  const calls: string[] = [];
  const begin = (call: string, signal: AbortSignal) => {
    calls.push(call);
    if (signal.aborted) throw cancelled(signal.reason);
    if (trouble[call]) throw trouble[call];
  };
  const key = (...names: readonly string[]) => JSON.stringify(names);
  return {
    name: "Test Keychain",
    entries: all,
    calls,
    probe: async (signal) => begin("probe", signal),
    async read(service, account, signal) {
      begin("read", signal);
      return all.get(key(service, account));
    },
    async write(service, account, value, signal) {
      begin("write", signal);
      all.set(key(service, account), value);
    },
    async remove(service, account, signal) {
      begin("remove", signal);
      return all.delete(key(service, account));
    },
  };
}

const hostWith = (keychain: Keychain) => ({ ...createHostDouble(), keychain });
const trouble = (code: "host-failed" | "secret-failed" | "timeout", message: string) =>
  new JackinError({ code, message, hint: "Do this." });

const names = Object.fromEntries(
  Array.from({ length: 50 }, (_, i) => [`canary ${i}/%2F`, `canary-value-${i} \n"$x"`]),
);

testSecretResolver("secret-keychain", {
  make: secretKeychain,
  host: () =>
    hostWith(
      createKeychainDouble(
        Object.fromEntries(
          Object.entries(names).map(([name, value]) => [JSON.stringify(["a b", name]), value]),
        ),
      ),
    ),
  present: Object.fromEntries(
    Object.entries(names).map(([name, value]) => [
      `keychain://a b/${encodeURIComponent(name)}`,
      value,
    ]),
  ),
  absent: "keychain://jackin/claude-oauth-token",
  malformed: "keychain://service-alone",
  writes() {
    const keychain = createKeychainDouble();
    return {
      host: hostWith(keychain),
      contents: () => keychain.entries,
      addForeign(value) {
        keychain.entries.set(JSON.stringify(["jackin", "claude-oauth-token"]), value);
        return "keychain://jackin/claude-oauth-token";
      },
    };
  },
});

describe("secret-keychain", () => {
  const ask = async (references: readonly string[], keychain: Keychain) => {
    const ctx = createContextDouble(hostWith(keychain));
    const answers = await secretKeychain().resolve(references, ctx);
    return references.map((reference) => answers.get(reference));
  };

  it.each([
    "keychain://",
    "keychain:///account",
    "keychain://service/",
    "keychain://a/b/c",
    "keychain://a/%",
    "keychain://a/%00",
    "keychain://a/b%0A",
    "abc://a/b",
  ])("refuses %s", async (reference) => {
    const keychain = createKeychainDouble();
    const error = { code: "secret-failed", hint: expect.stringMatching(/%2F/) };
    expect(await ask([reference], keychain)).toMatchObject([{ status: "error", error }]);
    expect(keychain.calls).toEqual([]);
  });

  it.each([
    ["linux", "secret-tool store --label 'jackin' service 'jackin' username 'my token'"],
    ["darwin", "security add-generic-password -s 'jackin' -a 'my token' -w"],
    ["win32", "Store it in Test Keychain: service jackin, account my token"],
  ])("says how to store what is not there: %s", async (platform, hint) => {
    const host = { ...createHostDouble({ platform }), keychain: createKeychainDouble() };
    const reference = "keychain://jackin/my%20token";
    const answers = await secretKeychain().resolve([reference], createContextDouble(host));
    expect(answers.get(reference)).toEqual({ status: "absent", hint });
  });

  it("asks a keychain that is in trouble once, and gives its answer for all", async () => {
    for (const error of [
      trouble("host-failed", "It is locked."),
      trouble("timeout", "No answer."),
    ]) {
      const keychain = createKeychainDouble({}, { read: error });
      const failed = {
        status: "error",
        error: {
          code: "secret-failed",
          message: `[secret-keychain] ${error.message.slice(0, -1)}`,
          hint: "Do this.",
        },
      };
      expect(await ask(["keychain://a/b", "keychain://c/d"], keychain)).toMatchObject([
        failed,
        failed,
      ]);
      expect(keychain.calls).toEqual(["read"]);
    }
    const one = createKeychainDouble({}, { read: trouble("secret-failed", "Two of a name.") });
    await ask(["keychain://a/b", "keychain://c/d"], one);
    expect(one.calls).toEqual(["read", "read"]);
  });

  it("says so where there is no keychain", async () => {
    const ctx = createContextDouble(createHostDouble());
    const none = {
      code: "secret-failed",
      message: "[secret-keychain] this host has no keychain",
      hint: expect.stringMatching(/./),
    };
    const plugin = secretKeychain();
    const request = { title: "t", value: ctx.secret("canary-value") };
    expect((await plugin.resolve(["keychain://a/b"], ctx)).get("keychain://a/b")).toMatchObject({
      status: "error",
      error: none,
    });
    expect(await plugin.places!(ctx)).toMatchObject([
      { place: "keychain", error: { code: "secret-failed" } },
    ]);
    await expect(plugin.write!({ place: "keychain", ...request }, ctx)).rejects.toMatchObject(none);
    await expect(plugin.remove!("keychain://a/b", ctx)).rejects.toMatchObject(none);
    expect(await plugin.health!(ctx)).toMatchObject({ state: "warning", text: none.message });
  });

  it("says what is wrong with the place, and that there are others", async () => {
    const keychain = createKeychainDouble({}, { probe: trouble("host-failed", "It is locked.") });
    const ctx = createContextDouble(hostWith(keychain));
    expect(await secretKeychain().places!(ctx)).toMatchObject([
      {
        place: "keychain",
        text: "Test Keychain",
        error: {
          message: "[secret-keychain] It is locked",
          hint: "Do this.\nOr choose another store, such as a file or 1Password.",
        },
      },
    ]);
    expect(await secretKeychain().health!(ctx)).toEqual({
      state: "warning",
      text: "[secret-keychain] It is locked",
      next: "Do this.",
    });
  });

  it("removes nothing but what jackin has made", async () => {
    const mine = "a-0123456789ab";
    const all = [
      ["jackin", "claude-oauth-token"],
      ["other", mine],
      ["jackin", mine],
    ];
    const keychain = createKeychainDouble(
      Object.fromEntries(all.map((names) => [JSON.stringify(names), "x"])),
    );
    const ctx = createContextDouble(hostWith(keychain));
    const remove = (reference: string) => secretKeychain().remove!(reference, ctx);
    expect(await remove("keychain://jackin/claude-oauth-token")).toBe("foreign");
    expect(await remove(`keychain://other/${mine}`)).toBe("foreign");
    expect(await remove(`keychain://other/nothing`)).toBe("absent");
    expect(await remove(`keychain://jackin/${mine}`)).toBe("removed");
    expect(keychain.entries.size).toBe(2);
  });

  it("says what may be left of a write that could not be taken back", async () => {
    const failing = {
      write: trouble("timeout", "No answer."),
      remove: trouble("host-failed", "Gone."),
    };
    const write = (keychain: Keychain) => {
      const ctx = createContextDouble(hostWith(keychain));
      const request = { place: "keychain", title: "my-app", value: ctx.secret("canary-value") };
      return secretKeychain().write!(request, ctx);
    };
    await expect(write(createKeychainDouble({}, failing))).rejects.toMatchObject({
      code: "secret-failed",
      message: expect.stringMatching(
        /^\[secret-keychain\] .* the entry my-app-[0-9a-f]{12} of jackin may be left: Gone\.$/,
      ),
    });
    const same = trouble("host-failed", "It is locked.");
    await expect(
      write(createKeychainDouble({}, { write: same, remove: same })),
    ).rejects.toMatchObject({
      message: "[secret-keychain] It is locked",
    });
  });
});
