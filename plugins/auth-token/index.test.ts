import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { testAuthProvider } from "../../test/conformance/auth.ts";
import { visible } from "../../test/conformance/visible.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import type { FailureCause, GrantedToken } from "../../core/index.ts";
import { authToken } from "./index.ts";

const token = `sk-ant-oat01-${"canary_9-".repeat(11).slice(0, 95)}`;

testAuthProvider("auth-token", {
  make: authToken,
  line: "claude auth: long-lived OAuth token",
  token,
  canaries: [token],
});
testAuthProvider("auth-token", {
  make: authToken,
  line: "claude auth: long-lived OAuth token",
  options: { deliver: "file" },
  token,
  canaries: [token],
});

const grantOf = (value: string, options = {}, known: Partial<GrantedToken> = {}) => {
  const ctx = createContextDouble(createHostDouble());
  return authToken().grant(
    {
      instance: "my-app",
      options,
      others: [],
      token: { value: ctx.secret(value), source: "op://Private/Claude/token", ...known },
    },
    ctx,
  );
};

const fails = (value: string) =>
  grantOf(value).then(
    () => undefined,
    (error: unknown) => error as Error & { code: string; hint?: string },
  );

describe("auth-token", () => {
  it("gives the token in the variable that Claude Code reads, beside an empty credential folder", async () => {
    const grant = await grantOf(token);
    expect(grant).toMatchObject({ login: "forwarded", files: [], notices: [] });
    expect(grant).not.toHaveProperty("replaceable");
    expect(Object.keys(grant.env)).toEqual(["CLAUDE_CODE_OAUTH_TOKEN"]);
    expect(grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal()).toBe(token);
  });

  it("gives it as a login that nothing renews and that may be replaced, when it is to go into a file", async () => {
    const grant = await grantOf(`${token}\n`, { deliver: "file" });
    expect(grant).toMatchObject({ login: "forwarded", env: {}, replaceable: true });
    const [file, ...others] = grant.files;
    expect([file?.name, others]).toEqual([".credentials.json", []]);
    // Scopes are needed, and `user:profile` would have Claude Code ask for an account that the token may not see.
    expect(JSON.parse(file!.content.reveal())).toEqual({
      claudeAiOauth: { accessToken: token, scopes: ["user:inference"] },
    });
  });

  it.each(["env", "file"])("tells what is known of the token, delivered as %s", async (deliver) => {
    const known = { expiresAt: 1_800_000_000_000 };
    expect(await grantOf(token, { deliver }, known)).toMatchObject(known);
    const grant = await grantOf(token, { deliver });
    expect(grant).not.toHaveProperty("expiresAt");
  });

  it("knows no other way to deliver it", () => {
    const options = authToken().options!;
    expect(v.safeParse(options, { deliver: "pipe" }).success).toBe(false);
    expect(v.safeParse(options, { delivers: "file" }).success).toBe(false);
  });

  it.each([
    ["empty", "", "is empty"],
    ["blank", " \n", "is empty"],
    ["an API key", `sk-ant-api03-${"canary".repeat(15)}`, "is an API key"],
    ["a refresh token", token.replace("oat01", "ort01"), "is a refresh token"],
    ["cut into two lines", `${token.slice(0, 60)}\n${token.slice(60)}`, "a line break inside (109"],
    ["with a space inside", `${token.slice(0, 60)} ${token.slice(60)}`, "white space"],
    ["in quotes", `"${token}"`, "has quotes around it"],
    ["with a character no header takes", `${token}é`, "characters inside that no token has"],
    ["far too long", "canary".repeat(1000), "is 6000 characters long"],
  ])("stops the launch for a token that is %s, and shows none of it", async (_, value, reason) => {
    const error = await fails(value);
    expect(error?.code).toBe("login-unusable");
    expect(error?.message).toContain("[auth-token] the token from op://Private/Claude/token ");
    expect(error?.message).toContain(reason);
    expect(error?.hint).toContain("claude setup-token");
    expect(visible(error)).not.toContain("canary");
  });

  it.each([
    [
      "of another length",
      token.slice(0, 99),
      "is 99 characters long, and claude setup-token prints 108",
    ],
    ["of another kind", "canary-of-a-gateway", "does not begin with sk-ant-oat01- (19 characters)"],
  ])("warns about a token %s and goes on", async (_, value, reason) => {
    const grant = await grantOf(value);
    expect(grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal()).toBe(value);
    expect(grant.notices).toMatchObject([{ level: "warning", next: "claude setup-token" }]);
    expect(grant.notices[0]?.text).toContain(reason);
    expect(visible(grant)).not.toContain("canary");
  });

  it("leaves out white space around the token and says so", async () => {
    const grant = await grantOf(` ${token}\n`);
    expect(grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal()).toBe(token);
    expect(grant.notices).toMatchObject([{ level: "warning" }]);
    expect(grant.notices[0]?.text).toContain("white space around it");
  });
});

describe("a refused agent of mode token", () => {
  const about = { text: "…", instance: "my-app", mode: "token", at: 0 };
  it.each([
    ["expired", "has expired", /^jackin config auth rotate-token .*\njackin eject my-app, then/],
    ["revoked", "was revoked", /^jackin config auth rotate-token .*\njackin eject my-app, then/],
    ["malformed", "no whole token", /ANTHROPIC_AUTH_TOKEN.*\n.* doctor-token .*108 characters/],
    ["not-signed-in", "does not use its long-lived token", /^jackin eject my-app, then load/],
    ["not-renewed", "does not use its long-lived token", /^jackin eject my-app, then load/],
    ["scope", "expected in mode token", /sync or session/],
  ] as const)("%s", (cause, text, next) => {
    const notice = authToken().recover!({ cause, ...about });
    expect(notice?.level).toBe(cause === "scope" ? "info" : "warning");
    expect(notice?.text).toContain(text);
    expect(notice?.next).toMatch(next);
  });

  it("that holds it in a file needs no restart, and is told of the scope that names it", () => {
    const token = { workspace: "my-app", role: "reviewer" };
    const next = (cause: FailureCause) =>
      authToken().recover!({ cause, ...about, token, replaceable: true })?.next;
    for (const cause of ["expired", "revoked"] as const)
      expect(next(cause)).toMatch(
        /^jackin workspace claude-token rotate my-app --role reviewer {3}.*\njackin auth sync my-app {3}/,
      );
    for (const cause of ["not-signed-in", "not-renewed"] as const)
      expect(next(cause)).toMatch(/^jackin auth sync my-app {3}/);
    expect(next("malformed")).toContain(
      "\njackin workspace claude-token doctor my-app --role reviewer   ",
    );
  });

  it.each(["refused", "policy", "quota", "unknown"] as const)("%s is left to the core", (cause) => {
    expect(authToken().recover!({ cause, ...about })).toBeUndefined();
  });
});
