import { createBell, JackinError, toJackinError } from "../../core/index.ts";
import type { FollowRequest, Grant, Notice, PluginContext } from "../../core/index.ts";
import { pause, readHostLogin } from "./host-login.ts";
import type { HostLogin } from "./host-login.ts";
import type { LoginPlace } from "./login-place.ts";
import { createRenewal } from "./renewal.ts";
import type { Account } from "./sharing.ts";
import { isOf, readAccount } from "./sharing.ts";

/** ms. How often the login is looked at although nothing was heard of it. */
const pace = {
  /** Where changes of files are told; it also bounds how long a jump of the clock goes unnoticed. */
  watched: 60_000,
  /** The Keychain tells nobody, and each look starts a program. */
  keychain: 10_000,
  polled: 2_000,
};
/**
 * ms. A login that does not say whose it is, and is another than before, is looked at again after that: signing in writes it
 * first and who it is afterwards. A renewal that comes that much later harms nobody.
 */
const settling = 3_000;
/** ms. Signing in signs out first (2.1.330): a login that is no good is told when it stays so. */
const passing = 1_000;
/** How often one that is not of the account that is noted is looked at again before that is told. */
const patience = 10;

interface Reading {
  readonly login: HostLogin;
  readonly account: Account | undefined;
  /** Tells one reading from another. */
  readonly key: string;
  /** When the files were written; undefined where that does not tell. */
  readonly stamp: string | undefined;
}

type Usable = HostLogin & { readonly state: "usable" };

interface How {
  toGrant(login: Usable, account: Account | undefined): Grant;
  /** The host's own claude is asked to renew it. */
  readonly renews: boolean;
}

/**
 * Delivers the host's login now and at each change, without what could renew it. One that is hollow, torn or missing is told
 * and not delivered. When it runs out and nobody renews it, the host's own claude may be asked to.
 */
export async function followLogin(
  place: LoginPlace,
  { toGrant, renews }: How,
  request: FollowRequest,
  ctx: PluginContext,
): Promise<AsyncDisposable> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ctx.signal, ended.signal]);
  const own = { ...ctx, signal };
  const renewal = renews ? createRenewal(place, own) : undefined;
  const bell = createBell();
  let last: Reading | undefined;
  let watching: Disposable | undefined;
  const running = loop();
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      watching?.[Symbol.dispose]();
      await running;
    },
  };

  /** Never rejects: whoever keeps agents does other things too. */
  async function loop(): Promise<void> {
    let seen: Reading | undefined;
    let hasFailed = false;
    while (!signal.aborted) {
      let due = Infinity;
      try {
        watching ??= watchPlace(place, bell.ring);
        const reading = await readSettled(seen);
        // After a failure the same again, so that nobody goes on warning of it.
        if (reading.key !== seen?.key || hasFailed) await bring(reading);
        seen = reading;
        hasFailed = false;
        due = (await renewal?.look(reading.login, request)) ?? Infinity;
      } catch (error) {
        if (signal.aborted) return;
        hasFailed = true;
        const { message } = toJackinError(error, "plugin-failed");
        const text = `the host's login cannot be followed now: ${message}`;
        request.tell({ level: "warning", text, next: "jackin doctor" });
      }
      if (due > 0) await bell.wait(Math.min(due, paceOf()), signal);
    }
  }

  async function bring({ login, account }: Reading): Promise<void> {
    if (!isOf(login, account)) return request.tell(foreign(place));
    if (login.state === "usable") return await request.deliver(toGrant(login, account));
    const next = login.state === "missing" ? place.signIn : login.next;
    const text = `${login.text}; running agents keep the last good one`;
    request.tell({ level: "warning", text, next });
  }

  /** A login that has changed is believed when it is known, or has stayed, the noted account's. */
  async function readSettled(seen: Reading | undefined): Promise<Reading> {
    let found = await read();
    for (let tries = 0; found.key !== seen?.key && tries < patience; tries++) {
      const { login, account } = found;
      const isUsable = login.state === "usable";
      // An account that was there a moment ago may only be unreadable now, and one of another name only half written: signing
      // in writes its organization last.
      const isWhole = !seen?.account || seen.account.name === account?.name;
      const isKnown = seen === undefined || (account ? isUsable && login.accountId : !seen.account);
      if (isUsable && isWhole && isKnown && isOf(login, account)) return found;
      await pause(isUsable ? settling : passing, signal);
      const again = await read();
      if (again.key === found.key && isOf(again.login, again.account)) return again;
      found = again;
    }
    return found;
  }

  async function read(): Promise<Reading> {
    const { platform, clock } = ctx.host;
    const stamp = platform === "darwin" ? undefined : await stampOf(place, clock.now());
    if (last && stamp !== undefined && stamp === last.stamp) return last;
    const login = await readHostLogin(place, own);
    const account = await readAccount(place, own);
    // Lives in this process only, and tells one login from another.
    const what = login.state === "usable" ? login.accessOnly.reveal() : login.text;
    const key = `${login.state} ${account?.id} ${account?.name} ${what}`;
    return (last = { login, account, key, stamp });
  }

  function paceOf(): number {
    if (ctx.host.platform === "darwin") return pace.keychain;
    return watching ? pace.watched : pace.polled;
  }
}

/** Undefined where nobody tells, or there is no folder to listen at yet. */
function watchPlace({ files, credentials }: LoginPlace, ring: () => void): Disposable | undefined {
  try {
    return files.watch?.(folderOf(credentials), ring);
  } catch (error) {
    if (error instanceof JackinError) return undefined;
    throw error;
  }
}

/** Undefined where it tells nothing: of a link, and of a write so young that the next one may have the same time. */
async function stampOf(
  { files, credentials, account }: LoginPlace,
  now: number,
): Promise<string | undefined> {
  const stats = await Promise.all([files.stat(credentials), files.stat(account)]);
  if (stats.some((stat) => stat && (stat.kind === "link" || stat.changedAt > now - 1_000)))
    return undefined;
  return stats.map((stat) => `${stat?.changedAt}/${stat?.size}`).join(" ");
}

function foreign({ credentials, account, signIn }: LoginPlace): Notice {
  const text = `the host's login ${credentials} is of another account than ${account} says; it is not given to agents`;
  return { level: "warning", text, next: signIn };
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
