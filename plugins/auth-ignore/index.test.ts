import { expect, it } from "vitest";
import { testAuthProvider } from "../../test/conformance/auth.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import { authIgnore } from "./index.ts";

const login = '{"claudeAiOauth":{"accessToken":"sk-ant-oat01-canary"}}';

testAuthProvider("auth-ignore", {
  make: authIgnore,
  line: "claude auth: none (manual /login required)",
  canaries: [],
});

it("forwards nothing of the host, whatever is there", async () => {
  const host = createHostDouble({
    env: { CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-canary" },
    files: { "/home/me/.claude/.credentials.json": login },
  });
  const request = { instance: "my-app", options: {}, others: [] };
  expect(await authIgnore().grant(request, createContextDouble(host))).toEqual({
    line: "claude auth: none (manual /login required)",
    login: "own",
    files: [],
    env: {},
    notices: [],
  });
});

it.each([
  ["not-signed-in", "mode ignore forwards nothing"],
  ["not-renewed", "cannot be renewed"],
  ["expired", "has expired"],
  ["revoked", "was revoked"],
  ["scope", "has no scope"],
] as const)("sends a refused agent to its own login: %s", (cause, text) => {
  const failure = { cause, text: "…", instance: "my-app", mode: "ignore", at: 0 };
  expect(authIgnore().recover!(failure)).toEqual({
    level: "warning",
    text: expect.stringContaining(text),
    next: "jackin hardline my-app   then type /login",
  });
});

it.each(["refused", "malformed", "policy", "quota", "unknown"] as const)(
  "leaves to the core what is no matter of that login: %s",
  (cause) => {
    const failure = { cause, text: "…", instance: "my-app", mode: "ignore", at: 0 };
    expect(authIgnore().recover!(failure)).toBeUndefined();
  },
);
