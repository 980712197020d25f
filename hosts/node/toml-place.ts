import { JackinError } from "../../core/index.ts";
import { formatKey } from "./toml-format.ts";
import { isForgettable, lastWritten, ownComment, regionEnd } from "./toml-lines.ts";
import { isSamePath, startsWith } from "./toml-syntax.ts";
import type { Body, Entry, Syntax } from "./toml-syntax.ts";

export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface NewEntry {
  readonly key: string;
  readonly value: string;
  readonly comment: string | undefined;
}

export function splice(text: string, { start, end, text: inserted }: Splice): string {
  return text.slice(0, start) + inserted + text.slice(end);
}

/** Writes an entry that is not there yet: into its table, however that is written, or with a new table. */
export function placeEntry(
  syntax: Syntax,
  keyPath: readonly string[],
  value: string,
  comment: string | undefined,
): string {
  const parent = keyPath.slice(0, -1);
  for (let length = parent.length; length >= 0; length -= 1) {
    const prefix = parent.slice(0, length);
    const body = syntax.bodies.find(({ path }) => isSamePath(path, prefix));
    if (body && (length === parent.length || body.form === "inline")) {
      const key = formatKey(keyPath.slice(length));
      return splice(
        syntax.text,
        intoBody(syntax, body, body.entries.at(-1), { key, value, comment }),
      );
    }
    if (body) break;
    // A table that dotted keys have made can only grow by dotted keys.
    const sibling = syntax.entries.findLast(
      ({ path, body: { path: outer } }) =>
        path.length > length && outer.length < length && startsWith(path, prefix),
    );
    if (sibling) {
      const key = `${dottedPrefix(syntax, sibling, length)}.${formatKey(keyPath.slice(length))}`;
      return splice(syntax.text, intoBody(syntax, sibling.body, sibling, { key, value, comment }));
    }
  }
  const key = formatKey(keyPath.slice(-1));
  return splice(syntax.text, withNewTable(syntax, parent, { key, value, comment }));
}

/** Puts a comment above an entry that is there: in place of its own, or apart from one that is not. */
export function placeComment(syntax: Syntax, entry: Entry, comment: string): Splice {
  if (entry.body.form === "inline") throw noComment(entry.path.join("."));
  const line = indentOf(syntax, entry.first) + comment;
  const own = ownComment(syntax, entry.first);
  const old = own === undefined ? undefined : syntax.lines[own];
  if (old) return { start: old.start, end: old.end, text: line };
  const isBelowComment = syntax.lines[entry.first - 1]?.kind === "comment";
  return insertLines(syntax, entry.first - 1, isBelowComment ? ["", line] : [line]);
}

function intoBody(syntax: Syntax, body: Body, after: Entry | undefined, entry: NewEntry): Splice {
  if (body.form === "inline") return intoInline(syntax, body, after, entry);
  if (after) return insertLines(syntax, after.last, written(entry, indentOf(syntax, after.first)));
  if (body.form === "root") return intoEmptyRoot(syntax, body, entry);
  const lines = written(entry, indentOf(syntax, body.header));
  // The blank line tells unset that the table was here first.
  const isMarked = isForgettable(syntax, body, new Set());
  return insertLines(syntax, body.header, isMarked ? ["", ...lines] : lines);
}

function intoInline(syntax: Syntax, body: Body, after: Entry | undefined, entry: NewEntry): Splice {
  if (entry.comment) throw noComment(entry.key);
  const pair = `${entry.key} = ${entry.value}`;
  const start = after ? after.node.range[1] : body.node.range[0] + 1;
  if (after) return { start, end: start, text: `, ${pair}` };
  return { start, end: start, text: syntax.text[start] === "}" ? pair : ` ${pair}` };
}

/** Below the comment that opens the file, if there is one that stands alone, and above all tables. */
function intoEmptyRoot(syntax: Syntax, body: Body, entry: NewEntry): Splice {
  const hasTables = body.next < syntax.lines.length;
  const after = lastWritten(syntax, regionEnd(syntax, body));
  const lines = written(entry, "");
  if (after !== -1) return insertLines(syntax, after, ["", ...lines]);
  return insertLines(syntax, -1, hasTables ? [...lines, ""] : lines);
}

/** Behind the nearest relative: the last table that shares most of its path, else at the end of the file. */
function withNewTable(syntax: Syntax, path: readonly string[], entry: NewEntry): Splice {
  let relative: Body | undefined;
  let most = 0;
  for (const body of syntax.bodies) {
    if (body.form !== "table" && body.form !== "array") continue;
    const different = path.findIndex((key, index) => key !== body.path[index]);
    const shared = different === -1 ? path.length : different;
    if (shared === 0 || shared < most) continue;
    relative = body;
    most = shared;
  }
  const end = relative ? regionEnd(syntax, relative) : syntax.lines.length;
  const after = lastWritten(syntax, end);
  const lines = [`[${formatKey(path)}]`, ...written(entry, "")];
  return insertLines(syntax, after, after === -1 ? lines : ["", ...lines]);
}

function written({ key, value, comment }: NewEntry, indent: string): string[] {
  const line = `${indent}${key} = ${value}`;
  return comment ? [indent + comment, line] : [line];
}

/** Inserts whole lines behind the line `after`, or at the start for -1, with the ending that its neighbours have. */
function insertLines(syntax: Syntax, after: number, lines: readonly string[]): Splice {
  const previous = syntax.lines[after];
  const eol = previous?.eol || syntax.lines[0]?.eol || "\n";
  if (previous && previous.eol === "") {
    return {
      start: previous.end,
      end: previous.end,
      text: lines.map((line) => eol + line).join(""),
    };
  }
  const start = previous ? previous.end + previous.eol.length : 0;
  return { start, end: start, text: lines.map((line) => line + eol).join("") };
}

function indentOf(syntax: Syntax, index: number): string {
  const line = syntax.lines[index];
  return line ? (/^[ \t]*/.exec(syntax.text.slice(line.start, line.end))?.[0] ?? "") : "";
}

/** The names up to `length`, as the sibling writes them. */
function dottedPrefix(syntax: Syntax, sibling: Entry, length: number): string {
  const { keys } = sibling.node.key;
  const last = keys[length - sibling.body.path.length - 1];
  return syntax.text.slice(sibling.node.key.range[0], last?.range[1]);
}

function noComment(key: string): JackinError {
  return new JackinError({
    code: "conflict",
    message: `${key} is written in an inline table, where no comment fits above it.`,
    hint: "Set it without a comment, or write its table under a [header] first.",
  });
}
