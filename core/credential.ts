import * as v from "valibot";

/** What a `.credentials.json` is, told without its values. */
export type Credential =
  | { readonly state: "none" | "torn" | "unknown" }
  /** Claude Code blanks a login whose refresh token was refused (2.1.330). `whole` and `access` hold an access token. */
  | { readonly state: "hollow" }
  | {
      /** `whole` can renew itself, `access` cannot. */
      readonly state: "whole" | "access";
      readonly access: Fingerprint;
      readonly refresh?: Fingerprint;
      /** ms since the epoch */
      readonly expiresAt?: number;
    };

/** The first 12 hex digits of a token's SHA-256. */
export type Fingerprint = string;

const schema = v.looseObject({
  claudeAiOauth: v.nullish(
    v.looseObject({
      accessToken: v.nullish(v.string()),
      refreshToken: v.nullish(v.string()),
      expiresAt: v.nullish(v.number()),
    }),
  ),
});

/** `text` undefined: there is no file. The one place where a credential's text becomes what may be kept and shown. */
export async function toCredential(text: string | undefined): Promise<Credential> {
  if (text === undefined || text.trim() === "") return { state: "none" };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { state: "torn" };
  }
  const parsed = v.safeParse(schema, json);
  if (!parsed.success || Array.isArray(json)) return { state: "unknown" };
  const login = parsed.output.claudeAiOauth;
  if (!login) return { state: "none" };
  const access = login.accessToken?.trim();
  if (!access) return { state: "hollow" };
  const refresh = login.refreshToken?.trim();
  return {
    state: refresh ? "whole" : "access",
    access: await fingerprint(access),
    ...(refresh && { refresh: await fingerprint(refresh) }),
    ...(login.expiresAt != null && { expiresAt: login.expiresAt }),
  };
}

export async function fingerprint(value: string): Promise<Fingerprint> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(value));
  return Array.from(new Uint8Array(hash, 0, 6), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
