import { describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import { parseToml } from "./toml.ts";
import { removeTable, setValue, unsetValue } from "./toml-edit.ts";

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof JackinError) return error.code;
    throw error;
  }
  return "none";
}

const full = `#:schema ./config.schema.json

[claude] # how agents sign in
auth_forward = 'sync'   # the default
claude_x.y = 1

[env]
ORG = "acme"
  API = "op://Work/acme-api/token"

# commented out for now
# OLD = "x"

# The reviewer
[roles."my reviewer"]
image = "my/agent:1"

[[hooks]]
name = "a"

[workspaces.my-app.env]
"QUOTED KEY" = 1
inline = { a = 1, b = { c = 2 } }

[workspaces.my-app]
workdir = "/home/me/my-app"
# end
`;

describe("setValue", () => {
  const replaced: [string, string[], string | number | boolean, string, string][] = [
    ["a literal text", ["claude", "auth_forward"], "token", "'sync'", "'token'"],
    [
      "a literal text by what it cannot hold",
      ["claude", "auth_forward"],
      "it's",
      "'sync'",
      `"it's"`,
    ],
    ["a dotted key", ["claude", "claude_x", "y"], false, "y = 1", "y = false"],
    ["a quoted key", ["workspaces", "my-app", "env", "QUOTED KEY"], 2.5, 'Y" = 1', 'Y" = 2.5'],
    [
      "a nested inline table",
      ["workspaces", "my-app", "env", "inline", "b", "c"],
      "x",
      "c = 2",
      'c = "x"',
    ],
    [
      "an inline table",
      ["workspaces", "my-app", "env", "inline"],
      "x",
      "{ a = 1, b = { c = 2 } }",
      '"x"',
    ],
    [
      "an indented key",
      ["env", "API"],
      'a"\\\u007f',
      '"op://Work/acme-api/token"',
      '"a\\"\\\\\\u007f"',
    ],
  ];
  it.each(replaced)("replaces %s and nothing else", (_, path, value, before, after) => {
    expect(setValue(full, path, value)).toBe(full.replace(before, () => after));
  });

  const added: [string, string[], string, string][] = [
    [
      "below the last entry, in its indentation",
      ["env", "NEW"],
      '/token"\n',
      '/token"\n  NEW = "v"\n',
    ],
    [
      "beside its dotted siblings",
      ["claude", "claude_x", "z"],
      "y = 1\n",
      'y = 1\nclaude_x.z = "v"\n',
    ],
    [
      "into an inline table",
      ["workspaces", "my-app", "env", "inline", "d"],
      "2 } }",
      '2 }, d = "v" }',
    ],
    [
      "deep into an inline table",
      ["workspaces", "my-app", "env", "inline", "d", "e"],
      "2 } }",
      '2 }, d.e = "v" }',
    ],
    [
      "into a table declared late",
      ["workspaces", "my-app", "role"],
      'my-app"\n',
      'my-app"\nrole = "v"\n',
    ],
    [
      "with a table beside its relative",
      ["roles", "x y", "env", "K"],
      ':1"\n',
      ':1"\n\n[roles."x y".env]\nK = "v"\n',
    ],
    [
      "with a table between two",
      ["claude", "sync", "refresh"],
      "y = 1\n",
      'y = 1\n\n[claude.sync]\nrefresh = "v"\n',
    ],
    ["with a table at the end", ["plugins", "a.b"], "# end\n", '# end\n\n[plugins]\n"a.b" = "v"\n'],
    ["below the opening comment", ["version"], "json\n", 'json\n\nversion = "v"\n'],
  ];
  it.each(added)("adds a key %s", (_, path, before, after) => {
    const edited = setValue(full, path, "v");
    expect(edited).toBe(full.replace(before, () => after));
    expect(unsetValue(edited, path)).toBe(full);
    const windows = full.replaceAll("\n", "\r\n");
    expect(setValue(windows, path, "v")).toBe(edited.replaceAll("\n", "\r\n"));
  });

  it("writes lists and tables inline", () => {
    const value = { version: "1.2.0", "a b": [1, true, { c: "d" }], none: {} };
    expect(setValue("", ["plugins", "x"], value)).toBe(
      '[plugins]\nx = { version = "1.2.0", "a b" = [1, true, { c = "d" }], none = {} }\n',
    );
  });

  it("keeps a text of several lines in its style", () => {
    const source = `a = '''\none\ntwo'''\nb = """\nx\n"""\n`;
    expect(setValue(setValue(source, ["a"], "1\n2\n"), ["b"], '"\\\n')).toBe(
      `a = '''\n1\n2\n'''\nb = """\n\\"\\\\\n"""\n`,
    );
    expect(setValue(source, ["a"], "one")).toBe(`a = 'one'\nb = """\nx\n"""\n`);
  });

  it("ends a line as the line above does", () => {
    expect(setValue("[a]\nx = 1\r\n[b]\ny = 1", ["a", "z"], 1)).toBe(
      "[a]\nx = 1\r\nz = 1\r\n[b]\ny = 1",
    );
  });

  it("adds a table below one with a header, though a relative is written with dotted keys", () => {
    const source = "a.x = 1\n\n[a.b]\n";
    expect(setValue(source, ["a", "b", "c", "k"], 1)).toBe(`${source}\n[a.b.c]\nk = 1\n`);
    expect(setValue(source, ["a", "c", "k"], 1)).toBe("a.x = 1\na.c.k = 1\n\n[a.b]\n");
  });

  it("leaves every byte when the value is there already, however it is written", () => {
    const source = "\uFEFFmask = 0x1F # hex\r\nt = [ 1,\r\n 2 ] ";
    expect(setValue(source, ["mask"], 31)).toBe(source);
    expect(setValue(source, ["t"], [1, 2])).toBe(source);
  });

  it("knows no magic keys", () => {
    const source = setValue("", ["env", "__proto__", "constructor"], "x");
    expect(source).toBe('[env.__proto__]\nconstructor = "x"\n');
    expect(unsetValue(source, ["env", "__proto__", "constructor"])).toBe("");
    expect(unsetValue("a = 1", ["constructor", "name"])).toBe("a = 1");
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  it.each([
    ["a table by a value", "[a]\nb = 1\n", ["a"], "conflict"],
    ["a dotted table by a value", "a.b = 1\n", ["a"], "conflict"],
    ["a list of tables by a value", "[[a]]\n", ["a"], "conflict"],
    ["below a value", "a = 1\n", ["a", "b"], "conflict"],
    ["below a list of tables", "[[a]]\n", ["a", "b", "c"], "conflict"],
    ["nothing", "", [], "usage"],
    ["broken TOML", "a = \n", ["a"], "config-invalid"],
    ["half a surrogate pair", "", ["\uD800"], "usage"],
  ])("refuses to set %s", (_, source, path, code) => {
    expect(codeOf(() => setValue(source, path, "v"))).toBe(code);
  });

  it.each([Number.NaN, Infinity])("refuses the number %s", (value) => {
    expect(codeOf(() => setValue("", ["a"], value))).toBe("usage");
  });

  it.each([0, -0, -1.5, 1e21, 1e20, 2 ** 53, 5e-324, Number.MAX_SAFE_INTEGER])(
    "writes the number %s",
    (value) => {
      expect(parseToml(setValue("", ["a"], value), "x").data["a"]).toBe(value + 0);
    },
  );
});

describe("comments", () => {
  it("are written above a new key, rewritten above a key of one's own, and go with the key", () => {
    const source = "[env]\n  A = 1\n";
    const first = setValue(source, ["env", "B"], 2, { comment: "one" });
    expect(first).toBe("[env]\n  A = 1\n  # one\n  B = 2\n");
    const second = setValue(first, ["env", "B"], 2, { comment: "expires=2027" });
    expect(second).toBe("[env]\n  A = 1\n  ## expires=2027\n  B = 2\n");
    expect(setValue(second, ["env", "B"], 3)).toBe("[env]\n  A = 1\n  ## expires=2027\n  B = 3\n");
    expect(unsetValue(second, ["env", "B"])).toBe(source);
    const alone = setValue("", ["env", "A"], 1, { comment: "new" });
    expect(alone).toBe("[env]\n# new\nA = 1\n");
    expect(unsetValue(alone, ["env", "A"])).toBe("");
  });

  it.each([
    ["a longer comment", "# one\n# two\n"],
    ["a directive", "#:schema x\n"],
    ["a setting that was commented out", '# A = "old"\n'],
  ])("never replace or remove %s", (_, above) => {
    const source = `${above}A = 1\n`;
    const edited = setValue(source, ["A"], 2, { comment: "mine" });
    expect(edited).toBe(`${above}\n# mine\nA = 2\n`);
    expect(setValue(edited, ["A"], 2, { comment: "again" })).toBe(`${above}\n# again\nA = 2\n`);
    expect(unsetValue(source, ["A"])).toBe(above);
  });

  it("are refused where they do not fit", () => {
    expect(codeOf(() => setValue("a = { b = 1 }", ["a", "b"], 2, { comment: "x" }))).toBe(
      "conflict",
    );
    expect(codeOf(() => setValue("a = { b = 1 }", ["a", "c"], 2, { comment: "x" }))).toBe(
      "conflict",
    );
    expect(codeOf(() => setValue("a = 1", ["a"], 2, { comment: "x\ny = 1" }))).toBe("usage");
  });
});

describe("unsetValue", () => {
  it("gives back what set found, wherever the table and the end of the file stand", () => {
    const paths = [["a"], ["env", "K"], ["env", "sub", "K"]];
    const sources = [
      "",
      "\n",
      "\n\n",
      "# c",
      "# c\n",
      "# c\n\n\n",
      "x = 1",
      "x = 1\n\n# c",
      "[env]",
      "[env]\n",
      "\n[env]\n\n",
      "[env] # c\n",
      "# c\n[env]\n",
      "[env]\n# c\n",
      "[env]\n\n# c\n[z]\n",
      "[env]\n[z]\n",
      "x=1\n[env]\n[env.sub]",
      "env = {}",
      "env = { }\n",
      "env = {\n  # c\n}\n",
      "env = { a = 1, }",
      "env.x = 1\n\n[z]\n",
      "[env.sub.y]\n",
      "# c\n\n# d\n[z]\n",
      "[z]\n# c\n[y]\n",
      "[env]\nx = [\n# c\n1]\n# d\n",
      "[env]\n\n\n[z]",
      "[[z]]\n[z.env]\n",
    ];
    for (const source of sources.flatMap((text) => [
      text,
      text.replaceAll("\n", "\r\n"),
      `\uFEFF${text}`,
    ])) {
      for (const path of paths) {
        expect([path, unsetValue(setValue(source, path, "v"), path)]).toEqual([path, source]);
      }
    }
  });

  it("removes a table with its last key, and keeps one that has a comment or a blank line below its header", () => {
    const path = ["env", "A"];
    expect(unsetValue("[x]\n\n[env]\nA = 1\n\n[z]\n", path)).toBe("[x]\n\n[z]\n");
    expect(unsetValue("[env]\nA = 1\n\n[z]\n", path)).toBe("[z]\n");
    expect(unsetValue("[env]\n\nA = 1\n", path)).toBe("[env]\n");
    expect(unsetValue("# mine\n[env]\nA = 1\n", path)).toBe("# mine\n[env]\n");
    expect(unsetValue("[env] # mine\nA = 1\n", path)).toBe("[env] # mine\n");
    expect(unsetValue("[env]\nA = 1\n# mine\n", path)).toBe("[env]\n# mine\n");
  });

  it("keeps the comments inside an inline table", () => {
    const source = "t = {\n  a = 1, # one\n  b = 2, # two\n  c = 3 # three\n}\n";
    expect(unsetValue(source, ["t", "a"])).toBe(
      "t = {\n   # one\n  b = 2, # two\n  c = 3 # three\n}\n",
    );
    expect(unsetValue(source, ["t", "c"])).toBe(
      "t = {\n  a = 1, # one\n  b = 2, # two\n   # three\n}\n",
    );
    expect(unsetValue("t = { a = 1, b = 2 }", ["t", "a"])).toBe("t = { b = 2 }");
  });

  it("leaves what is not there, and refuses a table", () => {
    expect(unsetValue(full, ["env", "NOPE"])).toBe(full);
    expect(unsetValue(full, ["hooks", "name"])).toBe(full);
    expect(codeOf(() => unsetValue(full, ["env"]))).toBe("conflict");
    expect(codeOf(() => unsetValue(full, ["hooks"]))).toBe("conflict");
  });
});

describe("removeTable", () => {
  it("takes all parts of a table, with their comments, and leaves its neighbours", () => {
    const source =
      "# file\n[w.a]\nx = 1\n\n[env]\nA = 1\n# of env\n\n# sub\n[w.a.env]\n# in\nB = 1 # b\n# of sub\n\n# free\n\n# z\n[z]\n";
    expect(removeTable(source, ["w", "a"])).toBe(
      "# file\n\n[env]\nA = 1\n# of env\n\n# free\n\n# z\n[z]\n",
    );
    expect(removeTable(source, ["w"])).toBe(removeTable(source, ["w", "a"]));
  });

  it("takes tables that follow one another without a trace", () => {
    expect(removeTable("[a]\nx = 1\n\n[a.b]\ny = 1\n\n[z]\n", ["a"])).toBe("[z]\n");
    expect(removeTable("[z]\n\n[a]\nx = 1\n\n\n[a.b]\ny = 1", ["a"])).toBe("[z]");
    expect(removeTable("[a]\nx = 1\n", ["a"])).toBe("");
  });

  it.each([
    ["dotted keys", "a.b = 1\nc = 1\na.d.e = 2\n", ["a"], "c = 1\n"],
    ["an inline table", "x = 1\na = { b = 1 }\n", ["a"], "x = 1\n"],
    [
      "dotted keys in an inline table",
      "t = { a.b = 1, c = 1, a.d = 2 }\n",
      ["t", "a"],
      "t = { c = 1 }\n",
    ],
    ["a list of tables", "[[a]]\nb = 1\n\n[a.c]\n\n[[a]]\n\n[z]\n", ["a"], "[z]\n"],
    ["nothing", "[z]\n", ["a"], "[z]\n"],
  ])("takes %s", (_, source, path, expected) => {
    expect(removeTable(source, path)).toBe(expected);
  });

  it("refuses a single value", () => {
    expect(codeOf(() => removeTable("a = [1]\n", ["a"]))).toBe("conflict");
  });
});
