import { detachKey, JackinError, quoteShell } from "../../core/index.ts";
import type { Notice, StartSpec } from "../../core/index.ts";
import type { Engine } from "./engine.ts";
import { owner } from "./engine.ts";

/** Where things are inside, the same in every container. */
export const inside = {
  /** tmpfs, only the agent's */
  run: "/jackin/run",
  credentials: "/jackin/run/credentials",
  /** There when the `claude` of the image looks for its login in `CLAUDE_CONFIG_DIR` only. */
  linked: "/jackin/run/linked",
  /** A login that several agents share, persistent */
  shared: "/jackin/shared",
  /** Where the agent's refused turns are reported; the instance's folder outside */
  reports: "/jackin/reports",
  /** `CLAUDE_CONFIG_DIR`, persistent */
  claude: "/jackin/claude",
  /** `HOME`, persistent */
  home: "/home/agent",
} as const;

export const labels = { instance: "jackin.instance", home: "jackin.home" } as const;

export interface User {
  readonly uid: number;
  readonly gid: number;
}

export function containerName(instance: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(instance)) return `jackin-${instance}`;
  throw new JackinError({
    code: "usage",
    message: `[${owner}] ${JSON.stringify(instance)} cannot be the name of an instance.`,
    hint: "Use letters, digits, dots, dashes and underscores.",
  });
}

export interface ContainerOptions {
  readonly name: string;
  readonly spec: StartSpec;
  readonly engine: Engine;
  /** Owner of the instance's folder: who the agent's files shall belong to. */
  readonly operator: User;
  /** jackin's own folder. */
  readonly state: string;
  readonly pidsLimit: number;
  /** Of the operator's terminal, if it has it. */
  readonly truecolor: boolean;
}

/** `docker run …`. Nothing in it is secret: `docker inspect` shows all of it. */
export function runArguments(options: ContainerOptions): readonly string[] {
  const { spec, engine, operator, state } = options;
  const { uid, gid } = insideUser(engine, operator);
  const env = {
    HOME: inside.home,
    LANG: "C.UTF-8",
    CLAUDE_CONFIG_DIR: inside.claude,
    ...storageOf(spec),
    DISABLE_AUTOUPDATER: "1",
    ...(options.truecolor ? { COLORTERM: "truecolor" } : {}),
    // Claude Code refuses bypass mode as root unless it is told that it is isolated; here it is.
    ...(uid === 0 ? { IS_SANDBOX: "1" } : {}),
  };
  const label = { ...spec.labels, [labels.instance]: spec.instance, [labels.home]: state };
  return [
    ["run", "-d", "--init", "--pull", "never", "--name", options.name],
    ["--user", `${uid}:${gid}`, "--workdir", spec.workdir],
    ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
    engine.selinux ? ["--security-opt", "label=disable"] : [],
    engine.program === "Podman" && engine.rootless ? ["--userns", "keep-id"] : [],
    ["--pids-limit", String(options.pidsLimit)],
    Object.entries(label).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
    ["--tmpfs", `${inside.run}:rw,noexec,nosuid,nodev,mode=0700,uid=${uid},gid=${gid},size=16m`],
    bind(`${spec.home}/claude`, inside.claude),
    bind(`${spec.home}/home`, inside.home),
    bind(`${spec.home}/reports`, inside.reports),
    spec.grant.folder === undefined ? [] : bind(spec.grant.folder, inside.shared),
    bind(spec.workdir, spec.workdir),
    Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ["--entrypoint", "sh", spec.image, "-c", mainScript],
  ].flat();
}

/** Where the agent keeps its login, if not in `CLAUDE_CONFIG_DIR`. */
function storageOf({ grant }: StartSpec): Readonly<Record<string, string>> {
  if (grant.login === "own") return {};
  const folder = grant.login === "shared" ? inside.shared : inside.credentials;
  return { CLAUDE_SECURESTORAGE_CONFIG_DIR: folder };
}

/** A rootless engine maps root to the operator; only Podman can map the operator to itself. */
function insideUser(engine: Engine, operator: User): User {
  return engine.rootless && engine.program === "Docker" ? { uid: 0, gid: 0 } : operator;
}

export function detachNotice(instance: string): Notice {
  const text = `${detachKey} leaves the agent running; jackin hardline ${instance} comes back`;
  return { level: "info", text };
}

/** `--mount` is one line of CSV: a field in quotes, quotes in it doubled, may hold anything but a line's end. */
function bind(source: string, target: string): readonly string[] {
  if (/[\r\n\0]/.test(source))
    throw new JackinError({
      code: "start-failed",
      message: `[${owner}] The folder ${JSON.stringify(source)} cannot be mounted: its path holds a line break.`,
      hint: "Rename the folder.",
    });
  const field = (text: string) => `"${text.replaceAll('"', '""')}"`;
  return ["--mount", `type=bind,${field(`source=${source}`)},${field(`target=${target}`)}`];
}

/**
 * The container's main process: it waits for the agent's end and ends with its exit code. Asked to stop, it lets the
 * agent finish first.
 */
const mainScript = `run=${quoteShell(inside.run)}
graceful() {
  pid=$(cat "$run/pid" 2>/dev/null) && kill -TERM "$pid" 2>/dev/null
  n=0
  while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ "$n" -lt 40 ]; do sleep 0.1; n=$((n + 1)); done
  exit 143
}
trap graceful TERM
umask 077
mkfifo "$run/end" || exit 1
cat "$run/end" > "$run/last" &
wait $!
n=0
while tmux -S "$run/tmux" has-session 2>/dev/null && [ "$n" -lt 20 ]; do sleep 0.1; n=$((n + 1)); done
sleep 0.1
read -r code < "$run/last"
# Its last screen may hold anything, so it goes to the operator's terminal and never to a log: wait for one to ask.
if [ "$(wc -l < "$run/last")" -gt 1 ]; then
  : > "$run/said"
  n=0
  while [ ! -e "$run/heard" ] && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
fi
exit "\${code:-1}"`;

/** Prints the last screen of an agent that died at once, as long as its container waits for that. */
export const lastScreen = `run=${quoteShell(inside.run)}
n=0
while [ ! -e "$run/said" ] && [ "$n" -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
[ -e "$run/said" ] && tail -n +2 "$run/last"
: > "$run/heard"`;
