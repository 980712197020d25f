import { describe, expect, it } from "vitest";
import { fingerprint, toCredential } from "./credential.ts";

const login = (claudeAiOauth: object) => JSON.stringify({ claudeAiOauth, mcpOAuth: {} });

describe("a credential file, told without its values", () => {
  it("tells a token by the beginning of its SHA-256", async () => {
    expect(await fingerprint("sk-ant-oat01-canary")).toBe("e0aae9544e45");
  });

  it("tells a login that can renew itself", async () => {
    const text = login({ accessToken: " a ", refreshToken: "r", expiresAt: 5, scopes: ["x"] });
    const expected = {
      state: "whole",
      access: await fingerprint("a"),
      refresh: await fingerprint("r"),
      expiresAt: 5,
    };
    expect(await toCredential(text)).toEqual(expected);
  });

  it.each([
    ["without the rest", { accessToken: "a" }],
    ["with nulls", { accessToken: "a", refreshToken: null, expiresAt: null }],
    ["with a blank refresh token", { accessToken: "a", refreshToken: " " }],
  ])("tells an access token alone, %s", async (_, oauth) => {
    expect(await toCredential(login(oauth))).toEqual({
      state: "access",
      access: await fingerprint("a"),
    });
  });

  it("tells a login that Claude Code has blanked", async () => {
    const text = login({ accessToken: "", refreshToken: "", expiresAt: 0 });
    expect(await toCredential(text)).toEqual({ state: "hollow" });
    expect(await toCredential(login({}))).toEqual({ state: "hollow" });
  });

  it.each([
    ["no file", undefined, "none"],
    ["an empty one", " \n", "none"],
    ["one with other keys only", '{"mcpOAuth":{}}', "none"],
    ["one that was not written to its end", '{"claudeAiOauth":{"acc', "torn"],
    ["a list", "[]", "unknown"],
    ["a text", '"x"', "unknown"],
    ["a token that is a number", login({ accessToken: 5 }), "unknown"],
  ])("tells %s", async (_, text, state) => {
    expect(await toCredential(text)).toEqual({ state });
  });
});
