import {
  clause,
  JackinError,
  throwIfAborted,
  uncancelled,
  withoutCredentials,
} from "../../core/index.ts";
import type { ExecResult, PluginContext } from "../../core/index.ts";
import { name } from "./place.ts";
import type { LoginPlace } from "./place.ts";

/** ms; a sign-in page that nobody answers is not waited for for ever (`claude auth login` 2.1.330 would) */
const signInLimit = 15 * 60_000;
const signOutLimit = 30_000;

/** `claude auth login` on the operator's terminal, or whatever stands for it. */
export async function askToSignIn(place: LoginPlace, ctx: PluginContext): Promise<ExecResult> {
  try {
    const options = { inherit: "terminal", limitMs: signInLimit } as const;
    return await claude(place, ["auth", "login"], options, ctx);
  } catch (error) {
    throwIfAborted(ctx.signal);
    if (!(error instanceof JackinError) || error.code !== "host-failed") throw error;
    throw new JackinError({
      code: "host-failed",
      message: `[${name}] signing in is done by this machine's own Claude Code: ${error.message}`,
      hint: error.hint ?? "npm install -g @anthropic-ai/claude-code",
      cause: error,
    });
  }
}

/**
 * `claude auth logout`: revokes the login and removes it. Answers why it is not known to be revoked. Cancelling would leave
 * that open, so it is not looked at.
 */
export async function askToSignOut(
  place: LoginPlace,
  ctx: PluginContext,
): Promise<string | undefined> {
  try {
    const options = { limitMs: signOutLimit };
    const { code, stdout, stderr } = await claude(
      place,
      ["auth", "logout"],
      options,
      uncancelled(ctx),
    );
    // 2.1.330 ends with 0 too when it says that the revocation was not confirmed.
    if (code === 0 && /success/i.test(stdout)) return undefined;
    const said = `${stdout}\n${stderr}`.trim().split("\n").at(-1);
    return said || `claude auth logout ended with exit code ${code}`;
  } catch (error) {
    if (!(error instanceof JackinError)) throw error;
    return clause(error);
  }
}

async function claude(
  place: LoginPlace,
  args: readonly string[],
  options: { readonly inherit?: "terminal"; readonly limitMs: number },
  { host, signal }: PluginContext,
): Promise<ExecResult> {
  if (!host.exec)
    throw new JackinError({ code: "host-failed", message: "this host runs no programs." });
  const env = environment(place, host.env);
  // A project's own settings have no say here: nothing is in this folder.
  return host.exec("claude", args, { env, cwd: place.folder, signal, ...options });
}

/** Only this login counts: with another credential in its environment `claude` would look at that one. */
function environment(
  place: LoginPlace,
  env: PluginContext["host"]["env"],
): Record<string, string | undefined> {
  return {
    ...withoutCredentials(env),
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CONFIG_DIR: place.config,
    CLAUDE_SECURESTORAGE_CONFIG_DIR: place.folder,
  };
}
