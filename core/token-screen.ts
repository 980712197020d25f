/**
 * What `claude setup-token` shows, told by where things stand rather than by its words, which change with versions (2.1.197
 * and 2.1.330 were seen). A piece of a token or of an address does not pass for a whole one.
 */

export type TokenScreen =
  /** Something to act on that may not be there to its end. */
  | { readonly shows: "drawing" }
  /** Nothing to act on: it begins, it waits for an answer, or it says what nobody here knows. */
  | { readonly shows: "other"; readonly text: string }
  /** It asks for the code. `trouble`: what it says about the last one. */
  | { readonly shows: "address"; readonly url: string; readonly trouble?: string }
  /** A code stands in its field. */
  | { readonly shows: "typed" }
  /** It has failed and waits for Enter. `isRemote`: the sign-in service was not reached, and no code would help. */
  | { readonly shows: "retry"; readonly why: string; readonly isRemote: boolean }
  | { readonly shows: "token"; readonly value: string }
  /** It does not fit on one row. */
  | { readonly shows: "cut"; readonly what: "token" | "address" };

export interface ScreenShape {
  readonly columns: number;
  /**
   * The program has ended, or has drawn nothing for a while. Before that an old screen may stand in what is drawn over it
   * (2.1.197), so that neither the end of a word nor what follows it tells anything.
   */
  readonly isStill: boolean;
}

export function readTokenScreen(rows: readonly string[], shape: ScreenShape): TokenScreen {
  if (rows.some((row) => mask.test(row))) return { shows: "typed" };
  const found = findToken(rows, shape) ?? findRetry(rows) ?? findAddress(rows, shape);
  if (!found) return { shows: "other", text: lastWords(rows) };
  return shape.isStill ? found : { shows: "drawing" };
}

/** What stands for a typed code; its last characters stand as they are (both versions). */
const mask = /([*•●])\1{2,}/;
const frame = /[\u2500-\u257f]/g;
const address = /^\s*(https:\/\/\S*\?\S+)/;
/** The picture that it begins with. */
const picture = /[\u2580-\u259f]|\.{5,}/;

function findToken(rows: readonly string[], shape: ScreenShape): TokenScreen | undefined {
  const found = rows.flatMap((row, at) => {
    const match = /sk-ant-[\w-]*/.exec(row);
    return match ? [{ row, at, value: match[0], end: match.index + match[0].length }] : [];
  });
  const [token] = found;
  if (token === undefined) return undefined;
  const below = rows.slice(token.at + 1);
  const isWhole =
    token.end < shape.columns &&
    /^["'`\s\u2500-\u257f]|^$/.test(token.row.slice(token.end)) &&
    !isPiece(below[0]) &&
    found.every(({ value }) => value === token.value);
  return isWhole ? { shows: "token", value: token.value } : { shows: "cut", what: "token" };
}

function findRetry(rows: readonly string[]): TokenScreen | undefined {
  const at = rows.findIndex((row) => /\benter\b/i.test(row) && /\b(retry|again)\b/i.test(row));
  if (at < 0) return undefined;
  let last = at - 1;
  while (last > 0 && isBlank(rows[last])) last--;
  let first = last;
  while (first > 0 && !isBlank(rows[first - 1])) first--;
  const why = toSentence(rows.slice(first, last + 1));
  return { shows: "retry", why, isRemote: remote.test(why) || systemName.test(why) };
}

/** Words for what is no fault of the code. Without one of them another code is asked for. */
const remote = new RegExp(
  [
    "\\b(network|proxy|internet|certificate|socket|dns|tls|ssl|timed? ?out|connect(ion)?|unreachable|offline)\\b",
    "\\b(fetch failed|sign-in service|status code 5\\d\\d)\\b",
  ].join("|"),
  "i",
);
/** As the system names what went wrong, e.g. `ECONNREFUSED`. */
const systemName = /\bE[A-Z_]{4,}\b/;

function findAddress(rows: readonly string[], shape: ScreenShape): TokenScreen | undefined {
  const at = rows.findIndex((row) => address.test(row));
  const url = address.exec(rows[at] ?? "")?.[1];
  if (url === undefined) return undefined;
  const below = rows.slice(at + 1);
  const prompt = below.findIndex((row) => /\b(paste|code)\b/i.test(row));
  if (prompt < 0) return undefined;
  if (rows[at]!.length >= shape.columns || isPiece(below[0], /\S/))
    return { shows: "cut", what: "address" };
  const rest = below.slice(prompt + 1).filter((text) => text.search(frame) < 0);
  const trouble = toSentence(rest);
  return { shows: "address", url, ...(trouble !== "" && { trouble }) };
}

/** One word alone: what did not fit on the row above. */
function isPiece(row: string | undefined, characters = /[\w-]/): boolean {
  const text = (row ?? "").replaceAll(frame, "").trim();
  return text !== "" && [...text].every((character) => characters.test(character));
}

function isBlank(row: string | undefined): boolean {
  return (row ?? "").replaceAll(frame, "").trim() === "";
}

function lastWords(rows: readonly string[]): string {
  const said = rows.filter((row) => !isBlank(row) && !picture.test(row));
  return toSentence(said.slice(-4));
}

/** One line, without the signs before it. */
function toSentence(rows: readonly string[]): string {
  const text = rows.map((row) => row.replaceAll(frame, "").trim()).join(" ");
  return text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/^[^\p{L}\p{N}"'(*]+/u, "")
    .replace(/^OAuth error: */i, "")
    .slice(0, 400);
}
