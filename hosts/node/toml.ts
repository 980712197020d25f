import { parse, TomlError } from "smol-toml";
import { JackinError } from "../../core/index.ts";
import { showLine } from "./toml-excerpt.ts";
import { keyPositions, positionAt } from "./toml-positions.ts";
import type { Path } from "./toml-syntax.ts";

/** A table as read: no prototype, so that a key called `__proto__` or `constructor` is a key like any other. */
export type TomlTable = Record<string, unknown>;

export interface TomlPosition {
  /** Both count from 1; a column is a UTF-16 unit, as editors count. */
  readonly line: number;
  readonly column: number;
}

export interface TomlDocument {
  readonly data: TomlTable;
  /** Where a key or a table was written first; elements of arrays have numbers in their path. */
  locate(keyPath: Path): TomlPosition | undefined;
}

/** Nesting beyond this is no configuration, and would exhaust the stack of whoever walks it. */
const maxDepth = 100;
/** Characters. A larger file is no configuration, and its tree would take gigabytes. */
const maxLength = 1_000_000;
const bom = "\uFEFF";

/** Throws a `JackinError` that names `path:line:column` and shows the line, with what may be a secret masked. */
export function parseToml(source: string, path: string): TomlDocument {
  const { text } = splitBom(source);
  const data = parseData(text, path);
  let positions: ReadonlyMap<string, number> | undefined;
  return {
    data,
    locate(keyPath) {
      positions ??= findPositions(text);
      const offset = positions.get(JSON.stringify(keyPath));
      return offset === undefined ? undefined : positionAt(text, offset);
    },
  };
}

/** Without a tree there are values but no places: an error that has none is better than another one. */
function findPositions(text: string): ReadonlyMap<string, number> {
  try {
    return keyPositions(text);
  } catch {
    return new Map();
  }
}

/** The text of a file, byte order mark included; bytes that are not UTF-8 would be lost on the next write, so they are refused. */
export function decodeToml(bytes: Uint8Array, path: string): string {
  const decode = (part: Uint8Array, fatal: boolean) =>
    new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(part);
  try {
    return decode(bytes, true);
  } catch {
    const { line, column } = firstUndecodable(bytes, decode);
    throw new JackinError({
      code: "config-invalid",
      message: `${path}:${line}:${column}: not UTF-8 text.`,
      hint: `Save ${path} as UTF-8 in your editor.`,
    });
  }
}

export function splitBom(source: string): { mark: string; text: string } {
  const mark = source.startsWith(bom) ? bom : "";
  return { mark, text: source.slice(mark.length) };
}

/** The values of a text without byte order mark. */
export function parseData(text: string, path: string): TomlTable {
  if (text.length > maxLength) throw notConfiguration(path, "larger than 1 MB");
  // smol-toml (1.9) takes one away too, and the parser for edits does not.
  if (text.startsWith(bom)) throw notConfiguration(path, "it begins with two byte order marks");
  let data: TomlTable;
  try {
    data = parse(text, { maxDepth });
  } catch (error) {
    throw syntaxError(error, text, path);
  }
  if (isTooDeep(data)) throw notConfiguration(path, `tables nested more than ${maxDepth} deep`);
  return data;
}

export function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}

function notConfiguration(path: string, reason: string): JackinError {
  return new JackinError({
    code: "config-invalid",
    message: `${path}: ${reason}.`,
    hint: `Check that ${path} is jackin's configuration.`,
  });
}

/** The parser's error is dropped, not chained: it quotes the file, secrets included. */
function syntaxError(error: unknown, text: string, path: string): JackinError {
  const hint = `Correct ${path} in your editor; nothing was changed.`;
  if (!(error instanceof TomlError)) {
    return new JackinError({
      code: "config-invalid",
      message: `${path}: not readable as TOML.`,
      hint,
    });
  }
  const { line, column } = error;
  const reason = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
  return new JackinError({
    code: "config-invalid",
    message: `${path}:${line}:${column}: ${reason}\n${showLine(text, line, column)}`,
    hint,
  });
}

/** Without recursion: dotted keys nest as deep as a line is long. */
function isTooDeep(data: TomlTable): boolean {
  let level: unknown[] = [data];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) return true;
    level = level.flatMap((value) =>
      Array.isArray(value) ? value : isTable(value) ? Object.values(value) : [],
    );
  }
  return false;
}

function firstUndecodable(
  bytes: Uint8Array,
  decode: (part: Uint8Array, fatal: boolean) => string,
): TomlPosition {
  let start = 0;
  for (let line = 1; ; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const part = bytes.subarray(start, newline === -1 ? bytes.length : newline);
    try {
      decode(part, true);
    } catch {
      return { line, column: decode(part, false).indexOf("\uFFFD") + 1 };
    }
    start = newline + 1;
  }
}
