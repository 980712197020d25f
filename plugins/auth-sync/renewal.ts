import { toDate } from "../../core/index.ts";
import type { FollowRequest, PluginContext } from "../../core/index.ts";
import type { HostLogin } from "./host-login.ts";
import type { LoginPlace } from "./login-place.ts";
import { askToRenew, leftAlone } from "./renew.ts";

const minute = 60_000;
/** Of its life left, in ms: from here on somebody should renew it. */
const due = 10 * minute;
/** Before this, Claude Code 2.1.330 leaves a login as it is when it is asked. */
const early = 5 * minute;
/** The pause after a first failure, doubled with each further one, and its limit; in ms. */
const backoff = { first: minute / 2, longest: 10 * minute };

/** Sees to it, look by look, that the host's own claude renews a login that runs out while agents use it. */
export function createRenewal(place: LoginPlace, ctx: PluginContext) {
  let failures = 0;
  let notBefore = 0;
  let told = false;
  return { look };

  /** Asks when it is time. Answers when to look again, in ms; 0 when the login was renewed. */
  async function look(login: HostLogin, { tell }: Pick<FollowRequest, "tell">): Promise<number> {
    if (login.state !== "usable" || login.expiresAt === undefined) return Infinity;
    const { expiresAt, renewable } = login;
    const now = ctx.host.clock.now();
    const left = expiresAt - now;
    if (left > due) {
      failures = 0;
      told = false;
      notBefore = 0;
      return left - due;
    }
    // A clock that was set back must not make it wait for hours.
    const wait = Math.min(notBefore - now, backoff.longest);
    if (wait > 0) return wait;
    const { login: after, trouble } = renewable
      ? await askToRenew(place, expiresAt, ctx)
      : { login, trouble: { why: "it holds no refresh token", next: undefined } };
    if (after.state === "usable" && (after.expiresAt ?? Infinity) > expiresAt) {
      failures = 0;
      told = false;
      // One that lives for less than that is not renewed all the time.
      notBefore = now + ((after.expiresAt ?? now) - now) / 2;
      return 0;
    }
    if (!trouble && left > early) {
      notBefore = expiresAt - early + 1_000;
      return notBefore - now;
    }
    notBefore = now + Math.min(backoff.first * 2 ** failures++, backoff.longest);
    if (!told) {
      told = true;
      const why = trouble?.why ?? leftAlone;
      const until = `${left > 0 ? "expires" : "expired"} at ${toDate(expiresAt)}`;
      const text = `the host's login ${until} and could not be renewed (${why}): agents that use it will be refused`;
      tell({ level: "warning", text, next: trouble?.next ?? place.signIn });
    }
    return notBefore - now;
  }
}
