import { describe, expect, it } from "vitest";
import type { Surroundings } from "./contracts.ts";
import type { FailureCause } from "./failure.ts";
import { adviseOn, parseReport } from "./failure.ts";
import { isOfLogin, reportMatcher } from "./failure-words.ts";

const about = { instance: "my-app", mode: "sync", at: 1000 };
const report = (last_assistant_message: unknown, error?: unknown) =>
  JSON.stringify({ hook_event_name: "StopFailure", error, last_assistant_message });
const auth = "authentication_failed";
const failed = "Failed to authenticate.";

// As Claude Code 2.1.330 told its hook, with `-p` and, where it differs, in its terminal UI.
const said: readonly (readonly [FailureCause, string, string])[] = [
  ["not-signed-in", auth, "Not logged in · Please run /login"],
  ["not-renewed", auth, "Failed to authenticate: OAuth session expired and could not be refreshed"],
  [
    "expired",
    auth,
    `${failed} API Error: 401 OAuth token has expired. Please obtain a new token or refresh your existing token.`,
  ],
  [
    "revoked",
    auth,
    `${failed} API Error: 401 OAuth token has been revoked. Please obtain a new token.`,
  ],
  [
    "revoked",
    auth,
    "Failed to authenticate: OAuth token revoked. Please log in again or contact your administrator.",
  ],
  ["refused", auth, `${failed} API Error: 401 Invalid authentication credentials`],
  ["refused", auth, "Please run /login · API Error: 401 Invalid authentication credentials"],
  ["refused", auth, "Invalid API key · Fix external API key"],
  ["refused", "invalid_request", "Your apiKeyHelper script is failing · This usually means …"],
  [
    "refused",
    "unknown",
    'API Error: Token exchange failed with status 401: {"error":{"type":"authentication_error"}}',
  ],
  ["malformed", auth, `${failed} API Error: 401 Invalid bearer token`],
  [
    "scope",
    auth,
    `${failed} API Error: 403 OAuth token does not meet scope requirement user:profile`,
  ],
  [
    "policy",
    "oauth_org_not_allowed",
    "Claude Code can't use your Claude subscription, usually because a payment is past due",
  ],
  ["policy", auth, `${failed} API Error: 403 oauth_org_not_allowed`],
  ["policy", auth, `${failed} API Error: 403 This organization has been disabled.`],
  ["policy", "unknown", "API Error: 400 This organization has been disabled."],
  [
    "policy",
    "invalid_request",
    "Your ANTHROPIC_API_KEY belongs to a disabled organization · Unset the environment variable",
  ],
  ["quota", "rate_limit", "You've hit your limit · resets 11:20pm (UTC)"],
  [
    "quota",
    "rate_limit",
    "API Error: Server is temporarily limiting requests (not your usage limit)",
  ],
  ["quota", "billing_error", "Credit balance is too low"],
  ["unknown", auth, `${failed} API Error: 403 Request not allowed`],
];

describe("a report of a refused turn", () => {
  it.each(said)("is of cause %s: %s %s", (cause, error, text) => {
    expect(parseReport(report(text, error), about)).toEqual({ cause, text, ...about });
    expect(error).toMatch(new RegExp(`^(${reportMatcher})$`));
  });

  // Without its name, one of them says nothing of a limit.
  it.each(said.filter(([cause, , text]) => cause !== "unknown" && !/temporarily/.test(text)))(
    "is told by its words when Claude Code names no error: %s %s %s",
    (cause, _, text) => {
      expect(parseReport(report(text), about)?.cause).toBe(cause);
    },
  );

  it.each([
    ["the server's trouble", report("API Error: 529 Overloaded.", "server_error")],
    ["a prompt that is too long", report("Prompt is too long", "invalid_request")],
    ["anything else that is unknown", report("API Error: 400 no", "unknown")],
    ["no error and no known words", report("hello")],
    ["no text", ""],
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["a text that is a number", report(5, auth)],
    ["an error that is an object", report("Not logged in", {})],
    ["an endless one", report("Not logged in".repeat(40_000), auth)],
  ])("is nothing: %s", (_, text) => {
    expect(parseReport(text, about)).toBeUndefined();
  });

  it("without words is still a refused turn", () => {
    const expected = { cause: "unknown", text: auth, ...about };
    expect(parseReport(report(undefined, auth), about)).toEqual(expected);
    expect(parseReport(`\uFEFF${report("", auth)}`, about)).toEqual(expected);
  });

  it("keeps one short line of what it says, and nothing that steers a terminal or looks like a token", () => {
    const esc = "\u001b]0;title\u0007\u001b[2J";
    const bidi = "\u202Egnp.exe\u2066";
    const text = `a${esc}\r\nb\u2028c${bidi}\u0085 sk-ant-oat01-can_ary-1 ${"x".repeat(5000)}`;
    const found = parseReport(report(text, auth), about)!;
    expect(found.text).toMatch(/^a \]0;title \[2J b c gnp\.exe sk-ant-\*\*\* x+…$/);
    expect(found.text).toHaveLength(300);
    expect(found.text).not.toContain("can_ary");
  });

  it("hides a token also where the text is cut", () => {
    const token = `sk-ant-oat01-${"canary".repeat(20)}`;
    for (let before = 250; before < 300; before++) {
      const { text } = parseReport(report("x".repeat(before) + token, auth), about)!;
      expect(text).not.toContain("canary");
    }
  });
});

describe("what helps", () => {
  const failure = (cause: FailureCause, text = "what it said") => ({ cause, text, ...about });
  const causes = [...new Set(said.map(([cause]) => cause))];

  it.each(causes)("the mode's own word comes first: %s", (cause) => {
    const notice = { level: "warning", text: "by the mode", next: "do" } as const;
    expect(adviseOn(failure(cause), { recover: () => notice })).toBe(notice);
    const asked = adviseOn(failure(cause), { recover: () => undefined });
    expect(asked).toEqual(adviseOn(failure(cause), undefined));
  });

  // One row for each of the causes: words of the text, the next step.
  it.each<[FailureCause, RegExp, RegExp]>([
    ["not-signed-in", /^my-app has no login/, /^jackin auth explain my-app /],
    ["not-renewed", /renewed elsewhere first, or revoked/, /^jackin eject my-app, then load/],
    ["expired", /has expired$/, /^jackin eject my-app, then load/],
    ["revoked", /was revoked$/, /^jackin eject my-app, then load/],
    [
      "refused",
      /\(Claude Code: "what it said"\), which does not say that its login expired/,
      /^jackin auth explain my-app /,
    ],
    ["malformed", /cut short where it is stored, or ANTHROPIC_AUTH_TOKEN/, /explain.*108/],
    ["scope", /has no scope for/, /^claude auth login /],
    ["policy", /ANTHROPIC_API_KEY outranks/, /explain my-app .* unset/],
    ["quota", /is signed in and has met a limit.*does not help/, /^wait/],
    ["unknown", /"what it said"/, /^jackin auth explain my-app /],
  ])("%s", (cause, text, next) => {
    const notice = adviseOn(failure(cause), undefined);
    expect(notice.level).toBe(cause === "quota" ? "info" : "warning");
    expect(notice.text).toMatch(text);
    expect(notice.next).toMatch(next);
    expect(notice.next).not.toContain("\n");
  });

  it("never sends to a login for a limit, whatever was said", () => {
    const { text, next } = adviseOn(failure("quota", "429, try again"), undefined);
    expect(text + next).not.toMatch(/\/login|auth login/);
  });

  it("names the variable that Claude Code names", () => {
    const text = "Your ANTHROPIC_API_KEY belongs to a disabled organization";
    expect(adviseOn(failure("policy", text), undefined)).toMatchObject({
      text: "my-app was refused with ANTHROPIC_API_KEY, whose organization is disabled",
      next: expect.stringContaining("where ANTHROPIC_API_KEY is set, to unset it"),
    });
  });

  it("blames what outranks the mode, not the mode's login", () => {
    const outranked: Surroundings = {
      env: ["ANTHROPIC_AUTH_TOKEN"],
      settings: [],
      credential: { state: "access", access: "abc", path: "/c/.credentials.json" },
    };
    const provider = { recover: () => ({ level: "warning", text: "by the mode" }) as const };
    for (const cause of ["malformed", "expired", "refused", "policy", "unknown"] as const)
      expect(adviseOn(failure(cause), provider, outranked)).toEqual({
        level: "warning",
        text: "my-app was refused with ANTHROPIC_AUTH_TOKEN (environment of the agent), which outranks mode sync",
        next: expect.stringContaining("ANTHROPIC_AUTH_TOKEN ''"),
      });
    const plain = { ...outranked, env: [] };
    expect(adviseOn(failure("expired"), provider, plain).text).toBe("by the mode");
    expect(adviseOn(failure("quota"), undefined, outranked).text).toContain("met a limit");
  });

  it("tells what another login of the account can help", () => {
    expect(causes.filter((cause) => !isOfLogin(cause)).sort()).toEqual([
      "policy",
      "quota",
      "scope",
    ]);
  });
});
