import { describe, expect, it } from "vitest";
import { begin, errorOf, title, token } from "../../test/doubles/onepassword.ts";
import type { OpFault, OpState } from "../../test/lab/op/state.ts";

describe("a new secret", () => {
  it("is an item of its own, by one documented call with the value on stdin alone", async () => {
    const { write, calls, items, plugin, ctx } = begin();
    const { reference } = await write("op://Private");
    const [{ args, options }] = calls as [(typeof calls)[0]];
    expect(calls).toHaveLength(1);
    expect(args).toEqual(["item", "create", "--vault", "Private", "--format", "json", "-"]);
    expect(options).toMatchObject({ stdinPipe: true, limitMs: 300_000 });
    expect(JSON.parse(options.stdin!)).toEqual({
      title,
      category: "API_CREDENTIAL",
      tags: ["jackin", expect.stringMatching(/^jackin\/[0-9a-f]{12}$/)],
      fields: [{ id: "token", label: "token", type: "CONCEALED", value: token }],
    });
    const [item] = items("Private");
    const vault = (item!["vault"] as { id: string }).id;
    const field = item!.fields.find(({ label }) => label === "token");
    expect(reference).toBe(`op://${vault}/${item!.id}/${field!.id}`);
    expect(await plugin.describe!(reference, ctx)).toEqual({
      store: reference,
      text: `Private › ${title} › token`,
    });
  });

  it("goes into the account's only vault when none is named", async () => {
    const { write, items, commands } = begin({}, ["Only"]);
    await write("op");
    expect(items("Only")).toHaveLength(1);
    expect(commands()).toEqual(["vault list", "item create"]);
  });

  it("is asked where to go when there are several vaults", async () => {
    const { write, commands } = begin({}, ["Work", "My $Team"]);
    const { message, hint } = await errorOf(write("op"));
    expect(message).toContain("there are 2 vaults (Work, My $Team), and none was named");
    expect(hint).toBe('--store op://Work\n--store "op://My \\$Team"');
    expect(commands()).toEqual(["vault list"]);
  });

  it("finds no vault", async () => {
    const { message } = await errorOf(begin({}, []).write("op"));
    expect(message).toBe("[secret-1password] this account has no vault that it may use");
  });

  it.each([
    "op://",
    "op://-x",
    "op://a(b",
    "op:///x",
    "op://Work/acme",
    "file:///x",
    "op://Work?a=b",
  ])("goes nowhere by %s", async (place) => {
    const { write, calls } = begin();
    expect((await errorOf(write(place))).message).toContain(place);
    expect(calls).toEqual([]);
  });

  it("is deleted by its ids when it is taken back, and no matter when that has happened already", async () => {
    const { write, calls, items, ctx } = begin();
    const written = await write("op://Private");
    const [, , vault, item] = written.reference.split("/");
    await written.undo(ctx);
    expect(calls.at(-1)).toMatchObject({
      args: ["item", "delete", item, "--vault", vault],
      options: { limitMs: 300_000 },
    });
    expect(items("Private")).toEqual([]);
    await written.undo(ctx);
  });
});

describe("a new secret of which nobody heard", () => {
  it.each<[string, NonNullable<OpState["commands"]>, string]>([
    [
      "op is too slow",
      { "item create": { fault: "no-answer", after: true } },
      "did not answer within 300 s",
    ],
    ["op dies", { "item create": { fault: "crash", after: true } }, "panic: runtime error"],
    [
      "op's answer is cut off",
      { "item create": { fault: "garbled", after: true } },
      "in a form that jackin does not know",
    ],
  ])("is looked for by its tag and deleted: %s", async (_, commands, said) => {
    const { write, items, commands: called } = begin({ commands });
    const { message, code } = await errorOf(write("op://Private"));
    expect(code).toBe("secret-failed");
    expect(message).toContain(said);
    expect(message).not.toContain("may be left");
    expect(called()).toEqual(["item create", "item list", "item delete"]);
    expect(items("Private")).toEqual([]);
  });

  it.each(["item list", "item delete"] as const)(
    "is told how to be found when it cannot be deleted: %s",
    async (command) => {
      const commands: NonNullable<OpState["commands"]> = {
        "item create": { fault: "no-answer", after: true },
        [command]: { fault: "locked" },
      };
      const { write, items } = begin({ commands }, ["My Vault"]);
      const { message, hint } = await errorOf(write("op://My Vault"));
      const mark = items("My Vault")[0]!.tags!.find((tag) => tag !== "jackin");
      expect(message).toContain("1Password did not answer within 300 s");
      expect(message).toContain(`an item with the tag ${mark} may be left in the vault My Vault`);
      expect(hint.split("\n")[0]).toContain(`op item list --vault "My Vault" --tags ${mark}`);
    },
  );

  it("leaves alone whatever has another tag", async () => {
    const { write, items, state } = begin();
    await write("op://Private");
    Object.assign(state, { commands: { "item create": { fault: "crash", after: true } } });
    await errorOf(write("op://Private"));
    expect(items("Private")).toHaveLength(1);
  });

  it.each<OpFault>(["not-signed-in", "locked", "not-permitted", "rate-limited"])(
    "is not looked for when op has said that it did nothing: %s",
    async (fault) => {
      const { write, commands } = begin({ commands: { "item create": { fault } } });
      await errorOf(write("op://Private"));
      expect(commands()).toEqual(["item create"]);
    },
  );
});
