import * as v from "valibot";
import {
  credentialsFile,
  JackinError,
  throwIfAborted,
  tokenVariable,
  toToken,
  usualToken,
} from "../../core/index.ts";
import type { AuthProvider, Grant, GrantedToken, Notice, PluginContext } from "../../core/index.ts";
import { recover } from "./recover.ts";

const name = "auth-token";

const optionsSchema = v.strictObject({
  /**
   * `env`: a variable of the agent's process, which keeps it until it ends. `file`: a login that cannot renew itself, in
   * memory; a running agent goes on with the one that takes its place.
   */
  deliver: v.optional(v.picklist(["env", "file"]), "env"),
});

/**
 * Gives the agent the operator's long-lived token and nothing else, so that no stale login shadows it. A token that cannot
 * work stops the launch; one that only looks unusual gets a warning.
 */
export function authToken(): AuthProvider {
  return {
    kind: "auth",
    name,
    mode: "token",
    options: optionsSchema,
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
      const { deliver } = v.parse(optionsSchema, request.options);
      const { value, notices } = judge(token);
      const secret = ctx.secret(value);
      const { expiresAt } = token;
      return {
        line: "claude auth: long-lived OAuth token",
        login: "forwarded",
        ...(deliver === "env"
          ? { files: [], env: { [tokenVariable]: secret } }
          : { files: [toLogin(value, ctx)], env: {}, replaceable: true }),
        ...(expiresAt !== undefined && { expiresAt }),
        notices,
      };
    },
    recover,
  };
}

/**
 * Claude Code takes it for a login (2.1.330, headless and in the terminal UI). Without `user:profile` among its scopes it asks
 * nobody for the account, which such a token may not. No `expiresAt`: it is an estimate, and is not asked for.
 */
function toLogin(accessToken: string, ctx: PluginContext): Grant["files"][number] {
  const login = { claudeAiOauth: { accessToken, scopes: ["user:inference"] } };
  return { name: credentialsFile, content: ctx.secret(JSON.stringify(login)) };
}

/** A look at a value outside of runtimes and stores: a wrong paste is told now and not by a 401 later. */
function judge({ value: secret, source }: GrantedToken) {
  const given = secret.reveal();
  const { value, fault, doubt } = toToken(given);
  if (fault !== undefined)
    throw new JackinError({
      code: "login-unusable",
      message: `[${name}] the token from ${source} ${fault}`,
      hint: `claude setup-token\nthen store the ${usualToken.length} characters that it prints, as one line`,
    });
  const notices: Notice[] = [];
  if (value !== given)
    notices.push({
      level: "warning",
      text: `the token from ${source} is stored with white space around it, which was left out`,
    });
  if (doubt !== undefined)
    notices.push({
      level: "warning",
      text: `the token from ${source} ${doubt}: if the agent meets a 401, store it again as a whole`,
      next: "claude setup-token",
    });
  return { value, notices };
}
