import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { AuthFailure, AuthProvider, Notice } from "../../core/index.ts";

const name = "auth-token";
const variable = "CLAUDE_CODE_OAUTH_TOKEN";
/** What `claude setup-token` of 2.1.197 and 2.1.330 prints; the length is in characters. */
const usual = { prefix: "sk-ant-oat01-", length: 108 };
const longest = 4096;

/**
 * Gives the agent the operator's long-lived token, and an empty credential folder, so that no stale login shadows it.
 * A token that cannot work stops the launch; one that only looks unusual gets a warning.
 */
export function authToken(): AuthProvider {
  return {
    kind: "auth",
    name,
    mode: "token",
    needsToken: true,
    async grant(request, ctx) {
      throwIfAborted(ctx.signal);
      const { token } = request;
      if (!token)
        throw new JackinError({
          code: "token-missing",
          message: `[${name}] there is no token to give to the agent`,
          hint: "claude setup-token",
        });
      // The one look at a value outside of runtimes and stores: a wrong paste is told now and not by a 401 later.
      const given = token.value.reveal();
      const value = given.trim();
      const fault = faultOf(value);
      if (fault)
        throw new JackinError({
          code: "login-unusable",
          message: `[${name}] the token from ${token.source} ${fault}`,
          hint: `claude setup-token\nthen store the ${usual.length} characters that it prints, as one line`,
        });
      const notices: Notice[] = [];
      const doubt = doubtOf(value);
      if (value !== given)
        notices.push({
          level: "warning",
          text: `the token from ${token.source} is stored with white space around it, which was left out`,
        });
      if (doubt)
        notices.push({
          level: "warning",
          text: `the token from ${token.source} ${doubt}: if the agent meets a 401, store it again as a whole`,
          next: "claude setup-token",
        });
      return {
        line: "claude auth: long-lived OAuth token",
        login: "forwarded",
        files: [],
        env: { [variable]: value === given ? token.value : ctx.secret(value) },
        notices,
      };
    },
    recover,
  };
}

/** A running Claude Code 2.1.330 keeps the token that it was started with: another one takes another start. */
function recover({ cause, instance }: AuthFailure): Notice | undefined {
  const warn = (text: string, ...next: string[]): Notice => ({
    level: "warning",
    text,
    next: next.join("\n"),
  });
  const again = `jackin eject ${instance}, then load it again`;
  const renewed = [
    "claude setup-token   makes another: store it in the place of the old one",
    `${again}, with it`,
  ];
  switch (cause) {
    case "expired":
      return warn(`the long-lived token of ${instance} has expired`, ...renewed);
    case "revoked":
      return warn(`the long-lived token of ${instance} was revoked`, ...renewed);
    case "malformed":
      return warn(
        `what ${instance} presents is no whole token: the stored one was cut short, or something outranks it`,
        `jackin auth explain ${instance}   whether ANTHROPIC_AUTH_TOKEN or another source outranks it`,
        `claude setup-token   else: store all ${usual.length} characters, as one line`,
      );
    case "not-signed-in":
    case "not-renewed":
      return warn(`${instance} does not use its long-lived token any more`, again);
    case "scope":
      return {
        level: "info",
        text: `${instance} asked for something that a long-lived token has no scope for, which is expected in mode token`,
        next: "use mode sync or session where it is needed: jackin load --auth sync",
      };
    default:
      return undefined;
  }
}

/** Why a token can never work, told without showing any of it. */
function faultOf(value: string): string | undefined {
  if (value === "") return "is empty";
  if (value.length > longest)
    return `is ${value.length} characters long, and a token has ${usual.length}: something else is stored there`;
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
  if (!value.startsWith(usual.prefix))
    return `does not begin with ${usual.prefix} (${value.length} characters)`;
  if (value.length !== usual.length)
    return `is ${value.length} characters long, and claude setup-token prints ${usual.length}`;
  return undefined;
}
