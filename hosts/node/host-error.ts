import { dirname } from "node:path";
import { JackinError } from "../../core/index.ts";

/** The system's code (`ENOENT`, …) of an error of the file system or of a process. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Says in plain words why `path` could not be `done` (`read`, `written`, …), and what helps. */
export function toHostError(error: unknown, path: string, done: string): JackinError {
  if (error instanceof JackinError) return error;
  const code = systemCode(error);
  const [why, hint] = (code && reasons[code]) || [describe(error), undefined];
  return new JackinError({
    code: "host-failed",
    message: `${path} cannot be ${done}: ${why}.`,
    hint: hint?.replace("PATH", () => path).replace("FOLDER", () => dirname(path)),
    cause: error,
  });
}

const reasons: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EACCES: ["permission denied", "See who owns it and each folder above it: namei -l PATH"],
  EPERM: [
    "the system does not permit it",
    "See who owns it and each folder above it: namei -l PATH",
  ],
  EROFS: ["the file system is read-only", "Mount it writable, or choose another place."],
  ELOOP: [
    "it is a link that is not followed here, or links go round in a circle",
    "See where it leads: ls -l PATH",
  ],
  EISDIR: ["it is a folder, not a file", "Move the folder away: PATH"],
  ENOTDIR: [
    "a part of the path is a file, not a folder",
    "See each part of the path: namei -l PATH",
  ],
  ENOTEMPTY: ["a folder that is not empty is in the way", "Move the folder away: PATH"],
  EEXIST: ["something else is there already", "See what is there: ls -ld PATH"],
  ENOENT: ["nothing is there", "See each part of the path: namei -l PATH"],
  ENOSPC: ["no space is left on the disk", "Free some space: df -h FOLDER"],
  EDQUOT: ["the disk quota is used up", "Free some space: df -h FOLDER"],
  ENAMETOOLONG: ["the name is too long for the file system", "Choose a shorter name."],
  EMFILE: ["too many files are open", "Raise the limit of open files: ulimit -n"],
  ENXIO: ["it is no plain file", "See what it is: ls -l PATH"],
};

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
