const inspect = Symbol.for("nodejs.util.inspect.custom");
const denoInspect = Symbol.for("Deno.customInspect");
const mask = "***";

/** A value that prints, inspects and serialises as `***`. Only runtimes and secret stores call `reveal()`. */
export interface Secret {
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

/** Keeps a value out of every accidental print. The value lives in the closure, so no inspection of the object shows it. */
export function createSecret(value: string): Secret {
  return Object.freeze({
    reveal: () => value,
    toString: () => mask,
    toJSON: () => mask,
    [inspect]: () => mask,
    [denoInspect]: () => mask,
    [Symbol.toPrimitive]: () => mask,
  });
}

/** Replaces every live secret in a text by `***`. It stands before each output: terminal, log, HTTP answer, error. */
export interface Redactor {
  add(secret: Secret): Secret;
  redact(text: string): string;
}

/** Values shorter than this are left alone: hiding `on` or `1` would only garble what is printed. */
const shortest = 6;

export function createRedactor(): Redactor {
  const forms = new Set<string>();
  let longestFirst: string[] | undefined;
  return {
    add(secret) {
      for (const form of printedForms(secret.reveal())) forms.add(form);
      longestFirst = undefined;
      return secret;
    },
    redact(text) {
      longestFirst ??= [...forms].sort((a, b) => b.length - a.length);
      // Plain string search: a secret may be many kilobytes, too long for a regular expression.
      for (const form of longestFirst) if (text.includes(form)) text = text.replaceAll(form, mask);
      return text;
    },
  };
}

/** How a value may turn up in a text: as it is, trimmed, in JSON, in a URL, in base64, and each long line of it. */
function printedForms(value: string): string[] {
  const trimmed = value.trim();
  // No program takes a longer one, so only its plain text can turn up.
  if (value.length > 256 * 1024) return [value, trimmed];
  const lines = trimmed.split(/\r?\n/).filter((line) => line.length >= 16);
  const json = JSON.stringify(trimmed).slice(1, -1);
  return [
    value,
    trimmed,
    json,
    ...lines,
    ...lines.map((line) => encodeURIComponent(line.toWellFormed())),
    base64(value),
    base64(trimmed),
  ].filter((form) => form.trim().length >= shortest);
}

function base64(value: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(value)) bytes += String.fromCharCode(byte);
  return btoa(bytes).replace(/=+$/, "");
}
