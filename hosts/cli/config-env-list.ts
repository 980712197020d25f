import { classify, JackinError, mergeEnv, scopesOf } from "../../core/index.ts";
import type { Config, EnvEntry, EnvValue, Jackin } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { allScopes, launchOf, schemesOf, scopePath } from "./config-scope.ts";
import type { ScopeFlags } from "./config-scope.ts";
import { harmless, table } from "./show.ts";

export interface EnvListFlags {
  readonly json?: boolean;
  readonly show?: boolean;
}

export interface EnvRow {
  readonly key: string;
  readonly kind: "literal" | "reference";
  /** `***` for a literal. */
  readonly value: string;
  readonly scope: string;
}

/** `config env list`: all that is set anywhere; with a scope, what a launch there gets. */
export async function envList(
  deps: CommandDeps,
  scope: ScopeFlags,
  flags: EnvListFlags,
): Promise<void> {
  if (flags.show && deps.io.stdout.isTTY !== true) {
    throw new JackinError({
      code: "usage",
      message: "--show prints secrets, and does so on a terminal only.",
      hint: "Without --show, literals are listed as ***.",
    });
  }
  const { jackin } = await deps.open();
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const rows = envRows(jackin, config, scope, flags.show === true);
  if (flags.json) return deps.json(rows);
  if (rows.length === 0) return deps.err("No variable is set.");
  const columns = [{ title: "KEY" }, { title: "VALUE", cut: "end" as const }, { title: "SCOPE" }];
  const { stdout } = deps.io;
  const width = stdout.isTTY && !flags.show ? stdout.columns : undefined;
  const cells = rows.map((row) => [row.key, row.value, row.scope]);
  deps.out(table(columns, cells, width).join("\n"));
}

export function envRows(
  jackin: Jackin,
  config: Config,
  scope: ScopeFlags,
  show: boolean,
): readonly EnvRow[] {
  scopePath(config, scope);
  const isOneLaunch = scope.workspace !== undefined || scope.role !== undefined;
  const entries: readonly EnvEntry[] = isOneLaunch
    ? mergeEnv(scopesOf(config, launchOf(config, scope)))
    : allScopes(config).flatMap((each) => mergeEnv([each]));
  return entries.map(({ key, value, scope: from }) => ({
    key,
    ...shown(jackin, value, show),
    scope: from,
  }));
}

function shown(jackin: Jackin, value: EnvValue, show: boolean): Pick<EnvRow, "kind" | "value"> {
  try {
    if (classify(value, schemesOf(jackin)).kind === "reference")
      return { kind: "reference", value: String(value) };
  } catch {
    return { kind: "reference", value: String(value) }; // its plugin is missing; it is no secret
  }
  const text = typeof value === "string" ? value : value.value;
  return { kind: "literal", value: show ? harmless(text) : "***" };
}
