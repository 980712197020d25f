import { isDeepStrictEqual } from "node:util";
import type { AST } from "toml-eslint-parser";
import { JackinError } from "../../core/index.ts";
import { isTable, parseData, splitBom } from "./toml.ts";
import type { TomlTable } from "./toml.ts";
import { formatComment, formatKey, formatValue, toData } from "./toml-format.ts";
import type { StringStyle, TomlInput } from "./toml-format.ts";
import {
  attachedBlock,
  cutInline,
  dropLines,
  linesOf,
  linesOfLast,
  regionEnd,
  withGaps,
} from "./toml-lines.ts";
import { placeComment, placeEntry, splice } from "./toml-place.ts";
import { isSamePath, readSyntax, startsWith } from "./toml-syntax.ts";
import type { Entry, Syntax } from "./toml-syntax.ts";

export interface SetOptions {
  /** One line that is written above the key, in place of the key's own comment. */
  readonly comment?: string | undefined;
}

/*
 * Edits are splices: what an edit does not concern keeps its bytes. The rules behind "set, then unset, gives back the original":
 *
 * - A new key stands right below the last entry of its table, or below the header; never below somebody's comment.
 *   So a lone comment line directly above a key is the key's own: `comment` rewrites it and unset removes it. Lines that are
 *   part of a longer comment, `#:` directives and settings that were commented out are nobody's own and stay.
 * - A new table is a blank line, its header and its key. Unset takes all three away again: a table goes with its last key, unless
 *   a comment stands at or in it. An empty table that was there before would look the same, so a key that is set
 *   into one keeps a blank line to the header, and unset of a key that has one leaves the header.
 * - A text without a newline at its end keeps none.
 */

/** Writes one value. A key's table is made when it is missing; a table is never replaced by a value, unless it is written inline. */
export function setValue(
  source: string,
  keyPath: readonly string[],
  value: TomlInput,
  options: SetOptions = {},
): string {
  return edit(source, keyPath, (syntax, data) => {
    const comment = options.comment ? formatComment(options.comment) : undefined;
    const entry = findEntry(syntax, keyPath);
    const isSame = assign(data, keyPath, toData(value), entry !== undefined);
    if (!entry) return placeEntry(syntax, keyPath, formatValue(value), comment);

    const { node } = entry;
    const style = styleOf(syntax, node.value);
    const [start, end] = node.value.range;
    const text = formatValue(value, style);
    // The comment stands before the value, so its offsets still hold.
    const written = isSame ? syntax.text : splice(syntax.text, { start, end, text });
    return comment ? splice(written, placeComment(syntax, entry, comment)) : written;
  });
}

/** Removes one value, and its table when that is empty then (see the rules above). What is not there is no trouble. */
export function unsetValue(source: string, keyPath: readonly string[]): string {
  return edit(source, keyPath, (syntax, data) => {
    const entry = findEntry(syntax, keyPath);
    if (!entry) {
      if (lookUp(data, keyPath) === undefined) return syntax.text;
      throw conflict(keyPath, "is a table, not a single value", "Remove the table as a whole.");
    }
    remove(data, keyPath);
    if (entry.body.form === "inline") return cutInline(syntax, entry);
    return dropLines(syntax, linesOfLast(syntax, entry) ?? linesOf(syntax, entry));
  });
}

/** Removes a table with all its sub-tables, however they are written, and the comments in and directly above them. */
export function removeTable(source: string, keyPath: readonly string[]): string {
  return edit(source, keyPath, (syntax, data) => {
    if (lookUp(data, keyPath) === undefined) return syntax.text;
    const entry = findEntry(syntax, keyPath);
    if (entry && entry.node.value.type !== "TOMLInlineTable") {
      throw conflict(keyPath, "is a single value, not a table", "Unset it.");
    }
    remove(data, keyPath);

    const doomed = new Set<number>();
    for (const body of syntax.bodies) {
      if ((body.form !== "table" && body.form !== "array") || !startsWith(body.path, keyPath))
        continue;
      let last = Math.max(body.header, body.entries.at(-1)?.last ?? -1);
      const end = regionEnd(syntax, body);
      while (last + 1 < end && syntax.lines[last + 1]?.kind === "comment") last += 1;
      for (let line = attachedBlock(syntax, body.header); line <= last; line += 1) doomed.add(line);
    }
    const outside = syntax.entries.filter(
      ({ path, body }) => startsWith(path, keyPath) && !startsWith(body.path, keyPath),
    );
    const inline = outside.filter(({ body }) => body.form === "inline");
    if (inline.length > 0) return withoutInline(syntax, inline);
    for (const outer of outside) for (const line of linesOf(syntax, outer)) doomed.add(line);
    return dropLines(syntax, withGaps(syntax, doomed));
  });
}

/**
 * Runs one change and reads its result again. `change` answers the new text and makes `data` what that text must hold;
 * anything else is a defect, and the caller keeps the file as it was.
 */
function edit(
  source: string,
  keyPath: readonly string[],
  change: (syntax: Syntax, data: TomlTable) => string,
): string {
  if (keyPath.length === 0) throw new JackinError({ code: "usage", message: "No key was named." });
  const { mark, text } = splitBom(source);
  const data = parseData(text, "configuration");
  const edited = change(readSyntax(text), data);
  if (edited === text) return source;
  if (!isDeepStrictEqual(reread(edited, keyPath), withoutEmpty(data, keyPath)))
    throw damaged(keyPath);
  return mark + edited;
}

function reread(text: string, keyPath: readonly string[]): TomlTable {
  try {
    return withoutEmpty(parseData(text, "configuration"), keyPath);
  } catch {
    throw damaged(keyPath);
  }
}

/** A table that goes with its last key makes no difference. */
function withoutEmpty(data: TomlTable, keyPath: readonly string[]): TomlTable {
  for (let length = keyPath.length - 1; length > 0; length -= 1) {
    const path = keyPath.slice(0, length);
    const table = lookUp(data, path);
    if (isTable(table) && Object.keys(table).length === 0) remove(data, path);
  }
  return data;
}

function findEntry(syntax: Syntax, keyPath: readonly string[]): Entry | undefined {
  return syntax.entries.find(({ path }) => isSamePath(path, keyPath));
}

/** A text of several lines has line endings of its own, so it is kept as one only where they are plain. */
function styleOf({ text }: Syntax, value: AST.TOMLContentNode): StringStyle | undefined {
  if (value.type !== "TOMLValue" || value.kind !== "string") return undefined;
  return {
    literal: value.style === "literal",
    multiline: value.multiline && !text.includes("\r\n"),
  };
}

/** Says whether the value was there already. */
function assign(
  data: TomlTable,
  keyPath: readonly string[],
  value: unknown,
  isEntry: boolean,
): boolean {
  let table = data;
  for (const [index, key] of keyPath.slice(0, -1).entries()) {
    const next = (table[key] ??= Object.create(null));
    if (!isTable(next)) {
      const what = Array.isArray(next)
        ? "is an array, not a table"
        : "is a single value, not a table";
      throw conflict(
        keyPath.slice(0, index + 1),
        what,
        `Unset it before you set ${formatKey(keyPath)}.`,
      );
    }
    table = next;
  }
  const key = keyPath.at(-1) ?? "";
  const old = table[key];
  if (old !== undefined && !isEntry) {
    throw conflict(keyPath, "is a table, not a single value", "Remove the table first.");
  }
  table[key] = value;
  return isDeepStrictEqual(old, value);
}

function lookUp(data: TomlTable, keyPath: readonly string[]): unknown {
  let found: unknown = data;
  for (const key of keyPath) found = isTable(found) ? found[key] : undefined;
  return found;
}

function remove(data: TomlTable, keyPath: readonly string[]): void {
  const table = lookUp(data, keyPath.slice(0, -1));
  if (isTable(table)) delete table[keyPath.at(-1) ?? ""];
}

/** One at a time, each from a fresh tree. */
function withoutInline(syntax: Syntax, entries: readonly Entry[]): string {
  let current = syntax;
  for (const { path } of entries) {
    const entry = current.entries.find((candidate) => isSamePath(candidate.path, path));
    if (entry) current = readSyntax(cutInline(current, entry));
  }
  return current.text;
}

function conflict(keyPath: readonly string[], what: string, hint: string): JackinError {
  return new JackinError({ code: "conflict", message: `${formatKey(keyPath)} ${what}.`, hint });
}

function damaged(keyPath: readonly string[]): JackinError {
  return new JackinError({
    code: "internal",
    message: `Editing ${formatKey(keyPath)} would have damaged the file, so it was left as it is.`,
    hint: "Make this change in your editor, and report the layout of the file.",
  });
}
