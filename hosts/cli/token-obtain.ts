import {
  cancelled,
  JackinError,
  toJackinError,
  toPastedToken,
  toWarning,
} from "../../core/index.ts";
import type { InstallRequest, Jackin } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { readStdin } from "./io.ts";
import { harmless } from "./show.ts";
import { isTokenText } from "./token-argument.ts";
import { choosePlace } from "./token-place.ts";
import { signIn } from "./token-sign-in.ts";

export interface ObtainFlags {
  /** As in `StorePlace.place`. */
  readonly store?: string;
  readonly reuse?: string;
  readonly paste?: boolean;
  /** Where the token is proven. */
  readonly runtime?: string;
}

export interface NewToken {
  readonly from: InstallRequest["from"];
  /** It does not look like a token, so nothing but an answer of the API proves it. */
  readonly isDoubtful?: boolean;
}

/** Why such flags cannot be; before anything is asked. */
export function checkObtainFlags(deps: CommandDeps, flags: ObtainFlags, command: string): void {
  if (flags.reuse !== undefined && (flags.paste || flags.store !== undefined))
    throw usage(
      "--reuse takes a token that is stored already, so --paste and --store do not go with it.",
    );
  if (deps.isTerminal || flags.reuse !== undefined) return;
  if (!flags.paste)
    throw usage(
      "A new token is made by signing in, and there is no terminal to ask on.",
      `${command} --reuse REF   takes one that is stored already\n${command} --paste --store WHERE < FILE   reads it from stdin; claude setup-token makes it`,
    );
  if (deps.io.stdin.isTTY === true)
    throw usage(
      "--paste reads the token from stdin here: pipe it in.",
      `${command} --paste < FILE`,
    );
}

/** A new token and where to put it, or the reference of one that is stored; what failed can be done in another way. */
export async function obtainToken(
  deps: CommandDeps,
  jackin: Jackin,
  flags: ObtainFlags,
): Promise<NewToken> {
  if (flags.reuse !== undefined) return { from: { reference: flags.reuse } };
  // Before the token is there: a store that does not work is known first.
  const place = await choosePlace(deps, jackin, flags.store);
  if (flags.paste) return await pastedToken(deps, jackin, place);
  for (;;) {
    const made = await signIn(deps, jackin, flags.runtime).then(
      (value) => ({ value }),
      toJackinError,
    );
    if ("value" in made) return { from: { place, value: made.value } };
    if (made.code === "cancelled" || deps.signal.aborted) throw made;
    // Where it would be proven is not there: another way to get a token does not help.
    if (made.code === "usage" || made.code.startsWith("runtime-")) throw made;
    deps.notices([toWarning(made)]);
    const next = await deps.prompts.select("The sign-in did not work here. How to go on?", [
      { value: "paste", label: "make it elsewhere and paste it", hint: "claude setup-token" },
      { value: "reuse", label: "use one that is stored already", hint: "by its reference" },
      { value: "again", label: "try again" },
      { value: "cancel", label: "cancel", hint: "nothing has been changed" },
    ]);
    if (next === "cancel") throw cancelled();
    if (next === "paste") return await pastedToken(deps, jackin, place);
    if (next === "reuse") return { from: { reference: await askReference(deps) } };
  }
}

async function askReference(deps: CommandDeps): Promise<string> {
  const typed = await deps.prompts.text("Reference of the stored token", {
    placeholder: "op://vault/item/field",
    validate: (text) =>
      text.trim() === ""
        ? "Type a reference, or Ctrl-C."
        : isTokenText(text)
          ? "That is a token itself; a reference says where one is stored."
          : undefined,
  });
  return typed.trim();
}

/** From the terminal, not shown, asked again until it can work; else from stdin. */
async function pastedToken(deps: CommandDeps, jackin: Jackin, place: string): Promise<NewToken> {
  for (;;) {
    const text = deps.isTerminal ? await askToken(deps) : await readStdin(deps.io);
    const { value, fault, doubt } = toPastedToken(text);
    if (fault !== undefined) {
      const message = `The token ${fault}.`;
      if (!deps.isTerminal)
        throw usage(message, "claude setup-token   prints one; pipe that in, and nothing else");
      deps.notices([{ level: "warning", text: message }]);
      continue;
    }
    // Known from here on to whatever prints.
    const from = { place, value: jackin.context({ signal: deps.signal }).secret(value) };
    if (doubt === undefined) return { from };
    deps.notices([{ level: "warning", text: harmless(`The token ${doubt}`) }]);
    if (!deps.isTerminal || (await deps.prompts.confirm("Use it all the same?")))
      return { from, isDoubtful: true };
  }
}

function askToken(deps: CommandDeps): Promise<string> {
  return deps.prompts.password(
    "The token that claude setup-token has printed (it is not shown here)",
    {
      validate: (text) => (text.trim() === "" ? "Paste the token, or Ctrl-C." : undefined),
      oneLine: true,
    },
  );
}

function usage(message: string, hint?: string): JackinError {
  return new JackinError({ code: "usage", message, hint });
}
