import type { Config } from "./config.ts";
import type { Host, Notice, Plugin, PluginContext, Runtime, StateStore } from "./contracts.ts";
import { JackinError, throwIfAborted, toJackinError } from "./error.ts";
import type { InstanceRecord } from "./instances.ts";
import { forgetInstance, readInstance, writeInstance } from "./instances.ts";
import type { LaunchRequest } from "./launch.ts";
import { ofKind, planLaunch, resolveLaunch } from "./launch.ts";
import { didYouMean } from "./nearest.ts";
import type { Reservation } from "./reserve.ts";
import { lockInstances, reserve } from "./reserve.ts";
import type { InstanceStatus, Roster, Status } from "./roster.ts";
import { takeRoster, toLabels, toStatus } from "./roster.ts";
import type { Redactor } from "./secret.ts";
import { createRedactor, createSecret } from "./secret.ts";

export interface JackinOptions {
  readonly host: Host;
  /** The first runtime is the default one. */
  readonly plugins: readonly Plugin[];
  readonly store: StateStore;
  /** Read anew for each call, so that an edit counts at once. */
  readonly config: () => Promise<LoadedConfig>;
  readonly redactor?: Redactor;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly notices: readonly Notice[];
}

/** What the caller of an operation brings: a way to stop it and a place to say what is going on. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((line: string) => void) | undefined;
}

export interface PrintOptions extends CallOptions {
  readonly capture: boolean;
  /** Comes before the agent's first output. */
  readonly onLaunched?: (launched: Launched) => void;
}

export interface Launched {
  readonly instance: InstanceStatus;
  /** The mode, said exactly: `claude auth: …`. */
  readonly line: string;
  /** Other instances that use the same login now. */
  readonly sharedWith: readonly string[];
  readonly notices: readonly Notice[];
}

export interface Printed extends Launched {
  /** Claude Code's exit code. */
  readonly code: number;
  /** Empty unless captured. */
  readonly stdout: string;
}

export interface Jackin extends Pick<JackinOptions, "host" | "plugins" | "config"> {
  readonly redactor: Redactor;
  /** Starts an instance with the agent in it. */
  load(request: LaunchRequest, call?: CallOptions): Promise<Launched>;
  /** Starts an instance, runs one headless agent in it and stops it again. */
  print(request: LaunchRequest, call: PrintOptions): Promise<Printed>;
  attach(
    instance: string,
    call?: CallOptions,
  ): Promise<{ readonly ended: boolean; readonly code: number }>;
  status(call?: CallOptions): Promise<Status>;
  eject(instance: string, call?: CallOptions): Promise<InstanceStatus>;
  /** Stops all; answers who was stopped. */
  exile(call?: CallOptions): Promise<readonly string[]>;
  /** Forgets the state of an instance, or of all instances of a workspace. Throws `conflict` while one runs. */
  purge(target: string, call?: CallOptions): Promise<readonly string[]>;
  /** What plugins are given, for what a host asks of them directly. */
  context(call?: CallOptions): PluginContext;
}

/** The core as one object: each host shows these operations and adds none. */
export function createJackin(options: JackinOptions): Jackin {
  const { host, plugins, store, config } = options;
  const redactor = options.redactor ?? createRedactor();
  const runtimes = ofKind(plugins, "runtime");
  return {
    redactor,
    host,
    plugins,
    config,
    load,
    print,
    attach,
    status,
    eject,
    exile,
    purge,
    context,
  };

  function context({ signal, progress }: CallOptions = {}): PluginContext {
    return {
      host,
      signal: signal ?? new AbortController().signal,
      secret: (value) => redactor.add(createSecret(value)),
      progress: (line) => progress?.(redactor.redact(line)),
    };
  }

  function roster(ctx: PluginContext): Promise<Roster> {
    return takeRoster(store, runtimes, host, ctx);
  }

  async function load(request: LaunchRequest, call: CallOptions = {}): Promise<Launched> {
    return (await launch(request, true, context(call))).launched;
  }

  async function print(request: LaunchRequest, call: PrintOptions): Promise<Printed> {
    const ctx = context(call);
    const { launched, record } = await launch({ ...request, args: [] }, false, ctx);
    const { instance, runtime } = record;
    try {
      call.onLaunched?.(launched);
      const result = await runtimeOf(runtime).run(
        { instance, args: request.args ?? [], capture: call.capture },
        ctx,
      );
      return { ...launched, ...result };
    } finally {
      if (!(await isTakenOver(record))) await takeDown(instance, runtime, context());
    }
  }

  async function launch(
    request: LaunchRequest,
    session: boolean,
    ctx: PluginContext,
  ): Promise<{ readonly launched: Launched; readonly record: InstanceRecord }> {
    const { config: current, notices } = await config();
    const plan = await planLaunch(current, request, plugins, host);
    const probe = await plan.runtime.probe(ctx);
    if (!probe.ready) throw probe.error;
    const secrets = await resolveLaunch(plan, plugins, ctx);
    throwIfAborted(ctx.signal);
    const prepared = await plan.runtime.prepare?.(
      plan.image === undefined ? {} : { image: plan.image },
      ctx,
    );
    throwIfAborted(ctx.signal);
    const reservation = await reserve(
      plan,
      secrets,
      prepared?.image,
      { store, runtimes, host },
      ctx,
    );
    const { record, grant, others } = reservation;
    const { instance, workdir } = record;
    let isNew = false;
    try {
      isNew = (await host.files?.stat(homeOf(instance))) === undefined;
      await host.files?.makeFolder(homeOf(instance));
      const started = await plan.runtime.start(
        {
          instance,
          home: homeOf(instance),
          workdir,
          image: prepared?.image ?? "",
          env: secrets.env,
          grant,
          args: request.args ?? [],
          session,
          labels: toLabels(record),
        },
        ctx,
      );
      // An eject that came meanwhile has taken the promise away: this launch is not wanted any more.
      const now = await readInstance(store, instance);
      if (now?.launcher !== record.launcher) throw ejected(instance);
      throwIfAborted(ctx.signal);
      await writeInstance(store, { ...record, phase: "running", headless: !session });
      const sharers = others.filter(
        (other) => other.mode === record.mode && other.account === record.account,
      );
      const launched: Launched = {
        instance: { ...toStatus(record), state: "running" },
        line: grant.line,
        sharedWith: grant.login === "forwarded" ? sharers.map((other) => other.instance) : [],
        notices: [
          notices,
          plan.notices,
          probe.notices ?? [],
          secrets.notices,
          grant.notices,
          started.notices,
        ].flat(),
      };
      return { launched, record };
    } catch (error) {
      await undo(reservation, isNew);
      throw toJackinError(error, "start-failed", `[${plan.runtime.name}] `);
    }
  }

  /** After a failed launch nothing runs, and what only this launch made is gone. */
  async function undo({ record, fresh }: Reservation, isNew: boolean): Promise<void> {
    const { instance, runtime } = record;
    if (await isTakenOver(record)) return;
    await takeDown(instance, runtime, context()).catch(() => undefined);
    if (!fresh) return;
    // A folder without a record may hold a login of an earlier time.
    if (isNew) await host.files?.remove(homeOf(instance)).catch(() => undefined);
    await forgetInstance(store, instance);
  }

  /** It was ejected meanwhile, and a later launch has the instance now. */
  async function isTakenOver({ instance, launcher }: InstanceRecord): Promise<boolean> {
    const now = await readInstance(store, instance);
    return now?.launcher !== undefined && now.launcher !== launcher;
  }

  async function attach(
    instance: string,
    call: CallOptions = {},
  ): Promise<{ ended: boolean; code: number }> {
    const ctx = context(call);
    const all = await roster(ctx);
    const found = find(instance, all);
    const isRunning = found.state === "running";
    if (isRunning && all.isLive(instance)) return runtimeOf(found.runtime).attach(instance, ctx);
    throw new JackinError({
      code: "conflict",
      message: isRunning
        ? `${instance} has no agent to come back to: its launch or its stop was interrupted.`
        : `${instance} is not running (${found.state}).`,
      hint: `jackin load ${found.workspace ?? found.workdir}`,
    });
  }

  async function status(call: CallOptions = {}): Promise<Status> {
    const { instances, notices } = await roster(context(call));
    return { instances, notices };
  }

  async function eject(instance: string, call: CallOptions = {}): Promise<InstanceStatus> {
    const ctx = context(call);
    const found = find(instance, await roster(ctx));
    await takeDown(instance, found.runtime, ctx);
    return { ...found, state: "stopped" };
  }

  async function exile(call: CallOptions = {}): Promise<readonly string[]> {
    const ctx = context(call);
    const { instances, isThere } = await roster(ctx);
    const chosen = instances.filter((item) => item.state !== "stopped" || isThere(item.instance));
    const results = await Promise.allSettled(
      chosen.map(({ instance, runtime }) => takeDown(instance, runtime, ctx)),
    );
    const failures = results.flatMap((result, index) =>
      result.status === "rejected"
        ? [`  ${chosen[index]!.instance}: ${toJackinError(result.reason).message}`]
        : [],
    );
    // That the rest of one that had ended is gone too is no news.
    if (failures.length === 0)
      return chosen.filter((item) => item.state !== "stopped").map((item) => item.instance);
    throwIfAborted(ctx.signal);
    throw new JackinError({
      code: "host-failed",
      message: `Not all could be stopped:\n${failures.join("\n")}`,
      hint: "jackin status",
    });
  }

  async function purge(target: string, call: CallOptions = {}): Promise<readonly string[]> {
    const ctx = context(call);
    await using _lock = await lockInstances(ctx);
    const { instances, unreadable } = await roster(ctx);
    const named = instances.filter((item) => item.instance === target);
    if (named.length === 0 && unreadable.includes(target)) {
      await forget(target);
      return [target];
    }
    const chosen = named.length > 0 ? named : instances.filter((item) => item.workspace === target);
    if (chosen.length === 0) throw noInstance(target, instances);
    const live = chosen.filter((item) => item.state !== "stopped").map((item) => item.instance);
    if (live.length > 0) {
      const hint = live.map((instance) => `jackin eject ${instance}`).join("\n");
      throw new JackinError({
        code: "conflict",
        message: `${live.join(", ")} may still run.`,
        hint,
      });
    }
    for (const { instance, runtime } of chosen) {
      await runtimeOf(runtime).stop(instance, ctx);
      await forget(instance);
    }
    return chosen.map((item) => item.instance);
  }

  async function forget(instance: string): Promise<void> {
    await host.files?.remove(homeOf(instance));
    await forgetInstance(store, instance);
  }

  /** Takes the promise away first, so that a launch under way stops itself, then whatever runs, on a full disk too. */
  async function takeDown(instance: string, runtime: string, ctx: PluginContext): Promise<void> {
    const record = await readInstance(store, instance);
    let unwritten: unknown;
    if (record) {
      const { launcher: _, ...rest } = record;
      await writeInstance(store, { ...rest, phase: "stopped" }).catch(
        (error: unknown) => (unwritten = error),
      );
    }
    await runtimeOf(runtime).stop(instance, ctx);
    // What runs is known from its runtime; of a launch that has not come so far only the record tells.
    if (unwritten !== undefined && record?.phase === "starting") throw unwritten;
  }

  function runtimeOf(name: string): Runtime {
    const runtime = runtimes.find((item) => item.runtime === name);
    if (runtime) return runtime;
    throw new JackinError({
      code: "plugin-missing",
      message: `No runtime "${name}" is installed.`,
      hint: "Add its plugin under [plugins].",
    });
  }

  function homeOf(instance: string): string {
    return `${host.files?.state ?? ""}/instances/${instance}`;
  }
}

function find(instance: string, { instances }: Roster): InstanceStatus {
  const found = instances.find((item) => item.instance === instance);
  if (!found) throw noInstance(instance, instances);
  return found;
}

function noInstance(name: string, instances: readonly InstanceStatus[]): JackinError {
  const known = instances.map((item) => item.instance);
  return new JackinError({
    code: "not-found",
    message: `No instance "${name}".${didYouMean(name, known)}`,
    hint: "jackin status",
  });
}

function ejected(instance: string): JackinError {
  return new JackinError({
    code: "cancelled",
    message: `${instance} was ejected while it started.`,
  });
}
