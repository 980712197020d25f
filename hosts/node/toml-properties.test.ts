import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JackinError } from "../../core/index.ts";
import { decodeToml, isTable, parseToml } from "./toml.ts";
import { removeTable, setValue, unsetValue } from "./toml-edit.ts";
import { keys, madeFile, tables } from "./toml.arbitrary.ts";
import type { MadeLine } from "./toml.arbitrary.ts";
import "../../test/fuzz-seed.ts";

type Scalar = string | number | boolean;
interface SetEdit {
  readonly kind: "set";
  readonly path: readonly string[];
  readonly value: Scalar;
  readonly comment?: string;
}
interface RemoveEdit {
  readonly kind: "unset" | "removeTable";
  readonly path: readonly string[];
}
type Edit = SetEdit | RemoveEdit;

const leaves = [...keys, "NEW", "ü"];
const path: fc.Arbitrary<readonly string[]> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom([], ...tables), fc.constantFrom(...leaves))
      .map(([table, key]) => [...table, key]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom([], ...tables),
        fc.constantFrom(...keys),
        fc.constantFrom("x", "y", "z"),
      )
      .map(([table, ...rest]) => [...table, ...rest]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ["workspaces", "new", "env", "K"],
      ["fresh", "K"],
      ["hooks", "A"],
      ["claude", "sync"],
    ),
  },
);
const scalar: fc.Arbitrary<Scalar> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("it's", 'a "b" \\', "two\nlines", "'''", "# x", ""),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
);
const remark = fc.constantFrom("why it is so", "expires=2027", "[x]", ":schema", "ü # #");
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("set" as const), path, value: scalar }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      path,
      value: scalar,
      comment: remark,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("unset" as const), path }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("removeTable" as const),
      path: fc.constantFrom(...tables, ["roles"], ["hooks"], ["claude", "A"]),
    }),
  },
);

/** The new text, or the code of the refusal. */
function run(source: string, asked: Edit): { text: string } | { code: string } {
  try {
    if (asked.kind === "set") {
      const { path: key, value, comment } = asked;
      return { text: setValue(source, key, value, { comment }) };
    }
    const edit = asked.kind === "unset" ? unsetValue : removeTable;
    return { text: edit(source, asked.path) };
  } catch (error) {
    if (error instanceof JackinError) return { code: error.code };
    throw error;
  }
}

/** What a file means: its values by their path. Empty tables mean nothing. */
function valuesOf(source: string): Map<string, unknown> {
  const values = new Map<string, unknown>();
  const walk = (base: readonly string[], value: unknown) => {
    if (!isTable(value))
      values.set(JSON.stringify(base), value instanceof Date ? value.getTime() : value);
    else for (const [key, item] of Object.entries(value)) walk([...base, key], item);
  };
  walk([], parseToml(source, "made").data);
  return values;
}

function isWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return outer.every((key, index) => inner[index] === key);
}

function textsOf(lines: readonly MadeLine[]): string[] {
  return lines.map(({ text }) => text);
}

function linesOf(source: string): string[] {
  return source.replace("\uFEFF", "").split(/\r?\n/);
}

/** A value stands where a table is asked for or the other way round, or there is no line for a comment. */
function mayRefuse(asked: Edit, known: readonly (readonly string[])[]): boolean {
  if (asked.kind === "set" && asked.comment) return true;
  if (["claude,sync", "hooks", "hooks,A"].includes(asked.path.join())) return true;
  const others = known.filter(
    (other) => other.join() !== asked.path.join() || asked.kind === "removeTable",
  );
  return others.some(
    (other) => isWithin(other, asked.path) || (asked.kind === "set" && isWithin(asked.path, other)),
  );
}

/** The lines that must be there are there, in their order. */
function missingLine(must: readonly string[], source: string): string | undefined {
  const lines = linesOf(source);
  let at = 0;
  return must.find((line) => {
    const found = lines.indexOf(line, at);
    at = found + 1;
    return found === -1;
  });
}

/** Milliseconds; a busy machine is no failure. */
const timeout = 120_000;

describe("properties of edits", () => {
  it("make files that can be read, with every style", { timeout }, () => {
    fc.assert(
      fc.property(madeFile, ({ source }) => valuesOf(source) !== undefined),
      { numRuns: 500 },
    );
  });

  it(
    "keep every comment and every line that they do not concern, and mean what the model says",
    { timeout },
    () => {
      const outcomes = { done: 0, refused: 0 };
      fc.assert(
        fc.property(madeFile, fc.array(anyEdit, { minLength: 1, maxLength: 6 }), (made, edits) => {
          let source = made.source;
          const touched: Edit[] = [];
          const model = valuesOf(source);
          for (const asked of edits) {
            const result = run(source, asked);
            const known = [...model.keys()].map((id) => JSON.parse(id) as string[]);
            if ("code" in result) {
              expect(result.code).toBe("conflict");
              expect(mayRefuse(asked, known)).toBe(true);
              outcomes.refused += 1;
              continue;
            }
            outcomes.done += 1;
            const isChanged = result.text !== source;
            source = result.text;
            for (const old of known) {
              if (isWithin(old, asked.path)) model.delete(JSON.stringify(old));
            }
            if (asked.kind === "set")
              model.set(JSON.stringify(asked.path), asked.value === 0 ? 0 : asked.value);
            expect(valuesOf(source)).toEqual(model);
            if (isChanged) touched.push(asked);
          }
          const removed = touched.filter(({ kind }) => kind === "removeTable");
          if (removed.length > 0) return;
          const must = made.lines.filter(
            ({ text, path: about }) =>
              text !== "" &&
              (!about ||
                !touched.some(
                  (asked) => isWithin(asked.path, about) || isWithin(about, asked.path),
                )),
          );
          expect(missingLine(textsOf(must), source)).toBeUndefined();
        }),
        { numRuns: 1000 },
      );
      // Else the property would hold for an editor that refuses everything.
      expect(outcomes.done).toBeGreaterThan(outcomes.refused);
    },
  );

  it("take back byte for byte what they added", { timeout }, () => {
    let added = 0;
    fc.assert(
      fc.property(
        madeFile,
        path,
        scalar,
        fc.option(remark, { nil: undefined }),
        ({ source, lines }, key, value, comment) => {
          const values = valuesOf(source);
          const isKnown = [...values.keys()].some((id) =>
            isWithin(JSON.parse(id) as string[], key),
          );
          const isWritten = lines.some(({ path: about }) => about?.join() === key.join());
          if (isKnown || isWritten) return;
          const result = run(source, {
            kind: "set",
            path: key,
            value,
            ...(comment ? { comment } : {}),
          });
          if ("code" in result) return;
          added += 1;
          expect(result.text.length).toBeGreaterThan(source.length);
          // An inline table is one line, and it is the line that changes.
          const must = lines.filter(({ path: about }) => !about || !isWithin(key, about));
          expect(missingLine(textsOf(must), result.text)).toBeUndefined();
          if (!/[^\r]\n/.test(source) && source.includes("\r\n"))
            expect(result.text).not.toMatch(/[^\r]\n/);
          expect(unsetValue(result.text, key)).toBe(source);
          const again = setValue(result.text, key, value, { comment });
          expect(again).toBe(result.text);
        },
      ),
      { numRuns: 1500 },
    );
    expect(added).toBeGreaterThan(300);
  });

  it("remove a table and nothing of its neighbours", { timeout }, () => {
    fc.assert(
      fc.property(
        madeFile,
        fc.constantFrom(...tables, ["roles"], ["workspaces"]),
        (made, table) => {
          const removed = removeTable(made.source, table);
          const expected = [...valuesOf(made.source)].filter(
            ([id]) => !isWithin(JSON.parse(id) as string[], table),
          );
          expect(valuesOf(removed)).toEqual(new Map(expected));
          const must = made.lines.filter(
            ({ text, path: about }) =>
              about && !isWithin(about, table) && !text.trimStart().startsWith("#"),
          );
          expect(missingLine(textsOf(must), removed)).toBeUndefined();
          expect(removeTable(removed, table)).toBe(removed);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("fuzzed input", () => {
  const pieces = [
    ...`[ ] [[a]] [a.b] a b.c = " ' """ ''' { } , . # - 1979-05-27 12:00 inf nan 0x 1e _ true 1`.split(
      " ",
    ),
    ...`\n|\r\n|\r|\uFEFF|\u0000|\uD800|😀|env|__proto__|constructor|a = 1\n|[env]\n`.split("|"),
    ...`K = "v"\n|t = { a = 1, b = [1] }\n|# c\n| = |\\|\\u00`.split("|"),
  ];
  const mutated = fc
    .tuple(
      madeFile,
      fc.array(fc.tuple(fc.nat(), fc.nat(12), fc.constantFrom("", ...pieces)), {
        minLength: 1,
        maxLength: 4,
      }),
    )
    .map(([{ source }, cuts]) =>
      cuts.reduce((text, [seed, length, piece]) => {
        const at = seed % (text.length + 1);
        return text.slice(0, at) + piece + text.slice(at + length);
      }, source),
    );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join("")),
    mutated,
  );

  it("is read, edited, or refused by a JackinError", { timeout }, () => {
    const outcomes = { read: 0, refused: 0 };
    fc.assert(
      fc.property(text, anyEdit, (source, asked) => {
        try {
          const document = parseToml(source, "fuzzed");
          outcomes.read += 1;
          for (const key of Object.keys(document.data)) document.locate([key]);
        } catch (error) {
          if (!(error instanceof JackinError)) throw error;
          outcomes.refused += 1;
        }
        const result = run(source, asked);
        // A file that would be damaged is left alone, but none should come that far.
        if ("code" in result) expect(result.code).not.toBe("internal");
      }),
      { numRuns: 10_000 },
    );
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(1000);
  });

  it("is decoded or refused by a JackinError", { timeout }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const decoded = decodeToml(bytes, "fuzzed");
          expect(new TextEncoder().encode(decoded)).toEqual(bytes);
        } catch (error) {
          if (!(error instanceof JackinError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
