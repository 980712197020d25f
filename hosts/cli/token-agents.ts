/** What becomes of running agents when their token changes. */
import { toJackinError, toWarning } from "../../core/index.ts";
import type { Brought, Installed, Jackin } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { harmless } from "./show.ts";

/** Agents that cannot take another token while they run are started again, if that is wanted. */
export async function bringAlong(
  deps: CommandDeps,
  jackin: Jackin,
  { entry: { reference } }: Installed,
  { restart }: { readonly restart?: boolean | undefined },
): Promise<readonly Brought[]> {
  const { signal } = deps;
  const brought = await deps.working("bringing running agents along", (progress) =>
    jackin.tokens.bringAlong(reference, { signal, progress }),
  );
  const left = brought.filter(({ outcome }) => outcome === "restart");
  // Of those it is asked, or told with what helps.
  for (const one of brought)
    if (!left.includes(one)) deps.err(harmless(`${one.instance}: ${one.text}`));
  if (left.length === 0) return brought;
  const names = left.map(({ instance }) => instance);
  const wanted =
    restart ?? (deps.isTerminal && (await deps.prompts.confirm(restartQuestion(names))));
  if (!wanted) {
    deps.notices([
      {
        level: "warning",
        text: `${names.join(", ")} ${names.length === 1 ? "goes" : "go"} on with the old token until restarted, and will be refused once that is revoked`,
        next: names.map((name) => `jackin eject ${name}, then load it again`).join("\n"),
      },
    ]);
    return brought;
  }
  const restarted = await restartAll(deps, jackin, names, "token");
  return brought.map(
    (each) => restarted.find(({ instance }) => instance === each.instance) ?? each,
  );
}

function restartQuestion(names: readonly string[]): string {
  const what = names.length === 1 ? "it" : "them";
  return harmless(
    `${names.join(", ")} must be started again for the new token. Do ${what} now? The conversation goes on; a turn that runs is lost, and so are arguments that were given after --.`,
  );
}

/** One that cannot be started again keeps the others from nothing. */
export async function restartAll(
  deps: CommandDeps,
  jackin: Jackin,
  names: readonly string[],
  /** Whatever the configuration says. */
  mode?: string,
): Promise<readonly Brought[]> {
  const { signal } = deps;
  const results: Brought[] = [];
  for (const instance of names) {
    try {
      await deps.working(`starting ${instance} again`, (progress) =>
        jackin.tokens.restart(instance, { mode, signal, progress }),
      );
      deps.err(`${instance}: started again`);
      results.push({ instance, outcome: "switched", text: "started again" });
    } catch (thrown) {
      const { code, message } = toJackinError(thrown);
      if (code === "cancelled" || signal.aborted) throw thrown;
      deps.notices([toWarning(thrown, `${instance} was not started again: `)]);
      deps.exit(1);
      results.push({ instance, outcome: "failed", text: message });
    }
  }
  return results;
}
