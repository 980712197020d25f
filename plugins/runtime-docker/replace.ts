import { credentialsFile, quoteShell } from "../../core/index.ts";
import type { GrantFile } from "../../core/index.ts";
import { parseJson } from "./engine.ts";
import { credentialPath, put, putFunction } from "./provision.ts";
import { findLogin } from "./surroundings.ts";

/**
 * The shell text that replaces credential files under a running agent, each at once, and prints `put`; `own` when the
 * agent has signed in by itself.
 */
export function replaceText(files: readonly GrantFile[]): string {
  const lines = files.map(({ name, content }) => {
    const [path, text] = [credentialPath(name), content.reveal()];
    const login = name === credentialsFile ? loginOf(text) : undefined;
    if (login === undefined) return put(path, text);
    return `exchange ${[path, text, login].map(quoteShell).join(" ")}`;
  });
  const functions = ["set -eu", "umask 077", putFunction, exchangeFunction];
  return `${[...functions, findLogin, leaveOwn, ...lines, "echo put"].join("\n")}\n`;
}

/** The login of a credential file that holds nothing else. */
function loginOf(text: string): string | undefined {
  const json = parseJson(text);
  const [[key, value] = [], ...others] = Object.entries(json ?? {});
  return key === "claudeAiOauth" && others.length === 0 ? JSON.stringify(value) : undefined;
}

const space = "[[:space:]]*";
const key = `"claudeAiOauth"${space}:${space}`;

/** A JSON object of at most so many levels, for `sed -E`. */
function objectOf(levels: number): string {
  const nothing = `[^{}"]|"([^"\\\\]|\\\\.)*"`;
  const inner = levels > 1 ? `${nothing}|${objectOf(levels - 1)}` : nothing;
  return `\\{(${inner})*\\}`;
}

// The logins of servers (`mcpOAuth`) share the file, and are the agent's: one that is whole keeps all but its login.
const exchangeFunction = `mark=$(printf '\\001')
exchange() {
  rest=
  [ ! -f "$1" ] || rest=$(head -c 1048576 "$1" | tr '\\n\\r\\001' '   ' |
    LC_ALL=C sed -nE '/^${space}${objectOf(6)}${space}$/s/${key}${objectOf(2)}/'"$mark"'/p') || rest=
  case $rest in
    *"$mark"*) put "$1" "\${rest%%"$mark"*}\\"claudeAiOauth\\":$3\${rest#*"$mark"}" ;;
    *) put "$1" "$2" ;;
  esac
}`;

const leaveOwn = `if [ -f "$login" ] && head -c 1048576 "$login" | tr '\\n\\r' '  ' | grep -qE \\
  '${key}\\{([^{}]|\\{[^{}]*\\})*"refreshToken"${space}:${space}"${space}[^"[:space:]]'
then echo own; exit; fi`;
