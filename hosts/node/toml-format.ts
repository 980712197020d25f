import { JackinError } from "../../core/index.ts";
import { parseData } from "./toml.ts";

/** What can be written: tables are written inline. */
export type TomlInput =
  | string
  | number
  | boolean
  | readonly TomlInput[]
  | { readonly [key: string]: TomlInput };

/** How a text was written before; the same way is used when the new text allows it. */
export interface StringStyle {
  readonly literal: boolean;
  readonly multiline: boolean;
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const control = /[\u0000-\u0008\u000a-\u001f\u007f]/;

export function formatKey(path: readonly string[]): string {
  return path.map((key) => (/^[\w-]+$/.test(key) ? key : formatBasic(key))).join(".");
}

export function formatValue(value: TomlInput, style?: StringStyle): string {
  switch (typeof value) {
    case "string":
      return formatString(value, style);
    case "number":
      return formatNumber(value);
    case "boolean":
      return String(value);
    default:
      if (isList(value)) return `[${value.map((item) => formatValue(item)).join(", ")}]`;
      return formatInlineTable(value);
  }
}

/** The value as the parser would give it back. */
export function toData(value: TomlInput): unknown {
  if (typeof value === "number") return value + 0;
  if (typeof value !== "object") return value;
  if (isList(value)) return value.map(toData);
  const table: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) table[key] = toData(item);
  return table;
}

export function formatComment(text: string): string {
  if (control.test(text) || !text.isWellFormed()) {
    throw new JackinError({ code: "usage", message: "A comment is one line of text." });
  }
  // Two hash signs, so that it is never taken for a setting that was commented out.
  return `${isCommentedSetting(`# ${text}`) ? "##" : "#"} ${text}`.trimEnd();
}

/** `# KEY = "value"` is an operator's setting that waits, not a remark. */
export function isCommentedSetting(comment: string): boolean {
  try {
    return Object.keys(parseData(comment.trim().slice(1), "comment")).length > 0;
  } catch {
    return false;
  }
}

function formatInlineTable(table: { readonly [key: string]: TomlInput }): string {
  const pairs = Object.entries(table).map(
    ([key, item]) => `${formatKey([key])} = ${formatValue(item)}`,
  );
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) {
    throw new JackinError({
      code: "usage",
      message: `${value} is no number that a configuration can hold.`,
    });
  }
  const text = String(value);
  if (!Number.isInteger(value) || Number.isSafeInteger(value) || text.includes("e")) return text;
  return `${text}.0`;
}

function formatString(value: string, style?: StringStyle): string {
  if (style?.multiline && value.includes("\n") && !control.test(value.replaceAll("\n", ""))) {
    const isPlain = !value.includes("'''") && !value.endsWith("'");
    if (style.literal && isPlain) return `'''\n${value}'''`;
    const lines = value.split("\n").map((line) => formatBasic(line).slice(1, -1));
    return `"""\n${lines.join("\n")}"""`;
  }
  if (style?.literal && !value.includes("'") && !control.test(value) && value.isWellFormed()) {
    return `'${value}'`;
  }
  return formatBasic(value);
}

/** A basic string of TOML is a string of JSON, except that DEL must be escaped. */
function formatBasic(value: string): string {
  if (!value.isWellFormed()) {
    throw new JackinError({
      code: "usage",
      message: "A text with half a surrogate pair cannot be stored as UTF-8.",
    });
  }
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}

function isList(value: TomlInput): value is readonly TomlInput[] {
  return Array.isArray(value);
}
