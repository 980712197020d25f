import { parseTOML } from "toml-eslint-parser";
import type { AST } from "toml-eslint-parser";
import { JackinError } from "../../core/index.ts";

/** Keys from the root; the elements of an array have numbers. */
export type Path = readonly (string | number)[];

/** One line of the text; `start` and `end` are offsets, `eol` is what follows `end`. */
export interface Line {
  readonly start: number;
  readonly end: number;
  readonly eol: string;
  /** `code` is a header or any part of an entry. */
  readonly kind: "blank" | "comment" | "code";
}

/** A `key = value`; `first` and `last` are the indices of its lines. */
export interface Entry {
  readonly path: Path;
  readonly node: AST.TOMLKeyValue;
  readonly body: Body;
  readonly first: number;
  readonly last: number;
}

/** What entries are written in: the text before the first header, what follows a header, or an inline table. */
export interface Body {
  readonly form: "root" | "table" | "array" | "inline";
  readonly path: Path;
  readonly entries: Entry[];
  readonly node: AST.TOMLTopLevelTable | AST.TOMLTable | AST.TOMLInlineTable;
  /** The line of the header; -1 for the root. */
  readonly header: number;
  /** The line of the next header, or the number of lines. */
  readonly next: number;
}

export interface Syntax {
  readonly text: string;
  readonly lines: readonly Line[];
  readonly bodies: readonly Body[];
  readonly entries: readonly Entry[];
  readonly comments: readonly AST.Comment[];
  readonly tokens: readonly AST.Token[];
}

/** The tree of a text that smol-toml has accepted, with its lines. */
export function readSyntax(text: string): Syntax {
  const program = parseTree(text);
  const offsets = lineOffsets(text);
  const bodies: Body[] = [];
  const entries: Entry[] = [];

  const [root] = program.body;
  const tables = root.body.filter((child) => child.type === "TOMLTable");
  const headers = tables.map((table) => lineIndex(offsets, table.range[0]));

  const addBody = (
    form: Body["form"],
    path: Path,
    node: Body["node"],
    header: number,
    next: number,
  ) => {
    const body: Body = { form, path, node, header, next, entries: [] };
    bodies.push(body);
    for (const child of node.body) {
      if (child.type === "TOMLKeyValue") addEntry(body, child);
    }
  };
  const addEntry = (body: Body, node: AST.TOMLKeyValue) => {
    const path = [...body.path, ...node.key.keys.map(keyName)];
    const first = lineIndex(offsets, node.range[0]);
    const last = lineIndex(offsets, node.range[1]);
    const entry: Entry = { path, node, body, first, last };
    body.entries.push(entry);
    entries.push(entry);
    // Tables inside arrays have no path of names, so nobody can ask to edit them.
    if (node.value.type === "TOMLInlineTable") {
      addBody("inline", path, node.value, first, body.next);
    }
  };

  addBody("root", [], root, -1, headers[0] ?? offsets.length);
  for (const [index, table] of tables.entries()) {
    const form = table.kind === "array" ? "array" : "table";
    const next = headers[index + 1] ?? offsets.length;
    addBody(form, table.resolvedKey, table, headers[index] ?? 0, next);
  }
  const lines = readLines(text, offsets, entries, program.comments);
  return { text, lines, bodies, entries, comments: program.comments, tokens: program.tokens };
}

export function keyName(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}

export function startsWith(path: Path, prefix: Path): boolean {
  return prefix.length <= path.length && prefix.every((part, index) => part === path[index]);
}

export function isSamePath(a: Path, b: Path): boolean {
  return a.length === b.length && startsWith(a, b);
}

export function parseTree(text: string): AST.TOMLProgram {
  try {
    return parseTOML(text);
  } catch {
    // Values are read by another parser, which goes first and explains: this is where the two disagree.
    throw new JackinError({
      code: "config-invalid",
      message: "This TOML is read by one of two parsers only, so it cannot be edited safely.",
      hint: "Edit the file by hand.",
    });
  }
}

function lineOffsets(text: string): number[] {
  const offsets = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1))
    offsets.push(at + 1);
  // A newline ends its line; it does not begin an empty one.
  if (offsets.at(-1) === text.length) offsets.pop();
  return offsets;
}

function lineIndex(offsets: readonly number[], offset: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function readLines(
  text: string,
  offsets: readonly number[],
  entries: readonly Entry[],
  comments: readonly AST.Comment[],
): Line[] {
  const commentStarts = new Set(comments.map((comment) => comment.range[0]));
  const lines = offsets.map((start, index): Line => {
    const next = offsets[index + 1] ?? text.length;
    const eol = /\r?\n$/.exec(text.slice(Math.max(start, next - 2), next))?.[0] ?? "";
    const end = next - eol.length;
    const indent = /^[ \t]*/.exec(text.slice(start, end))?.[0].length ?? 0;
    const isBlank = start + indent === end;
    const isComment = commentStarts.has(start + indent);
    return { start, end, eol, kind: isBlank ? "blank" : isComment ? "comment" : "code" };
  });
  for (const { first, last } of entries) {
    for (let index = first; index <= last; index += 1) {
      const line = lines[index];
      if (line) lines[index] = { ...line, kind: "code" };
    }
  }
  return lines;
}
