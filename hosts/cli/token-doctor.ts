import { scopeName } from "../../core/index.ts";
import type { Health, Jackin, TokenReport, TokenScope, TokenStatus } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { healthLines } from "./health.ts";
import { harmless } from "./show.ts";
import { day } from "./token-install.ts";
import { chooseScope, scopeNames } from "./token-scope.ts";
import type { TokenTarget } from "./token-scope.ts";

export interface DoctorFlags {
  readonly role?: string;
  readonly all?: boolean;
  readonly probe?: boolean;
  readonly runtime?: string;
  readonly json?: boolean;
}

/** The token of a scope, or each token there is, looked at from all sides; 3 when one is bad. */
export async function tokenDoctor(
  deps: CommandDeps,
  target: TokenTarget,
  flags: DoctorFlags,
): Promise<void> {
  const { jackin } = await deps.open();
  const reports = flags.all
    ? await examineAll(deps, jackin, flags)
    : [await examine(deps, jackin, await chooseScope(deps, jackin, target), flags)];
  if (reports.some(({ checks }) => checks.some(({ state }) => state === "bad"))) deps.exit(3);
  if (flags.json) return deps.json(flags.all ? reports : reports[0]);
  if (reports.length === 0)
    return deps.err("No token is known.\n→ jackin workspace claude-token setup");
  const now = jackin.host.clock.now();
  for (const report of reports) {
    deps.out(harmless(`${report.reference}: ${usersOf(report)}`));
    for (const check of report.checks)
      deps.out(healthLines(deps, check.name, check, check.text, now).join("\n"));
  }
}

async function examineAll(
  deps: CommandDeps,
  jackin: Jackin,
  flags: DoctorFlags,
): Promise<readonly TokenReport[]> {
  const reports: TokenReport[] = [];
  for (const token of await jackin.tokens.list({ signal: deps.signal })) {
    const [scope] = token.scopes;
    reports.push(scope ? await examine(deps, jackin, scope, flags) : { ...token, checks: [] });
  }
  return reports;
}

function examine(
  deps: CommandDeps,
  jackin: Jackin,
  scope: TokenScope,
  { probe, runtime }: DoctorFlags,
): Promise<TokenReport> {
  const { signal } = deps;
  return deps.working(`looking at the token of ${scopeName(scope)}`, (progress) =>
    jackin.tokens.examine(scope, { probe, runtime, signal, progress }),
  );
}

function usersOf({ scopes, agents }: TokenStatus): string {
  const users = [
    scopes.length > 0 && `used by ${scopeNames(scopes)}`,
    agents.length > 0 && `held by ${agents.join(", ")}`,
  ].filter((part) => typeof part === "string");
  return users.join("; ") || "not in use";
}

/** What `auth status` says of one; no backend is asked. */
export function tokenLines(deps: CommandDeps, token: TokenStatus, now: number): string[] {
  const { reference, entry, banner } = token;
  const until = entry?.expiresAt;
  const isUsed = token.scopes.length > 0 || token.agents.length > 0;
  const next = isUsed
    ? banner?.next
    : `jackin config auth revoke-token --reference '${reference}'   takes it away`;
  const validity =
    until === undefined ? "nobody knows until when it is valid" : `until about ${day(until)}`;
  const text = [
    // Which one it is stands before it.
    banner?.text.replace(`the long-lived token ${reference} `, "") ?? validity,
    entry && `fingerprint ${entry.fingerprint}`,
    usersOf(token),
  ];
  const health: Health = {
    state: banner?.level === "urgent" ? "bad" : banner ? "warning" : "good",
    text: text.filter((part) => part !== undefined).join(", "),
    ...(next !== undefined && { next }),
    ...(until !== undefined && { expiresAt: until }),
  };
  return healthLines(deps, `token ${harmless(reference)}`, health, health.text, now);
}
