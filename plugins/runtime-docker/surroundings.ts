import * as v from "valibot";
import { bearsOnSignIn, credentialsFile, toCredential, toSettingsLayer } from "../../core/index.ts";
import type { SettingsLayer, Surroundings } from "../../core/index.ts";
import { inside } from "./container.ts";

/** Sets `login` to the file that the agent looks at. */
export const findLogin = `login=\${CLAUDE_SECURESTORAGE_CONFIG_DIR:-$CLAUDE_CONFIG_DIR}/${credentialsFile}
[ ! -e ${inside.linked} ] || login=${inside.claude}/${credentialsFile}`;

/** What the answer to the text below may have at most, in bytes. */
export const maxSurroundings = 64 * 1024 * 1024;

/**
 * The shell text, run in the workspace's folder, that prints what decides how the agent is signed in: a line for each
 * variable and for each file, its content in base64 and behind that, after a colon, its path. No program gets a value into
 * its environment or arguments. The agent may have put links, pipes and endless files there.
 */
export const surroundingsText = `limit=
command -v timeout > /dev/null && limit="timeout 5"
show() {
  [ -f "$2" ] && [ -r "$2" ] || return 0
  printf '%s ' file "$1" $($limit head -c 1048576 "$2" | base64)
  printf ':%s\\n' "$2"
}
n=0
for f in /etc/claude-code/managed-settings.d/*.json; do
  n=$((n + 1))
  [ "$n" -gt 20 ] || show managed "$f"
done
show managed /etc/claude-code/managed-settings.json
show local "$PWD/.claude/settings.local.json"
show project "$PWD/.claude/settings.json"
show user "$CLAUDE_CONFIG_DIR/settings.json"
${findLogin}
printf 'login :%s\\n' "$login"
show credential "$login"
# A name whose value says something; a value of the switches may say no.
tell() {
  case $2 in *[![:space:]]*) ;; *) return ;; esac
  case $1=$2 in
    CLAUDE_CODE_USE_*=0 | CLAUDE_CODE_USE_*=[Ff][Aa][Ll][Ss][Ee]) ;;
    CLAUDE_CODE_USE_*=[Nn][Oo] | CLAUDE_CODE_USE_*=[Oo][Ff][Ff]) ;;
    *) echo "env $1" ;;
  esac
}
pid=$(head -c 20 ${inside.run}/pid 2> /dev/null)
if [ -n "$pid" ] && [ -r "/proc/$pid/environ" ]; then
  tr '\\0\\n' '\\n ' < "/proc/$pid/environ" | while IFS= read -r each; do tell "\${each%%=*}" "\${each#*=}"; done
else
  names=$(env | sed -n 's/^\\(export \\)\\{0,1\\}\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\2/p' - ${inside.run}/env 2> /dev/null)
  # Only this shell itself reads the values.
  (
    [ ! -f ${inside.run}/env ] || . ${inside.run}/env
    for each in $names; do eval "tell $each \\"\\\${$each-}\\""; done
  )
fi
exit 0
`;

const layers = v.picklist(["managed", "local", "project", "user"]);

/** Undefined: this is no answer of that text. */
export async function toSurroundings(printed: string): Promise<Surroundings | undefined> {
  const env = new Set<string>();
  const settings: SettingsLayer[] = [];
  let place: string | undefined;
  let login: string | undefined;
  for (const line of printed.split("\n")) {
    const colon = line.indexOf(":");
    const [kind, name = "", ...content] = line.slice(0, colon < 0 ? undefined : colon).split(" ");
    const path = line.slice(colon + 1);
    if (kind === "env" && bearsOnSignIn(name)) env.add(name);
    else if (kind === "login") place = path;
    else if (kind === "file" && name === "credential") login = fromBase64(content.join(""));
    else if (kind === "file" && v.is(layers, name))
      settings.push(toSettingsLayer(name, path, fromBase64(content.join(""))));
  }
  if (!place) return undefined;
  // Of the drop-ins the last one wins, and each of them over the file beside them.
  const isDropIn = ({ path }: SettingsLayer) => path.includes("/managed-settings.d/");
  return {
    env: [...env],
    settings: [
      ...settings.filter(isDropIn).reverse(),
      ...settings.filter((layer) => !isDropIn(layer)),
    ],
    credential: { path: place, ...(await toCredential(login)) },
  };
}

/** An image's own `base64` may print anything: then nothing is known of that file. */
function fromBase64(text: string): string {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return "";
  }
  return new TextDecoder().decode(Uint8Array.from(binary, (letter) => letter.charCodeAt(0)));
}
