import { credentialsFile } from "./agent-home.ts";
import type { Grant, Notice, Surroundings } from "./contracts.ts";
import type { ExplainOptions } from "./explain.ts";
import { environment, explain } from "./explain.ts";
import type { HostFiles } from "./host.ts";
import type { InstanceRecord } from "./instances.ts";
import { outranking } from "./outranking.ts";

export interface LaunchSurroundings extends ExplainOptions {
  /** Variables that the launch itself gave the agent; of those that outrank a mode it has spoken. */
  readonly given: readonly string[];
}

/** What a launch says of what it found where the agent runs: what outranks its mode, and why a refused turn would not be reported. */
export function surroundingsNotices(
  surroundings: Surroundings,
  options: LaunchSurroundings,
): readonly Notice[] {
  const { mode, given } = options;
  const rows = explain(surroundings, options);
  const isToldOf = ({ where, source }: (typeof rows)[number]) =>
    where === environment && given.includes(source) && outranking.includes(source);
  const intruders = rows.filter((row) => row.outranks && !isToldOf(row));
  const useless = rows.filter(({ source }) => source === "settings");
  return [
    ...intruders.map(({ source, where, next }): Notice => {
      const text = `${source} (${where}) outranks what mode ${mode} provides: Claude Code uses it instead`;
      return { level: "warning", text, ...(next !== undefined && { next }) };
    }),
    ...useless.map(({ where, text, next }): Notice => {
      return { level: "warning", text: `${where} ${text}`, ...(next !== undefined && { next }) };
    }),
    ...surroundings.settings
      .filter(({ withoutHooks }) => withoutHooks)
      .map(({ path }): Notice => {
        const text = `${path} turns hooks off: when this agent's login is refused, jackin is not told`;
        return { level: "info", text };
      }),
  ];
}

/** An agent that signed in by itself has another login than the one it is given: where is it? */
export async function ownLoginNotices(
  { instance, workspace, workdir, mode }: InstanceRecord,
  login: Grant["login"],
  home: string,
  files: HostFiles | undefined,
): Promise<readonly Notice[]> {
  if (login === "own") return [];
  const kept = await files?.stat(`${home}/kept/${credentialsFile}`);
  if (kept?.kind !== "file") return [];
  const text = `${instance} has a login of its own, from an earlier /login; it is put aside while mode ${mode} is used`;
  const next = `jackin load ${workspace ?? workdir} --auth ignore   brings it back`;
  return [{ level: "info", text, next }];
}
