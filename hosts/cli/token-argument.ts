import { JackinError } from "../../core/index.ts";

/** What every token and key of Anthropic begins with. */
const tokenStart = "sk-ant-";

export function isTokenText(text: string): boolean {
  return text.includes(tokenStart);
}

const tokenWords: ReadonlySet<string> = new Set([
  "claude-token",
  "setup-token",
  "rotate-token",
  "revoke-token",
  "doctor-token",
]);

/** A token on a command line is in the shell's history and in `ps` already; that is said without showing it once more. */
export function refuseTokenArgument(argv: readonly string[]): void {
  if (!argv.slice(0, 3).some((word) => tokenWords.has(word)) || !argv.some(isTokenText)) return;
  throw new JackinError({
    code: "usage",
    message:
      "A token stands on the command line, where every program of this machine can read it, and your shell's history keeps it. Nothing was done; take it for known, and revoke it.",
    hint: "--paste          asks for a token without showing it, or reads it from stdin\n--reuse REF      takes one that is stored already",
  });
}
