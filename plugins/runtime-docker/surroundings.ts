import * as v from "valibot";
import { bearsOnSignIn, credentialsFile, toCredential, toSettingsLayer } from "../../core/index.ts";
import type { Surroundings } from "../../core/index.ts";
import { inside } from "./container.ts";

/** Sets `login` to the file that the agent looks at. */
export const findLogin = `login=\${CLAUDE_SECURESTORAGE_CONFIG_DIR:-$CLAUDE_CONFIG_DIR}/${credentialsFile}
[ ! -e ${inside.linked} ] || login=${inside.claude}/${credentialsFile}`;

/** What the answer to the text below may have at most, in bytes. */
export const maxSurroundings = 64 * 1024 * 1024;

/**
 * The shell text, run in the workspace's folder, that prints what decides how the agent is signed in: a line for each variable, a line for each file in
 * base64. Of values that bear on sign-in no program gets one into its environment or arguments. The agent may have put
 * links, pipes and endless files there.
 */
export const surroundingsText = `limit=
timeout 5 true 2> /dev/null && limit="timeout 5"
show() {
  [ -f "$2" ] && [ -r "$2" ] || return 0
  echo "file $1 $(printf %s "$2" | base64 | tr -d '\\n') $($limit head -c 1048576 "$2" | base64 | tr -d '\\n')"
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
echo "login $(printf %s "$login" | base64 | tr -d '\\n')"
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
  names=$({ env; cat ${inside.run}/env; } 2> /dev/null | sed -n 's/^\\(export \\)\\{0,1\\}\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\2/p' | sort -u)
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
  const lines = printed.split("\n").map((line) => line.split(" "));
  const place = lines.find(([kind]) => kind === "login")?.[1];
  if (!place) return undefined;
  const files = lines.filter(([kind]) => kind === "file");
  const settings = files.flatMap(([, layer, path = "", content = ""]) =>
    v.is(layers, layer) ? [toSettingsLayer(layer, fromBase64(path), fromBase64(content))] : [],
  );
  // Of the drop-ins the last one wins, and each of them over the file beside them.
  const dropIns = settings.filter(({ path }) => path.includes("/managed-settings.d/"));
  const others = settings.filter((each) => !dropIns.includes(each));
  const found = files.find(([, name]) => name === "credential");
  const text = found && fromBase64(found[3] ?? "");
  return {
    env: lines.flatMap(([kind, name = ""]) =>
      kind === "env" && bearsOnSignIn(name) ? [name] : [],
    ),
    settings: [...dropIns.reverse(), ...others],
    credential: { path: fromBase64(place), ...(await toCredential(text)) },
  };
}

function fromBase64(text: string): string {
  const binary = atob(text);
  return new TextDecoder().decode(Uint8Array.from(binary, (letter) => letter.charCodeAt(0)));
}
