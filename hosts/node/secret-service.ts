import { throwIfAborted } from "../../core/index.ts";
import type { HostExec } from "../../core/index.ts";

const service = "org.freedesktop.secrets";

/** Where new passwords would go, by D-Bus's own program; `unknown` without it. Nobody is asked for a password. */
export async function defaultCollection(
  exec: HostExec,
  signal: AbortSignal,
): Promise<"open" | "locked" | "none" | "unknown"> {
  const call = async (path: string, method: string, ...args: readonly string[]) => {
    const to = ["--session", "--print-reply=literal", `--dest=${service}`, "--reply-timeout=3000"];
    const options = { signal, limitMs: 5_000 };
    const { code, stdout } = await exec("dbus-send", [...to, path, method, ...args], options);
    return code === 0 ? stdout.trim() : "";
  };
  try {
    const readAlias = "org.freedesktop.Secret.Service.ReadAlias";
    const collection = await call("/org/freedesktop/secrets", readAlias, "string:default");
    if (collection === "/") return "none";
    if (!/^\/[\w/]+$/.test(collection)) return "unknown";
    const asked = ["string:org.freedesktop.Secret.Collection", "string:Locked"];
    const state = await call(collection, "org.freedesktop.DBus.Properties.Get", ...asked);
    if (/\btrue$/.test(state)) return "locked";
    return /\bfalse$/.test(state) ? "open" : "unknown";
  } catch {
    throwIfAborted(signal);
    return "unknown";
  }
}
