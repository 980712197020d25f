/** Claude Code prefers these variables to whatever a mode provides (documented precedence), highest first. */
export const outranking: readonly string[] = [
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
  "CLAUDE_CODE_USE_FOUNDRY",
  "ANTHROPIC_AUTH_TOKEN",
  "ANTHROPIC_API_KEY",
];

/**
 * Together they have Claude Code exchange an identity token: below `CLAUDE_CODE_OAUTH_TOKEN`, above a login. The first and one
 * of the others are needed, beside an organization and a service account (2.1.330).
 */
export const federation: readonly string[] = [
  "ANTHROPIC_FEDERATION_RULE_ID",
  "ANTHROPIC_IDENTITY_TOKEN",
  "ANTHROPIC_IDENTITY_TOKEN_FILE",
];

/** The change to an environment that leaves Claude Code its login alone: with another credential in view it looks at that one. */
export function withoutCredentials(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, undefined> {
  const names = Object.keys(env).filter((name) =>
    /^(ANTHROPIC_|CLAUDE_CODE_OAUTH_|CLAUDE_CODE_USE_)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, undefined]));
}
