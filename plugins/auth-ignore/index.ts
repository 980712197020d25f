import { throwIfAborted } from "../../core/index.ts";
import type { AuthProvider } from "../../core/index.ts";

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
  };
}
