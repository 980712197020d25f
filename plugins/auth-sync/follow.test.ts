import { afterEach, describe, expect, it } from "vitest";
import type { Grant, Notice } from "../../core/index.ts";
import { visible } from "../../test/conformance/visible.ts";
import { eventually } from "../../test/doubles/eventually.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import type { ExecScript, HostDoubleInit } from "../../test/doubles/host.ts";
import { authSync } from "./index.ts";

const now = Date.UTC(2026, 10, 25, 12);
const minute = 60_000;
const hour = 60 * minute;
const folder = "/home/me/.claude";
const file = `${folder}/.credentials.json`;
const accountFile = "/home/me/.claude.json";

const stored = (name: string, changes: object = {}) =>
  JSON.stringify({
    claudeAiOauth: {
      accessToken: `sk-ant-oat01-canary-${name}`,
      refreshToken: `sk-ant-ort01-canary-${name}`,
      expiresAt: now + 8 * hour,
      scopes: ["user:inference"],
      ...changes,
    },
  });
const account = (name: string) =>
  JSON.stringify({ oauthAccount: { emailAddress: `${name}@example.test`, accountUuid: name } });

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

/** Follows, and remembers what came of it: the names of delivered tokens, and what was told. */
async function follow(content: string | undefined, init: HostDoubleInit = {}, options = {}) {
  const host = createHostDouble({
    now,
    ...init,
    files: { [`${folder}/other`]: "", ...(content && { [file]: content }), ...init.files },
  });
  const grants: Grant[] = [];
  const told: Notice[] = [];
  const ctx = createContextDouble(host);
  const follower = await authSync().follow!(
    {
      options,
      deliver: async (grant) => void grants.push(grant),
      tell: (notice) => void told.push(notice),
    },
    ctx,
  );
  open.push(follower);
  const delivered = () =>
    grants.map(({ files }) => {
      const text = files[0]!.content.reveal();
      expect(text).not.toContain("sk-ant-ort01");
      return /canary-(\w+)/.exec(text)?.[1];
    });
  const change = (text: string, path = file) => {
    host.disk.set(path, text);
    host.fire(folder);
  };
  return { host, grants, told, delivered, change, follower };
}

describe("following", () => {
  it("delivers the login at once and at each change, without what could renew it", async () => {
    const { grants, told, delivered, change } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    change(stored("two", { expiresAt: now + 9 * hour }));
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
    expect(grants[1]).toMatchObject({ replaceable: true, expiresAt: now + 9 * hour });
    expect(told).toEqual([]);
    expect(visible(grants)).not.toContain("canary");
  });

  it('delivers access only also with refresh = "container"', async () => {
    const { grants, delivered } = await follow(stored("one"), {}, { refresh: "container" });
    await eventually(() => expect(delivered()).toEqual(["one"]));
    expect(grants[0]).toMatchObject({ replaceable: true });
  });

  it("says nothing when only something else in the folder changed", async () => {
    const { host, delivered, change } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    change("noise", `${folder}/history.jsonl`);
    host.fire(folder);
    change(stored("two"));
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
  });

  it.each([
    ["hollow", stored("one", { accessToken: "" }), "was blanked"],
    ["torn", stored("two").slice(0, 40), "is not whole JSON"],
    ["signed out", "{}", "is signed out"],
    ["of an unknown form", '{"claudeAiOauth":{"accessToken":7}}', "has a form"],
  ])("tells a login that is %s, once, and does not deliver it", async (_, bad, why) => {
    const { delivered, told, change, host } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    change(bad);
    await eventually(() => expect(told).toHaveLength(1));
    expect(told[0]).toMatchObject({
      level: "warning",
      text: expect.stringContaining(why),
      next: "claude auth login",
    });
    expect(told[0]!.text).toMatch(/; running agents keep the last good one$/);
    host.fire(folder);
    change(stored("three"));
    await eventually(() => expect(delivered()).toEqual(["one", "three"]));
    expect(told).toHaveLength(1);
  });

  it("does not tell that it is signed out by the way, while it is signed in anew", async () => {
    const { delivered, told, change } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    change("{}");
    await new Promise((resolve) => setTimeout(resolve, 50));
    change(stored("two"));
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
    expect(told).toEqual([]);
  });

  it("waits until a login that says whose it is belongs to the noted account", async () => {
    const { grants, delivered, change, host } = await follow(stored("one", { accountUuid: "me" }), {
      files: { [accountFile]: account("me") },
    });
    await eventually(() => expect(delivered()).toEqual(["one"]));
    change(stored("two", { accountUuid: "you" }));
    host.disk.set(accountFile, account("you"));
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
    expect(grants.map((grant) => grant.account)).toEqual(["me@example.test", "you@example.test"]);
  });

  it("waits for the organization, which signing in writes last", async () => {
    const team = (organizationName?: string) =>
      JSON.stringify({
        oauthAccount: { emailAddress: "me@example.test", accountUuid: "me", organizationName },
      });
    const { host, grants, delivered, change } = await follow(stored("one", { accountUuid: "me" }), {
      files: { [accountFile]: team("Lab") },
    });
    await eventually(() => expect(delivered()).toEqual(["one"]));
    host.disk.set(accountFile, team());
    change(stored("two", { accountUuid: "me" }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    host.disk.set(accountFile, team("Lab"));
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
    expect(grants.map((grant) => grant.account)).toEqual(Array(2).fill("me@example.test (Lab)"));
  });

  it("does not take a login that does not say whose it is for the account of a moment ago", async () => {
    const { grants, delivered, change, host } = await follow(stored("one"), {
      files: { [accountFile]: account("me") },
    });
    await eventually(() => expect(delivered()).toEqual(["one"]));
    change(stored("two"));
    // Signing in writes whose it is a little later.
    await new Promise((resolve) => setTimeout(resolve, 50));
    host.disk.set(accountFile, account("you"));
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
    expect(grants[1]).toMatchObject({ account: "you@example.test" });
  });

  it("does not take an account that cannot be read for a moment for another one", async () => {
    const { grants, delivered, change, host } = await follow(stored("one"), {
      files: { [accountFile]: account("me") },
    });
    await eventually(() => expect(delivered()).toEqual(["one"]));
    host.disk.set(accountFile, account("me").slice(0, 20));
    change(stored("two"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    host.disk.set(accountFile, account("me"));
    await eventually(() => expect(delivered()).toContain("two"));
    expect(grants.map((grant) => grant.account)).toEqual(["me@example.test", "me@example.test"]);
  });

  it("goes on after a failure that nobody thought of, and tells it", async () => {
    const { host, delivered, told, change, grants } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    const read = host.files!.read;
    Object.assign(host.files!, { read: () => Promise.reject(new TypeError("a defect")) });
    change(stored("two"));
    await eventually(() => expect(told).toHaveLength(1));
    expect(told[0]!.text).toMatch(/cannot be followed now: .*a defect/);
    Object.assign(host.files!, { read });
    change(stored("three"));
    await eventually(() => expect(delivered()).toEqual(["one", "three"]));
    expect(grants).toHaveLength(2);
  });

  it("delivers the same login again once a failure is over, so that nobody goes on warning of it", async () => {
    const { host, delivered, told } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    const { stat } = host.files!;
    Object.assign(host.files!, { stat: () => Promise.reject(new TypeError("a defect")) });
    host.fire(folder);
    await eventually(() => expect(told).toHaveLength(1));
    Object.assign(host.files!, { stat });
    host.fire(folder);
    await eventually(() => expect(delivered()).toEqual(["one", "one"]));
  });

  it("sees a change behind a link, whose own time tells nothing", async () => {
    const { host, delivered } = await follow(undefined, {
      files: { [file]: { link: "/safe/login" }, "/safe/login": stored("one") },
    });
    await eventually(() => expect(delivered()).toEqual(["one"]));
    host.disk.set("/safe/login", stored("two"));
    host.fire(folder);
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
  });

  it("looks again at a file that was written a moment ago: two writes may have one time", async () => {
    const { host, delivered } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    const { stat } = host.files!;
    const found = await stat(file);
    Object.assign(host.files!, {
      stat: async (path: string) => (path === file ? found : await stat(path)),
    });
    host.disk.set(file, stored("two"));
    host.fire(folder);
    await eventually(() => expect(delivered()).toEqual(["one", "two"]));
  });

  it("ends when it is disposed: nobody watches, nothing is delivered", async () => {
    const { host, delivered, change, follower } = await follow(stored("one"));
    await eventually(() => expect(delivered()).toEqual(["one"]));
    expect(host.watched).toEqual([folder]);
    await follower[Symbol.asyncDispose]();
    expect(host.watched).toEqual([]);
    change(stored("two"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(delivered()).toEqual(["one"]);
  });
});

describe("a login that runs out", () => {
  const runs = (left: number, exec: ExecScript, changes: object = {}) =>
    follow(stored("old", { expiresAt: now + left, ...changes }), { exec });

  it("is renewed by the host's own claude when nobody else did, and the new one is delivered", async () => {
    const { host, delivered, told, change } = await runs(4 * minute, () => {
      change(stored("new"));
      return {};
    });
    await eventually(() => expect(delivered()).toEqual(["old", "new"]));
    expect(host.calls).toMatchObject([{ command: "claude", args: ["auth", "status", "--json"] }]);
    expect(told).toEqual([]);
  });

  it("is asked for from ten minutes on; that claude leaves it before five is no trouble", async () => {
    const { host, delivered, told } = await runs(9 * minute, () => ({}));
    await eventually(() => expect(host.calls).toHaveLength(1));
    expect(delivered()).toEqual(["old"]);
    host.fire(folder);
    host.clock.time = now + 3 * minute;
    host.fire(folder);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(host.calls).toHaveLength(1);
    host.clock.time = now + 5 * minute;
    host.fire(folder);
    await eventually(() => expect(told).toHaveLength(1));
    // Both ways, now that they may help.
    expect(host.calls).toHaveLength(3);
    expect(told[0]!.text).toMatch(
      /could not be renewed \(the host's own claude left it as it was\)/,
    );
  });

  it("is not asked for all the time when that fails, and told once", async () => {
    const { host, told } = await runs(2 * minute, () => ({ code: 1 }));
    await eventually(() => expect(told).toHaveLength(1));
    for (const [after, calls] of [
      [10_000, 2],
      [31_000, 4],
      [80_000, 4],
      [92_000, 6],
    ] as const) {
      host.clock.time = now + after;
      host.fire(folder);
      // One call too many is seen by the next row.
      await eventually(() => expect(host.calls).toHaveLength(calls));
    }
    expect(told).toHaveLength(1);
    // A clock that was set back an hour does not silence it.
    host.clock.time = now - hour;
    host.fire(folder);
    await new Promise((resolve) => setTimeout(resolve, 20));
    host.clock.time = now + 12 * minute;
    host.fire(folder);
    await eventually(() => expect(host.calls.length).toBeGreaterThan(6));
  });

  it("is left alone while agents hold copies of it, which its renewal would log out", async () => {
    const { host, delivered, told } = await follow(
      stored("old", { expiresAt: now + 2 * minute }),
      { exec: () => ({}) },
      { refresh: "container" },
    );
    await eventually(() => expect(delivered()).toEqual(["old"]));
    host.fire(folder);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(host.calls).toEqual([]);
    expect(told).toEqual([]);
  });

  it("that holds nothing to renew it with is told at once, and nobody is asked", async () => {
    const { host, told } = await runs(9 * minute, () => ({}), { refreshToken: "" });
    await eventually(() => expect(told).toHaveLength(1));
    expect(told[0]).toMatchObject({
      text: expect.stringContaining("it holds no refresh token"),
      next: "claude auth login",
    });
    expect(host.calls).toEqual([]);
  });
});
