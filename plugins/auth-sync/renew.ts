import {
  clause,
  JackinError,
  throwIfAborted,
  toDate,
  withoutCredentials,
} from "../../core/index.ts";
import type { Notice, PluginContext } from "../../core/index.ts";
import { readHostLogin } from "./host-login.ts";
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
  const { login, trouble } = await askToRenew(place, found.expiresAt, ctx);
  if (login.state !== "usable") return { login, notices: [] };
  if (login.expiresAt === undefined || login.expiresAt > found.expiresAt) {
    const until = login.expiresAt === undefined ? "" : `, valid until ${toDate(login.expiresAt)}`;
    const text = `the host's login ${wasOver ? "had expired" : "was about to expire"} and was renewed by the host's own claude${until}`;
    return { login, notices: [{ level: "info", text }] };
  }
  const state = `${login.expiresAt > now ? "expires" : "expired"} at ${toDate(login.expiresAt)}`;
  const why = trouble?.why ?? leftAlone;
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

/** Why the host's own claude did not renew it, where nothing failed. */
export const leftAlone = "the host's own claude left it as it was";

/**
 * What makes Claude Code 2.1.330 renew a login without a model call. The first is the cheap one; but it leaves one that
 * has not expired yet, and sometimes one that has, when `.claude.json` has a recent profile. The second does not, in its
 * last five minutes. It runs no hooks and no servers of the operator's, and leaves no session behind.
 */
const asks = [
  ["auth", "status", "--json"],
  [
    "-p",
    "/cost",
    "--no-session-persistence",
    "--strict-mcp-config",
    "--settings",
    '{"disableAllHooks":true}',
  ],
] as const;

interface Asked {
  /** As it is then. */
  readonly login: HostLogin;
  readonly trouble?: { readonly why: string; readonly next?: string | undefined } | undefined;
}

/** Has the host's own claude renew a login, and answers what came of it. */
export async function askToRenew(
  place: LoginPlace,
  expiresAt: number,
  ctx: PluginContext,
): Promise<Asked> {
  // Before its last minutes no way helps, so the cheap one has to do.
  const isEarly = expiresAt > ctx.host.clock.now() + margin;
  let trouble: Asked["trouble"];
  for (const args of isEarly ? asks.slice(0, 1) : asks) {
    trouble = await ask(args, place, ctx);
    const login = await readHostLogin(place, ctx);
    const isRenewed =
      login.state !== "usable" || login.expiresAt === undefined || login.expiresAt > expiresAt;
    if (isRenewed) return { login };
  }
  return { login: await readHostLogin(place, ctx), trouble };
}

/**
 * Answers why it could not be asked. Cut off between the answer of the server and its own write, claude would have lost the
 * login: it is always let finish.
 */
async function ask(
  args: readonly string[],
  place: LoginPlace,
  { host, signal }: PluginContext,
): Promise<Asked["trouble"]> {
  if (!host.exec) return { why: "this host runs no programs" };
  try {
    const { code } = await host.exec("claude", args, {
      env: renewEnv(place, host.env),
      // A project's own settings have no say here.
      cwd: place.files.home,
      stdin: "",
      ownSession: true,
      limitMs: 60_000,
    });
    throwIfAborted(signal);
    const what = `claude ${args.slice(0, 2).join(" ")}`;
    return code === 0 ? undefined : { why: `${what} ended with exit code ${code}` };
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
  return {
    ...withoutCredentials(env),
    DISABLE_AUTOUPDATER: "1",
    ...(place.named && {
      CLAUDE_CONFIG_DIR: place.configDir,
      CLAUDE_SECURESTORAGE_CONFIG_DIR: undefined,
    }),
  };
}
