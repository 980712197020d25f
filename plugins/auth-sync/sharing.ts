import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { GrantRequest, Notice, PluginContext } from "../../core/index.ts";
import type { HostLogin } from "./host-login.ts";
import type { LoginPlace } from "./login-place.ts";

/** bytes; the file also holds the history of every project */
const largestAccountFile = 32 * 1024 * 1024;

export interface Account {
  /** As a person would say it. */
  readonly name: string;
  readonly id: string | undefined;
}

/** Who is signed in on the host, as Claude Code noted it. Not knowing it stops nothing. */
export async function readAccount(
  place: LoginPlace,
  ctx: PluginContext,
): Promise<Account | undefined> {
  let account:
    | { emailAddress?: unknown; organizationName?: unknown; accountUuid?: unknown }
    | undefined;
  try {
    const text = await place.files.read(place.account, { maxBytes: largestAccountFile });
    if (text !== undefined) account = JSON.parse(text)?.oauthAccount ?? undefined;
  } catch (error) {
    throwIfAborted(ctx.signal);
    if (!(error instanceof JackinError || error instanceof SyntaxError)) throw error;
  }
  const email = account?.emailAddress;
  const organization = account?.organizationName;
  if (typeof email !== "string" || email === "") return undefined;
  const id = typeof account?.accountUuid === "string" ? account.accountUuid : undefined;
  // A private account's organization is "<email>'s Organization" and says nothing more.
  const isPrivate =
    typeof organization !== "string" || organization === "" || organization.includes(email);
  return { name: isPrivate ? email : `${email} (${organization})`, id };
}

/** Signing in writes the login first and whose it is a moment later (2.1.330): between the two they do not belong together. */
export function isOf(login: HostLogin, account: Account | undefined): boolean {
  if (login.state !== "usable" || login.accountId === undefined || account?.id === undefined)
    return true;
  return login.accountId === account.id;
}

/** Says who else uses the login. As whole copies they log each other out, so that is a warning that names them. */
export async function noticeSharers(
  request: GrantRequest,
  account: string | undefined,
  copies: boolean,
  place: LoginPlace,
  ctx: PluginContext,
): Promise<Notice[]> {
  // Two accounts that are not known are taken for one: a warning too many harms less than a logout.
  const others = request.others.filter(
    (other) =>
      other.mode === "sync" && other.account === account && other.instance !== request.instance,
  );
  const sessions = await countHostSessions(place, ctx);
  const host = sessions > 0 ? [`${sessions} session${sessions === 1 ? "" : "s"} on the host`] : [];
  const sharers = [...others.map((other) => other.instance), ...host];
  if (sharers.length === 0) return [];
  // Core names the instances that share a forwarded login; what runs on the host only this plugin knows.
  if (!copies) return host.map((text) => ({ level: "info", text: `also used by ${text}` }));
  const text = `${[request.instance, ...sharers].join(", ")} hold copies of one login${account ? ` (${account})` : ""}: the first that renews it logs the others and the host out`;
  return [{ level: "warning", text, next: 'set refresh = "host" under [claude.sync]' }];
}

/** Claude Code keeps one `sessions/<pid>.json` for each running session; one that crashed leaves its file behind. */
async function countHostSessions(place: LoginPlace, ctx: PluginContext): Promise<number> {
  const { files } = place;
  try {
    if ((await files.stat(place.sessions))?.kind !== "folder") return 0;
    const names = await files.list(place.sessions);
    const pids = names.flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []);
    if (pids.length === 0) return 0;
    if (ctx.host.platform === "linux") {
      const alive = await Promise.all(pids.map((pid) => files.stat(`/proc/${pid}`)));
      return alive.filter((found) => found !== undefined).length;
    }
    const args = ["-o", "pid=", "-p", pids.join(",")];
    const options = { signal: ctx.signal, limitMs: 5000 };
    const ps = await ctx.host.exec?.("ps", args, options);
    return ps ? ps.stdout.split("\n").filter((line) => line.trim() !== "").length : 0;
  } catch (error) {
    throwIfAborted(ctx.signal);
    if (!(error instanceof JackinError)) throw error;
    return 0;
  }
}
