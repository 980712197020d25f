import { checkPlace, JackinError, toJackinError } from "../../core/index.ts";
import type { Jackin, TokenPlace } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { harmless } from "./show.ts";

/** Where a new token goes: what was named, else a choice of what works here; for a script, the place that was used last. */
export async function choosePlace(
  deps: CommandDeps,
  jackin: Jackin,
  named: string | undefined,
): Promise<string> {
  const places = await deps.working("looking for places to store it", (progress) =>
    jackin.tokens.places({ of: named, signal: deps.signal, progress }),
  );
  if (named !== undefined) {
    // What does not work is told before anybody signs in.
    checkPlace(named, places);
    return named;
  }
  if (!deps.isTerminal) return usualPlace(places);
  const other = "";
  const chosen = await deps.prompts.select("Where shall the token be stored?", [
    ...places.map(({ place, text, error, isUsual }) => ({
      value: place,
      label: harmless(text),
      ...(error
        ? { hint: reason(error), disabled: true }
        : { hint: isUsual ? `${harmless(place)}, as last time` : harmless(place) }),
    })),
    { value: other, label: "elsewhere", hint: "type it, e.g. op://Private" },
  ]);
  if (chosen !== other) return chosen;
  const typed = await deps.prompts.text("Where?", {
    placeholder: "op://Private",
    validate: (text) => (text.trim() === "" ? "Type a place, or Ctrl-C." : undefined),
  });
  return typed.trim();
}

/** The reason and what helps, on the line of one choice. */
function reason(thrown: JackinError): string {
  const { message, hint } = toJackinError(thrown);
  return harmless(
    [message, ...(hint === undefined ? [] : [hint])].join(" → ").replaceAll(/\s*\n\s*/g, " "),
  );
}

function usualPlace(places: readonly TokenPlace[]): string {
  const usual = places.find(({ isUsual, error }) => isUsual && !error);
  if (usual) return usual.place;
  throw new JackinError({
    code: "usage",
    message: "Where the token shall be stored is missing.",
    hint:
      [
        ...places
          .filter(({ error }) => !error)
          .map(({ place, text }) => `--store ${place}   ${text}`),
        ...places.flatMap(({ place, error }) =>
          error ? [`${place} does not work: ${error.message}`] : [],
        ),
      ].join("\n") || "--store WHERE",
  });
}
