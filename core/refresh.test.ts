import { expect, it } from "vitest";
import { createHostDouble } from "../test/doubles/host.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import type { AuthProvider, Grant } from "./index.ts";
import { createJackin, createSecret, JackinError } from "./index.ts";

function setUp() {
  const runtime = createRuntimeDouble();
  const login: { now: Partial<Grant> | JackinError } = { now: { account: "me", expiresAt: 1 } };
  const provider = (
    mode: string,
    more: Partial<AuthProvider> & Partial<Grant> = {},
  ): AuthProvider => ({
    kind: "auth",
    name: `auth-${mode}`,
    mode,
    ...(more.needsToken && { needsToken: true }),
    grant: async () => {
      if (login.now instanceof JackinError) throw login.now;
      const files = [{ name: "login", content: createSecret(`canary ${login.now.expiresAt}`) }];
      const base = { line: mode, login: "forwarded", files, env: {}, notices: [] } as const;
      return { ...base, replaceable: more.replaceable === true, ...login.now };
    },
  });
  const jackin = createJackin({
    host: createHostDouble({ files: { "/w/a/file": "", "/w/b/file": "" } }),
    plugins: [runtime, provider("sync", { replaceable: true }), provider("copy-all")],
    store: createStoreDouble(),
    config: async () => ({ config: {}, notices: [] }),
  });
  return { jackin, runtime, login };
}

it("gives every running agent what a launch would give now, and remembers until when", async () => {
  const { jackin, runtime, login } = setUp();
  await jackin.load({ target: "/w/a" });
  await jackin.load({ target: "/w/b" });
  await jackin.load({ target: "/w/b" });
  await jackin.eject("b-2");
  login.now = { account: "me", expiresAt: 2 };
  const results = await jackin.refresh();
  expect(results.map(({ instance, outcome, expiresAt }) => [instance, outcome, expiresAt])).toEqual(
    [
      ["a", "updated", 2],
      ["b", "updated", 2],
    ],
  );
  expect(
    runtime.put.map(([instance, file]) => [instance, file.name, file.content.reveal()]),
  ).toEqual([
    ["a", "login", "canary 2"],
    ["b", "login", "canary 2"],
  ]);
  expect((await jackin.status()).instances).toMatchObject([
    { expiresAt: 2 },
    { expiresAt: 2 },
    { state: "stopped" },
  ]);
  expect(JSON.stringify(results)).not.toContain("canary");
});

it("never gives a running agent another account's login, and says whose it keeps", async () => {
  const { jackin, runtime, login } = setUp();
  await jackin.load({ target: "/w/a" });
  login.now = { account: "you", expiresAt: 2 };
  expect(await jackin.refresh("a")).toMatchObject([
    {
      outcome: "kept",
      text: "it is signed in as me, the host as you",
      notices: [{ level: "warning", next: "jackin eject a, then load it again" }],
    },
  ]);
  expect(runtime.put).toEqual([]);
});

it("keeps what has a renewal of its own, and what the host has nothing for", async () => {
  const { jackin, runtime, login } = setUp();
  await jackin.load({ target: "/w/a", mode: "copy-all" });
  await jackin.load({ target: "/w/b" });
  login.now = {
    login: "own",
    replaceable: false,
    files: [],
    notices: [{ level: "warning", text: "hollow" }],
  };
  expect(await jackin.refresh()).toMatchObject([
    { instance: "a", outcome: "kept" },
    { instance: "b", outcome: "kept", notices: [{ text: "hollow" }] },
  ]);
  expect(runtime.put).toEqual([]);
});

it("goes on after one that fails", async () => {
  const { jackin, runtime } = setUp();
  await jackin.load({ target: "/w/a" });
  await jackin.load({ target: "/w/b" });
  runtime.putFails.add("a");
  expect(await jackin.refresh()).toMatchObject([
    { instance: "a", outcome: "failed", text: "a does not take it" },
    { instance: "b", outcome: "updated" },
  ]);
});

it("says that what is stopped needs none", async () => {
  const { jackin } = setUp();
  await jackin.load({ target: "/w/a" });
  await jackin.eject("a");
  await expect(jackin.refresh("a")).rejects.toMatchObject({
    code: "conflict",
    hint: "jackin load /w/a",
  });
  expect(await jackin.refresh()).toEqual([]);
});

it("does not claim to have updated an agent that was started without the host's login", async () => {
  const { jackin, runtime, login } = setUp();
  login.now = { login: "own", replaceable: false, files: [], notices: [] };
  await jackin.load({ target: "/w/a" });
  login.now = { account: "me", expiresAt: 2 };
  expect(await jackin.refresh("a")).toMatchObject([
    { outcome: "kept", text: expect.stringContaining("its launch") },
  ]);
  expect(runtime.put).toEqual([]);
});
