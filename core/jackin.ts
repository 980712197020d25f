import type { Plugin, PluginContext } from "./contracts.ts";
import type { Host, StateStore } from "./host.ts";
import { keeperStatus, startUnlessKept } from "./claim.ts";
import { createTokens } from "./create-tokens.ts";
import type { Refreshed } from "./deliver.ts";
import type { Drift } from "./drift.ts";
import { lookAtDrift } from "./drifts.ts";
import type { EditConfig } from "./edit-config.ts";
import { endAll, purgeInstances } from "./ending.ts";
import { JackinError } from "./error.ts";
import type { Explanation, ExplainRequest } from "./explain-target.ts";
import { explainTarget } from "./explain-target.ts";
import { findInstance } from "./find-instance.ts";
import type { JackinEvent, Journal } from "./journal.ts";
import { keepAgents, wakeKeeper } from "./keeper.ts";
import type { LaunchRequest } from "./launch.ts";
import { ofKind } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { runtimeOf, takeDown } from "./machine.ts";
import { refreshInstances } from "./refresh.ts";
import { lockInstances } from "./reserve.ts";
import type { InstanceStatus, Roster, Status } from "./roster.ts";
import { takeRoster } from "./roster.ts";
import type { Redactor } from "./secret.ts";
import { createRedactor, createSecret } from "./secret.ts";
import type { Launched, LoadedConfig } from "./start.ts";
import { isTakenOver, startInstance } from "./start.ts";
import { tokenBanners } from "./token-list.ts";
import type { Tokens } from "./tokens.ts";

export interface JackinOptions {
  readonly host: Host;
  /** The first runtime is the default one. */
  readonly plugins: readonly Plugin[];
  readonly store: StateStore;
  /** Read anew for each call, so that an edit counts at once. */
  readonly config: () => Promise<LoadedConfig>;
  readonly redactor?: Redactor;
  readonly journal?: Journal;
  /** Starts `keep` in a process that outlives this one; returns once it was started. Without it agents are kept only while somebody calls `keep`. */
  readonly startKeeper?: () => Promise<void>;
  /** How the configuration is changed; without it tokens can be looked at and not set up. */
  readonly editConfig?: EditConfig;
}

/** What the caller of an operation brings: a way to stop it and a place to say what is going on. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((line: string) => void) | undefined;
}

export interface PrintOptions extends CallOptions {
  /** What the agent reads as its input, e.g. the prompt. */
  readonly stdin?: string | undefined;
  readonly capture: boolean;
  /** Comes before the agent's first output. */
  readonly onLaunched?: (launched: Launched) => void;
}

export interface Printed extends Launched {
  /** Claude Code's exit code. */
  readonly code: number;
  /** Empty unless captured. */
  readonly stdout: string;
}

export interface Jackin extends Pick<JackinOptions, "host" | "plugins" | "config"> {
  readonly redactor: Redactor;
  readonly tokens: Tokens;
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
  /** Gives running instances, all or one, the login that a launch would give them now. */
  refresh(instance?: string, call?: CallOptions): Promise<readonly Refreshed[]>;
  /** How what running agents hold compares with what their mode has to give now. */
  drift(call?: CallOptions): Promise<readonly Drift[]>;
  /** Where each running agent of a target is signed in from, or else the next one would be. */
  explain(request: ExplainRequest, call?: CallOptions): Promise<readonly Explanation[]>;
  /** Forgets the state of an instance, or of all instances of a workspace. Throws `conflict` while one runs. */
  purge(target: string, call?: CallOptions): Promise<readonly string[]>;
  /**
   * Keeps all running agents signed in until the signal fires, or, without `stay`, until none runs any more. One process
   * of a machine does it at a time: `taken` means that another does.
   */
  keep(call: CallOptions & { readonly stay?: boolean }): Promise<"done" | "taken">;
  /** Has somebody else keep what runs, by `startKeeper`, unless nothing runs or somebody keeps it already. */
  ensureKept(): Promise<void>;
  /** Events of all processes of this jackin home, from now on. */
  events(signal: AbortSignal): AsyncIterable<JackinEvent>;
  /** What plugins are given, for what a host asks of them directly. */
  context(call?: CallOptions): PluginContext;
}

/** The core as one object: each host shows these operations and adds none. */
export function createJackin(options: JackinOptions): Jackin {
  const { host, plugins, store, config, journal } = options;
  const redactor = options.redactor ?? createRedactor();
  const machine: Machine = { store, host, runtimes: ofKind(plugins, "runtime") };
  const tokens = createTokens({
    machine,
    plugins,
    config,
    editConfig: options.editConfig,
    // What a status says beside that is told of tokens themselves.
    status: (call) => roster(context(call)),
    eject,
    load,
    context,
  });
  return {
    redactor,
    tokens,
    host,
    plugins,
    config,
    load,
    print,
    attach,
    status,
    eject,
    exile,
    refresh,
    drift,
    explain,
    purge,
    keep,
    ensureKept,
    events,
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
    return takeRoster(machine, ctx);
  }

  async function launch(request: LaunchRequest, session: boolean, ctx: PluginContext) {
    return startInstance(machine, request, { ...(await config()), plugins, session }, ctx);
  }

  async function load(request: LaunchRequest, call: CallOptions = {}): Promise<Launched> {
    const { launched } = await launch(request, true, context(call));
    await changed("started", launched.instance.instance, launched.line);
    return launched;
  }

  /** Tells whoever keeps agents, and whoever follows events. What was done is done, whether they hear it or not. */
  async function changed(kind: "started" | "stopped", instance: string, text: string) {
    const event = { at: host.clock.now(), kind, level: "info", instance, text } as const;
    await journal?.write(event).catch(() => undefined);
    await wakeKeeper(machine).catch(() => undefined);
  }

  async function print(request: LaunchRequest, call: PrintOptions): Promise<Printed> {
    const ctx = context(call);
    const { launched, record } = await launch({ ...request, args: [] }, false, ctx);
    const { instance, runtime } = record;
    const { stdin, capture } = call;
    // It may take longer than its login lives, and somebody has to keep it meanwhile.
    const keeping = new AbortController();
    const kept = keep({ signal: keeping.signal, stay: true }).catch(() => undefined);
    try {
      call.onLaunched?.(launched);
      const result = await runtimeOf(machine, runtime).run(
        { instance, args: request.args ?? [], capture, ...(stdin !== undefined && { stdin }) },
        ctx,
      );
      return { ...launched, ...result };
    } finally {
      keeping.abort();
      try {
        if (!(await isTakenOver(machine, record)))
          await takeDown(machine, instance, runtime, context());
      } finally {
        await kept;
        await wakeKeeper(machine).catch(() => undefined);
        await ensureKept().catch(() => undefined);
      }
    }
  }

  async function attach(
    instance: string,
    call: CallOptions = {},
  ): Promise<{ ended: boolean; code: number }> {
    const ctx = context(call);
    const all = await roster(ctx);
    const found = findInstance(instance, all);
    const isRunning = found.state === "running";
    if (isRunning && all.isLive(instance))
      return runtimeOf(machine, found.runtime).attach(instance, ctx);
    throw new JackinError({
      code: "conflict",
      message: isRunning
        ? `${instance} has no agent to come back to: its launch or its stop was interrupted.`
        : `${instance} is not running (${found.state}).`,
      hint: `jackin load ${found.workspace ?? found.workdir}`,
    });
  }

  async function status(call: CallOptions = {}): Promise<Status> {
    const [{ instances, notices }, keeper] = await Promise.all([
      roster(context(call)),
      keeperStatus(machine),
    ]);
    const banners = await tokenBanners(machine, config, instances);
    return { instances, notices: [...notices, ...banners], keeper };
  }

  async function eject(instance: string, call: CallOptions = {}): Promise<InstanceStatus> {
    const ctx = context(call);
    const found = findInstance(instance, await roster(ctx));
    await takeDown(machine, instance, found.runtime, ctx);
    await changed("stopped", instance, "was ejected");
    return { ...found, state: "stopped" };
  }

  async function exile(call: CallOptions = {}): Promise<readonly string[]> {
    const ctx = context(call);
    return await endAll(machine, await roster(ctx), ctx, (instance) =>
      changed("stopped", instance, "was ejected"),
    );
  }

  async function refresh(instance?: string, call: CallOptions = {}): Promise<readonly Refreshed[]> {
    const ctx = context(call);
    await using _lock = await lockInstances(ctx);
    const all = await roster(ctx);
    const { config: current } = await config();
    const named = instance === undefined ? all.instances : [findInstance(instance, all)];
    const running = named.filter((item) => item.state === "running");
    if (instance !== undefined && running.length === 0)
      throw new JackinError({
        code: "conflict",
        message: `${instance} is not running; a launch gives it a fresh login anyway.`,
        hint: `jackin load ${named[0]!.workspace ?? named[0]!.workdir}`,
      });
    return refreshInstances(machine, running, all.instances, { config: current, plugins }, ctx);
  }

  async function drift(call: CallOptions = {}): Promise<readonly Drift[]> {
    const ctx = context(call);
    const { instances } = await roster(ctx);
    const { config: current } = await config();
    const running = instances.filter((item) => item.state === "running");
    return await lookAtDrift(machine, running, { config: current, plugins }, ctx);
  }

  async function explain(request: ExplainRequest, call: CallOptions = {}) {
    const ctx = context(call);
    const { instances } = await roster(ctx);
    const { config: current } = await config();
    return await explainTarget(machine, request, instances, { config: current, plugins }, ctx);
  }

  async function purge(target: string, call: CallOptions = {}): Promise<readonly string[]> {
    const ctx = context(call);
    await using _lock = await lockInstances(ctx);
    return await purgeInstances(machine, target, await roster(ctx), ctx);
  }

  function keep({ stay = false, ...call }: Parameters<Jackin["keep"]>[0]) {
    return keepAgents({ machine, plugins, config, journal }, { stay }, context(call));
  }

  async function ensureKept(): Promise<void> {
    if (options.startKeeper) await startUnlessKept(machine, options.startKeeper, context());
  }

  async function* events(signal: AbortSignal): AsyncGenerator<JackinEvent> {
    if (journal) yield* journal.follow(signal);
  }
}
