import { describe, expect, it } from "vitest";
import { acme, begin, errorOf, token, use } from "../../test/doubles/onepassword.ts";
import { createOpScript } from "../../test/lab/op/memory.ts";
import type { OpWholeItem } from "../../test/lab/op/state.ts";

describe("a field that is given another value", () => {
  const by = (reference: string) => `op://Work/acme/${reference}`;
  it.each([
    ["token", "plainid", undefined],
    ["plainid", "plainid", undefined],
    ["prod/token", "deepid", "prodid"],
    ["empty", "emptyid", undefined],
  ])("is found by %s, and all else in the item stays", async (name, id, section) => {
    const { write, items, ctx, calls } = begin();
    const before = items("Work");
    const vault = (before[0]!["vault"] as { id: string }).id;
    const written = await write(by(name));
    expect(written.reference).toBe(
      `op://${["/", vault, "acmeid", section, id].filter(Boolean).join("/").slice(2)}`,
    );
    const fields = acme.fields.map((field) =>
      field.id === id ? { ...field, value: token } : field,
    );
    expect(items("Work")).toEqual([{ ...before[0], fields }]);
    expect(calls.map(({ args, options }) => [args, options.limitMs])).toEqual([
      [["item", "get", "acme", "--vault", "Work", "--format", "json"], 300_000],
      [["item", "edit", "acmeid", "--vault", vault, "--format", "json"], 300_000],
    ]);
    await written.undo(ctx);
    expect(items("Work")).toEqual(before);
  });

  it.each([
    ["fresh", undefined],
    ["prod/fresh", { id: "prodid", label: "prod" }],
  ])("is added when it is not there, and taken away again: %s", async (name, section) => {
    const { write, items, ctx, plugin } = begin();
    const before = items("Work");
    const written = await write(by(name));
    const added = items("Work")[0]!.fields.at(-1)!;
    expect(added).toMatchObject({ label: "fresh", type: "CONCEALED", value: token });
    expect(added.section).toEqual(section);
    expect(written.reference.endsWith(`/${added.id}`)).toBe(true);
    const answer = (await plugin.resolve([written.reference], ctx)).get(written.reference);
    expect(answer?.status === "value" && answer.value.reveal()).toBe(token);
    await written.undo(ctx);
    expect(items("Work")).toEqual(before);
  });

  it.each([
    ["code", "is of the type OTP"],
    ["twin", "has several fields of that name"],
    ["other/token", "has no section other"],
    ["token?attribute=otp", "with a query"],
  ])("is refused: %s", async (name, what) => {
    const { write, items, commands } = begin();
    const before = items("Work");
    expect((await errorOf(write(by(name)))).message).toContain(what);
    expect(commands()).not.toContain("item edit");
    expect(items("Work")).toEqual(before);
  });

  it("is refused where op hides what it would have to give back", async () => {
    const { write, state, commands } = begin();
    const hidden = "[use 'op item get acmeid --reveal' to reveal]";
    const item = state.accounts["my.example"]!.vaults["Work"]!["acme"] as OpWholeItem;
    Object.assign(item.fields[2]!, { value: hidden });
    expect((await errorOf(write(by("token")))).message).toContain("op hides the item's values");
    expect(commands()).toEqual(["item get"]);
  });

  it("stays as somebody else has changed it meanwhile", async () => {
    const { write, items, ctx } = begin();
    const written = await write(by("token"));
    await write(by("token"), "canary-of-somebody-else");
    const before = items("Work");
    const { message } = await errorOf(written.undo(ctx));
    expect(message).toContain("somebody else has changed it meanwhile");
    expect(items("Work")).toEqual(before);
  });

  it("keeps what somebody else has changed beside it", async () => {
    const { write, items, ctx } = begin();
    const written = await write(by("token"));
    await write(by("prod/token"), "canary-of-somebody-else");
    await written.undo(ctx);
    const values = items("Work")[0]!.fields.map(({ value }) => value);
    expect(values.slice(0, 3)).toEqual(["canary-plain", undefined, "canary-of-somebody-else"]);
  });

  it.each(["token", "fresh", "empty"])(
    "is taken back when nobody heard of it: %s",
    async (name) => {
      const state = begin();
      const before = state.items("Work");
      let edits = 0;
      const script = createOpScript(state.state);
      const { write } = use(async (call) => {
        const reply = await script(call);
        return call.args[1] === "edit" && ++edits === 1 ? { code: 2, stderr: "panic" } : reply;
      });
      expect((await errorOf(write(by(name)))).message).toBe(
        `[secret-1password] op://Work/acme/${name}: panic`,
      );
      expect(edits).toBe(2);
      expect(state.items("Work")).toEqual(before);
    },
  );

  it("is not looked at again when op has said that it did nothing", async () => {
    const { write, commands } = begin({ commands: { "item edit": { fault: "not-permitted" } } });
    await errorOf(write(by("token")));
    expect(commands()).toEqual(["item get", "item edit"]);
  });

  it("is said to hold the new value when that could not be taken back", async () => {
    const { write, state } = begin({
      commands: { "item edit": { fault: "no-answer", after: true } },
    });
    const { message, hint } = await errorOf(write(by("token")));
    expect(message).toContain("did not answer within 300 s");
    expect(message).toContain("op://Work/acme/token may hold the new value now");
    expect(hint).toContain("the item's history");
    expect(JSON.stringify(state)).toContain("canary-plain");
  });
});
