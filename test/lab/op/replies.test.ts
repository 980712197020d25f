import { describe, expect, it } from "vitest";
import { itemsIn } from "./memory.ts";
import { answer } from "./replies.mjs";
import type { OpFault, OpState } from "./state.ts";

const stateOf = (): OpState => ({
  accounts: {
    "acme.example": {
      vaults: {
        Work: { "acme-api": { token: "acme-secret-value", "db/password": "db-secret-value" } },
      },
    },
  },
});
const ask = (state: OpState, args: readonly string[], input?: object) =>
  answer(state, args, input && JSON.stringify(input));
const createArgs = ["item", "create", "--vault", "Work", "--format", "json", "-"];
const editArgs = (id: string) => ["item", "edit", id, "--vault", "Work", "--format", "json"];
const getArgs = ["item", "get", "acme-api", "--vault", "Work", "--format", "json"];
const field = { id: "token", label: "token", type: "CONCEALED", value: "made-secret-value" };
const template = { title: "made", category: "API_CREDENTIAL", tags: ["jackin"], fields: [field] };

describe("what the op double refuses", () => {
  it.each([
    [["read", "--no-newline", "op://Work/acme-api/token"]],
    [["read", "--no-newline", "--", "op://Work/acme-api/token", "op://Work/acme-api/token"]],
    [["item", "get", "acme-api", "--format", "json"]],
    [["item", "get", "acme-api", "--vault", "Work", "--format", "json", "--reveal"]],
    [["item", "get", "-x", "--vault", "Work", "--format", "json"]],
    [["item", "create", "--vault", "Work", "--format", "json"]],
    [["item", "create", "--vault", "Work", "--title", "x", "--format", "json", "-"]],
    [["item", "edit", "-", "--vault", "Work", "--format", "json"]],
    [["item", "edit", "acme-api", "token=new"]],
    [["item", "delete", "acme-api"]],
    [["item", "delete", "acme-api", "--vault", "Work", "--format", "json"]],
    [["item", "list", "--tags", "jackin", "--vault", "Work", "--format", "json"]],
    [["vault", "list"]],
    [["--account", "acme.example", "account", "list", "--format", "json"]],
    [["signin"]],
    [["--version"]],
  ])("a call that is not documented: op %s", (args) => {
    const state = stateOf();
    expect(ask(state, args, template)).toMatchObject({ code: 64, stdout: "" });
    expect(state).toEqual(stateOf());
  });

  it.each<[string, object]>([
    ["another category", { category: "LOGIN" }],
    ["no tag of ours", { tags: ["other"] }],
    ["a key that is not on the page", { notes: "x" }],
    ["a field that everybody sees", { fields: [{ ...field, type: "STRING" }] }],
  ])("a template with %s", (_, part) => {
    expect(ask(stateOf(), createArgs, { ...template, ...part })).toMatchObject({ code: 64 });
  });

  const eachField = (item: { fields: object[] }, part: object) => ({
    ...item,
    fields: item.fields.map((one) => ({ ...one, ...part })),
  });
  it.each<[string, (item: any) => object]>([
    ["loses a key of the item", (item) => ({ ...item, category: undefined })],
    ["renames a field", (item) => eachField(item, { label: "x" })],
    ["loses a field's section", (item) => eachField(item, { section: undefined })],
    ["is of another item", (item) => ({ ...item, id: "other" })],
  ])("an edit that %s", (_, change) => {
    const state = stateOf();
    const item = JSON.parse(ask(state, getArgs).stdout);
    expect(ask(state, editArgs(item.id), change(item))).toMatchObject({ code: 64 });
    expect(ask(state, editArgs("acme-api"), item)).toMatchObject({ code: 64 });
    expect(state).toEqual(stateOf());
  });

  it("an item that comes through no pipe", () => {
    for (const args of [createArgs, editArgs("acme-api"), ["inject"]])
      expect(ask(stateOf(), args)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("expected data on stdin but none found"),
      });
  });

  it("an item whose value is in the arguments too", () => {
    const args = createArgs.map((word) => (word === "Work" ? "made-secret-value" : word));
    expect(ask(stateOf(), args, template)).toMatchObject({ code: 64 });
    expect(ask(stateOf(), ["item", "edit", "x", "token=acme-secret-value"])).toMatchObject({
      code: 64,
      stderr: expect.not.stringContaining("acme-secret-value"),
    });
  });

  it.each<[OpFault, string]>([
    ["not-signed-in", "You are not currently signed in"],
    ["no-accounts", "no accounts configured"],
    ["several-accounts", "found multiple accounts"],
    ["locked", "is locked"],
    ["dismissed", "prompt dismissed"],
    ["rate-limited", "(429) Too Many Requests"],
    ["not-permitted", "(403) Forbidden"],
  ])("everything while it is %s", (fault, text) => {
    const failure = { code: 1, stdout: "", stderr: expect.stringContaining(text) };
    const { accounts } = stateOf();
    expect(ask({ accounts, fault }, getArgs)).toMatchObject(failure);
    expect(ask({ accounts, commands: { "item get": { fault } } }, getArgs)).toMatchObject(failure);
    expect(ask({ accounts, commands: { "item edit": { fault } } }, getArgs).code).toBe(0);
  });
});

describe("what the op double keeps", () => {
  it("two items of one title, each by its id", () => {
    const state = stateOf();
    const ids = [1, 2].map(() => JSON.parse(ask(state, createArgs, template).stdout).id as string);
    expect(new Set(ids).size).toBe(2);
    expect(itemsIn(state)["Work"]).toHaveLength(3);
    expect(ask(state, ["read", "--no-newline", "--", "op://Work/made/token"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("More than one item"),
    });
    expect(ask(state, ["item", "delete", ids[0]!, "--vault", "Work"]).code).toBe(0);
    expect(ask(state, ["read", "--no-newline", "--", "op://Work/made/token"]).stdout).toBe(
      "made-secret-value",
    );
  });
});
