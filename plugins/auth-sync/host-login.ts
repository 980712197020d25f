import * as v from "valibot";
import { clause, JackinError, throwIfAborted, toCredential } from "../../core/index.ts";
import type { Credential, PluginContext, Secret } from "../../core/index.ts";
import { quoted } from "./login-place.ts";
import type { LoginPlace } from "./login-place.ts";

const largest = 1024 * 1024;

export type HostLogin =
  | {
      readonly state: "usable";
      /** The login as it is, with keys that jackin does not know. */
      readonly whole: Secret;
      /** The same without what could renew it. */
      readonly accessOnly: Secret;
      readonly credential: Credential;
      readonly expiresAt: number | undefined;
      readonly renewable: boolean;
      /** Whose it is; not in every version's file. */
      readonly accountId: string | undefined;
    }
  | { readonly state: "missing"; readonly text: string }
  | {
      readonly state: "unusable";
      readonly text: string;
      readonly next: string;
      /** It may have been read in the middle of a write. */
      readonly torn?: boolean;
    };

/** Reads and judges the login. It never throws for a bad one: whether a launch goes on is not decided here. */
export async function readHostLogin(place: LoginPlace, ctx: PluginContext): Promise<HostLogin> {
  const login = await readOnce(place, ctx);
  if (login.state !== "unusable" || !login.torn) return login;
  await pause(100, ctx.signal);
  return readOnce(place, ctx);
}

async function readOnce(place: LoginPlace, ctx: PluginContext): Promise<HostLogin> {
  const kept = await readKeychain(place, ctx);
  if (typeof kept === "string") return judge(kept, "the host's login in the Keychain", place, ctx);
  let text: string | undefined;
  try {
    text = await place.files.read(place.credentials, { maxBytes: largest });
  } catch (error) {
    throwIfAborted(ctx.signal);
    if (!(error instanceof JackinError)) throw error;
    const next = error.hint ?? `ls -l ${quoted(place.credentials)}`;
    return { state: "unusable", text: `the host's login ${clause(error)}`, next };
  }
  if (text !== undefined) return judge(text, `the host's login ${place.credentials}`, place, ctx);
  return kept ?? { state: "missing", text: `the host has no login at ${place.credentials}` };
}

/** The Keychain's text, or the trouble with it; undefined where the login is a file. */
async function readKeychain(
  place: LoginPlace,
  { host, signal }: PluginContext,
): Promise<string | HostLogin | undefined> {
  if (host.platform !== "darwin" || !host.exec) return undefined;
  const suffix = place.configDir === undefined ? "" : `-${await shortHash(place.configDir)}`;
  const service = `Claude Code-credentials${suffix}`;
  const user = host.env["USER"] ?? host.env["LOGNAME"] ?? "";
  const args = ["find-generic-password", "-a", user, "-s", service, "-w"];
  let trouble: string;
  try {
    const { code, stdout } = await host.exec("security", args, { signal, limitMs: 30_000 });
    if (code === 0) return stdout;
    if (code === 44) return undefined;
    trouble = `security ended with exit code ${code}`;
  } catch (error) {
    throwIfAborted(signal);
    if (!(error instanceof JackinError)) throw error;
    trouble = clause(error);
  }
  const text = `the Keychain did not hand out the host's login (${service}): ${trouble}`;
  return { state: "unusable", text, next: "security unlock-keychain" };
}

const storedSchema = v.looseObject({
  claudeAiOauth: v.nullish(
    v.looseObject({
      accessToken: v.string(),
      refreshToken: v.nullish(v.string()),
      /** ms since the epoch */
      expiresAt: v.nullish(v.number()),
      /** Without one, Claude Code takes the login for none. */
      scopes: v.pipe(v.array(v.string()), v.minLength(1)),
      subscriptionType: v.nullish(v.string()),
      rateLimitTier: v.nullish(v.string()),
      /** Since 2.1.330, in what `claude auth login` writes; a renewal keeps it. */
      accountUuid: v.nullish(v.string()),
    }),
  ),
});

async function judge(
  text: string,
  where: string,
  place: LoginPlace,
  ctx: PluginContext,
): Promise<HostLogin> {
  const whole = ctx.secret(text);
  const unusable = (why: string, torn = false): HostLogin => ({
    state: "unusable",
    text: `${where} ${why}`,
    next: place.signIn,
    torn,
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    return unusable(text.trim() === "" ? "is empty" : "is not whole JSON", true);
  }
  const parsed = v.safeParse(storedSchema, json);
  if (!parsed.success || Array.isArray(json)) {
    // The place only: an issue's message quotes the value.
    const part = (parsed.issues && v.getDotPath(parsed.issues[0])) ?? "the whole";
    return unusable(`has a form that jackin does not know (${part})`);
  }
  const login = parsed.output.claudeAiOauth;
  if (!login) return { state: "missing", text: `${where} is signed out` };
  const renewable = Boolean(login.refreshToken?.trim());
  if (login.refreshToken) ctx.secret(login.refreshToken);
  if (login.accessToken.trim() === "")
    return unusable("was blanked: another copy of it was renewed first, or it was revoked");
  ctx.secret(login.accessToken);
  const { accessToken, scopes, subscriptionType, rateLimitTier } = login;
  // No expiresAt: an access-only login works without one, and nothing in the agent then thinks of renewing.
  const accessOnly = { claudeAiOauth: { accessToken, scopes, subscriptionType, rateLimitTier } };
  return {
    state: "usable",
    whole,
    credential: await toCredential(text),
    accessOnly: ctx.secret(JSON.stringify(accessOnly)),
    expiresAt: believable(login.expiresAt, ctx.host.clock.now()),
    renewable,
    accountId: login.accountUuid ?? undefined,
  };
}

/** A login lives for hours, a token for a year: a stamp far beyond that says that a clock was wrong. */
function believable(expiresAt: number | null | undefined, now: number): number | undefined {
  if (typeof expiresAt !== "number" || !Number.isSafeInteger(expiresAt)) return undefined;
  return expiresAt < 0 || expiresAt > now + 400 * 24 * 3_600_000 ? undefined : expiresAt;
}

async function shortHash(path: string): Promise<string> {
  const bytes = new TextEncoder().encode(path.normalize("NFC"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash.slice(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  }).then(() => throwIfAborted(signal));
}
