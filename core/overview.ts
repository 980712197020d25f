import type { Config } from "./config.ts";
import type { Health } from "./contracts.ts";
import { toJackinError } from "./error.ts";
import type { CallOptions, Jackin } from "./jackin.ts";
import { ofKind } from "./launch.ts";
import type { TraceLine } from "./scope.ts";
import { decideMode, modeOptions, scopesOf } from "./scope.ts";
import { within } from "./within.ts";

/** The mode that a launch of this workspace and role would have, and why. */
export interface EffectiveMode {
  readonly workspace?: string | undefined;
  readonly role?: string | undefined;
  readonly mode: string;
  /** The scope that decided; `default` when none did. */
  readonly scope: string;
  readonly trace: readonly TraceLine[];
}

/** The global mode first, then each role, each workspace, each workspace × role. */
export function effectiveModes(config: Config): readonly EffectiveMode[] {
  const roles = Object.keys(config.roles ?? {});
  const queries: { workspace?: string; role?: string }[] = [{}, ...roles.map((role) => ({ role }))];
  for (const [workspace, own] of Object.entries(config.workspaces ?? {})) {
    if (own.role === undefined) queries.push({ workspace });
    const all = new Set([
      ...(own.role === undefined ? [] : [own.role]),
      ...roles,
      ...Object.keys(own.roles ?? {}),
    ]);
    queries.push(...[...all].map((role) => ({ workspace, role })));
  }
  return queries.map((query) => {
    const { value, scope, trace } = decideMode(scopesOf(config, query));
    return { ...query, mode: value, scope, trace };
  });
}

export interface ModeHealth {
  readonly mode: string;
  readonly plugin: string;
  readonly health?: Health | undefined;
}

/** Each installed mode, with the health of what it would forward by the global options. */
export async function authHealth(
  jackin: Jackin,
  call: CallOptions = {},
): Promise<readonly ModeHealth[]> {
  const { config } = await jackin.config();
  return Promise.all(
    ofKind(jackin.plugins, "auth").map(async (provider) => ({
      mode: provider.mode,
      plugin: provider.name,
      health: await healthOf(
        jackin,
        call,
        provider.name,
        30_000,
        provider.health &&
          ((ctx) =>
            provider.health!({ options: modeOptions(scopesOf(config, {}), provider) }, ctx)),
      ),
    })),
  );
}

/** One line of `jackin doctor`. */
export interface Check extends Health {
  readonly name: string;
}

/** Configuration, runtimes, `claude`, modes and secret backends, each within its time limit, all side by side. */
export async function doctor(jackin: Jackin, call: CallOptions = {}): Promise<readonly Check[]> {
  const configuration = checkConfig(jackin);
  const modes = async (): Promise<Check[]> => {
    // Options cannot be read from a configuration that is at fault, which has its own line.
    if ((await configuration).state === "bad") return [];
    const modesNow = effectiveModes((await jackin.config()).config);
    const used = new Set(modesNow.map(({ mode }) => (mode === "copy" ? "sync" : mode)));
    const all = await authHealth(jackin, call);
    // What nobody uses may lack its login.
    return all.flatMap(({ mode, health }) =>
      health && (used.has(mode) || health.state === "good")
        ? [{ name: `mode ${mode}`, ...health }]
        : [],
    );
  };
  const runtimes = ofKind(jackin.plugins, "runtime").map(async (runtime, index): Promise<Check> => {
    const health = await healthOf(jackin, call, runtime.name, 20_000, async (ctx) => {
      const probe = await runtime.probe(ctx);
      if (!probe.ready) throw probe.error;
      return { state: "good", text: probe.detail };
    });
    // Nobody needs a runtime but the default one, unless they ask for it.
    const state = index > 0 && health!.state === "bad" ? "warning" : health!.state;
    return { name: `runtime ${runtime.runtime}`, ...health!, state };
  });
  const secrets = ofKind(jackin.plugins, "secret").map(async (resolver): Promise<Check[]> => {
    const health = await healthOf(
      jackin,
      call,
      resolver.name,
      10_000,
      resolver.health?.bind(resolver),
    );
    return health ? [{ name: `secrets ${resolver.scheme}://`, ...health }] : [];
  });
  const checks = await Promise.all([
    configuration,
    ...runtimes,
    checkClaude(jackin, call),
    modes(),
    ...secrets,
  ]);
  return checks.flat();
}

async function checkConfig(jackin: Jackin): Promise<Check> {
  const name = "configuration";
  try {
    const { config, notices } = await jackin.config();
    const count = Object.keys(config.workspaces ?? {}).length;
    const text = [
      `${count} workspace${count === 1 ? "" : "s"}`,
      ...notices.map((notice) => notice.text),
    ].join("; ");
    return {
      name,
      state: notices.length > 0 ? "warning" : "good",
      text,
      ...(notices[0]?.next !== undefined && { next: notices[0].next }),
    };
  } catch (error) {
    return { name, ...toHealth(error) };
  }
}

async function checkClaude(jackin: Jackin, call: CallOptions): Promise<Check> {
  const { exec } = jackin.host;
  const health = await healthOf(jackin, call, "claude", 10_000, async (ctx) => {
    if (!exec) return { state: "warning", text: "this host runs no programs" };
    const { code, stdout } = await exec("claude", ["--version"], {
      signal: ctx.signal,
      env: { DISABLE_AUTOUPDATER: "1" },
    });
    return code === 0
      ? { state: "good", text: stdout.trim() }
      : { state: "bad", text: `claude --version ended with exit code ${code}` };
  });
  // Without it sync still forwards; only nobody renews on the host.
  const next = "npm install -g @anthropic-ai/claude-code, then: claude auth login";
  return health!.state === "bad"
    ? { name: "claude on the host", ...health!, state: "warning", next }
    : { name: "claude on the host", ...health! };
}

async function healthOf(
  jackin: Jackin,
  call: CallOptions,
  what: string,
  limitMs: number,
  ask: ((ctx: ReturnType<Jackin["context"]>) => Promise<Health>) | undefined,
): Promise<Health | undefined> {
  if (!ask) return undefined;
  const ctx = jackin.context(call);
  try {
    return await within({ limitMs, signal: ctx.signal, what: `[${what}]` }, (signal) =>
      ask({ ...ctx, signal }),
    );
  } catch (error) {
    const failed = toJackinError(error);
    if (failed.code === "cancelled") throw failed;
    return toHealth(failed);
  }
}

function toHealth(error: unknown): Health {
  const { message, hint } = toJackinError(error);
  return { state: "bad", text: message, ...(hint !== undefined && { next: hint }) };
}
