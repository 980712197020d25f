import * as v from "valibot";
import { federation, outranking } from "./outranking.ts";

/** One of Claude Code's settings files, reduced to what bears on sign-in. */
export interface SettingsLayer {
  /** In Claude Code's order, highest first. */
  readonly layer: "managed" | "local" | "project" | "user";
  /** Absolute, as the agent sees it. */
  readonly path: string;
  /** It is no JSON object, or one of its keys has another type: Claude Code uses nothing of it (2.1.330). */
  readonly unreadable?: boolean;
  readonly apiKeyHelper: boolean;
  /** The variables of its `env` that bear on sign-in and are not empty; names only. */
  readonly env: readonly string[];
  /** `apiKeyHelper`, and variables that bear on sign-in, that it sets to nothing: what lower layers and the environment say does not count. */
  readonly blank?: readonly string[];
  /** Hooks of other layers, jackin's among them, are not run (`allowManagedHooksOnly`, `disableAllHooks`). */
  readonly withoutHooks: boolean;
}

const schema = v.looseObject({
  apiKeyHelper: v.optional(v.string()),
  env: v.optional(v.record(v.string(), v.unknown())),
  allowManagedHooksOnly: v.optional(v.boolean()),
  disableAllHooks: v.optional(v.boolean()),
});

/** The text may hold secrets; what is answered holds none. */
export function toSettingsLayer(
  layer: SettingsLayer["layer"],
  path: string,
  text: string,
): SettingsLayer {
  let json: unknown;
  try {
    // An empty file is no fault to Claude Code.
    json = text.trim() === "" ? {} : JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    json = undefined;
  }
  const parsed = v.safeParse(schema, json);
  if (!parsed.success || Array.isArray(json))
    return { layer, path, unreadable: true, apiKeyHelper: false, env: [], withoutHooks: false };
  const { apiKeyHelper, env = {}, allowManagedHooksOnly, disableAllHooks } = parsed.output;
  const bearing = Object.keys(env).filter(bearsOnSignIn);
  const isBlank = (name: string) => String(env[name]).trim() === "" || isOff(name, env[name]);
  const blank = [...(apiKeyHelper === "" ? ["apiKeyHelper"] : []), ...bearing.filter(isBlank)];
  return {
    layer,
    path,
    // One of spaces is run, and fails.
    apiKeyHelper: Boolean(apiKeyHelper),
    env: bearing.filter((name) => !isBlank(name)),
    ...(blank.length > 0 && { blank }),
    withoutHooks:
      disableAllHooks === true || (layer === "managed" && allowManagedHooksOnly === true),
  };
}

/** A switch that says no. */
function isOff(name: string, value: unknown): boolean {
  return name.startsWith("CLAUDE_CODE_USE_") && /^\s*(0|false|no|off)\s*$/i.test(String(value));
}

/** Variables that Claude Code signs in with, or that choose another way to (documented precedence, 2.1.330). */
export function bearsOnSignIn(name: string): boolean {
  return (
    outranking.includes(name) || federation.includes(name) || name === "CLAUDE_CODE_OAUTH_TOKEN"
  );
}
