import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { JackinError } from "../../core/index.ts";

/** The absolute path of a program: itself, or the first that may be run in an absolute entry of `path`. */
export async function findProgram(command: string, path = ""): Promise<string> {
  if (isAbsolute(command)) return await checkProgram(command, [command]);
  if (command === "" || command.includes("/")) {
    throw new JackinError({
      code: "host-failed",
      message: `${command} cannot be started: name it by its absolute path, or by its name alone.`,
    });
  }
  // A relative entry (`.`, an empty one) would let the folder that jackin is started in choose the program.
  const folders = path.split(":").filter((folder) => isAbsolute(folder));
  return await checkProgram(
    command,
    folders.map((folder) => join(folder, command)),
  );
}

async function checkProgram(command: string, candidates: readonly string[]): Promise<string> {
  let denied = false;
  for (const candidate of candidates) {
    if (!(await stat(candidate).catch(() => undefined))?.isFile()) continue;
    if (
      await access(candidate, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return candidate;
    denied = true;
  }
  const where = isAbsolute(command) ? "there" : "on PATH";
  throw new JackinError({
    code: "host-failed",
    message: denied
      ? `${command} is ${where} but may not be run.`
      : `${command} was not found${isAbsolute(command) ? "" : " on PATH"}.`,
    hint: denied
      ? `Make it executable: chmod +x ${command}`
      : `Install ${command}, or add its folder to PATH.`,
    cause: Object.assign(new Error(`${command}: not ${denied ? "executable" : "found"}`), {
      code: denied ? "EACCES" : "ENOENT",
    }),
  });
}
