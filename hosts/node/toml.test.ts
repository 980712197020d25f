import { describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import { decodeToml, parseToml } from "./toml.ts";

function errorOf(run: () => unknown): JackinError {
  try {
    run();
  } catch (error) {
    if (error instanceof JackinError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

const errorIn = (source: string) => errorOf(() => parseToml(source, "/c/config.toml"));

describe("parseToml", () => {
  it("reads values into tables without a prototype", () => {
    const source = 'a = 1\n__proto__ = { x = 1 }\n[constructor.__proto__]\n"b.c" = "d"\n';
    const { data } = parseToml(source, "f");
    expect(Object.keys(data)).toEqual(["a", "__proto__", "constructor"]);
    expect(Object.getPrototypeOf(data)).toBeNull();
    expect(Object.getPrototypeOf(data["__proto__"])).toBeNull();
    expect(Object.getPrototypeOf(data["constructor"])).toBeNull();
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  it.each(["", "\uFEFF", "\n", "\r\n", "# c", "\uFEFF# c\r\n"])("reads %j as nothing", (source) => {
    const document = parseToml(source, "f");
    expect(Object.keys(document.data)).toEqual([]);
    expect(document.locate(["a"])).toBeUndefined();
  });

  it("knows where keys and tables stand", () => {
    const lines = [
      '\uFEFF"a b".c = { d = 1, e.f = [{ g = 2 }, 3] }',
      "[x.y.z]",
      "  k = 1",
      "[x]",
      "[[l]]",
      "[[l]]",
      "[l.m]",
      "n = 1",
    ];
    const { locate } = parseToml(lines.join("\r\n"), "f");
    expect(locate(["a b"])).toEqual({ line: 1, column: 1 });
    expect(locate(["a b", "c"])).toEqual({ line: 1, column: 7 });
    expect(locate(["a b", "c", "d"])).toEqual({ line: 1, column: 13 });
    expect(locate(["a b", "c", "e", "f"])).toEqual({ line: 1, column: 22 });
    expect(locate(["a b", "c", "e", "f", 0, "g"])).toEqual({ line: 1, column: 29 });
    expect(locate(["a b", "c", "e", "f", 1])).toEqual({ line: 1, column: 38 });
    expect(locate(["x", "y"])).toEqual({ line: 2, column: 4 });
    expect(locate(["x", "y", "z", "k"])).toEqual({ line: 3, column: 3 });
    expect(locate(["x"])).toEqual({ line: 4, column: 2 });
    expect(locate(["l"])).toEqual({ line: 5, column: 3 });
    expect(locate(["l", 1])).toEqual({ line: 6, column: 3 });
    expect(locate(["l", 1, "m", "n"])).toEqual({ line: 8, column: 1 });
    expect(locate(["x", "nope"])).toBeUndefined();
  });

  it("names the place of a syntax error and shows its line", () => {
    const error = errorIn("\uFEFF[claude]\r\nauth_forward = sync\r\n");
    expect(error.code).toBe("config-invalid");
    expect(error.message).toBe(
      "/c/config.toml:2:16: invalid value\n2 | auth_forward = sync\n                   ^",
    );
    expect(error.hint).toContain("/c/config.toml");
    expect(error.cause).toBeUndefined();
  });

  it.each([
    ["under env", '[env]\nKEY = "hunter2" x'],
    ["under a deep env", '[workspaces.a."env"]\n\nKEY = hunter2'],
    ["in an inline env", 'env = { KEY = "hunter2"'],
    ["in an inline env of several lines", 'env = {\nKEY = "hunter2" x'],
    ["in a dotted env", 'env.KEY = "hunter2'],
    ["by its name", 'oauth_token = "hunter2'],
    ["inside a plugin's options", '[plugins]\n"vault" = { token = "hunter2"'],
    ["inside a text of several lines", 'a = """\nb = hunter2 \\q"""'],
    ["without a key", "[x]\nhunter2"],
    ["in a URL", '[x]\ny = "https://me:hunter2@host" z'],
    ["by its looks", 'note = "sk-ant-hunter2'],
    ["by its length", "note = hunter2hunter2hunter2hunter2"],
    ["in a key by its looks", "[x]\nsk-ant-hunter2 = "],
  ])("masks a value %s", (_, source) => {
    const error = errorIn(source);
    expect(error.message).toContain("*****");
    expect(error.message).toContain("^");
    expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain(
      "hunter2",
    );
  });

  it("shows a piece of a long line only, and no control characters", () => {
    const { message } = errorIn(`a = [ ${"1, ".repeat(100)}\u001b[31m ${", 1".repeat(100)} ]`);
    expect(message.length).toBeLessThan(400);
    expect(message).not.toContain("\u001b");
  });

  it.each([
    ["brackets", "[".repeat(10_000)],
    ["lists", `a = ${"[".repeat(10_000)}${"]".repeat(10_000)}`],
    ["inline tables", `a = ${"{a=".repeat(10_000)}`],
    ["dotted keys", `${"a.".repeat(400_000)}a = 1`],
    ["a header", `[${"a.".repeat(400_000)}a]`],
    ["blanks before nonsense", `${" ".repeat(900_000)}!`],
    ["a huge file", 'k = "v"\n'.repeat(650_000)],
    ["an unsafe integer", "a = 9007199254740993"],
    ["a duplicate", "a = 1\na = 2"],
  ])("refuses %s", (_, source) => {
    expect(errorIn(source).code).toBe("config-invalid");
  });
});

describe("decodeToml", () => {
  it("keeps every character, the byte order mark included", () => {
    const text = "\uFEFFa = 'ü😀\uFFFD'\r\n";
    expect(decodeToml(new TextEncoder().encode(text), "f")).toBe(text);
  });

  it("names the place of bytes that are not UTF-8", () => {
    const bytes = new Uint8Array([0x61, 0x0a, 0x62, 0xc3, 0xbc, 0xff, 0x0a]);
    const error = errorOf(() => decodeToml(bytes, "f"));
    expect([error.code, error.message]).toEqual(["config-invalid", "f:2:3: not UTF-8 text."]);
  });
});
