import { describe, expect, it } from "vitest";
import type { SecretAnswer } from "../../core/index.ts";
import { testSecretResolver } from "../../test/conformance/secret.ts";
import { visible } from "../../test/conformance/visible.ts";
import {
  createContextDouble,
  createHostDouble,
  programMissing,
  programTooSlow,
} from "../../test/doubles/host.ts";
import type { ExecCall, ExecScript } from "../../test/doubles/host.ts";
import { createOpScript, itemsIn } from "../../test/lab/op/memory.ts";
import type { OpWholeItem } from "../../test/lab/op/state.ts";
import { secret1password } from "./index.ts";

const values = Object.fromEntries(
  Array.from({ length: 50 }, (_, i) => [`op://Work/item-${i}/token`, `canary-value-${i}\n`]),
);
const refuse = (line: string) => ({ code: 1, stderr: `[ERROR] 2026/11/25 12:00:00 ${line}\n` });
const not = refuse("You are not currently signed in. Please run `op signin --help`");

/** Answers the documented calls and fails loudly on any other. */
const opOf =
  (known: Readonly<Record<string, string>>): ExecScript =>
  ({ command, args }) => {
    const [verb, noNewline, dashes, reference = "", ...rest] = args;
    if (command !== "op" || rest.length > 0) throw new Error(`not documented: ${args.join(" ")}`);
    if (args.join(" ") === "whoami --format json")
      return { stdout: '{"url":"https://acme.example","email":"me@example.test"}\n' };
    if (verb !== "read" || noNewline !== "--no-newline" || dashes !== "--")
      throw new Error(`not documented: ${args.join(" ")}`);
    if (known[reference] !== undefined) return { stdout: known[reference] };
    const [, , vault, item] = reference.split("/");
    return refuse(
      `could not read secret '${reference}': could not get item ${vault}/${item}: "${item}" isn't an item in the "${vault}" vault. Specify the item with its UUID, name, or domain.`,
    );
  };

// No `absent`: an item that op does not find is more often a wrong name than nothing there, so it is an error.
testSecretResolver("secret-1password", {
  make: secret1password,
  host: () => createHostDouble({ exec: opOf(values) }),
  present: values,
  malformed: "op://Work/item",
  writes() {
    const vaults: Record<string, Record<string, OpWholeItem>> = { Private: {} };
    const state = { accounts: { "my.example": { vaults } } };
    return {
      host: createHostDouble({ exec: createOpScript(state) }),
      contents: () => itemsIn(state),
      addForeign(value) {
        const fields = [{ id: "theirs", label: "token", type: "CONCEALED", value }];
        vaults["Private"]!["theirs"] = { tags: ["jackin"], fields };
        return "op://Private/theirs/token";
      },
    };
  },
});

const ask = async (
  references: readonly string[],
  exec: ExecScript | undefined,
  options?: { account?: string },
) => {
  const host = createHostDouble(exec && { exec });
  const answers = await secret1password(options).resolve(references, createContextDouble(host));
  expect([...answers.keys()].sort()).toEqual([...references].sort());
  return { answers, calls: host.calls };
};
const errorOf = (answer: SecretAnswer | undefined) => {
  if (answer?.status !== "error") throw new Error(`expected an error, got ${answer?.status}`);
  expect(answer.error.code).toBe("secret-failed");
  expect(answer.error.message).toMatch(/^\[secret-1password\] .+$/);
  return answer.error;
};
const some = Object.keys(values).slice(0, 20);
const [one = ""] = some;

describe("a read", () => {
  it("is one documented call, with two minutes for the first and half a minute for the rest", async () => {
    const { calls } = await ask(some.slice(0, 2), opOf(values));
    expect(calls.map(({ args, options }) => [args, options.limitMs])).toEqual([
      [["read", "--no-newline", "--", some[0]], 120_000],
      [["read", "--no-newline", "--", some[1]], 30_000],
    ]);
    expect(secret1password().limitMs).toBe(150_000);
  });

  it("names the account when one is pinned", async () => {
    const exec: ExecScript = () => ({ stdout: "value" });
    const { calls } = await ask([one], exec, { account: "acme.1password.com" });
    expect(calls[0]?.args.slice(0, 3)).toEqual(["--account", "acme.1password.com", "read"]);
  });

  it.each(["", " ", "--help", "a b"])("refuses the account %j", (account) => {
    expect(() => secret1password({ account })).toThrow(
      expect.objectContaining({
        code: "config-invalid",
        message: "[secret-1password] account: must name an account",
      }),
    );
  });

  it("keeps an empty value", async () => {
    const { answers } = await ask([one], () => ({ stdout: "" }));
    const answer = answers.get(one);
    expect(answer?.status === "value" && answer.value.reveal()).toBe("");
  });
});

describe("twenty reads", () => {
  /** Holds each call until it is let go. */
  const held = () => {
    const waiting: (() => void)[] = [];
    const exec: ExecScript = () =>
      new Promise((resolve) => waiting.push(() => resolve({ stdout: "value" })));
    return { waiting, exec };
  };
  /** A task of its own runs after everything that has been promised. */
  const settle = () => new Promise((resolve) => void setTimeout(resolve));

  it("are one process each, the first alone, then five at once", async () => {
    const { waiting, exec } = held();
    const asked = ask(some, exec);
    const widths: number[] = [];
    for (let done = 0; done < some.length;) {
      await settle();
      widths.push(waiting.length);
      done += waiting.length;
      for (const letGo of waiting.splice(0)) letGo();
    }
    const { calls } = await asked;
    expect(widths).toEqual([1, 5, 5, 5, 4]);
    expect(calls.map((call) => call.args.at(-1)).sort()).toEqual([...some].sort());
  });

  it("stop when they are cancelled in the middle", async () => {
    const { waiting, exec } = held();
    const abort = new AbortController();
    const host = createHostDouble({ exec });
    const asked = secret1password().resolve(some, createContextDouble(host, abort.signal));
    await settle();
    waiting[0]!();
    await settle();
    expect(host.calls.length).toBe(6);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
    expect(host.calls.length).toBe(6);
  });

  it("with one bad reference among them answer the rest", async () => {
    const bad = "op://Work/nothing/token";
    const { answers, calls } = await ask([bad, ...some], opOf(values));
    expect(errorOf(answers.get(bad)).message).toContain(bad);
    expect([...answers.values()].filter(({ status }) => status === "value").length).toBe(20);
    expect(calls.filter((call) => call.args.at(-1) === bad).length).toBe(1);
  });
});

describe("trouble that every call would meet", () => {
  it.each<[string, ExecScript, string, string]>([
    ["nobody is signed in", () => not, "nobody is signed in", "op signin"],
    [
      "no account is set up",
      () => refuse("no accounts configured for use with 1Password CLI."),
      "knows no account",
      "op account add",
    ],
    [
      "the account is not known",
      () => refuse('found no accounts for filter "acme"'),
      "does not know the account",
      "op account list",
    ],
    [
      "the app is locked",
      () => refuse("error initializing client: 1Password app is locked"),
      "the 1Password app is locked",
      "unlock the 1Password app",
    ],
    [
      "the prompt is dismissed",
      () => refuse("authorization prompt dismissed, please try again"),
      "prompt was not approved",
      "approve the prompt",
    ],
    [
      "nobody answers the prompt",
      () => Promise.reject(programTooSlow("op")),
      "did not answer within 120 s",
      "approve its prompt",
    ],
    [
      "the limit is used up",
      () => refuse("(429) Too Many Requests"),
      "1,000 an hour for a service account's token (10,000 on Business), and 1,000, 5,000 or 50,000 a day",
      "wait until",
    ],
    [
      "op is not installed",
      () => Promise.reject(programMissing("op")),
      "could not be run: op was not found on PATH",
      "https://developer.1password.com/docs/cli/get-started/",
    ],
  ])("stops the rest at once: %s", async (_, exec, message, hint) => {
    const { answers, calls } = await ask(some, exec);
    expect(calls.length).toBe(1);
    const errors = new Set(some.map((reference) => errorOf(answers.get(reference))));
    expect(errors.size).toBe(1);
    const [error] = errors;
    expect(error?.message).toContain(message);
    expect(error?.hint).toContain(hint);
  });

  it("names the account to sign in to when one is pinned", async () => {
    const { answers } = await ask([one], () => not, { account: "acme" });
    expect(errorOf(answers.get(one)).hint).toBe("op signin --account acme");
  });

  it("stops the rest in the middle, and keeps what was read", async () => {
    let calls = 0;
    const { answers } = await ask(some, () => (++calls > 3 ? not : { stdout: "value" }));
    const values = [...answers.values()].filter(({ status }) => status === "value");
    expect(values.length).toBe(3);
    // Those that ran side by side with the first refusal, and no more.
    expect(calls).toBeLessThan(10);
  });

  it("is told by a host that runs no programs", async () => {
    const { answers } = await ask([one], undefined);
    expect(errorOf(answers.get(one)).message).toContain("this host runs no programs");
  });
});

describe("trouble of one reference", () => {
  it.each([
    ['"token" isn\'t an item in the "Work" vault. Specify the item', "op item list"],
    ['"Work" isn\'t a vault in this account. Specify the vault', "op vault list"],
    [`item 'Work/x' does not have a field 'token'`, "op item get"],
    ['More than one item matches "x". Try again and specify the item by its ID', "by its id"],
    ["something that nobody has seen before", "op item list"],
  ])("names the reference: %s", async (line, hint) => {
    const { answers, calls } = await ask(some, ({ args }) =>
      args.at(-1) === one ? { ...refuse(line), stdout: "canary" } : { stdout: "value" },
    );
    expect(calls.length).toBe(20);
    const error = errorOf(answers.get(one));
    expect(error.message).toBe(`[secret-1password] ${one}: ${line}`);
    expect(error.hint).toContain(hint);
    expect(visible(error)).not.toContain("canary");
  });

  it.each(["op://Work/is locked/token", "op://biometric/dismissed/not signed in"])(
    "is not taken for a sign-in state by a name: %s",
    async (reference) => {
      const { answers, calls } = await ask([reference, ...some], opOf(values));
      expect(calls.length).toBe(21);
      expect(errorOf(answers.get(reference)).message).toContain("isn't an item");
    },
  );

  it("shows one line of what op says, and says something when op does not", async () => {
    const long = {
      code: 6,
      stderr: `warning: x\n[ERROR] 2026/11/25 12:00:00 ${"e".repeat(900)}\nmore`,
    };
    const { answers } = await ask([one], () => long);
    expect(errorOf(answers.get(one)).message).toBe(`[secret-1password] ${one}: ${"e".repeat(300)}`);
    const silent = await ask([one], () => ({ code: 6 }));
    expect(errorOf(silent.answers.get(one)).message).toContain("op ended with exit code 6");
  });
});

describe("the shape of a reference is checked before any call", () => {
  const id = "abcdefghijklmnopqrstuvwxyz";
  it.each([
    `op://${id}/${id}/${id}`,
    "op://My Vault/acme-api_v1.2/section one/token",
    "op://Büro/Schlüssel/token",
    "op://Work/acme/one-time password?attribute=otp",
    "op://Work/acme/private key?ssh-format=openssh",
  ])("takes %s", async (reference) => {
    const { calls } = await ask([reference], () => ({ stdout: "value" }));
    expect(calls[0]?.args.at(-1)).toBe(reference);
  });

  it.each([
    "op://",
    "op://Work",
    "op://Work/item",
    "op://Work//field",
    "op://Work/item/",
    "op://Work/a/b/c/d",
    "op://Work/item/field?attribute",
    "op://Work/item/field?attribute=otp&x=1",
    "op://Work/$ITEM/field",
    "op://Work/item/fie\nld",
    "op://Work/ item/field",
    "op://Work/it(em)/field",
    "env://Work/item/field",
  ])("refuses %j", async (reference) => {
    const { answers, calls } = await ask([reference], () => ({ stdout: "value" }));
    const answer = answers.get(reference);
    expect(answer).toMatchObject({ status: "error", error: { code: "secret-failed" } });
    expect(calls).toEqual([]);
  });
});

describe("describe", () => {
  const item = {
    id: "itemid",
    title: "acme",
    vault: { id: "vaultid", name: "Work" },
    fields: [
      { id: "tokenid", label: "token", value: "canary-plain" },
      {
        id: "prodid",
        label: "token",
        section: { id: "sectionid", label: "prod" },
        value: "canary",
      },
      { id: "codeid", label: "code", section: { id: "sectionid", label: "prod" }, value: "canary" },
      { id: "twin1", label: "twin", value: "canary" },
      { id: "twin2", label: "twin", value: "canary" },
    ],
  };
  const describeIt = (reference: string, reply: object = item, account?: string) => {
    const calls: ExecCall[] = [];
    const exec: ExecScript = (call) => (calls.push(call), { stdout: JSON.stringify(reply) });
    const ctx = createContextDouble(createHostDouble({ exec }));
    const plugin = secret1password(account === undefined ? {} : { account });
    return plugin.describe!(reference, ctx).then((description) => ({ description, calls }));
  };

  it("turns names into ids by the documented call", async () => {
    const { description, calls } = await describeIt("op://Work/acme/token", item, "acme");
    expect(description).toEqual({
      store: "op://vaultid/itemid/tokenid",
      text: "Work › acme › token",
    });
    expect(calls[0]?.args).toEqual([
      "--account",
      "acme",
      "item",
      "get",
      "acme",
      "--vault",
      "Work",
      "--format",
      "json",
    ]);
    expect(visible(description)).not.toContain("canary");
  });

  it.each([
    ["op://Work/acme/prod/token", "op://vaultid/itemid/sectionid/prodid"],
    ["op://Work/acme/code?attribute=otp", "op://vaultid/itemid/sectionid/codeid?attribute=otp"],
    ["op://vaultid/itemid/tokenid", "op://vaultid/itemid/tokenid"],
  ])("stores %s as %s", async (reference, store) => {
    expect((await describeIt(reference)).description.store).toBe(store);
  });

  it.each([
    ["op://Work/acme/nothing", item, "has no such field"],
    ["op://Work/acme/other/token", item, "has no such field"],
    ["op://Work/acme/twin", item, "has several fields of that name"],
    ["op://Work/-acme/token", item, "named by its id"],
    ["op://Work/acme", item, "is no 1Password reference"],
    ["op://Work/acme/token", { value: "canary" }, "in a form that jackin does not know"],
  ])("refuses %s", async (reference, reply, message) => {
    const error = await describeIt(reference, reply).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "secret-failed",
      message: expect.stringContaining(message),
    });
    expect(visible(error)).not.toContain("canary");
  });
});

describe("health", () => {
  const healthOf = (exec: ExecScript) => {
    const host = createHostDouble({ exec });
    return secret1password().health!(createContextDouble(host)).then((health) => ({
      health,
      calls: host.calls,
    }));
  };

  it("asks who is signed in, for three seconds at most", async () => {
    const { health, calls } = await healthOf(opOf({}));
    expect(health).toEqual({
      state: "good",
      text: "signed in to https://acme.example",
      account: "me@example.test",
    });
    expect(calls[0]).toMatchObject({
      args: ["whoami", "--format", "json"],
      options: { limitMs: 3000 },
    });
  });

  it.each<[string, ExecScript, object]>([
    ["nobody is signed in", () => not, { state: "bad", next: "op signin" }],
    ["op hangs", () => Promise.reject(programTooSlow("op")), { state: "bad" }],
    ["op is not installed", () => Promise.reject(programMissing("op")), { state: "warning" }],
    ["op answers strangely", () => ({ stdout: "canary" }), { state: "warning" }],
  ])("tells that %s", async (_, exec, expected) => {
    const { health } = await healthOf(exec);
    expect(health).toMatchObject(expected);
    expect(visible(health)).not.toContain("canary");
  });
});
