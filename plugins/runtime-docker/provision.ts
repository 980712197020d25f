import {
  envText,
  failedCommand,
  holderFiles,
  JackinError,
  planFirstRun,
  quoteShell,
} from "../../core/index.ts";
import type { HostFiles, Notice, StartSpec } from "../../core/index.ts";
import { inside } from "./container.ts";
import { owner } from "./engine.ts";
import { surroundingsText } from "./surroundings.ts";

const agentCommand = ["claude", "--dangerously-skip-permissions"];

// Not by printf alone: dash's says "I/O error" when the disk is full. Two may do this at once: each has a file of its own.
export const putFunction = `put() { rm -rf "$1.$$"; printf %s "$2" | cat > "$1.$$"; mv -f "$1.$$" "$1"; }`;

export const missing = { claude: 41, tmux: 42 } as const;

/**
 * The shell text that puts everything into a started container, as the agent, and prints what is there. It is a stdin,
 * so no value is in an argv, in the container's configuration or on a disk.
 */
export async function provisionText(
  spec: StartSpec,
  files: HostFiles,
): Promise<{ readonly text: string; readonly notices: readonly Notice[] }> {
  const { workdir } = spec;
  const options = { workdir, acceptBypass: true, failed: failedCommand(inside.run) };
  const { changes, notices } = await planFirstRun(spec.home, options, files);
  const { run, reports } = inside;
  const holder = holderFiles({ run, reports, workdir, command: agentCommand });
  const lines = [
    "set -eu",
    "umask 077",
    putFunction,
    `command -v claude > /dev/null || exit ${missing.claude}`,
    ...(spec.session ? [`command -v tmux > /dev/null || exit ${missing.tmux}`] : []),
    `mkdir -p ${quoteShell(inside.credentials)}`,
    ...changes.flatMap(({ file, content, aside }) => [
      ...(aside === undefined
        ? []
        : [moveAside(`${inside.claude}/${file}`, `${inside.claude}/${aside}`)]),
      put(`${inside.claude}/${file}`, content),
    ]),
    ...Object.entries(holder).map(([name, text]) => put(`${inside.run}/${name}`, text)),
    ...spec.grant.files.map(({ name, content }) => put(credentialPath(name), content.reveal())),
    put(`${inside.run}/env`, envText({ ...spec.env, ...spec.grant.env }, owner)),
    // In the same exec: another one would cost a launch time.
    "set +eu",
    surroundingsText,
  ];
  return { text: lines.join("\n"), notices };
}

export function credentialPath(name: string): string {
  if (/^[\w.-]+$/.test(name) && !/^\.+$/.test(name)) return `${inside.credentials}/${name}`;
  throw new JackinError({
    code: "plugin-failed",
    message: `[${owner}] ${JSON.stringify(name)} cannot be the name of a credential file.`,
  });
}

export function put(path: string, content: string): string {
  return `put ${quoteShell(path)} ${quoteShell(content)}`;
}

function moveAside(path: string, aside: string): string {
  return `rm -rf ${quoteShell(aside)}; mv ${quoteShell(path)} ${quoteShell(aside)}`;
}
