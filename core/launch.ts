import type { Config, Scope } from "./config.ts";
import type {
  AuthProvider,
  GrantedToken,
  Notice,
  Plugin,
  PluginContext,
  Runtime,
} from "./contracts.ts";
import { fingerprint } from "./credential.ts";
import type { Host, StateStore } from "./host.ts";
import type { Resolved } from "./environment.ts";
import { resolveEntries } from "./environment.ts";
import { JackinError } from "./error.ts";
import { didYouMean } from "./nearest.ts";
import { outranking } from "./outranking.ts";
import type { NamedScope } from "./scope.ts";
import { decide, decideMode, mergeEnv, modeOptions, scopesOf } from "./scope.ts";
import type { Secret } from "./secret.ts";
import type { Target, TargetQuery } from "./target.ts";
import { findTarget } from "./target.ts";
import { findToken, tokenMissing, tokenVariable } from "./token.ts";
import { expiryBanner } from "./token-expiry.ts";
import type { TokenEntry } from "./token-ledger.ts";
import { readTokenEntry } from "./token-ledger.ts";

export interface LaunchRequest extends TargetQuery {
  readonly role?: string | undefined;
  readonly mode?: string | undefined;
  readonly runtime?: string | undefined;
  readonly image?: string | undefined;
  /** Arguments for `claude`. */
  readonly args?: readonly string[] | undefined;
  /** Of those that it may be, this one, unless it runs. */
  readonly instance?: string | undefined;
}

/** Everything that is decided before anything is asked of the machine. */
export interface LaunchPlan {
  readonly target: Target;
  readonly instance: string | undefined;
  readonly role: string | undefined;
  readonly provider: AuthProvider;
  readonly options: Readonly<Record<string, unknown>>;
  readonly runtime: Runtime;
  readonly image: string | undefined;
  readonly scopes: readonly NamedScope[];
  readonly notices: readonly Notice[];
}

/** `at`: there instead of at what the request would find, and in no role but the request's. */
export async function planLaunch(
  config: Config,
  request: LaunchRequest,
  plugins: readonly Plugin[],
  host: Host,
  at?: Target,
): Promise<LaunchPlan> {
  const target = at ?? (await findTarget(config, request, host));
  const workspace =
    target.workspace === undefined ? undefined : config.workspaces?.[target.workspace];
  const role = request.role ?? (at ? undefined : workspace?.role);
  if (request.role !== undefined) checkRole(config, target.workspace, request.role);
  const flags: Scope = {
    claude: request.mode === undefined ? {} : { auth_forward: request.mode },
    image: request.image,
  };
  const scopes = scopesOf(config, { workspace: target.workspace, role, flags });
  const asked = decideMode(scopes).value;
  const provider = pick(plugins, "auth", asked === "copy" ? "sync" : asked);
  return {
    target,
    instance: request.instance,
    role,
    provider,
    options: modeOptions(scopes, provider),
    runtime: pick(plugins, "runtime", request.runtime),
    image: decide(scopes, "image", (scope) => scope.image).value,
    scopes,
    notices: asked === "copy" ? [{ level: "info", text: "Mode copy is called sync now" }] : [],
  };
}

export interface ResolvedToken extends GrantedToken {
  readonly reference: string;
}

export interface LaunchSecrets {
  readonly env: Readonly<Record<string, Secret>>;
  readonly token: ResolvedToken | undefined;
  readonly notices: readonly Notice[];
}

/** Resolves the environment and, for a mode that needs it, the token, in one go. Throws before anything has started. */
export async function resolveLaunch(
  plan: LaunchPlan,
  plugins: readonly Plugin[],
  store: StateStore,
  ctx: PluginContext,
): Promise<LaunchSecrets> {
  const entries = mergeEnv(plan.scopes);
  const others = entries.filter(({ key }) => key !== tokenVariable);
  const question = plan.provider.needsToken ? findToken(plan.scopes) : undefined;
  if (question && !question.wanted) throw tokenMissing(question, plan.target.workspace);
  const wanted = question?.wanted ? [...others, question.wanted] : others;
  const resolved = await resolveEntries(wanted, ofKind(plugins, "secret"), ctx);
  const found = resolved.find(({ entry }) => entry === question?.wanted);
  if (question && !found?.value?.reveal().trim())
    throw tokenMissing(question, plan.target.workspace);
  const known = found && (await noted(found, store));
  const banner = known && expiryBanner(known, question?.of ?? {}, ctx.host.clock.now());
  const env = resolved.filter((item) => item !== found);
  const idle = question === undefined && entries.find(({ key }) => key === tokenVariable);
  return {
    env: Object.fromEntries(env.map(({ entry, value }) => [entry.key, value!])),
    token: found && toToken(found, known ?? {}, ctx),
    notices: [
      ...(idle
        ? [
            {
              level: "info",
              text: `${tokenVariable} (${idle.scope}) is not used in mode ${plan.provider.mode}`,
            } as const,
          ]
        : []),
      ...env.flatMap((item) => outranks(item, plan.provider.mode)),
      ...(banner ? [banner] : []),
    ],
  };
}

/** What the ledger says counts only for the very token that it was noted of. */
export async function noted(
  { source, value }: Resolved,
  store: StateStore,
): Promise<TokenEntry | undefined> {
  const entry = await readTokenEntry(store, source);
  const isSame = entry?.fingerprint === (await fingerprint(value!.reveal().trim()));
  return isSame ? entry : undefined;
}

export function toToken(
  { source: reference, entry, value }: Resolved,
  { expiresAt }: Partial<TokenEntry>,
  ctx: PluginContext,
): ResolvedToken {
  return {
    value: ctx.secret(value!.reveal()),
    reference,
    source: `${reference} (${entry.scope})`,
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function outranks({ entry, value }: Resolved, mode: string): Notice[] {
  // An empty one is for Claude Code as if it were not set.
  if (!outranking.includes(entry.key) || value?.reveal().trim() === "") return [];
  const text = `${entry.key} (${entry.scope}) outranks what mode ${mode} provides: Claude Code uses it instead`;
  return [
    { level: "warning", text, next: `Remove ${entry.key} from that scope if it is not meant.` },
  ];
}

export function checkRole(config: Config, workspace: string | undefined, role: string): void {
  const own = workspace === undefined ? {} : (config.workspaces?.[workspace]?.roles ?? {});
  const known = [...Object.keys(config.roles ?? {}), ...Object.keys(own)];
  if (known.includes(role)) return;
  throw new JackinError({
    code: "not-found",
    message: `No role "${role}" is defined.${didYouMean(role, known)}`,
    hint: `Add [roles.${role}] to the configuration.`,
  });
}

export function ofKind<K extends Plugin["kind"]>(
  plugins: readonly Plugin[],
  kind: K,
): Extract<Plugin, { kind: K }>[] {
  return plugins.filter((plugin): plugin is Extract<Plugin, { kind: K }> => plugin.kind === kind);
}

/** The mode or runtime of that name; for a runtime without a name, the first one the host lists. */
export function pick<K extends "auth" | "runtime">(
  plugins: readonly Plugin[],
  kind: K,
  name: string | undefined,
): Extract<Plugin, { kind: K }> {
  const all = ofKind(plugins, kind);
  const nameOf = (plugin: AuthProvider | Runtime) =>
    plugin.kind === "auth" ? plugin.mode : plugin.runtime;
  const chosen = name === undefined ? all[0] : all.find((plugin) => nameOf(plugin) === name);
  if (chosen) return chosen;
  const known = all.map(nameOf);
  const what = kind === "auth" ? "mode" : "runtime";
  throw new JackinError({
    code: name === undefined ? "plugin-missing" : "usage",
    message:
      name === undefined
        ? `No ${what} plugin is installed.`
        : `Unknown ${what} "${name}".${didYouMean(name, known)}`,
    hint: known.length > 0 ? `The ${what}s here: ${known.join(", ")}` : undefined,
  });
}
