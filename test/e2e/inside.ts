/** What an agent has inside its container, seen from there. */
import { docker, eventually } from "./operator.ts";

export interface Inside {
  /** `.credentials.json` of the credential folder that memory holds. */
  readonly forwarded: unknown;
  /** `.credentials.json` of the persistent `CLAUDE_CONFIG_DIR`. */
  readonly own: unknown;
  readonly env: Readonly<Record<string, string>>;
}

export async function lookInside(container: string): Promise<Inside> {
  const read = async (path: string): Promise<unknown> => {
    const text = await inside(container, `cat ${path} 2>/dev/null || true`);
    return text === "" ? undefined : JSON.parse(text);
  };
  // The shell that starts the agent becomes it only after it has read the environment.
  const isAgent = "grep -qa ^claude /proc/$(cat /jackin/run/pid)/cmdline && echo yes";
  await eventually("the agent's process", () => inside(container, isAgent).catch(() => undefined));
  const environ = await inside(container, "tr '\\0' '\\n' < /proc/$(cat /jackin/run/pid)/environ");
  return {
    forwarded: await read("/jackin/run/credentials/.credentials.json"),
    own: await read("/jackin/claude/.credentials.json"),
    env: Object.fromEntries(
      environ
        .split("\n")
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    ),
  };
}

export function inside(container: string, script: string): Promise<string> {
  return docker("exec", container, "sh", "-c", script);
}
