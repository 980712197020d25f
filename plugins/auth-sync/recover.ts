import type { AuthFailure, Notice } from "../../core/index.ts";

/** What helps an agent of mode sync that was refused, when the host's present login did not help it. */
export function recover({ cause, instance }: AuthFailure): Notice | undefined {
  const warn = (what: string, next: string): Notice => ({
    level: "warning",
    text: `${instance} ${what}`,
    next,
  });
  const again = "claude auth login   on the host; running agents get the new login by themselves";
  switch (cause) {
    case "not-signed-in":
      return warn("has no login: the host was signed out, or its login was blanked", again);
    case "not-renewed":
      return warn(
        "holds a copy of the login that was renewed elsewhere first, or was revoked",
        `jackin eject ${instance}, then load it again\nrefresh = "host" under [claude.sync] keeps several agents from this`,
      );
    case "expired":
      return warn("has a login that has expired, and the host has no newer one", again);
    case "revoked":
    case "refused":
      return warn(
        "was refused with the login that the host has now",
        `${again}\njackin auth explain ${instance}   what it uses now`,
      );
    default:
      return undefined;
  }
}
