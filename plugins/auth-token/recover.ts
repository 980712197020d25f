import { tokenCommand, usualToken } from "../../core/index.ts";
import type { AuthFailure, Notice } from "../../core/index.ts";

/** What helps an agent of mode token that was refused. Of a new token in its variable a running Claude Code 2.1.330 knows nothing. */
export function recover(failure: AuthFailure): Notice | undefined {
  const { cause, instance, token = {}, replaceable } = failure;
  const warn = (text: string, ...next: string[]): Notice => ({
    level: "warning",
    text,
    next: next.join("\n"),
  });
  const again = replaceable
    ? `jackin auth sync ${instance}   brings what its launch would take now`
    : `jackin eject ${instance}, then load it again`;
  const renewed = [
    `${tokenCommand("rotate", token)}   makes another, for all that use it`,
    replaceable ? again : `${again}   if there is another already`,
  ];
  switch (cause) {
    case "expired":
      return warn(`the long-lived token of ${instance} has expired`, ...renewed);
    case "revoked":
      return warn(`the long-lived token of ${instance} was revoked`, ...renewed);
    case "malformed":
      return warn(
        `what ${instance} presents is no whole token: the stored one was cut short, or something outranks it`,
        `jackin auth explain ${instance}   whether ANTHROPIC_AUTH_TOKEN or another source outranks it`,
        `${tokenCommand("doctor", token)}   whether all ${usualToken.length} characters are stored`,
      );
    case "not-signed-in":
    case "not-renewed":
      return warn(`${instance} does not use its long-lived token any more`, again);
    case "scope":
      return {
        level: "info",
        text: `${instance} asked for something that a long-lived token has no scope for, which is expected in mode token`,
        next: "use mode sync or session where it is needed: jackin load --auth sync",
      };
    default:
      return undefined;
  }
}
