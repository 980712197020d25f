import { expect, it } from "vitest";
import type { Credential } from "./credential.ts";
import type { DriftQuestion, DriftState } from "./drift.ts";
import { toDrift } from "./drift.ts";
import type { SettingsLayer } from "./settings-layer.ts";

const now = 1_000_000;
const later = now + 3_600_000;

const held = (state: "whole" | "access", access: string, more: object = {}): Credential => ({
  state,
  access,
  ...more,
});
const layer = (more: Partial<SettingsLayer>): SettingsLayer => ({
  layer: "project",
  path: "/w/.claude/settings.json",
  apiKeyHelper: false,
  env: [],
  withoutHooks: false,
  ...more,
});

interface Case {
  readonly mode?: string;
  readonly holds?: Credential;
  readonly env?: readonly string[];
  readonly settings?: readonly SettingsLayer[];
  readonly host?: Credential;
  readonly hostIsBad?: string;
  readonly ledger?: Partial<NonNullable<DriftQuestion["ledger"]>>;
  readonly unseen?: true;
}

const judge = ({ mode = "sync", holds = { state: "none" }, ...rest }: Case) =>
  toDrift({
    status: { instance: "a", mode, workdir: "/w", runtime: "docker", state: "running" },
    surroundings: rest.unseen
      ? undefined
      : {
          env: rest.env ?? [],
          settings: rest.settings ?? [],
          credential: { ...holds, path: "/jackin/run/credentials/.credentials.json" },
        },
    ledger: rest.ledger && { at: 1, ...rest.ledger },
    health: rest.hostIsBad
      ? { state: "bad", text: "", next: rest.hostIsBad }
      : { state: "good", text: "", ...(rest.host && { credential: rest.host }) },
    now,
  });

const host = held("whole", "h2", { refresh: "r2" });
const given = { access: "h2", expiresAt: later };

it.each<[string, Case, DriftState, RegExp, RegExp | undefined]>([
  [
    "has the host's login",
    { holds: held("access", "h2"), host, ledger: given },
    "fresh",
    /has the login that the host has now/,
    undefined,
  ],
  [
    "has one of before",
    { holds: held("access", "h1"), host, ledger: { access: "h1" } },
    "behind",
    /newer/,
    /^jackin auth sync a$/,
  ],
  [
    "has one that is over",
    { holds: held("access", "h2"), host, ledger: { ...given, expiresAt: now } },
    "expired",
    /expired/,
    /jackin auth sync a/,
  ],
  [
    "has one that is over, and so has the host",
    {
      holds: held("access", "h2"),
      host,
      ledger: { ...given, expiresAt: now },
      hostIsBad: "claude auth login",
    },
    "expired",
    /nothing to compare/,
    /^claude auth login$/,
  ],
  [
    "has a blank one",
    { holds: { state: "hollow" }, host, ledger: given },
    "hollow",
    /blank/,
    /jackin auth sync a/,
  ],
  [
    "has a copy that was blanked",
    { holds: { state: "hollow" }, host, ledger: { ...given, refresh: "r1" } },
    "dead",
    /renewed elsewhere/,
    /jackin eject a, then/,
  ],
  [
    "has a copy that the host has renewed",
    {
      holds: held("whole", "h1", { refresh: "r1" }),
      host,
      ledger: { access: "h1", refresh: "r1" },
    },
    "dead",
    /works until it has to renew/,
    /eject/,
  ],
  [
    "has a copy that it has renewed",
    {
      holds: held("whole", "h3", { refresh: "r3" }),
      host,
      ledger: { access: "h2", refresh: "r2" },
    },
    "fresh",
    /host's copy of it is dead/,
    /claude auth login/,
  ],
  [
    "has a copy that both could renew",
    {
      holds: held("whole", "h2", { refresh: "r2" }),
      host,
      ledger: { access: "h2", refresh: "r2" },
    },
    "fresh",
    /whoever renews first/,
    undefined,
  ],
  [
    "has signed in by itself",
    { holds: held("whole", "x", { refresh: "y" }), host, ledger: given },
    "fresh",
    /login of its own/,
    undefined,
  ],
  ["has nothing", { host, ledger: given }, "missing", /no login/, /jackin auth sync a/],
  ["has something else", { holds: { state: "torn" }, host }, "unknown", /cannot be read/, /jackin/],
  ["cannot be seen", { unseen: true }, "unknown", /does not show/, /jackin auth explain a/],
  [
    "has an API key before it",
    { holds: held("access", "h2"), host, env: ["ANTHROPIC_API_KEY"] },
    "shadowed",
    /^shadowed by ANTHROPIC_API_KEY/,
    /jackin auth explain a/,
  ],
  [
    "has a helper before it",
    { holds: held("access", "h2"), host, settings: [layer({ apiKeyHelper: true })] },
    "shadowed",
    /apiKeyHelper.*\/w\/.claude\/settings.json/,
    /explain/,
  ],
  [
    "has a key in settings before it",
    { holds: held("access", "h2"), host, settings: [layer({ env: ["ANTHROPIC_AUTH_TOKEN"] })] },
    "shadowed",
    /ANTHROPIC_AUTH_TOKEN/,
    /explain/,
  ],
  [
    "has a token before it",
    { holds: held("access", "h2"), host, env: ["CLAUDE_CODE_OAUTH_TOKEN"] },
    "shadowed",
    /CLAUDE_CODE_OAUTH_TOKEN/,
    /explain/,
  ],
  [
    "of mode token has its token",
    { mode: "token", env: ["CLAUDE_CODE_OAUTH_TOKEN"] },
    "fresh",
    /token that its launch gave it/,
    undefined,
  ],
  [
    "of mode ignore has not signed in",
    { mode: "ignore" },
    "missing",
    /nobody has signed in/,
    /\/login/,
  ],
  [
    "of mode ignore has signed in",
    { mode: "ignore", holds: held("whole", "x", { refresh: "y" }) },
    "fresh",
    /of its own/,
    undefined,
  ],
])("an agent that %s", (_, question, state, text, next) => {
  const drift = judge(question);
  expect(drift).toMatchObject({ instance: "a", state });
  expect(drift.text).toMatch(text);
  if (next) expect(drift.next).toMatch(next);
  else expect(drift.next).toBeUndefined();
});
