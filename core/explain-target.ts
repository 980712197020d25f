/** `auth explain`: looks into running agents, or at what a launch would bring together. */
import { credentialsFile } from "./agent-home.ts";
import type { AuthProvider, Plugin, PluginContext, Surroundings } from "./contracts.ts";
import type { Config } from "./config.ts";
import { toCredential } from "./credential.ts";
import { JackinError, toJackinError } from "./error.ts";
import type { ExplainOptions, Source } from "./explain.ts";
import { explain } from "./explain.ts";
import type { HostFiles } from "./host.ts";
import { readInstance } from "./instances.ts";
import { planLaunch } from "./launch.ts";
import type { LaunchPlan, LaunchRequest } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { homeOf, runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { mergeEnv, modeOptions, scopesOf } from "./scope.ts";
import type { SettingsLayer } from "./settings-layer.ts";
import { bearsOnSignIn, toSettingsLayer } from "./settings-layer.ts";
import { findToken, tokenVariable } from "./token.ts";

/** Where one agent's sign-in comes from. */
export interface Explanation {
  /** Undefined: none was started yet. */
  readonly instance?: string | undefined;
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
  readonly workdir: string;
  readonly mode: string;
  readonly account?: string | undefined;
  /** False: what a launch would have, as far as it can be known before. */
  readonly isRunning: boolean;
  /** In Claude Code's order of precedence, highest first. */
  readonly sources: readonly Source[];
}

/** `target` may be an instance's name, too. */
export type ExplainRequest = Pick<LaunchRequest, "target" | "cwd" | "role" | "mode">;

interface Parts {
  readonly config: Config;
  readonly plugins: readonly Plugin[];
}

/** bytes */
const largestSettings = 1024 * 1024;

/** All running agents of the target; when none runs, the next launch. */
export async function explainTarget(
  machine: Machine,
  request: ExplainRequest,
  instances: readonly InstanceStatus[],
  parts: Parts,
  ctx: PluginContext,
): Promise<readonly Explanation[]> {
  // A workspace has the name of its first agent, and means all of them.
  const isWorkspace = Object.hasOwn(parts.config.workspaces ?? {}, request.target ?? "");
  const named = instances.find(({ instance }) => !isWorkspace && instance === request.target);
  if (named?.state === "running") return [await lookInto(machine, named, parts, ctx)];
  const asked = named
    ? { ...request, target: named.workspace ?? named.workdir, role: request.role ?? named.role }
    : request;
  const plan = await planLaunch(parts.config, asked, parts.plugins, machine.host);
  const { workspace, workdir } = plan.target;
  const own = instances.filter(
    (item) =>
      item.workspace === workspace &&
      item.workdir === workdir &&
      (request.role === undefined || item.role === request.role),
  );
  const running = named ? [] : own.filter(({ state }) => state === "running");
  if (running.length > 0)
    return await Promise.all(running.map((status) => lookInto(machine, status, parts, ctx)));
  const last = (named ?? own[0])?.instance;
  return [await lookAhead(machine, plan, last, ctx)];
}

async function lookInto(
  machine: Machine,
  status: InstanceStatus,
  { config }: Parts,
  ctx: PluginContext,
): Promise<Explanation> {
  const { instance, workspace, role, workdir, mode, account, runtime } = status;
  const surroundings = await runtimeOf(machine, runtime).surroundings?.(instance, ctx);
  if (!surroundings)
    throw new JackinError({
      code: "plugin-missing",
      message: `Runtime ${runtime} cannot look into its agents.`,
    });
  const sources = explain(surroundings, {
    ...optionsOf(machine, instance, config, { workspace, role }),
    mode,
    asFile: (await readInstance(machine.store, instance))?.replaceable,
  });
  return { instance, workspace, role, workdir, mode, account, isRunning: true, sources };
}

async function lookAhead(
  machine: Machine,
  plan: LaunchPlan,
  instance: string | undefined,
  ctx: PluginContext,
): Promise<Explanation> {
  const { provider, scopes, role } = plan;
  const { workspace, workdir } = plan.target;
  const { mode } = provider;
  const home = instance === undefined ? undefined : homeOf(machine, instance);
  const { files } = machine.host;
  const surroundings: Surroundings = {
    env: namesOf(plan),
    settings: files ? await settingsOf(workdir, home, files) : [],
    credential: await ownLogin(mode === "ignore" ? home : undefined, files),
  };
  const sources = explain(surroundings, {
    ...optionsOf(machine, instance, undefined, { workspace, role }, scopes),
    mode,
    isNext: true,
    asFile: isAsFile(plan),
    ...(await forwardedBy(provider, plan, ctx)),
  });
  return { instance, workspace, role, workdir, mode, isRunning: false, sources };
}

/** Names of the configured variables; what the values are is asked at a launch only. */
function namesOf(plan: LaunchPlan): readonly string[] {
  const { scopes, provider } = plan;
  const set = mergeEnv(scopes).flatMap(({ key, value }) =>
    bearsOnSignIn(key) && key !== tokenVariable && value !== "" ? [key] : [],
  );
  const isVariable = provider.needsToken && !isAsFile(plan) && findToken(scopes).wanted;
  return isVariable ? [...set, tokenVariable] : set;
}

function isAsFile({ provider, options }: LaunchPlan): boolean {
  return provider.needsToken === true && options["deliver"] === "file";
}

async function settingsOf(
  workdir: string,
  home: string | undefined,
  files: HostFiles,
): Promise<readonly SettingsLayer[]> {
  const places: readonly (readonly [SettingsLayer["layer"], string])[] = [
    ["local", `${workdir}/.claude/settings.local.json`],
    ["project", `${workdir}/.claude/settings.json`],
    ...(home === undefined ? [] : ([["user", `${home}/claude/settings.json`]] as const)),
  ];
  const found = await Promise.all(
    places.map(async ([layer, path]) => {
      const text = await readSafely(path, files, layer !== "user");
      return text === undefined ? [] : [toSettingsLayer(layer, path, text)];
    }),
  );
  return found.flat();
}

/** What is put aside comes back in a mode that forwards nothing. */
async function ownLogin(
  home: string | undefined,
  files: HostFiles | undefined,
): Promise<Surroundings["credential"]> {
  const inside = "the agent's credential folder";
  if (home === undefined || !files) return { state: "none", path: inside };
  const path = `${home}/claude/${credentialsFile}`;
  const kept = `${home}/kept/${credentialsFile}`;
  const text = (await readSafely(path, files, false)) ?? (await readSafely(kept, files, false));
  return { ...(await toCredential(text)), path };
}

/** The agent may have put a pipe or an endless file there, and a link into its own folder. What cannot be read is no JSON. */
async function readSafely(
  path: string,
  files: HostFiles,
  followLinks: boolean,
): Promise<string | undefined> {
  try {
    return await files.read(path, { maxBytes: largestSettings, followLinks });
  } catch (error) {
    if (toJackinError(error).code === "host-failed") return "unreadable";
    throw error;
  }
}

async function forwardedBy(
  provider: AuthProvider,
  plan: LaunchPlan,
  ctx: PluginContext,
): Promise<Pick<ExplainOptions, "forwarded">> {
  const { scopes } = plan;
  if (isAsFile(plan) && findToken(scopes).wanted)
    return { forwarded: { isGood: true, text: "an access token, which does not renew itself" } };
  if (!provider.health || provider.needsToken) return {};
  const options = modeOptions(scopes, provider);
  const { state, text, next } = await provider.health({ options }, ctx);
  return { forwarded: { isGood: state !== "bad", text, ...(next !== undefined && { next }) } };
}

function optionsOf(
  machine: Machine,
  instance: string | undefined,
  config: Config | undefined,
  place: { readonly workspace: string | undefined; readonly role: string | undefined },
  scopes = scopesOf(config ?? {}, place),
): Omit<ExplainOptions, "mode"> {
  const configured = mergeEnv(scopes)
    .filter(({ value }) => value !== "")
    .map(({ key, scope }) => [key, unsetCommand(key, scope, place)] as const);
  return {
    instance,
    workspace: place.workspace,
    now: machine.host.clock.now(),
    configured: new Map(configured),
    ...(instance !== undefined && {
      userSettings: `${homeOf(machine, instance)}/claude/settings.json`,
    }),
  };
}

function unsetCommand(
  key: string,
  scope: string,
  {
    workspace,
    role,
  }: { readonly workspace: string | undefined; readonly role: string | undefined },
): string {
  const base = scope.startsWith("workspace ")
    ? `jackin workspace env unset ${workspace} ${key}`
    : `jackin config env unset ${key}`;
  return scope.endsWith(`role ${role}`) ? `${base} --role ${role}` : base;
}
