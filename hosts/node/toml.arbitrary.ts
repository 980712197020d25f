import fc from "fast-check";

/*
 * For property tests: configuration as operators write it, made line by line. What each line is about is known from its making,
 * not from a parser.
 */

export interface MadeLine {
  readonly text: string;
  /** The key or the header that the line goes with; a line without one must outlive every edit. */
  readonly path?: readonly string[];
}

export interface MadeFile {
  readonly source: string;
  readonly lines: readonly MadeLine[];
}

type MadePair = typeof madePair extends fc.Arbitrary<infer T> ? T : never;

export const tables: readonly (readonly string[])[] = [
  ["claude"],
  ["claude", "sync"],
  ["env"],
  ["roles", "my reviewer"],
  ["roles", "my reviewer", "env"],
  ["workspaces", "my-app"],
  ["workspaces", "my-app", "env"],
  ["workspaces", "a.b", "roles", "reviewer", "env"],
  ["plugins"],
];
export const keys = ["A", "B_1", "C D", "e-f", "__proto__", "constructor", "G.H"];

const madeValue = fc.constantFrom(
  '"op://Work/acme/token"',
  "'C:\\path'",
  '"it\'s \\"x\\" # no comment"',
  "0x1F",
  "-2.5",
  "true",
  "1979-05-27T07:32:00Z",
  "[1, 2]",
  '[\n  "a", # in a list\n  "b",\n]',
  '"""\none\n# two\n"""',
  "'''x'''",
  "[{ a = 1 }]",
);

const madePair = fc.record({
  key: fc.constantFrom(...keys),
  form: fc.constantFrom("plain", "plain", "plain", "plain", "inline", "dotted"),
  names: fc.shuffledSubarray(["x", "y", "y z"]),
  value: madeValue,
  indent: fc.constantFrom("", "", "  ", "\t"),
  equals: fc.constantFrom(" = ", " = ", "=", "   = "),
  above: fc.constantFrom("nothing", "nothing", "own", "free", "block", "setting", "blank"),
  trailing: fc.boolean(),
});

const madeSection = fc.record({
  pairs: fc.uniqueArray(madePair, { selector: ({ key }) => key, maxLength: 3 }),
  above: fc.constantFrom("blank", "blank", "block", "free", "dense"),
  header: fc.constantFrom("plain", "plain", "trailing", "spaced"),
  below: fc.constantFrom("nothing", "nothing", "block", "blank", "free"),
});

const madeTables = fc
  .shuffledSubarray([...tables], { maxLength: 5 })
  .chain((paths) =>
    fc.tuple(...paths.map((path) => madeSection.map((section) => ({ path, ...section })))),
  );

export const madeFile: fc.Arbitrary<MadeFile> = fc
  .record({
    top: fc.constantFrom("nothing", "directive", "block"),
    root: madeSection,
    tables: madeTables,
    hasList: fc.boolean(),
    eol: fc.constantFrom("\n", "\n", "\r\n"),
    bom: fc.constantFrom("", "\uFEFF"),
    end: fc.constantFrom("nothing", "eol", "eol", "blanks", "block"),
  })
  .map(({ top, root, tables: sections, hasList, eol, bom, end }) => {
    const page = createPage();
    if (top === "directive") page.free("#:schema ./config.schema.json", "");
    if (top === "block") page.above("block");
    page.free("");
    for (const pair of root.pairs) page.pair([], pair);
    for (const { path, above, header, below, pairs } of sections) {
      page.above(above);
      page.header(path, header);
      page.above(below);
      for (const pair of pairs) page.pair(path, pair);
    }
    if (hasList) page.free("", "[[hooks]]", 'A = "1"', "[[hooks]]", "[hooks.deep]", "A = 1");
    if (end === "block") page.above("block");
    const close = end === "nothing" ? "" : end === "blanks" ? eol.repeat(3) : eol;
    const text = page.lines.map((line) => line.text).join("\n");
    return { source: bom + text.replaceAll("\n", eol) + close, lines: page.lines };
  });

function createPage() {
  const lines: MadeLine[] = [];
  let count = 0;
  const comment = () => `# remark ${(count += 1)}`;
  const free = (...texts: string[]) => {
    for (const text of texts) lines.push({ text });
  };
  return {
    lines,
    free,
    above(what: string, indent = "") {
      if (what === "blank") free("");
      if (what === "free") free("", comment(), "");
      if (what === "block") free("", indent + comment(), indent + comment());
      if (what === "setting") free(`# OLD_${(count += 1)} = "x"`);
    },
    header(path: readonly string[], form: string) {
      const name = dotted(path);
      if (form === "trailing") free(`[${name}] ${comment()}`);
      else lines.push({ path, text: form === "spaced" ? ` [ ${name} ]` : `[${name}]` });
    },
    pair(base: readonly string[], pair: MadePair) {
      const { key, form, names, value, indent, equals, above, trailing } = pair;
      this.above(above, indent);
      if (above === "own") lines.push({ text: indent + comment(), path: [...base, key] });
      const isDotted = form === "dotted" && names.length > 0;
      const inline = `{${names.map((name) => ` ${dotted([name])} = 1`).join(",")} }`;
      for (const name of isDotted ? names.map((part) => [key, part]) : [[key]]) {
        const written = form === "inline" ? inline : value;
        const text = `${indent}${dotted(name)}${equals}${written}${trailing ? ` ${comment()}` : ""}`;
        for (const line of text.split("\n")) lines.push({ text: line, path: [...base, ...name] });
      }
    },
  };
}

function dotted(path: readonly string[]): string {
  return path.map((key) => (/^[\w-]+$/.test(key) ? key : `"${key}"`)).join(".");
}
