import { describe, expect, it } from "vitest";
import { begin, errorOf } from "../../test/doubles/onepassword.ts";

describe("what may be removed", () => {
  /** An item of ours as `change` has left it. */
  const removed = async (change: (item: any) => void) => {
    const { write, plugin, ctx, state, items, commands } = begin();
    const { reference } = await write("op://Private");
    const [item] = Object.values(state.accounts["my.example"]!.vaults["Private"]!);
    change(item);
    const before = items("Private");
    const outcome = await plugin.remove!(reference, ctx);
    expect(items("Private")).toEqual(outcome === "removed" ? [] : before);
    return { outcome, commands: commands().slice(1) };
  };

  it.each<[string, (item: any) => void]>([
    ["as it was made", () => {}],
    [
      "with another title and another value",
      (item) => ((item.title = "renamed"), (item.fields[1].value = "x")),
    ],
    [
      "with fields that are empty",
      (item) => item.fields.push({ id: "a", type: "STRING", value: "" }, { id: "b" }),
    ],
    ["with a tag more", (item) => item.tags.push("mine")],
  ])("is an item of ours %s", async (_, change) => {
    expect(await removed(change)).toEqual({
      outcome: "removed",
      commands: ["item get", "item delete"],
    });
  });

  it.each<[string, (item: any) => void]>([
    ["our tag was taken from", (item) => (item.tags = ["mine"])],
    ["has a tag like ours, by somebody else", (item) => (item.tags = ["jackin"])],
    [
      "somebody has added a field to",
      (item) => item.fields.push({ id: "a", type: "STRING", value: "x" }),
    ],
    ["somebody has written a note in", (item) => (item.fields[0].value = "mine")],
    ["somebody has put a file into", (item) => (item.files = [{ id: "a" }])],
    ["somebody has given an address", (item) => (item.urls = [{ href: "https://x.example" }])],
    ["has lost our field", (item) => item.fields.pop()],
  ])("is no item that %s", async (_, change) => {
    expect(await removed(change)).toEqual({ outcome: "foreign", commands: ["item get"] });
  });

  it("is nothing when the item is not there, and unknown when its vault is not", async () => {
    const { plugin, ctx } = begin();
    expect(await plugin.remove!("op://Work/nothing/token", ctx)).toBe("absent");
    const { message, hint } = await errorOf(plugin.remove!("op://Nowhere/nothing/token", ctx));
    expect(message).toContain("isn't a vault");
    expect(hint).toBe("op vault list");
  });
});
