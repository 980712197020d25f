import { expect, it } from "vitest";
import type { Credential } from "./credential.ts";
import type { DriftQuestion, DriftState } from "./drift.ts";
import { toDrift } from "./drift.ts";
import type { SettingsLayer } from "./settings-layer.ts";
import type { TokenEntry } from "./token-ledger.ts";

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
  readonly asFile?: true;
  /** The token that its launch would take now, and what it was given. */
  readonly token?: { readonly noted?: Partial<TokenEntry>; readonly given?: string };
}

const judge = ({ mode = "sync", holds = { state: "none" }, ...rest }: Case) =>
  toDrift({
    status: {
      instance: "a",
      mode,
      workdir: "/w",
      runtime: "docker",
      state: "running",
      token: rest.token?.given ?? "op://one",
    },
    asFile: rest.asFile,
    ...(mode === "token" && {
      token: { reference: "op://one", of: { workspace: "a" }, entry: entryOf(rest.token?.noted) },
    }),
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

const entryOf = (noted: Partial<TokenEntry> | undefined): TokenEntry | undefined =>
  noted && {
    reference: "op://one",
    fingerprint: "t1",
    scopes: [],
    store: "op",
    isOurs: true,
    ...noted,
  };

const token = { mode: "token", env: ["CLAUDE_CODE_OAUTH_TOKEN"] };
const asFile = { mode: "token", asFile: true, holds: held("access", "t1") } as const;
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
    "of mode token has another than the one that was made since",
    {
      ...token,
      ledger: { token: "t1", at: 1 },
      token: { noted: { fingerprint: "t2", provenAt: 2 } },
    },
    "behind",
    /would take another token/,
    /^jackin eject a, then load it again$/,
  ],
  [
    "of mode token has a newer one than is noted, stored by hand",
    { ...token, ledger: { token: "t2", at: 3 }, token: { noted: { provenAt: 2 } } },
    "fresh",
    /its launch gave it/,
    undefined,
  ],
  [
    "of mode token has one from another place than its launch would take it from",
    { ...token, ledger: { token: "t1" }, token: { given: "op://old" } },
    "behind",
    /would take another token/,
    /eject/,
  ],
  [
    "of mode token has the same that is in another place now",
    { ...token, ledger: { token: "t1" }, token: { given: "op://old", noted: {} } },
    "fresh",
    /its launch gave it/,
    undefined,
  ],
  [
    "of mode token has one whose time is over, as far as that is known",
    { ...token, ledger: { token: "t1", expiresAt: now } },
    "expired",
    /^expired, by estimate/,
    /^jackin workspace claude-token rotate a$/,
  ],
  [
    "of mode token has its token in a file",
    { ...asFile, ledger: { access: "t1", expiresAt: later } },
    "fresh",
    /^has the token that it was given last$/,
    undefined,
  ],
  [
    "of mode token has not the one in its file that it was given",
    { ...asFile, ledger: { access: "t2" } },
    "behind",
    /another token than it was given last/,
    /^jackin auth sync a$/,
  ],
  [
    "of mode token has another in its file than the one that was made since",
    {
      ...asFile,
      ledger: { access: "t1", at: 1 },
      token: { noted: { fingerprint: "t2", provenAt: 2 } },
    },
    "behind",
    /would take another token/,
    /^jackin auth sync a$/,
  ],
  [
    "of mode token has lost the file with its token",
    { ...asFile, holds: { state: "none" }, ledger: { access: "t1" } },
    "missing",
    /no login/,
    /^jackin auth sync a$/,
  ],
  [
    "of mode token has signed in by itself over its file",
    { ...asFile, holds: held("whole", "x", { refresh: "y" }), ledger: { access: "t1" } },
    "fresh",
    /login of its own/,
    undefined,
  ],
  [
    "of mode token has a variable before its file",
    { ...asFile, env: ["CLAUDE_CODE_OAUTH_TOKEN"], ledger: { access: "t1" } },
    "shadowed",
    /CLAUDE_CODE_OAUTH_TOKEN/,
    /explain/,
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
