import type { Health } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { createPaint, harmless, nextLines, validity } from "./show.ts";

const marks = {
  good: ["green", "✓"],
  warning: ["yellow", "!"],
  bad: ["red", "✗"],
} as const;

/** One thing that was looked at: a mark, its name, what was found, and below that whose it is, until when, and what helps. */
export function healthLines(
  deps: CommandDeps,
  name: string,
  health: Health | undefined,
  text: string,
  now: number,
): string[] {
  const [color, mark] = health ? marks[health.state] : (["dim", "-"] as const);
  const [first, ...rest] = harmless(text).split("\n");
  const left = validity(health?.expiresAt, now);
  const facts = [health?.account, left && (left === "expired" ? left : `valid for ${left}`)];
  return [
    `${createPaint(deps.io, "stdout")(color, mark)} ${name}: ${first}`,
    ...[...rest, ...facts.filter((fact) => fact !== undefined)].map(
      (line) => `    ${harmless(line)}`,
    ),
    ...nextLines(health?.next && harmless(health.next), "    "),
  ];
}
