import * as v from "valibot";
import { outranking } from "./outranking.ts";

/** One of Claude Code's settings files, reduced to what bears on sign-in. */
export interface SettingsLayer {
  /** In Claude Code's order, highest first. */
  readonly layer: "managed" | "local" | "project" | "user";
  /** Absolute, as the agent sees it. */
  readonly path: string;
  /** It is no JSON object: Claude Code does not use it. */
  readonly unreadable?: boolean;
  readonly apiKeyHelper: boolean;
  /** The variables of its `env` that bear on sign-in and are not empty; names only. */
  readonly env: readonly string[];
  /** Hooks of other layers, jackin's among them, are not run (`allowManagedHooksOnly`, `disableAllHooks`). */
  readonly withoutHooks: boolean;
}

const schema = v.looseObject({
  apiKeyHelper: v.fallback(v.optional(v.string()), undefined),
  env: v.fallback(v.optional(v.record(v.string(), v.unknown())), undefined),
  allowManagedHooksOnly: v.fallback(v.optional(v.boolean()), undefined),
  disableAllHooks: v.fallback(v.optional(v.boolean()), undefined),
});

/** The text may hold secrets; what is answered holds none. */
export function toSettingsLayer(
  layer: SettingsLayer["layer"],
  path: string,
  text: string,
): SettingsLayer {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    json = undefined;
  }
  const parsed = v.safeParse(schema, json);
  if (!parsed.success || Array.isArray(json))
    return { layer, path, unreadable: true, apiKeyHelper: false, env: [], withoutHooks: false };
  const { apiKeyHelper, env = {}, allowManagedHooksOnly, disableAllHooks } = parsed.output;
  return {
    layer,
    path,
    apiKeyHelper: Boolean(apiKeyHelper?.trim()),
    env: Object.entries(env)
      .filter(([name, value]) => bearsOnSignIn(name) && String(value).trim() !== "")
      .map(([name]) => name),
    withoutHooks:
      disableAllHooks === true || (layer === "managed" && allowManagedHooksOnly === true),
  };
}

/** Variables that Claude Code signs in with, or that choose another way to (documented precedence, 2.1.330). */
export function bearsOnSignIn(name: string): boolean {
  return outranking.includes(name) || name === "CLAUDE_CODE_OAUTH_TOKEN";
}
