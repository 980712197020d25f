import type { CommandDeps } from "./command.ts";
import { alertNotices, harmless, statusTable } from "./show.ts";

/** What `jackin` alone asks; it answers the command line that was chosen. */
export async function menu(deps: CommandDeps): Promise<readonly string[]> {
  const { jackin } = await deps.open();
  const { instances, notices } = await jackin.status({ signal: deps.signal });
  deps.notices(notices);
  const { stderr } = deps.io;
  const now = jackin.host.clock.now();
  if (instances.length > 0) deps.err(statusTable(instances, now, stderr.columns ?? 80).join("\n"));
  deps.notices(alertNotices(instances, now));
  const live = instances.some(({ state }) => state !== "stopped");
  const stopped = instances.some(({ state }) => state === "stopped");
  const command = await deps.prompts.select("What next?", [
    { value: "load", label: "load", hint: "start an agent, signed in" },
    ...(live
      ? [
          { value: "hardline", label: "hardline", hint: "come back to a running agent" },
          { value: "eject", label: "eject", hint: "stop one" },
          { value: "exile", label: "exile", hint: "stop all" },
        ]
      : []),
    ...(stopped ? [{ value: "purge", label: "purge", hint: "forget a stopped one" }] : []),
    { value: "auth status", label: "auth status", hint: "how agents are signed in" },
    { value: "doctor", label: "doctor", hint: "what is missing on this machine" },
  ]);
  return command === "load" ? ["load", ...(await chooseTarget(deps))] : command.split(" ");
}

async function chooseTarget(deps: CommandDeps): Promise<readonly string[]> {
  const { jackin } = await deps.open();
  const workspaces = Object.entries((await jackin.config()).config.workspaces ?? {});
  if (workspaces.length === 0) return [];
  const here = "";
  const chosen = await deps.prompts.select("Where?", [
    { value: here, label: "the current folder", hint: harmless(deps.io.cwd) },
    ...workspaces.map(([name, { workdir }]) => ({
      value: name,
      label: harmless(name),
      hint: harmless(workdir),
    })),
  ]);
  return chosen === here ? [] : [chosen];
}
