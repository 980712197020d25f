import { describe, expect, it } from "vitest";
import { acme, begin, errorOf, use } from "../../test/doubles/onepassword.ts";
import type { OpState } from "../../test/lab/op/state.ts";

describe("trouble of 1Password", () => {
  it.each<[string, Partial<OpState>, string, string]>([
    ["nobody is signed in", { fault: "not-signed-in" }, "nobody is signed in", "op signin"],
    ["no account", { accounts: {} }, "knows no account", "op account add"],
    [
      "several accounts",
      { fault: "several-accounts" },
      "has several accounts",
      "export OP_ACCOUNT=…",
    ],
    ["a locked app", { fault: "locked" }, "app is locked", "unlock the 1Password app"],
    ["a dismissed prompt", { fault: "dismissed" }, "was not approved", "approve the prompt"],
    [
      "a prompt that nobody answers",
      { fault: "no-answer" },
      "did not answer within 300 s",
      "approve its prompt",
    ],
    ["a used-up limit", { fault: "rate-limited" }, "limit of reads is used up", "wait until"],
    [
      "a vault that may only be read",
      {
        commands: {
          "item create": { fault: "not-permitted" },
          "item edit": { fault: "not-permitted" },
          "item delete": { fault: "not-permitted" },
        },
      },
      "(403) Forbidden",
      "choose another one",
    ],
  ])(
    "has its own words and its own next step when writing and removing: %s",
    async (_, part, what, next) => {
      const made = begin();
      const { reference } = await made.write("op://Work");
      Object.assign(made.state, part);
      const before = structuredClone(made.state);
      const works = [
        () => made.write("op://Work"),
        () => made.write("op://Work/acme/token"),
        () => made.plugin.remove!(reference, made.ctx),
      ];
      for (const work of works) {
        const { message, hint, code } = await errorOf(work());
        expect(code).toBe("secret-failed");
        expect(message).toContain(what);
        expect(hint).toContain(next);
      }
      expect(made.state).toEqual(before);
    },
  );

  it.each([
    ["op://Nowhere", "op vault list"],
    ["op://Nowhere/acme/token", "op vault list"],
    ["op://Work/nothing/token", "op item list"],
  ])("a name that is not there: %s", async (place, next) => {
    const { write } = begin();
    const { message, hint } = await errorOf(write(place));
    expect(message).toContain(place);
    expect(hint).toContain(next);
  });

  it("shows no value that op quotes", async () => {
    const { write } = use(({ options }) => ({
      code: 1,
      stderr: `[ERROR] bad input: ${options.stdin}`,
    }));
    const { message } = await errorOf(write("op://Work", 'canary-"quoted"'));
    expect(message).toContain("bad input");
    const edit = use(({ args, options }) =>
      args[1] === "get"
        ? { stdout: JSON.stringify({ ...acme }) }
        : { code: 1, stderr: `cannot take ${options.stdin}`.repeat(20) },
    );
    await errorOf(edit.write("op://Work/acme/token"));
  });
});
