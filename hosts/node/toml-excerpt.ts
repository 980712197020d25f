/** Columns of a long line that are shown on either side of the caret. */
const reach = 60;

/** Names of values that are likely secret, wherever they stand. */
const secretName = /token|secret|passw|credential|private|api_?key/i;
const longRun = /[\w+=.-]{20,}/g;
const userInfo = /(:\/\/)[^\s/@]+@/g;
const header = /^\s*\[\[?[^=]*\]\]?\s*(#.*)?$/;

/** One line of a file with a caret below its column (from 1). What may be a secret is masked, character by character. */
export function showLine(text: string, line: number, column: number): string {
  const lines = text.split("\n");
  const plain = (lines[line - 1] ?? "").replace(/\r$/, "");
  const shown = maskLine(lines.slice(0, line - 1), plain).replace(/\p{C}/gu, " ");
  const start = Math.max(0, column - 1 - reach);
  const margin = `${line} | `;
  const caret = " ".repeat(margin.length + column - 1 - start) + "^";
  return `${margin}${shown.slice(start, column - 1 + reach).trimEnd()}\n${caret}`;
}

function maskLine(before: readonly string[], line: string): string {
  if (header.test(line)) return maskTokens(line);
  const equals = line.indexOf("=") + 1;
  const key = line.slice(0, equals);
  // A line that begins with no key may be a piece of a longer value, or a pasted token.
  if (isInsideText(before) || !/^[\w."' \t-]+=$/.test(key)) return mask(line);
  const value = line.slice(equals);
  const isSuspicious = secretName.test(line) || isInEnv(before, line);
  return maskTokens(key) + (isSuspicious ? mask(value) : maskTokens(value));
}

/** From the last header on, a name `env` may have opened a table of secrets. */
function isInEnv(before: readonly string[], line: string): boolean {
  const start = before.findLastIndex((text) => header.test(text));
  return [...before.slice(Math.max(0, start)), line].some((text) => /\benv\b/.test(text));
}

/** An open text of several lines: its delimiter has been seen an odd number of times. */
function isInsideText(before: readonly string[]): boolean {
  const text = before.join("\n");
  return ['"""', "'''"].some((delimiter) => text.split(delimiter).length % 2 === 0);
}

/** Quotes, brackets and blanks stay: they are what a syntax error is about. */
function mask(text: string): string {
  return text.replace(/[^\s"'=,#[\]{}\\]/g, "*");
}

/** What is likely a secret whatever its name: long runs of letters and digits, very long runs, a password in a URL. */
function maskTokens(text: string): string {
  return text
    .replace(longRun, (run) => {
      const isMixed = /\d/.test(run) && /[a-z]/i.test(run);
      return isMixed || run.length >= 32 ? "*".repeat(run.length) : run;
    })
    .replace(/\bsk-[\w-]+/g, (found) => "*".repeat(found.length))
    .replace(userInfo, (found, scheme: string) => `${scheme}${"*".repeat(found.length - 4)}@`);
}
