import { isCommentedSetting } from "./toml-format.ts";
import type { Body, Entry, Syntax } from "./toml-syntax.ts";

/** The line of the comment that belongs to the key below it (see the rules in toml-edit.ts). */
export function ownComment(syntax: Syntax, first: number): number | undefined {
  const line = syntax.lines[first - 1];
  if (line?.kind !== "comment" || syntax.lines[first - 2]?.kind === "comment") return undefined;
  const comment = syntax.text.slice(line.start, line.end).trim();
  return comment.startsWith("#:") || isCommentedSetting(comment) ? undefined : first - 1;
}

/** The first line of the comment directly above a header; one that opens the file is the file's own. */
export function attachedBlock(syntax: Syntax, header: number): number {
  const start = blockAbove(syntax, header);
  return start === 0 ? header : start;
}

/** The line at which what belongs to a header ends: where the next header begins, with its comment, or the end of the text. */
export function regionEnd(syntax: Syntax, { next }: Body): number {
  return next < syntax.lines.length ? blockAbove(syntax, next) : next;
}

/** The last line before `end` that is not blank, or -1. */
export function lastWritten(syntax: Syntax, end: number): number {
  let line = end - 1;
  while (syntax.lines[line]?.kind === "blank") line -= 1;
  return line;
}

/** Whether an empty table may go: nobody wrote a comment at or in it. `own` are lines that go anyway. */
export function isForgettable(syntax: Syntax, body: Body, own: ReadonlySet<number>): boolean {
  if (body.form !== "table" || syntax.lines[body.header - 1]?.kind === "comment") return false;
  const from = syntax.lines[body.header]?.start ?? 0;
  const to = syntax.lines[regionEnd(syntax, body)]?.start ?? syntax.text.length;
  return !syntax.comments.some(
    ({ range: [start] }) =>
      start >= from &&
      start < to &&
      ![...own].some((index) => {
        const line = syntax.lines[index];
        return line && line.start <= start && start <= line.end;
      }),
  );
}

/** The blank line that parts removed lines from the text above or, at the start of the file, below. */
function closingGap(syntax: Syntax, first: number, last: number): number | undefined {
  const { lines } = syntax;
  if (lines[first - 1]?.kind === "blank") return first - 1;
  const isFollowed = lines.slice(last + 1).some(({ kind }) => kind !== "blank");
  return first === 0 && lines[last + 1]?.kind === "blank" && isFollowed ? last + 1 : undefined;
}

export function dropLines(syntax: Syntax, doomed: ReadonlySet<number>): string {
  const kept = syntax.lines.filter((_, index) => !doomed.has(index));
  const text = kept.map(({ start, end, eol }) => syntax.text.slice(start, end) + eol).join("");
  const final = syntax.lines.at(-1);
  const keepsFinal = final === kept.at(-1);
  // A text that had no newline at its end gets none from the line that is last now.
  return keepsFinal || final?.eol !== ""
    ? text
    : text.slice(0, text.length - (kept.at(-1)?.eol.length ?? 0));
}

/** The lines of an entry and of its own comment. */
export function linesOf(syntax: Syntax, { first, last }: Entry): Set<number> {
  const lines = new Set<number>();
  for (let line = first; line <= last; line += 1) lines.add(line);
  const comment = ownComment(syntax, first);
  return comment === undefined ? lines : lines.add(comment);
}

/** What goes with the last entry of a table, or of the root. */
export function linesOfLast(syntax: Syntax, entry: Entry): Set<number> | undefined {
  const { body } = entry;
  const own = linesOf(syntax, entry);
  if (body.entries.length > 1) return undefined;
  if (body.form !== "root" && !isForgettable(syntax, body, own)) return undefined;
  const above = Math.min(...own) - 1;
  if (body.form !== "root") {
    if (syntax.lines[above]?.kind === "blank") return own.add(above);
    own.add(body.header);
  }
  return withGaps(syntax, own);
}

/** For every run of lines, the blank lines within it and the one that it would leave over. */
export function withGaps(syntax: Syntax, doomed: ReadonlySet<number>): Set<number> {
  const all = new Set(doomed);
  const sorted = [...doomed].toSorted((a, b) => a - b);
  let first = sorted[0] ?? 0;
  for (const [index, line] of sorted.entries()) {
    const next = sorted[index + 1] ?? syntax.lines.length;
    const between = syntax.lines.slice(line + 1, next);
    if (index < sorted.length - 1 && between.every(({ kind }) => kind === "blank")) {
      for (let blank = line + 1; blank < next; blank += 1) all.add(blank);
      continue;
    }
    const gap = closingGap(syntax, first, line);
    if (gap !== undefined) all.add(gap);
    first = next;
  }
  return all;
}

/** Cuts an entry and one comma out of an inline table; comments between entries stay. */
export function cutInline(syntax: Syntax, entry: Entry): string {
  const { entries, node: table } = entry.body;
  const [start, end] = entry.node.range;
  const index = entries.indexOf(entry);
  const previous = entries[index - 1]?.node.range[1];
  const next = entries[index + 1]?.node.range[0];
  const token = syntax.tokens.find(({ range }) => range[0] >= end);
  const afterComma = token?.value === "," ? token.range[1] : end;

  let cut: readonly [number, number];
  if (next !== undefined) cut = [start, next];
  else if (previous !== undefined) cut = [previous, end];
  else cut = [table.range[0] + 1, afterComma];
  const hasComment = syntax.comments.some(({ range }) => range[0] >= cut[0] && range[0] < cut[1]);
  const [from, to] = hasComment ? [start, afterComma] : cut;
  return syntax.text.slice(0, from) + syntax.text.slice(to);
}

function blockAbove(syntax: Syntax, header: number): number {
  let line = header;
  while (syntax.lines[line - 1]?.kind === "comment") line -= 1;
  return line;
}
