/** Which of the credentials that Claude Code would look at it uses, and which it does not: a pure function of what a runtime saw. */
import type { Surroundings } from "./contracts.ts";
import { credentialsFile } from "./agent-home.ts";
import { federation, outranking } from "./outranking.ts";
import type { SettingsLayer } from "./settings-layer.ts";
import { tokenCommand } from "./token-expiry.ts";
import { tokenVariable } from "./token.ts";

/** One place that Claude Code looks at for a credential. */
export interface Source {
  /** A variable, `apiKeyHelper`, `login`, or `settings` for a file that is not used. */
  readonly source: string;
  /** Where it is said; empty for an absent one. */
  readonly where: string;
  readonly state: "wins" | "shadowed" | "dead" | "absent";
  /** It is in the way of what the mode provides. */
  readonly outranks: boolean;
  readonly text: string;
  /** What mends it, when it is not as it should be. */
  readonly next?: string;
}

export interface ExplainOptions {
  readonly mode: string;
  readonly instance?: string | undefined;
  readonly workspace?: string | undefined;
  /** ms since the epoch */
  readonly now: number;
  /** Variables of jackin's configuration, with the command that unsets each. */
  readonly configured?: ReadonlyMap<string, string>;
  /** Where the instance's own `settings.json` is on this machine. */
  readonly userSettings?: string;
  /** The next launch is explained, no running agent. */
  readonly isNext?: boolean;
  /** The token of mode token was given as a login, which can be replaced, and not in a variable. */
  readonly asFile?: boolean | undefined;
  /** Before a launch: what its mode has to forward, in the place of the login that is looked at. */
  readonly forwarded?: { readonly isGood: boolean; readonly text: string; readonly next?: string };
}

/** The agent's process got it at its start: from the image, from jackin's configuration or from its mode. */
export const environment = "environment of the agent";

/** What a mode means to be used; of a mode that is not known here, whatever is used. */
const meant: Readonly<Record<string, string>> = {
  sync: "login",
  session: "login",
  ignore: "login",
  token: tokenVariable,
};

interface Candidate {
  readonly source: string;
  readonly where: string;
  readonly layer?: SettingsLayer | undefined;
  /** Why it cannot win, whatever else is there. */
  readonly dead?: string | undefined;
  /** Another place decides what it is. */
  readonly behind?: string | undefined;
  readonly text: string;
}

/** All sources in Claude Code's order of precedence, highest first: documented, and seen with 2.1.330. */
export function explain(surroundings: Surroundings, options: ExplainOptions): readonly Source[] {
  const names = [...outranking, "apiKeyHelper", tokenVariable, federation[0]!];
  const candidates = [
    ...names.flatMap((name) => placesOf(name, surroundings)),
    ...loginOf(surroundings, options),
  ];
  const wanted = options.mode === "token" && options.asFile ? "login" : meant[options.mode];
  const isMeant = ({ source, where }: Candidate) =>
    source === wanted && (source === "login" || where === environment);
  const winner = candidates.find(({ dead, behind }) => dead === undefined && behind === undefined);
  const meantAt = candidates.findIndex(isMeant);
  const lowest = meantAt === -1 ? candidates.length : meantAt;
  const rows = candidates.map((candidate, index): Source => {
    const { source, where, dead, behind } = candidate;
    const outranks = wanted !== undefined && dead === undefined && index < lowest;
    const isMissed = dead !== undefined && isMeant(candidate);
    const next = outranks ? removal(candidate, options) : isMissed ? remedy(options) : undefined;
    const state = dead !== undefined ? "dead" : candidate === winner ? "wins" : "shadowed";
    const by = state === "shadowed" ? `; ${behind ?? nameOf(winner!)} comes first` : "";
    const text = (dead ?? candidate.text) + by;
    return { source, where, state, outranks, text, ...(next !== undefined && { next }) };
  });
  const absent = [...names, "login"].filter((name) => !rows.some(({ source }) => source === name));
  return [
    ...rows,
    ...surroundings.settings.filter((layer) => layer.unreadable).map(toUnreadable),
    ...absent.map((source): Source => {
      const where = source === "login" ? surroundings.credential.path : "";
      const text = source === "login" ? "nobody is signed in there" : "not set";
      const row = { source, where, state: "absent", outranks: false, text } as const;
      return source === wanted ? { ...row, next: remedy(options) } : row;
    }),
  ];

  function toUnreadable(layer: SettingsLayer): Source {
    const path = (layer.layer === "user" && options.userSettings) || layer.path;
    return {
      source: "settings",
      where: layer.path,
      state: "dead",
      outranks: false,
      text: "is no settings file that Claude Code can use: nothing in it counts",
      next: `mend ${path}`,
    };
  }
}

/** Where one is set. Settings come before the environment, a higher layer before a lower one; one that sets it to nothing ends it. */
function placesOf(source: string, { settings, env }: Surroundings): Candidate[] {
  const found: Candidate[] = [];
  const add = (where: string, layer?: SettingsLayer) => {
    // Seen with 2.1.330: a project may bring a key of its own, and no account.
    const isForeign =
      source === tokenVariable && (layer?.layer === "project" || layer?.layer === "local");
    const dead = isForeign ? "Claude Code takes no long-lived token from a project" : ended;
    const behind = found.find((each) => each.dead === undefined)?.where;
    const text = layer ? `set in the ${layer.layer} settings` : "set";
    found.push({ source, where, layer, text, dead, behind });
  };
  let ended: string | undefined;
  for (const layer of settings) {
    const isSet = source === "apiKeyHelper" ? layer.apiKeyHelper : layer.env.includes(source);
    if (isSet) add(layer.path, layer);
    if (layer.blank?.includes(source)) ended ??= `${layer.path} sets it to nothing`;
  }
  if (env.includes(source) && isWhole(source, env)) add(environment);
  return found;
}

/** A federation rule alone is none. */
function isWhole(source: string, env: readonly string[]): boolean {
  return source !== federation[0] || federation.slice(1).some((name) => env.includes(name));
}

function loginOf({ credential }: Surroundings, { now, forwarded }: ExplainOptions): Candidate[] {
  const at = { source: "login", where: credential.path } as const;
  if (forwarded) {
    const { isGood, text } = forwarded;
    return [{ ...at, text, ...(!isGood && { dead: text }) }];
  }
  switch (credential.state) {
    case "none":
      return [];
    case "hollow": {
      const dead = "blanked: Claude Code does that when its refresh token was refused";
      return [{ ...at, dead, text: dead }];
    }
    case "torn":
    case "unknown": {
      const dead = `is no ${credentialsFile} that Claude Code can use`;
      return [{ ...at, dead, text: dead }];
    }
    case "whole":
    case "access": {
      const what =
        credential.state === "whole"
          ? "a whole login, which renews itself"
          : "an access token, which does not renew itself";
      const { expiresAt } = credential;
      const ended = expiresAt !== undefined && expiresAt <= now;
      return [{ ...at, text: ended ? `${what}; by its stamp it has expired` : what }];
    }
  }
}

function nameOf({ source, where }: Candidate): string {
  return source === "login" ? where : `${source} (${where})`;
}

/** How to take away what is in the way. */
function removal({ source, layer }: Candidate, options: ExplainOptions): string {
  if (layer) {
    const path = (layer.layer === "user" && options.userSettings) || layer.path;
    const key = source === "apiKeyHelper" ? source : `env.${source}`;
    return `take ${key} out of ${path}${layer.layer === "managed" ? ", in the image" : ""}`;
  }
  const configured = options.configured?.get(source);
  if (configured !== undefined) return configured;
  const set =
    options.workspace === undefined
      ? "jackin config env set"
      : `jackin workspace env set ${options.workspace}`;
  return `${set} ${source} ''   empties what the image sets, from the next launch on`;
}

/** What brings back what the mode means to be used. */
function remedy({ mode, instance, workspace, forwarded, isNext, asFile }: ExplainOptions): string {
  if (forwarded?.next !== undefined) return forwarded.next;
  const name = instance ?? "INSTANCE";
  if (mode === "sync") return `jackin auth sync ${name}   brings the host's login`;
  if (mode === "token" && asFile && !isNext) return `jackin auth sync ${name}   brings its token`;
  if (mode === "session") return "jackin auth login";
  if (mode === "ignore") return `jackin hardline ${name}   then type /login`;
  if (instance === undefined || isNext)
    return `${tokenCommand("setup", workspace === undefined ? {} : { workspace })}   makes one and stores it`;
  return `jackin eject ${name}, then load it again`;
}
