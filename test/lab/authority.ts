import { createHash, randomBytes, randomUUID } from "node:crypto";

/** What `.credentials.json` holds, as Claude Code 2.1.330 writes it. */
export interface Credentials {
  readonly claudeAiOauth: {
    readonly accessToken: string;
    readonly refreshToken: string;
    /** Milliseconds since 1970. */
    readonly expiresAt: number;
    readonly scopes: readonly string[];
    readonly subscriptionType: string;
    readonly rateLimitTier: string;
  };
}

export interface LoginOptions {
  /** The account's mail address; logins of one name belong to one account. Default `operator@example.test`. */
  readonly account?: string;
  /** How long the access token is good for, in ms. Zero or less: it is expired already. Default: the lab's lifetime. */
  readonly lifetimeMs?: number;
}

export type Refusal = "malformed" | "unknown" | "expired" | "revoked";

export type Checked =
  | { readonly ok: true; readonly account: string }
  | { readonly ok: false; readonly why: Refusal };

export interface Renewed {
  readonly accessToken: string;
  /** Absent for a long-lived token. */
  readonly refreshToken?: string;
  readonly lifetimeMs: number;
  readonly scopes: readonly string[];
  readonly account: string;
}

/** The tokens of the stand-in: who holds what, and what is still good. Knows nothing of HTTP. */
export interface Authority {
  /** Lifetime of the access tokens given from now on, in ms. */
  lifetimeMs: number;
  newLogin(options?: LoginOptions): Credentials;
  newLongLivedToken(options?: { readonly account?: string }): string;
  /** A single-use authorization code, as a browser would hand it to the operator. */
  newCode(options?: { readonly account?: string }): string;
  /** Takes an access token, a long-lived token or a refresh token out of use. Throws when it was never issued. */
  revoke(token: string): void;
  check(accessToken: string | undefined): Checked;
  /** Uses a refresh token up. Nothing when it was used before, revoked, or never issued. */
  renew(refreshToken: string): Renewed | undefined;
  /** Uses a code up. With `longLivedMs` the answer is a setup-token. */
  redeem(code: string, longLivedMs?: number): Renewed | undefined;
}

const loginScopes = ["user:inference", "user:profile", "user:sessions:claude_code"];
const yearMs = 365 * 86_400_000;

export function createAuthority(lifetimeMs: number): Authority {
  const access = new Map<string, { account: string; expiresAt: number; revoked: boolean }>();
  const refresh = new Map<string, { account: string; good: boolean }>();
  const codes = new Map<string, string>();

  function give(
    account: string,
    lifetime: number,
    scopes: readonly string[],
    renewable: boolean,
  ): Renewed {
    const accessToken = newToken("oat");
    access.set(accessToken, { account, expiresAt: Date.now() + lifetime, revoked: false });
    const given = { accessToken, lifetimeMs: lifetime, scopes, account };
    if (!renewable) return given;
    const refreshToken = newToken("ort");
    refresh.set(refreshToken, { account, good: true });
    return { ...given, refreshToken };
  }

  const authority: Authority = {
    lifetimeMs,
    newLogin({ account = defaultAccount, lifetimeMs: lifetime = authority.lifetimeMs } = {}) {
      const given = give(account, lifetime, loginScopes, true);
      return {
        claudeAiOauth: {
          accessToken: given.accessToken,
          refreshToken: given.refreshToken ?? "",
          expiresAt: Date.now() + lifetime,
          scopes: loginScopes,
          subscriptionType: "max",
          rateLimitTier: "default_claude_max_5x",
        },
      };
    },
    newLongLivedToken({ account = defaultAccount } = {}) {
      return give(account, yearMs, ["user:inference"], false).accessToken;
    },
    newCode({ account = defaultAccount } = {}) {
      const code = randomUUID().replaceAll("-", "");
      codes.set(code, account);
      return code;
    },
    revoke(token) {
      const held = access.get(token);
      const renewable = refresh.get(token);
      if (held) held.revoked = true;
      else if (renewable) renewable.good = false;
      else throw new Error(`[lab] cannot revoke ${fingerprint(token)}: it was never issued here`);
    },
    check(token) {
      if (!token || !/^sk-ant-oat01-[\w-]{95}$/.test(token)) return { ok: false, why: "malformed" };
      const held = access.get(token);
      if (!held) return { ok: false, why: "unknown" };
      if (held.revoked) return { ok: false, why: "revoked" };
      if (held.expiresAt <= Date.now()) return { ok: false, why: "expired" };
      return { ok: true, account: held.account };
    },
    renew(refreshToken) {
      const held = refresh.get(refreshToken);
      if (!held?.good) return undefined;
      held.good = false;
      return give(held.account, authority.lifetimeMs, loginScopes, true);
    },
    redeem(code, longLivedMs) {
      const account = codes.get(code);
      if (!account) return undefined;
      codes.delete(code);
      return longLivedMs
        ? give(account, longLivedMs, ["user:inference"], false)
        : give(account, authority.lifetimeMs, loginScopes, true);
    },
  };
  return authority;
}

export const defaultAccount = "operator@example.test";

/** Names a token in records and failures without showing it. */
export function fingerprint(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 12);
}

/** The real shape: `sk-ant-oat01-` or `sk-ant-ort01-`, 108 characters in all. */
function newToken(kind: "oat" | "ort"): string {
  return `sk-ant-${kind}01-${randomBytes(72).toString("base64url").slice(0, 95)}`;
}
