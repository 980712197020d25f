import type { Notice, Surroundings } from "./contracts.ts";
import type { ExplainOptions } from "./explain.ts";
import { environment, explain } from "./explain.ts";

export interface LaunchSurroundings extends ExplainOptions {
  /** Variables that the launch itself gave the agent, and spoke of. */
  readonly given: readonly string[];
}

/** What a launch says of what it found where the agent runs: what outranks its mode, and why a refused turn would not be reported. */
export function surroundingsNotices(
  surroundings: Surroundings,
  options: LaunchSurroundings,
): readonly Notice[] {
  const { mode, given } = options;
  const rows = explain(surroundings, options);
  const outranking = rows.filter(
    ({ outranks, where, source }) => outranks && !(where === environment && given.includes(source)),
  );
  const useless = rows.filter(({ source }) => source === "settings");
  return [
    ...outranking.map(({ source, where, next }): Notice => {
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
