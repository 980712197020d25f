/** A long-lived token as it was pasted, stored or printed: what can be repaired is, what cannot is told without showing any of it. */

/** What `claude setup-token` of 2.1.197 and 2.1.330 prints; the length is in characters. */
export const usualToken = { prefix: "sk-ant-oat01-", length: 108 } as const;

/** characters */
const longest = 4096;

export interface TokenText {
  readonly value: string;
  /** Why it can never work, to be read after "the token". */
  readonly fault?: string;
  /** Why it may not work. */
  readonly doubt?: string;
}

/** A token as it is, without the white space around it. */
export function toToken(text: string): TokenText {
  const value = text.trim();
  const fault = faultOf(value);
  const doubt = fault === undefined ? doubtOf(value) : undefined;
  return { value, ...(fault !== undefined && { fault }), ...(doubt !== undefined && { doubt }) };
}

/** What a person pasted: a terminal may have broken it over lines, a mail quoted it, the paste come with its markers. */
export function toPastedToken(text: string): TokenText {
  if (text.length > longest) return toToken(text);
  // oxlint-disable-next-line no-control-regex -- the markers of a bracketed paste
  const bare = text.replaceAll(/\u001b\[20[01]~/g, "").replaceAll(/[\s\u200b\ufeff]+/g, "");
  return toToken(bare.replace(/^(["'`])(.*)\1$/, "$2"));
}

function faultOf(value: string): string | undefined {
  if (value === "") return "is empty";
  if (value.length > longest)
    return `is ${value.length} characters long, and a token has ${usualToken.length}: something else is stored there`;
  if (/^["'`]|["'`]$/.test(value)) return "has quotes around it";
  if (/\s/.test(value))
    return `has white space or a line break inside (${value.length} characters)`;
  if (/[^\x21-\x7e]/.test(value))
    return `has characters inside that no token has (${value.length} characters)`;
  if (value.startsWith("sk-ant-api"))
    return "is an API key (it begins with sk-ant-api) and no OAuth token";
  if (value.startsWith("sk-ant-ort"))
    return "is a refresh token (it begins with sk-ant-ort) and no long-lived OAuth token";
  return undefined;
}

function doubtOf(value: string): string | undefined {
  if (!value.startsWith(usualToken.prefix))
    return `does not begin with ${usualToken.prefix} (${value.length} characters)`;
  if (value.length !== usualToken.length)
    return `is ${value.length} characters long, and claude setup-token prints ${usualToken.length}`;
  return undefined;
}
