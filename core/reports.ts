/** Reads what agents' hooks report of turns that died of authentication: mends what can be mended, else says what helps. */
import type {
  AuthProvider,
  Grant,
  GrantRequest,
  Notice,
  PluginContext,
  Surroundings,
} from "./contracts.ts";
import { deliver } from "./deliver.ts";
import { eachAtMost } from "./each-at-most.ts";
import { toJackinError } from "./error.ts";
import { isOfLogin } from "./failure-words.ts";
import type { AuthFailure } from "./failure.ts";
import { adviseOn, parseReport } from "./failure.ts";
import type { HostFiles } from "./host.ts";
import { readInstance } from "./instances.ts";
import { readLedger, writeAlert } from "./ledger.ts";
import type { EventKind } from "./journal.ts";
import { homeOf, runtimeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { modeOptions, scopesOf } from "./scope.ts";
import type { KeeperParts, Teller } from "./teller.ts";
import { providerOf } from "./teller.ts";
import { findToken } from "./token.ts";

export interface Reports extends Disposable {
  look(running: readonly InstanceStatus[]): Promise<void>;
}

/** bytes; the hook writes no more */
const largest = 64 * 1024;
/** ms. A turn that dies may have begun before the login was replaced. */
const longestTurn = 60_000;
/** Of one agent, in a minute: it can report as often as it likes. */
const mostSaid = 10;
/** At a time; each may be a program of the runtime. */
const atOnce = 8;

export function watchReports(parts: KeeperParts, teller: Teller, ctx: PluginContext): Reports {
  const { machine, plugins } = parts;
  const { files } = machine.host;
  const watched = new Map<string, Disposable>();
  const statuses = new Map<string, InstanceStatus>();
  const reading = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();
  const granting = new Map<string, Promise<Grant>>();
  const saidAt = new Map<string, readonly number[]>();
  return {
    async look(running) {
      if (!files) return;
      statuses.clear();
      for (const status of running) statuses.set(status.instance, status);
      for (const [instance, watch] of watched)
        if (!statuses.has(instance)) unwatch(instance, watch);
      await eachAtMost(atOnce, running, (status) => lookAt(status, files));
    },
    [Symbol.dispose]() {
      for (const [instance, watch] of watched) unwatch(instance, watch);
    },
  };

  /** One that fails does not keep the others from it. */
  async function lookAt(status: InstanceStatus, from: HostFiles): Promise<void> {
    try {
      await watchOne(status, from);
      await read(status.instance, from);
      await forgetMended(status);
    } catch (error) {
      await fail(error, status);
    }
  }

  async function watchOne(status: InstanceStatus, from: HostFiles): Promise<void> {
    const { instance } = status;
    const folder = folderOf(status);
    if (watched.has(instance) || (await from.stat(folder))?.kind !== "folder") return;
    const found = from.watch?.(folder, () => void read(instance, from));
    if (found) watched.set(instance, found);
  }

  function unwatch(instance: string, watch: Disposable): void {
    watch[Symbol.dispose]();
    watched.delete(instance);
  }

  function folderOf({ instance }: InstanceStatus): string {
    return `${homeOf(machine, instance)}/reports`;
  }

  /** One reading of an instance after the other; what comes meanwhile, however often, is read by one more. */
  function read(instance: string, from: HostFiles): Promise<void> {
    const next =
      waiting.get(instance) ??
      (reading.get(instance) ?? Promise.resolve()).then(async () => {
        waiting.delete(instance);
        const status = statuses.get(instance);
        if (status) await readAll(status, from).catch((error: unknown) => fail(error, status));
      });
    waiting.set(instance, next);
    reading.set(instance, next);
    return next;
  }

  async function fail(error: unknown, status: InstanceStatus): Promise<void> {
    const { code, message } = toJackinError(error);
    if (code !== "cancelled") await say("keeper", { level: "info", text: message }, status);
  }

  async function say(kind: EventKind, notice: Notice, status: InstanceStatus): Promise<void> {
    const now = machine.host.clock.now();
    const past = (saidAt.get(status.instance) ?? []).filter((at) => Math.abs(now - at) < 60_000);
    if (past.length >= mostSaid) return;
    saidAt.set(status.instance, [...past, now]);
    await teller.say(kind, notice, [status]);
  }

  /** Of several only the newest counts: they tell the same. The folder is the agent's, so nothing in it is believed. */
  async function readAll(status: InstanceStatus, from: HostFiles): Promise<void> {
    const folder = folderOf(status);
    if ((await from.stat(folder))?.kind !== "folder") return;
    const names = (await from.list(folder)).filter((name) => /^\d+-\d+\.json$/.test(name)).sort();
    let newest: AuthFailure | undefined;
    for (const name of names) {
      const path = `${folder}/${name}`;
      const now = machine.host.clock.now();
      const at = Math.min(now, (await from.stat(path))?.changedAt ?? now);
      const options = { maxBytes: largest, followLinks: false };
      const text = await from.read(path, options).catch(() => undefined);
      await from.remove(path, { onlyFile: true });
      const { instance, mode } = status;
      newest = (text && parseReport(text, { instance, mode, at })) || newest;
    }
    if (newest) await answer(newest, status);
  }

  async function answer(report: AuthFailure, status: InstanceStatus): Promise<void> {
    const { instance } = status;
    if (await heal(report, status).catch((error: unknown) => fail(error, status))) {
      const text = `${instance} was refused (${report.text}) and has a newer login now`;
      return say("healed", { level: "info", text, next: "send the message again" }, status);
    }
    const failure = { ...report, ...(await tokenOf(status).catch(() => undefined)) };
    const surroundings = await lookInto(status);
    const held = heldIn(surroundings);
    const notice = adviseOn(failure, providerOf(plugins, status.mode), surroundings);
    const { text, next } = notice;
    // Nothing of the login is to be mended: a limit of the account ends by itself.
    if (notice.level !== "info")
      await writeAlert(machine.store, instance, {
        at: failure.at,
        text,
        about: "turn",
        ...(next !== undefined && { next }),
        ...(held !== undefined && { held }),
      });
    await say("refused", notice, status);
  }

  async function tokenOf({ instance, mode, workspace, role }: InstanceStatus) {
    if (!providerOf(plugins, mode)?.needsToken) return {};
    const { of: token } = findToken(scopesOf((await parts.config()).config, { workspace, role }));
    const replaceable = (await readInstance(machine.store, instance))?.replaceable === true;
    return { replaceable, ...(token && { token }) };
  }

  /** True when the agent has another login now than the one that was refused. */
  async function heal(failure: AuthFailure, status: InstanceStatus): Promise<boolean> {
    const { instance, workspace, role } = status;
    const provider = providerOf(plugins, status.mode);
    if (!provider?.follow || !isOfLogin(failure.cause)) return false;
    // What cannot be replaced is not to have the host's login renewed: whole copies would die of it.
    if (!(await readInstance(machine.store, instance))?.replaceable) return false;
    const before = await readLedger(machine.store, instance);
    const { config } = await parts.config();
    const options = modeOptions(scopesOf(config, { workspace, role }), provider);
    const grant = await grantOf(provider, instance, options);
    if (!grant.replaceable) return false;
    const { outcome } = await deliver(machine, instance, grant, { again: true }, ctx);
    if (outcome !== "updated") return false;
    const after = await readLedger(machine.store, instance);
    if (after?.access !== before?.access) return true;
    return before?.previous !== undefined && failure.at - before.at < longestTurn;
  }

  /** May have the host's own claude renew it first: asked once for all that are refused at the same time. */
  function grantOf(provider: AuthProvider, instance: string, options: GrantRequest["options"]) {
    const key = `${provider.mode} ${JSON.stringify(options)}`;
    const asked =
      granting.get(key) ??
      provider.grant({ instance, options, others: [] }, ctx).finally(() => granting.delete(key));
    granting.set(key, asked);
    return asked;
  }

  async function lookInto({ instance, runtime }: InstanceStatus) {
    return await runtimeOf(machine, runtime)
      .surroundings?.(instance, ctx)
      .catch(() => undefined);
  }

  /** What was refused is in use no more: the operator has signed in, in the agent or on the host. */
  async function forgetMended(status: InstanceStatus): Promise<void> {
    if (!status.alert) return;
    const alert = (await readLedger(machine.store, status.instance))?.alert;
    if (alert?.about !== "turn") return;
    const held = heldIn(await lookInto(status));
    if (held !== undefined && held !== alert.held)
      await writeAlert(machine.store, status.instance, undefined);
  }
}

/** Another answer means that the agent uses another credential now, or that something else is in its way. */
function heldIn(surroundings: Surroundings | undefined): string | undefined {
  if (!surroundings) return undefined;
  const { credential, env, settings } = surroundings;
  const others = settings.flatMap((layer) => [...layer.env, layer.apiKeyHelper && "apiKeyHelper"]);
  const login = "access" in credential ? credential.access : credential.state;
  return [login, ...env, ...others].filter(Boolean).join(" ");
}
