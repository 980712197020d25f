import type { Command } from "commander";
import type {
  Drift,
  DriftState,
  EffectiveMode,
  ModeHealth,
  TokenStatus,
} from "../../core/index.ts";
import { registerAuthExplain } from "./auth-explain.ts";
import { registerAuthLogin } from "./auth-login.ts";
import type { CommandDeps } from "./command.ts";
import { commandGroup } from "./command.ts";
import { healthLines } from "./health.ts";
import { ensureKept } from "./keeping.ts";
import { harmless, table, validity } from "./show.ts";

interface JsonFlag {
  readonly json?: boolean;
}

export function registerAuthCommands(program: Command, deps: CommandDeps): void {
  const auth = commandGroup(program, "auth", "see how agents are signed in").helpGroup(
    "Credentials:",
  );
  auth
    .command("sync")
    .summary("bring running agents the login or token of now")
    .description(
      "Give running agents of mode sync the access token that the host has now, and those whose token was delivered as a file the one that a launch would take; a running Claude Code picks it up by itself.",
    )
    .argument("[instance]", "this one only")
    .option("--json", "print a JSON array")
    .action((instance: string | undefined, flags: JsonFlag) => authSync(deps, instance, flags));
  auth
    .command("status")
    .summary("the health of each mode's credential, each token, and what running agents hold")
    .description(
      "Show the health of each mode's credential, until when each long-lived token is good and who uses it, and how what each running agent holds compares with it: fresh, behind the host, expired, dead, hollow, missing or shadowed. Exit code 3 when one in use needs you.",
    )
    .option("--json", "print a JSON object: modes, tokens, agents")
    .action((flags: JsonFlag) => authStatus(deps, flags));
  registerAuthExplain(auth, deps);
  registerAuthLogin(auth, deps);

  commandGroup(
    commandGroup(program, "config", "show and change the configuration").helpGroup("Setup:"),
    "auth",
    "how agents are signed in, by scope",
  )
    .command("show")
    .summary("the mode of each workspace and role, and why")
    .description("Show the mode of each workspace and role, and the scope that decided it.")
    .option("--json", "print a JSON array, with what each scope said")
    .action((flags: JsonFlag) => authShow(deps, flags));

  program
    .command("doctor")
    .helpGroup("Setup:")
    .summary("check this machine: what is missing, what to do")
    .description(
      "Check configuration, runtimes, claude, logins and secret backends. Exit code 1 when something is bad.",
    )
    .option("--json", "print a JSON array")
    .action((flags: JsonFlag) => doctorCommand(deps, flags));
}

async function authSync(
  deps: CommandDeps,
  instance: string | undefined,
  flags: JsonFlag,
): Promise<void> {
  const { jackin } = await deps.open();
  const results = await deps.working("bringing agents up to date", (progress) =>
    jackin.refresh(instance, { signal: deps.signal, progress }),
  );
  await ensureKept(deps, jackin);
  for (const { notices } of results) deps.notices(notices);
  if (results.some(({ outcome }) => outcome === "failed")) deps.exit(1);
  if (flags.json) return deps.json(results);
  const now = jackin.host.clock.now();
  for (const { instance: name, outcome, text, expiresAt } of results) {
    const left = validity(expiresAt, now);
    deps.out(`${name}: ${outcome}, ${text}${left === undefined ? "" : `, valid for ${left}`}`);
  }
  if (results.length === 0) deps.err("No agent is running.");
}

async function authStatus(deps: CommandDeps, flags: JsonFlag): Promise<void> {
  const { authHealth, effectiveModes } = await import("../../core/index.ts");
  const { tokenLines } = await import("./token-doctor.ts");
  const { jackin } = await deps.open();
  const { config, notices } = await jackin.config();
  const all = await deps.working("looking at the logins", (progress) =>
    authHealth(jackin, { signal: deps.signal, progress }),
  );
  const agents = await deps.working("looking into running agents", (progress) =>
    jackin.drift({ signal: deps.signal, progress }),
  );
  const tokens = await jackin.tokens.list({ signal: deps.signal });
  await ensureKept(deps, jackin);
  const used = usedModes(effectiveModes(config));
  deps.notices(notices);
  const isBad = ({ mode, health }: ModeHealth) => used.has(mode) && health?.state === "bad";
  const isPast = ({ entry, banner }: TokenStatus) =>
    banner !== undefined && (entry?.expiresAt ?? Infinity) <= jackin.host.clock.now();
  if (
    all.some(isBad) ||
    tokens.some(isPast) ||
    agents.some(({ state }) => needsOperator.has(state))
  )
    deps.exit(3);
  const modes = all.map((item) => ({ ...item, usedBy: used.get(item.mode) ?? [] }));
  if (flags.json) return deps.json({ modes, tokens, agents });
  const now = Date.now();
  for (const row of modes)
    deps.out(healthLines(deps, row.mode, row.health, saidOf(row), now).join("\n"));
  for (const token of tokens) deps.out(tokenLines(deps, token, jackin.host.clock.now()).join("\n"));
  for (const drift of agents) deps.out(driftLines(deps, drift, now).join("\n"));
}

const needsOperator: ReadonlySet<DriftState> = new Set(["expired", "dead", "hollow"]);

function driftLines(deps: CommandDeps, drift: Drift, now: number): string[] {
  const { instance, mode, state, text, next, expiresAt } = drift;
  const level = state === "fresh" ? "good" : needsOperator.has(state) ? "bad" : "warning";
  const health = {
    state: level,
    text,
    ...(next !== undefined && { next }),
    ...(expiresAt !== undefined && state !== "expired" && { expiresAt }),
  } as const;
  const what = text.startsWith(state) ? text : `${state}, ${text}`;
  return healthLines(deps, `agent ${harmless(instance)} (${harmless(mode)})`, health, what, now);
}

/** Which modes launches would have, and by whose word. */
function usedModes(effective: readonly EffectiveMode[]): Map<string, string[]> {
  const used = new Map<string, string[]>();
  for (const { mode, workspace, role } of effective) {
    const who = [workspace, role && `role ${role}`]
      .filter((part) => part !== undefined)
      .join(" × ");
    used.set(mode, [...(used.get(mode) ?? []), who || "default"]);
  }
  return used;
}

function saidOf({ health, usedBy }: ModeHealth & { readonly usedBy: readonly string[] }): string {
  const use = usedBy.length > 0 ? `used by: ${usedBy.join(", ")}` : "not in use";
  return `${health?.text ?? "nothing to check before a launch"} (${use})`;
}

async function authShow(deps: CommandDeps, flags: JsonFlag): Promise<void> {
  const { effectiveModes } = await import("../../core/index.ts");
  const { jackin } = await deps.open();
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const modes = effectiveModes(config);
  if (flags.json) return deps.json(modes);
  const columns = [
    { title: "WORKSPACE", cut: "end" as const },
    { title: "ROLE", cut: "end" as const },
    { title: "MODE" },
    { title: "DECIDED BY", cut: "end" as const },
  ];
  const rows = modes.map(({ workspace = "", role = "", mode, scope }) => [
    workspace,
    role,
    mode,
    scope,
  ]);
  const { stdout } = deps.io;
  deps.out(table(columns, rows, stdout.isTTY ? stdout.columns : undefined).join("\n"));
}

async function doctorCommand(deps: CommandDeps, flags: JsonFlag): Promise<void> {
  const { doctor } = await import("../../core/index.ts");
  const { jackin } = await deps.open();
  const checks = await deps.working("looking around", (progress) =>
    doctor(jackin, { signal: deps.signal, progress }),
  );
  if (checks.some(({ state }) => state === "bad")) deps.exit(1);
  if (flags.json) return deps.json(checks);
  for (const check of checks)
    deps.out(healthLines(deps, check.name, check, check.text, Date.now()).join("\n"));
}
