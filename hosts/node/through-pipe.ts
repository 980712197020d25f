import { findProgram } from "./program.ts";

/**
 * A program that reads its input through a pipe of the system's, where Node and Bun would give it a socket (Node 24, Bun 1.4).
 * The shell becomes that program, so a signal reaches it; what carries the input over sees it, but neither its arguments,
 * its environment nor a file do: the pipe has lost its name before anything is in it.
 */
export async function throughPipe(
  program: string,
  args: readonly string[],
  path: string | undefined,
): Promise<{ readonly program: string; readonly args: readonly string[] }> {
  const find = (name: string) => findProgram(name, path);
  const tools = await Promise.all(["mktemp", "mkfifo", "rm", "cat"].map(find));
  return {
    program: await find("sh"),
    args: ["-c", script, "jackin", ...tools, program, ...args],
  };
}

// Opened for both at first, so that no opening waits for the other end. `cat` holds no end to read from: it ends when the program does.
const script = `mktemp=$1 mkfifo=$2 rm=$3 cat=$4
shift 4
trap 'exit 1' HUP INT TERM
folder=$("$mktemp" -d) || exit 1
trap '"$rm" -rf "$folder"' EXIT
"$mkfifo" "$folder/p" || exit 1
exec 3<&0 4<>"$folder/p" 5>"$folder/p" 0<"$folder/p"
"$rm" -r "$folder"
"$cat" <&3 >&5 2>/dev/null 3<&- 4<&- 5>&- &
exec 3<&- 4<&- 5>&-
exec "$@"
`;
