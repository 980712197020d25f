import { describe, expect, it } from "vitest";
import { testAuthProvider } from "../../test/conformance/auth.ts";
import { visible } from "../../test/conformance/visible.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import { authToken } from "./index.ts";

const token = `sk-ant-oat01-${"canary_9-".repeat(11).slice(0, 95)}`;

testAuthProvider("auth-token", {
  make: authToken,
  line: "claude auth: long-lived OAuth token",
  token,
  canaries: [token],
});

const grantOf = (value: string) => {
  const ctx = createContextDouble(createHostDouble());
  return authToken().grant(
    {
      instance: "my-app",
      options: {},
      others: [],
      token: { value: ctx.secret(value), source: "op://Private/Claude/token" },
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
    expect(Object.keys(grant.env)).toEqual(["CLAUDE_CODE_OAUTH_TOKEN"]);
    expect(grant.env["CLAUDE_CODE_OAUTH_TOKEN"]?.reveal()).toBe(token);
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
    ["expired", "has expired", /^claude setup-token .*\njackin eject my-app, then load/],
    ["revoked", "was revoked", /^claude setup-token .*\njackin eject my-app, then load/],
    ["malformed", "no whole token", /ANTHROPIC_AUTH_TOKEN.*\n.*108 characters/],
    ["not-signed-in", "does not use its long-lived token", /^jackin eject my-app, then load/],
    ["not-renewed", "does not use its long-lived token", /^jackin eject my-app, then load/],
    ["scope", "expected in mode token", /sync or session/],
  ] as const)("%s", (cause, text, next) => {
    const notice = authToken().recover!({ cause, ...about });
    expect(notice?.level).toBe(cause === "scope" ? "info" : "warning");
    expect(notice?.text).toContain(text);
    expect(notice?.next).toMatch(next);
  });

  it.each(["refused", "policy", "quota", "unknown"] as const)("%s is left to the core", (cause) => {
    expect(authToken().recover!({ cause, ...about })).toBeUndefined();
  });
});
