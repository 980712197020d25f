import { describe, expect, it } from "vitest";
import { toSettingsLayer } from "./settings-layer.ts";

const read = (settings: unknown, layer: "managed" | "user" = "user") =>
  toSettingsLayer(layer, "/s.json", JSON.stringify(settings));
const plain = { layer: "user", path: "/s.json", apiKeyHelper: false, env: [], withoutHooks: false };

describe("a settings file, reduced", () => {
  it("names what bears on sign-in, and shows no value", () => {
    const env = {
      ANTHROPIC_API_KEY: "canary",
      ANTHROPIC_AUTH_TOKEN: 5,
      ANTHROPIC_IDENTITY_TOKEN: "canary",
      CLAUDE_CODE_OAUTH_TOKEN: "canary",
      CLAUDE_CODE_USE_VERTEX: "1",
      PATH: "/canary",
    };
    const layer = read({ apiKeyHelper: "echo canary", env, model: "canary" });
    expect(layer).toEqual({
      ...plain,
      apiKeyHelper: true,
      env: Object.keys(env).filter((name) => name !== "PATH"),
    });
    expect(JSON.stringify(layer)).not.toContain("canary");
  });

  it("tells what is set to nothing from what is not set", () => {
    const env = { ANTHROPIC_API_KEY: " ", CLAUDE_CODE_USE_BEDROCK: "false", OTHER: "" };
    const blank = ["apiKeyHelper", "ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK"];
    expect(read({ apiKeyHelper: "", env })).toEqual({ ...plain, blank });
    expect(read({ env: {} })).toEqual(plain);
    expect(toSettingsLayer("user", "/s.json", "")).toEqual(plain);
  });

  it("counts a helper of spaces, which Claude Code runs", () => {
    expect(read({ apiKeyHelper: " " })).toEqual({ ...plain, apiKeyHelper: true });
  });

  it.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["a helper that is a number", '{"apiKeyHelper":5,"env":{"ANTHROPIC_API_KEY":"x"}}'],
    ["an env that is a text", '{"apiKeyHelper":"x","env":"x"}'],
  ])("uses nothing of a file that Claude Code does not use: %s", (_, text) => {
    expect(toSettingsLayer("user", "/s.json", text)).toEqual({ ...plain, unreadable: true });
  });

  it("reads one that begins with a byte order mark", () => {
    expect(toSettingsLayer("user", "/s.json", '\uFEFF{"apiKeyHelper":"x"}').apiKeyHelper).toBe(
      true,
    );
  });

  it("tells when hooks are off: everywhere by one switch, by the other where the machine's owner says so", () => {
    expect(read({ disableAllHooks: true }).withoutHooks).toBe(true);
    expect(read({ disableAllHooks: false }).withoutHooks).toBe(false);
    expect(read({ allowManagedHooksOnly: true }).withoutHooks).toBe(false);
    expect(read({ allowManagedHooksOnly: true }, "managed").withoutHooks).toBe(true);
  });
});
