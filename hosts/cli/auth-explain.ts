import type { Command } from "commander";
import type { Explanation, Source } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { createPaint, harmless, nextLines } from "./show.ts";
import type { Paint } from "./show.ts";

interface ExplainFlags {
  readonly role?: string;
  readonly auth?: string;
  readonly json?: boolean;
}

/** `parent` is the group `auth`. */
export function registerAuthExplain(parent: Command, deps: CommandDeps): void {
  parent
    .command("explain")
    .summary("which credential an agent uses, and what is in its way")
    .description(
      "Show each credential that Claude Code looks at, in its order: which one it uses, which are shadowed or dead, and what mends that. " +
        "Looks into running agents; when none runs, at what a launch would have. Without a name: as load.",
    )
    .argument("[workspace|instance|dir]", "a workspace, an agent's name or a folder")
    .option("-r, --role <role>", "in this role")
    .option("-a, --auth <mode>", "as if it were launched in this mode")
    .option("--json", "print a JSON array")
    .action((target: string | undefined, flags: ExplainFlags) => explain(deps, target, flags));
}

async function explain(
  deps: CommandDeps,
  target: string | undefined,
  { role, auth: mode, json }: ExplainFlags,
): Promise<void> {
  const { jackin } = await deps.open();
  const request = { target, cwd: deps.io.cwd, role, mode };
  const all = await deps.working("looking at the credentials", (progress) =>
    jackin.explain(request, { signal: deps.signal, progress }),
  );
  if (json) return deps.json(all);
  const paint = createPaint(deps.io, "stdout");
  deps.out(all.map((each) => explanationLines(each, paint).join("\n")).join("\n\n"));
  if (all.some(({ isRunning }) => !isRunning))
    deps.err("No agent runs there: what its image brings is seen once one does.");
}

const marks = {
  wins: ["green", "✓"],
  shadowed: ["dim", "-"],
  dead: ["red", "✗"],
} as const;

export function explanationLines(explanation: Explanation, paint: Paint): string[] {
  const { instance, workspace, workdir, mode, account, isRunning, sources } = explanation;
  const name = (isRunning && instance) || (workspace ?? workdir);
  const facts = [isRunning ? "runs" : "next launch", `mode ${mode}`, account].filter(Boolean);
  const present = sources.filter(({ state, next }) => state !== "absent" || next !== undefined);
  const absent = sources.filter((source) => !present.includes(source));
  const nothing = sources.some(({ state }) => state === "wins")
    ? []
    : [`  ${paint("red", "✗")} nothing that Claude Code could sign in with`];
  return [
    harmless(`${name} (${facts.join(", ")})`),
    ...nothing,
    ...present.flatMap((source) => sourceLines(source, paint)),
    ...(absent.length === 0
      ? []
      : [`  not there: ${absent.map(({ source }) => source).join(", ")}`]),
  ];
}

function sourceLines({ source, where, state, outranks, text, next }: Source, paint: Paint) {
  const [color, mark] =
    state === "absent"
      ? (["red", "✗"] as const)
      : outranks
        ? (["yellow", "!"] as const)
        : marks[state];
  const used = state === "wins" ? "USED  " : "";
  const place = where === "" ? "" : ` (${where})`;
  return [
    `  ${paint(color, mark)} ${used}${harmless(`${source}${place}: ${text}`)}`,
    ...nextLines(next && harmless(next), "      "),
  ];
}
