import { describe, expect, it } from "vitest";
import { classify } from "./index.ts";

const schemes = new Set(["op", "env", "stranger"]);

describe("classify", () => {
  it.each([
    ["op://Work/acme/token", "op", "op://Work/acme/token"],
    ["OP://Work/acme/token", "op", "op://Work/acme/token"],
    ["$HOME_TOKEN", "env", "env://HOME_TOKEN"],
    ["${HOME_TOKEN}", "env", "env://HOME_TOKEN"],
    ["env://NAME", "env", "env://NAME"],
    ["stranger://anything at all", "stranger", "stranger://anything at all"],
  ])("reads %s as a reference", (text, scheme, reference) => {
    expect(classify(text, schemes)).toEqual({ kind: "reference", scheme, reference });
  });

  it.each([
    "acme",
    "",
    "$A and more",
    "${A",
    "a $B",
    "$1",
    "https://acme.test",
    "postgres://db",
    "file://relative",
    "op:/x",
    "op//x",
  ])("takes %j as it stands", (value) => {
    expect(classify(value, schemes)).toEqual({ kind: "literal", value });
  });

  it("takes { value } as it stands, whatever it looks like", () => {
    expect(classify({ value: "op://Work/acme/token" }, schemes)).toEqual({
      kind: "literal",
      value: "op://Work/acme/token",
    });
  });

  it.each([
    "vault://a/b",
    "awssm://x",
    "pass://x",
    "keychain://a/b",
    "file:///etc/token",
    "Vault://a",
  ])("never lets %s through as a literal when its plugin is not there", (value) => {
    expect(() => classify(value, schemes)).toThrow(
      expect.objectContaining({
        code: "plugin-missing",
        hint: expect.stringContaining("jackin-plugin-"),
      }),
    );
  });
});
