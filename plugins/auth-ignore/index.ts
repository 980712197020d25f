import { throwIfAborted } from "../../core/index.ts";
import type { AuthFailure, AuthProvider, Notice } from "../../core/index.ts";

/** Forwards nothing: the agent signs in with `/login` inside its container, and that login survives restarts. */
export function authIgnore(): AuthProvider {
  return {
    kind: "auth",
    name: "auth-ignore",
    mode: "ignore",
    async grant(_request, ctx) {
      throwIfAborted(ctx.signal);
      return {
        line: "claude auth: none (manual /login required)",
        login: "own",
        files: [],
        env: {},
        notices: [],
      };
    },
    recover,
  };
}

const whys: Readonly<Partial<Record<AuthFailure["cause"], string>>> = {
  "not-signed-in": "is not signed in: mode ignore forwards nothing",
  "not-renewed": "has a login of its own that cannot be renewed any more",
  expired: "has a login of its own that has expired",
  revoked: "has a login of its own that was revoked",
  scope: "has a login of its own that has no scope for what it asked",
};

/** What is no matter of the login inside is the core's to tell. */
function recover({ cause, instance }: AuthFailure): Notice | undefined {
  const why = whys[cause];
  if (why === undefined) return undefined;
  const next = `jackin hardline ${instance}   then type /login`;
  return { level: "warning", text: `${instance} ${why}`, next };
}
