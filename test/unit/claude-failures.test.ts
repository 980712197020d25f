import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { FailureCause } from "../../core/index.ts";
import { reportMatcher } from "../../core/failure-words.ts";
import { parseReport } from "../../core/failure.ts";
import type { ApiError } from "../lab/api.ts";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { openPiped, streaming } from "../survival/session.ts";

// The pinned Claude Code is refused in each way that core/failure-words.ts knows, and tells its hook.
interface Refused {
  readonly cause: FailureCause;
  readonly says: string;
  readonly login?: (account: string) => object;
  readonly env?: () => Record<string, string>;
  readonly refuse?: ApiError;
}

const error = (status: number, type: string, message: string) => ({ status, type, message });
let lab: Lab;

const accessOnly = (account: string, lifetimeMs: number) => {
  const { claudeAiOauth } = lab.newLogin({ account, lifetimeMs });
  const { accessToken, scopes } = claudeAiOauth;
  return { claudeAiOauth: { accessToken, scopes } };
};
const revoked = (account: string) => {
  const login = accessOnly(account, 3_600_000);
  lab.revoke(login.claudeAiOauth.accessToken);
  return login;
};
const token = (letters: number) => ({
  CLAUDE_CODE_OAUTH_TOKEN: `sk-ant-oat01-${"x".repeat(letters)}`,
});
// Else it tries for three minutes.
const once = { CLAUDE_CODE_MAX_RETRIES: "0" };

const cases: Readonly<Record<string, Refused>> = {
  "no login": { cause: "not-signed-in", says: "Not logged in" },
  "a hollow one": {
    cause: "not-renewed",
    says: "OAuth session expired and could not be refreshed",
    login: () => ({
      claudeAiOauth: { accessToken: "", refreshToken: "", expiresAt: 0, scopes: [] },
    }),
  },
  "one that another copy has renewed": {
    cause: "not-renewed",
    says: "OAuth session expired and could not be refreshed",
    login(account) {
      const login = lab.newLogin({ account, lifetimeMs: -1000 });
      lab.revoke(login.claudeAiOauth.refreshToken);
      return login;
    },
  },
  "an expired token": {
    cause: "expired",
    says: "API Error: 401 OAuth token has expired",
    login: (account) => accessOnly(account, -1000),
  },
  "a revoked token": {
    cause: "revoked",
    says: "API Error: 401 OAuth token has been revoked",
    login: revoked,
  },
  "a token that nobody issued": {
    cause: "refused",
    says: "API Error: 401 Invalid authentication credentials",
    env: () => token(95),
  },
  "a token that was cut short": {
    cause: "malformed",
    says: "API Error: 401 Invalid bearer token",
    env: () => token(50),
  },
  "an API key that outranks the login": {
    cause: "refused",
    says: "Invalid API key",
    login: (account) => lab.newLogin({ account }),
    env: () => ({ ANTHROPIC_API_KEY: "sk-ant-api03-x", ...once }),
  },
  "a token without a scope": {
    cause: "scope",
    says: "API Error: 403",
    refuse: error(
      403,
      "permission_error",
      "OAuth token does not meet scope requirement user:profile",
    ),
  },
  "an organization that does not allow it": {
    cause: "policy",
    says: "can't use your Claude subscription",
    refuse: error(
      403,
      "permission_error",
      "OAuth authentication is currently not allowed for this organization.",
    ),
  },
  "an organization that is disabled": {
    cause: "policy",
    says: "organization has been disabled",
    refuse: error(400, "invalid_request_error", "This organization has been disabled."),
  },
  "a rate limit": {
    cause: "quota",
    says: "limiting requests",
    refuse: error(429, "rate_limit_error", "This request would exceed your account's rate limit."),
  },
  "an empty balance": {
    cause: "quota",
    says: "Credit balance is too low",
    refuse: error(
      400,
      "invalid_request_error",
      "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    ),
  },
};

describe("Claude Code, refused", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    lab = await startLab();
    lab.refuse = (_, account) => cases[account.split("@")[0]!.replaceAll("_", " ")]?.refuse;
    return () => lab[Symbol.asyncDispose]();
  });
  const homes: string[] = [];
  afterAll(async () => {
    for (const home of homes) await rm(home, { recursive: true, force: true });
  });

  it.concurrent.each(Object.entries(cases))("tells its hook of %s", async (name, refused) => {
    const { cause, says, login, env, refuse } = refused;
    const home = await mkdtemp(join(tmpdir(), "lab-home-"));
    homes.push(home);
    const account = `${name.replaceAll(" ", "_")}@example.test`;
    const given = refuse ? lab.newLogin({ account }) : login?.(account);
    await lab.signIn(home, given ?? {});
    const report = join(home, "report.json");
    const hooks = [{ type: "command", command: `cat > ${report}.new; mv ${report}.new ${report}` }];
    const settings = { hooks: { StopFailure: [{ matcher: reportMatcher, hooks }] } };
    await writeFile(join(home, ".claude/settings.json"), JSON.stringify(settings));
    await using session = openPiped(name, ["claude", ...streaming], {
      env: { ...lab.hostClaude(home), ...env?.() },
      cwd: home,
    });
    const said = await session.say("hello");
    expect(said).toContain(says);
    // Ended with `-p`, it may end its hook as well.
    const text = await vi.waitFor(() => readFile(report, "utf8"), 30_000);
    const about = { instance: "my-app", mode: "sync", at: 0 };
    expect(parseReport(text, about)).toEqual({ cause, text: said, ...about });
  });
});
