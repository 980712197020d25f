import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { JackinError } from "../../core/index.ts";
import type { HostFiles } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { editOptions, editTarget } from "./config-change.ts";
import { harmless } from "./show.ts";

/** bytes */
const maxBytes = 1024 * 1024;

/** `config edit`: the operator's editor on a copy that only its owner can read; what is saved is checked, then written. */
export async function editInEditor(deps: CommandDeps): Promise<void> {
  const { replaceConfig } = await import("../node/config-edit.ts");
  const { newFile } = await import("../node/config-draft.ts");
  const host = await editTarget(deps);
  const options = await editOptions(deps);
  const { path } = options;
  const { files } = host;
  const before = await files.read(path, { maxBytes });
  // A folder of its own: an editor's backups and swap files stay in it and go with it.
  const folder = join(dirname(path), `.edit-${randomUUID()}`);
  const copy = join(folder, "config.toml");
  const start = before ?? newFile;
  let keep = false;
  try {
    await files.write(copy, start);
    await copySchema(files, dirname(path), folder);
    for (;;) {
      await runEditor(deps, copy);
      const text = (await files.read(copy, { maxBytes, followLinks: false })) ?? "";
      if (text === start) return deps.out(`Nothing changed in ${path}`);
      try {
        await replaceConfig(host, options, before, text);
        return deps.out(`Changed ${path}`);
      } catch (error) {
        if (!(error instanceof JackinError)) throw error;
        if (error.code !== "config-invalid") {
          keep = true;
          throw kept(error, path, copy);
        }
        if (!deps.isTerminal) throw error;
        deps.err(harmless(error.message));
        const next = await deps.prompts.select("The configuration was not written.", [
          { value: "back", label: "back to the editor" },
          { value: "drop", label: "drop the changes" },
        ]);
        if (next === "drop") return deps.out(`Nothing changed in ${path}`);
      }
    }
  } finally {
    if (!keep) await files.remove(folder);
  }
}

/** No text is lost because the file was changed, the disk is full or somebody has the lock. */
function kept(error: JackinError, path: string, copy: string): JackinError {
  const message = `${error.message} What you wrote is in ${copy}`;
  const hint =
    error.code === "conflict"
      ? `Bring the two together: diff ${path} ${copy}`
      : [error.hint, `cp ${copy} ${path}   once that is put right`].filter(Boolean).join("\n");
  return new JackinError({ code: error.code, message, hint, cause: error });
}

async function copySchema(files: HostFiles, from: string, to: string): Promise<void> {
  const schema = await files.read(join(from, "config.schema.json"), { maxBytes });
  if (schema !== undefined) await files.write(join(to, "config.schema.json"), schema);
}

async function runEditor(deps: CommandDeps, file: string): Promise<void> {
  const { host } = await deps.open();
  const { env } = deps.io;
  const named = ["VISUAL", "EDITOR"].find((name) => env[name]);
  const editor = (named && env[named]) || "vi";
  if (!host.exec)
    throw new JackinError({ code: "host-failed", message: "This host runs no programs." });
  // The variable may hold arguments too (`code --wait`), so a shell reads it, as git's does.
  const { code } = await host.exec("sh", ["-c", `${editor} "$1"`, "sh", file], {
    inherit: "terminal",
    signal: deps.signal,
  });
  if (code === 0) return;
  throw new JackinError({
    code: "host-failed",
    message: `The editor (${editor}) ended with exit code ${code}; nothing was changed.`,
    hint: `export EDITOR=…   names the editor${named ? `; $${named} does now` : ""}`,
  });
}
