import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { Notice, PluginContext } from "../../core/index.ts";
import { clause, readHostLogin } from "./host-login.ts";
import type { HostLogin } from "./host-login.ts";
import type { LoginPlace } from "./login-place.ts";

const margin = 5 * 60_000;

/**
 * The host's login, renewed first by the host's own Claude Code when it has run out or is about to. jackin renews nothing
 * itself: two that renew one login log each other out.
 */
export async function readFreshLogin(
  place: LoginPlace,
  ctx: PluginContext,
): Promise<{ readonly login: HostLogin; readonly notices: readonly Notice[] }> {
  const now = ctx.host.clock.now();
  const found = await readHostLogin(place, ctx);
  if (!runsOut(found, now)) return { login: found, notices: [] };
  const wasOver = found.expiresAt <= now;
  ctx.progress("the host's login runs out: asking its own claude to renew it");
  const trouble = await askToRenew(place, ctx);
  const login = await readHostLogin(place, ctx);
  if (login.state !== "usable") return { login, notices: [] };
  if (login.expiresAt === undefined || login.expiresAt > found.expiresAt) {
    const until = login.expiresAt === undefined ? "" : `, valid until ${toDate(login.expiresAt)}`;
    const text = `the host's login ${wasOver ? "had expired" : "was about to expire"} and was renewed by the host's own claude${until}`;
    return { login, notices: [{ level: "info", text }] };
  }
  const state = `${login.expiresAt > now ? "expires" : "expired"} at ${toDate(login.expiresAt)}`;
  const why = trouble?.why ?? "claude auth status left it as it was";
  const text = `the host's login ${state} and could not be renewed (${why}): the agent may meet a 401`;
  return { login, notices: [{ level: "warning", text, next: trouble?.next ?? place.signIn }] };
}

/** True when it has run out or has less than five minutes; one that does not say is taken as good. */
export function runsOut(
  login: HostLogin,
  now: number,
): login is HostLogin & { readonly state: "usable"; readonly expiresAt: number } {
  return (
    login.state === "usable" && login.expiresAt !== undefined && login.expiresAt < now + margin
  );
}

/** e.g. `2026-11-25 12:00 UTC` */
export function toDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/**
 * Answers why it could not be asked. `claude auth status` renews an expired login without a model call (2.1.330). Cut off
 * between the answer of the server and its own write, it would have lost the login: it is always let finish.
 */
export async function askToRenew(
  place: LoginPlace,
  { host, signal }: PluginContext,
): Promise<{ readonly why: string; readonly next?: string | undefined } | undefined> {
  if (!host.exec) return { why: "this host runs no programs" };
  try {
    const { code } = await host.exec("claude", ["auth", "status", "--json"], {
      env: renewEnv(place, host.env),
      // A project's own settings have no say here.
      cwd: place.files.home,
      ownSession: true,
      limitMs: 60_000,
    });
    throwIfAborted(signal);
    return code === 0 ? undefined : { why: `claude auth status ended with exit code ${code}` };
  } catch (error) {
    throwIfAborted(signal);
    if (!(error instanceof JackinError)) throw error;
    return { why: clause(error), next: error.hint };
  }
}

/** Only the login counts: with another credential in its environment `claude` would look at that one. */
function renewEnv(
  place: LoginPlace,
  env: PluginContext["host"]["env"],
): Record<string, string | undefined> {
  const others = Object.keys(env).filter((name) =>
    /^(ANTHROPIC_|CLAUDE_CODE_OAUTH_|CLAUDE_CODE_USE_)/.test(name),
  );
  return {
    ...Object.fromEntries(others.map((name) => [name, undefined])),
    DISABLE_AUTOUPDATER: "1",
    ...(place.named && {
      CLAUDE_CONFIG_DIR: place.configDir,
      CLAUDE_SECURESTORAGE_CONFIG_DIR: undefined,
    }),
  };
}
