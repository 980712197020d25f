import { cancelled, JackinError } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { changeConfig } from "./config-change.ts";
import { checkWorkspace } from "./config-scope.ts";
import { chooseWorkspace } from "./workspace-choose.ts";

/** `workspace remove`: out of the configuration; its folder and what its instances remember stay. */
export async function workspaceRemove(
  deps: CommandDeps,
  named: string | undefined,
  flags: { readonly yes?: boolean },
): Promise<void> {
  const { jackin } = await deps.open();
  const { config } = await jackin.config();
  const name = await chooseWorkspace(deps, config, named);
  const { instances } = await jackin.status({ signal: deps.signal });
  const own = instances.filter(({ workspace }) => workspace === name);
  if (own.length > 0) {
    const live = own.filter(({ state }) => state !== "stopped");
    deps.notices([
      {
        level: "info",
        text: `${own.map((item) => `${item.instance} (${item.state})`).join(", ")} still ${own.length === 1 ? "has" : "have"} state, which stays`,
        next: [...live.map((item) => `jackin eject ${item.instance}`), `jackin purge ${name}`].join(
          "\n",
        ),
      },
    ]);
  }
  if (!flags.yes) {
    if (!deps.isTerminal) {
      throw new JackinError({
        code: "usage",
        message: `Nobody can be asked whether ${name} shall be removed.`,
        hint: `jackin workspace remove ${name} --yes`,
      });
    }
    if (!(await deps.prompts.confirm(`Remove workspace ${name} from the configuration?`)))
      throw cancelled();
  }
  const tokens = await jackin.tokens.list({ signal: deps.signal });
  const { result } = await changeConfig(deps, (draft) => {
    checkWorkspace(draft.config, name);
    const file = draft.fileOf(["workspaces", name]);
    draft.remove(["workspaces", name]);
    return file;
  });
  deps.out(`Removed workspace ${name} from ${result}`);
  const left = tokens.filter(
    ({ entry, scopes }) =>
      entry?.isOurs && scopes.length > 0 && scopes.every(({ workspace }) => workspace === name),
  );
  if (left.length === 0) return;
  const { stillStored } = await import("./token-revoke.ts");
  deps.notices(left.map(({ reference }) => stillStored(reference)));
}
