import * as v from "valibot";
import { JackinError, namePattern, revokePage, throwIfAborted, toDate } from "../../core/index.ts";
import type {
  AuthFailure,
  AuthProvider,
  Health,
  HealthRequest,
  Notice,
  PluginContext,
} from "../../core/index.ts";
import { readLogin } from "./login.ts";
import type { SessionLogin } from "./login.ts";
import { accountsOf, name, placeOf } from "./place.ts";
import type { SessionPlace } from "./place.ts";
import { signIn, signOut } from "./sign-in.ts";

const optionsSchema = v.strictObject({
  /** Which of jackin's own logins. */
  account: v.optional(
    v.pipe(
      v.string(),
      v.regex(namePattern, "a name has letters, digits, `.`, `_` and `-`, at most 63"),
    ),
    "default",
  ),
});

/** ms before the end of a sign-in from which launches warn */
const nearing = 3 * 24 * 3_600_000;

/**
 * A login that is jackin's alone, with a renewal chain of its own. All agents of the mode share its folder, and Claude
 * Code's own lock lets one of them renew it for all.
 */
export function authSession(): AuthProvider {
  return {
    kind: "auth",
    name,
    mode: "session",
    options: optionsSchema,

    async grant(request, ctx) {
      const place = begin(request, ctx);
      const login = await readLogin(place, ctx);
      throwIfAborted(ctx.signal);
      if (login.state !== "signed-in")
        throw new JackinError({
          code: "login-unusable",
          message: `[${name}] ${toText(place, login)}`,
          hint: place.signIn,
        });
      return {
        line: "claude auth: jackin session (shared)",
        login: "shared",
        folder: place.folder,
        files: [],
        env: {},
        notices: doubts(place, login, ctx.host.clock.now()),
        ...known(login),
      };
    },

    async health(request, ctx) {
      const place = begin(request, ctx);
      const login = await readLogin(place, ctx);
      const others = await tellOthers(place, ctx);
      return toHealth(place, login, ctx, others);
    },

    async signIn(request, ctx) {
      const place = begin(request, ctx);
      await signIn(place, request, ctx);
      return toHealth(place, await readLogin(place, ctx), ctx);
    },

    async signOut(request, ctx) {
      const place = begin(request, ctx);
      if ((await place.files.stat(place.folder))?.kind !== "folder")
        return { state: "good", text: `session account ${place.account} is not signed in` };
      const trouble = await signOut(place, ctx);
      const text = `session account ${place.account} is signed out`;
      if (trouble === undefined) return { state: "good", text };
      return {
        state: "warning",
        text: `${text} here, and may not be revoked: ${trouble}`,
        next: `revoke it at ${revokePage}`,
      };
    },

    recover,
  };
}

function begin(request: HealthRequest, ctx: PluginContext): SessionPlace {
  throwIfAborted(ctx.signal);
  return placeOf(v.parse(optionsSchema, request.options).account, ctx);
}

function toHealth(
  place: SessionPlace,
  login: SessionLogin,
  { host }: PluginContext,
  others = "",
): Health {
  const text = toText(place, login) + others;
  const next = place.signIn;
  if (login.state !== "signed-in") return { state: "bad", text, next };
  const isDoubtful = doubts(place, login, host.clock.now()).length > 0;
  return isDoubtful
    ? { state: "warning", text, next, ...known(login) }
    : { state: "good", text, ...known(login) };
}

function toText({ account }: SessionPlace, { state, fault, isForeign, expiresAt }: SessionLogin) {
  const what = `session account ${account}`;
  if (state === "none") return `${what} is not signed in`;
  if (state === "unusable") return `the login of ${what} ${fault}`;
  const until = expiresAt === undefined ? "" : ` until ${toDate(expiresAt)}`;
  const who = isForeign ? ", as somebody else than jackin auth login brought" : "";
  return `${what} is signed in${who} and renews itself${until}`;
}

function known({
  account,
  isForeign,
  expiresAt,
}: SessionLogin): Pick<Health, "account" | "expiresAt"> {
  return {
    ...(account !== undefined && !isForeign && { account }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function doubts(place: SessionPlace, login: SessionLogin, now: number): Notice[] {
  const { expiresAt, isForeign, account } = login;
  const notices: Notice[] = [];
  const next = place.signIn;
  const what = `session account ${place.account}`;
  if (isForeign)
    notices.push({
      level: "warning",
      text: `${what} was signed in as ${account}, and an agent has signed it in as somebody else`,
      next,
    });
  // Claude Code 2.1.330 goes by the server, not by this stamp: it warns and tries.
  if (expiresAt !== undefined && expiresAt < now + nearing)
    notices.push({
      level: "warning",
      text: `the sign-in of ${what} ${expiresAt > now ? "ends" : "ended"} at ${toDate(expiresAt)}, and its agents may meet a 401 then`,
      next,
    });
  return notices;
}

/** The other accounts, in a word each. */
async function tellOthers(place: SessionPlace, ctx: PluginContext): Promise<string> {
  const names = (await accountsOf(ctx)).filter((item) => item !== place.account);
  const others = await Promise.all(
    names.map(async (item) => {
      const { state, account, isForeign } = await readLogin(placeOf(item, ctx), ctx);
      if (state === "none") return [];
      const who = isForeign ? "somebody else" : (account ?? "signed in");
      return [`${item} (${state === "signed-in" ? who : "must be signed in again"})`];
    }),
  );
  const told = others.flat();
  return told.length === 0 ? "" : `; other accounts: ${told.join(", ")}`;
}

const whys: Readonly<Partial<Record<AuthFailure["cause"], string>>> = {
  "not-signed-in": "is signed out",
  "not-renewed": "could not be renewed: it was signed out elsewhere, or revoked",
  expired: "has expired",
  revoked: "was revoked",
  refused: "was refused",
};

/** What is no matter of the login is the core's to tell. */
function recover({ cause, instance }: AuthFailure): Notice | undefined {
  const why = whys[cause];
  if (why === undefined) return undefined;
  return {
    level: "warning",
    text: `the jackin session of ${instance} ${why}; once it is signed in again, all its agents go on`,
    next: "jackin auth login   (with --account NAME, if the session has a name)",
  };
}
