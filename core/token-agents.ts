/** What becomes of running agents when their token changes. */
import type { Config } from "./config.ts";
import type { Plugin, PluginContext } from "./contracts.ts";
import { eachAtMost } from "./each-at-most.ts";
import { JackinError, toJackinError } from "./error.ts";
import { quoteShell } from "./holder.ts";
import { readInstance } from "./instances.ts";
import { bringToken } from "./bring-token.ts";
import { planLaunch } from "./launch.ts";
import { readLedger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { homeOf } from "./machine.ts";
import type { InstanceStatus } from "./roster.ts";
import { readTokenEntry } from "./token-ledger.ts";
import { tokenOf, toReference } from "./token-use.ts";
import type { Brought, RestartOptions, TokenParts } from "./tokens.ts";

/** Gives the token of `reference` to those that would be launched with it now and hold another. The caller holds the lock of instances. */
export async function bringAlong(
  machine: Machine,
  live: readonly InstanceStatus[],
  reference: string,
  { config, plugins }: { readonly config: Config; readonly plugins: readonly Plugin[] },
  ctx: PluginContext,
): Promise<readonly Brought[]> {
  const noted = (await readTokenEntry(machine.store, reference))?.fingerprint;
  const isMoved = await Promise.all(
    live.map(async ({ instance, token, workspace, role }) => {
      const wanted = tokenOf(config, { workspace, role });
      if (token === undefined || !wanted || toReference(wanted.value) !== reference) return false;
      if (token !== reference) return true;
      // Another value in the same place.
      const { access, token: given = access } = (await readLedger(machine.store, instance)) ?? {};
      return noted !== undefined && given !== undefined && given !== noted;
    }),
  );
  const moved = live.filter((_, index) => isMoved[index]);
  const brought = new Map<string, Brought>();
  const resolved = new Map();
  await eachAtMost(8, moved, async (status) => {
    brought.set(status.instance, await bringOne(status));
  });
  return moved.map(({ instance }) => brought.get(instance)!);

  async function bringOne(status: InstanceStatus): Promise<Brought> {
    const { instance, state } = status;
    if (state !== "running") {
      const what = state === "starting" ? "is just starting" : "may still run";
      return { instance, outcome: "failed", text: `it ${what} with the old one` };
    }
    try {
      const { outcome, text } = await bringToken(
        machine,
        status,
        { config, plugins, resolved },
        ctx,
      );
      if (outcome === "failed") return { instance, outcome, text };
      if (outcome === "kept" && (await readInstance(machine.store, instance))?.headless)
        return {
          instance,
          outcome: "failed",
          text: "it answers one prompt, with the old one, and ends by itself",
        };
      if (outcome === "kept")
        return { instance, outcome: "restart", text: "it holds the old one until it is restarted" };
      return { instance, outcome: "switched", text: "it goes on with the new one" };
    } catch (error) {
      const failed = toJackinError(error);
      if (failed.code === "cancelled") throw failed;
      return { instance, outcome: "failed", text: failed.message };
    }
  }
}

/** The very same one, with its image. The record knows no arguments of its launch: they may hold a secret. */
export async function restartAgent(
  { machine, plugins, config, status, eject, load }: Omit<TokenParts, "editConfig" | "context">,
  instance: string,
  { mode, ...call }: RestartOptions = {},
): Promise<void> {
  const { instances } = await status(call);
  const found = instances.find((one) => one.instance === instance);
  if (!found || found.state !== "running")
    throw new JackinError({
      code: "conflict",
      message: `${instance} does not run any more.`,
      hint: "jackin status",
    });
  if ((await readInstance(machine.store, instance))?.headless)
    throw new JackinError({
      code: "conflict",
      message: `${instance} answers one prompt, and ends by itself.`,
    });
  const { workspace, workdir, role, runtime, image } = found;
  let args = await continuation(machine, homeOf(machine, instance), workdir);
  const target = workspace ?? workdir;
  const request = { target, role, runtime, image, mode, instance, args };
  // What can be told before is told while it runs.
  await planLaunch((await config()).config, request, plugins, machine.host);
  await eject(instance, call);
  try {
    await load(request, call).catch(async (thrown: unknown) => {
      // What was spoken without a screen is no conversation to Claude Code 2.1.330.
      if (!toJackinError(thrown).message.includes("No conversation found")) throw thrown;
      args = [];
      await load({ ...request, args }, call);
    });
  } catch (thrown) {
    const { code, message, hint } = toJackinError(thrown);
    const flags = Object.entries({ role, runtime, auth: mode }).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag} ${value}`],
    );
    const rest = args.length > 0 ? ["--", ...args] : [];
    const word = /^[\w./@:-]+$/.test(target) ? target : quoteShell(target);
    const command = ["jackin load", word, ...flags, ...rest].join(" ");
    throw new JackinError({
      code,
      message: `${instance} is stopped now, and does not start again: ${message}`,
      hint: [hint, `${command}   starts it`].filter((line) => line !== undefined).join("\n"),
      cause: thrown,
    });
  }
}

/** `--continue` when the agent has spoken in this folder before: without a conversation Claude Code 2.1.330 would end. */
async function continuation(
  { host }: Machine,
  home: string,
  workdir: string,
): Promise<readonly string[]> {
  // Claude Code names a project's folder by its path (2.1.330).
  const folder = `${home}/claude/projects/${workdir.replaceAll(/[^A-Za-z0-9]/g, "-")}`;
  const files = await host.files?.list(folder).catch(() => []);
  return files?.some((name) => name.endsWith(".jsonl")) ? ["--continue"] : [];
}
