/**
 * The session holder: the shell texts and the tmux configuration by which a runtime starts Claude Code so that it
 * outlives a closed terminal, and so that its secrets are in no process but its own. POSIX sh, nothing else.
 *
 * A run folder, 0700 and in memory where the machine can, holds:
 * `env` (0600, read and removed by `launch`), `begin`, `launch`, `hold`, `attach`, `failed`, `tmux.conf`, `tmux` (the
 * socket), `pid` (the agent's), `end` (its exit code; then its last screen when it died at once).
 */
import { JackinError } from "./error.ts";
import type { Secret } from "./secret.ts";

/** The key that leaves a session running, as a person would say it. */
export const detachKey = "Ctrl-\\";

/** What `attach` exits with when the session goes on. */
export const detachedCode = 90;

/** What `begin` exits with when the agent ended at once, well or not: `end` tells. */
export const endedCode = 91;

export interface HolderOptions {
  /** The run folder, absolute, as the agent sees it. */
  readonly run: string;
  readonly workdir: string;
  /** Where the agent's refused turns are reported, absolute, as the agent sees it. */
  readonly reports: string;
  /** The program and its fixed arguments. */
  readonly command: readonly string[];
}

/** The files of the run folder, by name; `env` is the caller's, see `envText`. */
export function holderFiles(options: HolderOptions): Readonly<Record<string, string>> {
  const run = quoteShell(options.run);
  return {
    // An agent that dies does so in its first moments: it is one that goes on once it has shown something and is still
    // there a little later, or has lived for a while.
    begin: `run=${run}
tmux -u -S "$run/tmux" -f "$run/tmux.conf" new-session -d -s agent -x 120 -y 40 sh "$run/hold" "$@" || exit
n=0
shown=0
while [ "$n" -lt 50 ] && [ "$shown" -lt 3 ]; do
  sleep 0.1
  n=$((n + 1))
  if [ -s "$run/pid" ]; then kill -0 "$(cat "$run/pid")"; else tmux -S "$run/tmux" has-session; fi 2>/dev/null || exit ${endedCode}
  tmux -S "$run/tmux" capture-pane -p 2>/dev/null | grep -q '[^ ]' && shown=$((shown + 1))
done
exit 0
`,
    // The shell that reads the values becomes the agent, and runs nothing once it has them: no other process ever has
    // them. The agent's own use of tmux must not meet the holder.
    launch: `run=${run}
[ -f "$run/env" ] || { echo "jackin: the agent of this instance was started before; load it again." >&2; exit 1; }
jackin_env=$(cat "$run/env") || exit 1
rm -f "$run/env"
echo $$ > "$run/pid"
unset TMUX TMUX_PANE
cd ${quoteShell(options.workdir)} || exit 1
eval "$jackin_env"
exec ${options.command.map(quoteShell).join(" ")} "$@"
`,
    // An agent that dies at once takes its screen with it, so the last lines go along with its exit code.
    hold: `run=${run}
began=$(date +%s)
sh "$run/launch" "$@"
code=$?
{
  echo "$code"
  [ "$code" -eq 0 ] || [ $(($(date +%s) - began)) -ge 30 ] ||
    tmux -S "$run/tmux" capture-pane -p -S -50 | grep -v '^ *$' | tail -n 20
} > "$run/end"
`,
    attach: `run=${run}
known() { for d in /etc/terminfo /lib/terminfo /usr/share/terminfo /usr/lib/terminfo /usr/share/lib/terminfo; do
  [ -e "$d/$(printf %.1s "$TERM")/$TERM" ] || [ -e "$d/$(printf %x "'$TERM")/$TERM" ] && return 0; done; return 1; }
known || TERM=xterm-256color
export TERM
tmux -u -S "$run/tmux" attach-session -t agent
code=$?
tmux -S "$run/tmux" has-session -t agent 2>/dev/null && exit ${detachedCode}
exit "$code"
`,
    // The command of a hook: what it is given is one report. Quick, silent, and never a reason for a turn to fail. A headless
    // Claude Code (2.1.330) ends while its hook runs, and ends that too.
    failed: `exec > /dev/null 2>&1
trap '' HUP INT TERM
umask 077
cd ${quoteShell(options.reports)} || exit 0
set -- [0-9]*-*.json
while [ $# -ge ${maxReports} ]; do rm -f "$1"; shift; done
head -c 65536 > ".$$" && mv -f ".$$" "$(date +%s)-$$.json"
cat
exit 0
`,
    "tmux.conf": tmuxConfiguration,
  };
}

/** Starts the agent under the holder and sees that it goes on; the arguments are those of a runtime's exec. */
export function holdCommand(run: string, args: readonly string[]): readonly string[] {
  return ["sh", `${run}/begin`, ...args];
}

/** What Claude Code runs when a turn dies of authentication. It says nothing, also where there is no run folder any more. */
export function failedCommand(run: string): string {
  return `sh ${quoteShell(`${run}/failed`)} 2> /dev/null || : jackin`;
}

/** It is a command of this kind, whatever its run folder. */
export function isFailedCommand(command: string): boolean {
  return /^sh '.*\/failed' 2> \/dev\/null \|\| : jackin$/s.test(command);
}

/**
 * A shell text that shows a line on each terminal that is attached to the agent; none is fine. tmux runs programs that a
 * message names (`#(…)`), so nothing in the line may mean anything to it.
 */
export function tellText(run: string, line: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const plain = line.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, 500);
  const message = plain.replaceAll("#", "##").replaceAll("%", "%%");
  // -C, in newer ones: the agent's screen goes on behind the message.
  return `t() { tmux -S ${quoteShell(`${run}/tmux`)} "$@" < /dev/null; }
m=${quoteShell(message)}
{ t list-clients -F '#{client_tty}' | while read -r c; do
  t display-message -C -c "$c" -- "$m" || t display-message -c "$c" -- "$m"
done; } > /dev/null 2>&1
exit 0
`;
}

/** A shell text that exports the values; its place is a 0600 file, or a stdin. */
export function envText(env: Readonly<Record<string, Secret>>, owner: string): string {
  return Object.entries(env)
    .map(([name, secret]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw new JackinError({
          code: "start-failed",
          message: `[${owner}] ${JSON.stringify(name)} cannot be the name of an environment variable.`,
          hint: "Use letters, digits and _ only, and no digit first.",
        });
      const value = secret.reveal();
      if (value.includes("\0"))
        throw new JackinError({
          code: "start-failed",
          message: `[${owner}] The value of ${name} holds a NUL character, which no environment can carry.`,
        });
      return `export ${name}=${quoteShell(value)}\n`;
    })
    .join("");
}

export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const maxReports = 20;

/** Undoes what a terminal program that was killed has left: other screen, cursor keys and keypad, hidden cursor, mouse, paste and key modes, colours. */
export const terminalReset =
  "\x1b[?1049l\x1b[?1l\x1b>\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[>4m\x1b[0m";

// The prefix key goes: Ctrl-b is Claude Code's own. `-q`: older tmux may lack an option.
const tmuxConfiguration = `set -gq default-terminal "screen-256color"
if-shell "ls /usr/share/terminfo/t/tmux-256color /lib/terminfo/t/tmux-256color 2>/dev/null | grep -q ." 'set -gq default-terminal "tmux-256color"'
set -gq terminal-overrides ",*256col*:Tc"
set -sq escape-time 0
set -sq extended-keys on
set -sq focus-events on
set -sq set-clipboard on
set -gq status off
set -gq display-time 15000
set -gq mouse on
set -gq history-limit 50000
set -gq window-size latest
set -gq allow-passthrough on
set -gq update-environment ""
set -gq prefix None
set -gq prefix2 None
unbind-key -a
bind-key -n C-\\\\ detach-client
`;
