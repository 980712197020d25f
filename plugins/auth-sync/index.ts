import * as v from "valibot";
import { throwIfAborted, toDate } from "../../core/index.ts";
import type { AuthProvider, Grant, Health, HealthRequest, Notice } from "../../core/index.ts";
import { followLogin } from "./follow.ts";
import { readHostLogin } from "./host-login.ts";
import type { HostLogin } from "./host-login.ts";
import { credentialsFile, findLogin } from "./login-place.ts";
import { readFreshLogin, runsOut } from "./renew.ts";
import { recover } from "./recover.ts";
import { isOf, noticeSharers, readAccount } from "./sharing.ts";

const optionsSchema = v.strictObject({
  /**
   * Who renews the login. `host`: the host's own Claude Code alone; the agent gets what cannot renew. `container`: the
   * agent gets the whole login and may renew it.
   */
  refresh: v.optional(v.picklist(["host", "container"]), "host"),
  /** Another configuration folder of Claude Code on the host, absolute or from `~`. */
  source_dir: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(\/|~(\/|$)|[A-Za-z]:[\\/])/, "must be an absolute path, or begin with ~"),
    ),
  ),
});

/** Forwards the host's login at each launch. The host's own is only read; what is no good is never forwarded. */
export function authSync(): AuthProvider {
  return {
    kind: "auth",
    name: "auth-sync",
    mode: "sync",
    options: optionsSchema,

    async grant(request, ctx) {
      const { options, place } = await begin(request, ctx);
      const { login, notices } = await readFreshLogin(place, ctx);
      if (login.state !== "usable") {
        const kept: Notice = {
          level: "warning",
          text: `${login.text}; nothing was forwarded, and what the container has is kept`,
          next: login.state === "missing" ? place.signIn : login.next,
        };
        return { line, login: "own", files: [], env: {}, notices: [kept] };
      }
      const copies = options.refresh === "container";
      const noted = await readAccount(place, ctx);
      const account = isOf(login, noted) ? noted?.name : undefined;
      const sharing = await noticeSharers(request, account, copies, place, ctx);
      return toGrant(login, account, copies, [...notices, ...sharing]);
    },

    async follow(request, ctx) {
      const { options, place } = await begin(request, ctx);
      return await followLogin(
        place,
        {
          // Whoever follows has an access-only login, also when the configuration says otherwise by now.
          toGrant: (login, account) => toGrant(login, account?.name, false, []),
          // A renewal on the host would log whole copies out.
          renews: options.refresh === "host",
        },
        request,
        ctx,
      );
    },

    recover,

    async health(request, ctx) {
      const { place } = await begin(request, ctx);
      const login = await readHostLogin(place, ctx);
      if (login.state === "missing") return { state: "bad", text: login.text, next: place.signIn };
      if (login.state === "unusable") return { state: "bad", text: login.text, next: login.next };
      const now = ctx.host.clock.now();
      const { expiresAt, credential } = login;
      const rest = { credential, ...known((await readAccount(place, ctx))?.name, expiresAt) };
      if (expiresAt === undefined) return { state: "good", text: "the host is signed in", ...rest };
      const text = `the host's login ${expiresAt > now ? "is valid until" : "expired at"} ${toDate(expiresAt)}`;
      if (!runsOut(login, now)) return { state: "good", text, ...rest };
      return login.renewable
        ? {
            state: "warning",
            text: `${text}; the next launch has the host's own claude renew it`,
            ...rest,
          }
        : { state: "bad", text: `${text} and cannot be renewed`, next: place.signIn, ...rest };
    },
  };
}

const line = "claude auth: forwarded host session (sync)";

function toGrant(
  login: HostLogin & { readonly state: "usable" },
  account: string | undefined,
  copies: boolean,
  notices: readonly Notice[],
): Grant {
  const content = copies ? login.whole : login.accessOnly;
  return {
    line,
    login: "forwarded",
    files: [{ name: credentialsFile, content }],
    // A whole copy has a renewal chain of its own by now.
    replaceable: !copies,
    env: {},
    notices,
    ...known(account, login.expiresAt),
  };
}

async function begin(request: HealthRequest, ctx: Parameters<AuthProvider["grant"]>[1]) {
  throwIfAborted(ctx.signal);
  const options = v.parse(optionsSchema, request.options);
  return { options, place: await findLogin(options.source_dir, ctx) };
}

function known(
  account: string | undefined,
  expiresAt: number | undefined,
): Pick<Grant & Health, "account" | "expiresAt"> {
  return {
    ...(account !== undefined && { account }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
