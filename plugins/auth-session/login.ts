import * as v from "valibot";
import { clause, JackinError, throwIfAborted, toCredential } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import type { LoginPlace } from "./place.ts";

/** bytes */
const largest = 1024 * 1024;
const largestAccountFile = 32 * 1024 * 1024;

export interface SessionLogin {
  /** `none`: never signed in, or signed out. */
  readonly state: "signed-in" | "none" | "unusable";
  /** What is wrong with it, as a part of a sentence that begins with the login. */
  readonly fault: string | undefined;
  /** Who signed in, as a person would say it; it outlives the login. */
  readonly account: string | undefined;
  /** The login belongs to somebody else than `account`: an agent has signed in by itself. */
  readonly isForeign: boolean;
  /** ms since the epoch: when it can be renewed no more. The access token's own end is no news. */
  readonly expiresAt: number | undefined;
}

/** Reads and judges the login. It never throws for a bad one: whether a launch goes on is not decided here. */
export async function readLogin(place: LoginPlace, ctx: PluginContext): Promise<SessionLogin> {
  const { name: account, uuid } = await readAccount(place, ctx);
  const base = { account, isForeign: false, expiresAt: undefined, fault: undefined };
  const unusable = (fault: string) => ({ ...base, state: "unusable" as const, fault });
  let text: string | undefined;
  try {
    text = await readText(place, ctx);
  } catch (error) {
    throwIfAborted(ctx.signal);
    if (!(error instanceof JackinError)) throw error;
    return unusable(`cannot be used: ${clause(error)}`);
  }
  const credential = await toCredential(text);
  switch (credential.state) {
    case "none":
      return { ...base, state: "none" };
    case "torn":
      return unusable("is not whole JSON");
    case "unknown":
      return unusable("has a form that jackin does not know");
    case "hollow":
      return unusable("was blanked: it was signed out or revoked, and could not be renewed");
    case "access":
      return unusable("cannot renew itself: its refresh token is missing");
    case "whole": {
      const more = v.safeParse(moreSchema, JSON.parse(text!));
      const { refreshTokenExpiresAt, accountUuid } = more.success
        ? more.output.claudeAiOauth
        : { refreshTokenExpiresAt: undefined, accountUuid: undefined };
      const isForeign = uuid != null && accountUuid != null && uuid !== accountUuid;
      return {
        ...base,
        state: "signed-in",
        isForeign,
        expiresAt: Number.isSafeInteger(refreshTokenExpiresAt)
          ? (refreshTokenExpiresAt ?? undefined)
          : undefined,
      };
    }
  }
}

/** What Claude Code 2.1.330 adds to a login. */
const moreSchema = v.object({
  claudeAiOauth: v.object({
    /** ms since the epoch */
    refreshTokenExpiresAt: v.nullish(v.number()),
    accountUuid: v.nullish(v.string()),
  }),
});

/** The credential file's text; the redactor knows what is secret in it. */
export async function readText(place: LoginPlace, ctx: PluginContext): Promise<string | undefined> {
  const text = await place.files.read(place.credentials, { maxBytes: largest, followLinks: false });
  if (text === undefined) return undefined;
  ctx.secret(text);
  for (const [token] of text.matchAll(/sk-ant-[\w-]+/g)) ctx.secret(token);
  return text;
}

const accountSchema = v.object({
  oauthAccount: v.object({
    emailAddress: v.pipe(v.string(), v.nonEmpty()),
    organizationName: v.nullish(v.string()),
    accountUuid: v.nullish(v.string()),
  }),
});

/** Who is signed in, as Claude Code noted it. Not knowing it stops nothing. */
async function readAccount(
  place: LoginPlace,
  { signal }: PluginContext,
): Promise<{ readonly name?: string; readonly uuid?: string | null | undefined }> {
  let json: unknown;
  try {
    const options = { maxBytes: largestAccountFile, followLinks: false };
    json = JSON.parse((await place.files.read(`${place.config}/.claude.json`, options)) ?? "null");
  } catch (error) {
    throwIfAborted(signal);
    if (!(error instanceof JackinError || error instanceof SyntaxError)) throw error;
  }
  const parsed = v.safeParse(accountSchema, json);
  if (!parsed.success) return {};
  const { emailAddress, organizationName, accountUuid } = parsed.output.oauthAccount;
  // A private account's organization is "<email>'s Organization" and says nothing more.
  const says = organizationName && !organizationName.includes(emailAddress);
  return { name: says ? `${emailAddress} (${organizationName})` : emailAddress, uuid: accountUuid };
}
