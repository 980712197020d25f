import { describe, expect, it } from "vitest";
import { isStoredName, toStoredName } from "./index.ts";

describe("a stored name", () => {
  it.each([
    ["Claude Code token of my-app", "claude-code-token-of-my-app-"],
    ['Claude Code token of "my app"/ü', "claude-code-token-of-my-app-u-"],
    ["../../etc/passwd\n", "etc-passwd-"],
    ["漢字", "secret-"],
    ["", "secret-"],
    ["x".repeat(500), `${"x".repeat(48)}-`],
  ])("has the words of %j", (title, beginning) => {
    const name = toStoredName(title);
    expect(name.slice(0, -12)).toBe(beginning);
    expect(isStoredName(name)).toBe(true);
    expect(toStoredName(title)).not.toBe(name);
  });

  it.each(["claude-oauth-token", "token", "a-0123456789ab.age", "a/b-0123456789ab", "-", ""])(
    "is not %j",
    (name) => {
      expect(isStoredName(name)).toBe(false);
    },
  );
});
