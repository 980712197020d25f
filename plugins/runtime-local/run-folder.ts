import {
  envText,
  failedCommand,
  holderFiles,
  JackinError,
  planFirstRun,
  settleLogin,
} from "../../core/index.ts";
import type { Notice, PluginContext, StartSpec } from "../../core/index.ts";
import { machineOf, owner } from "./machine.ts";

/** Puts an instance's folder in order and makes the run folder that the agent is started from. */
export async function fillRunFolder(
  spec: StartSpec,
  ctx: PluginContext,
): Promise<{ readonly run: string; readonly notices: readonly Notice[] }> {
  const { files } = machineOf(ctx);
  for (const { name } of spec.grant.files)
    if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name))
      throw new JackinError({
        code: "plugin-failed",
        message: `[${owner}] ${JSON.stringify(name)} cannot be the name of a credential file.`,
      });
  const env = envText({ ...spec.env, ...spec.grant.env }, owner);
  await files.makeFolder(`${spec.home}/claude`);
  await settleLogin(spec.home, spec.grant.login, files);
  const reports = `${spec.home}/reports`;
  await files.makeFolder(reports);
  const { run, inMemory } = await findRunFolder(spec, ctx);
  const { workdir } = spec;
  const options = { workdir, acceptBypass: false, failed: failedCommand(run) };
  const { changes, notices } = await planFirstRun(spec.home, options, files);
  for (const { file, content, aside } of changes) {
    const path = `${spec.home}/claude/${file}`;
    if (aside !== undefined) {
      await files.remove(`${spec.home}/claude/${aside}`);
      await files.rename(path, `${spec.home}/claude/${aside}`);
    }
    await files.write(path, content);
  }
  await files.remove(run);
  await files.makeFolder(`${run}/credentials`);
  const holder = holderFiles({ run, reports, workdir, command: ["claude"] });
  try {
    for (const [name, text] of Object.entries(holder)) await files.write(`${run}/${name}`, text);
    for (const { name, content } of spec.grant.files)
      await files.write(`${run}/credentials/${name}`, content.reveal());
    await files.write(`${run}/env`, env);
  } catch (error) {
    // No record speaks of it yet, so nobody else would take the login away.
    await files.remove(run);
    throw error;
  }
  const text = `This machine has no folder in memory: while it runs, the agent's login is on disk (${run}, readable by you only)`;
  return { run, notices: inMemory ? notices : [...notices, { level: "info", text }] };
}

/** The first place in memory that is ours alone, else a folder of jackin's own, removed when the instance stops. */
async function findRunFolder(
  spec: StartSpec,
  ctx: PluginContext,
): Promise<{ readonly run: string; readonly inMemory: boolean }> {
  const { files } = machineOf(ctx);
  const owned = await files.stat(spec.home);
  const name = `jackin-${owned?.uid ?? 0}-${await shortHash(files.state)}`;
  const places = ctx.host.platform === "linux" ? [ctx.host.env["XDG_RUNTIME_DIR"], "/dev/shm"] : [];
  for (const place of places) {
    if (!place || (await files.stat(place))?.kind !== "folder") continue;
    const base = `${place}/${name}`;
    try {
      await files.makeFolder(base);
    } catch {
      continue;
    }
    // Anyone may make folders in /dev/shm: somebody else's is no place for a login.
    const stat = await files.stat(base);
    if (stat?.kind === "folder" && stat.uid === owned?.uid && (stat.mode & 0o077) === 0)
      return { run: `${base}/${spec.instance}`, inMemory: true };
  }
  return { run: `${files.state}/run/${spec.instance}`, inMemory: false };
}

async function shortHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const bytes = new Uint8Array(digest, 0, 4);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** How the held agent ended; `said` is its last screen when it died at once. */
export async function endOf(
  run: string,
  ctx: PluginContext,
): Promise<{ readonly code: number; readonly said: string } | undefined> {
  const text = await machineOf(ctx).files.read(`${run}/end`, { maxBytes: 1024 * 1024 });
  const [first = "", ...rest] = text?.split("\n") ?? [];
  return /^\d+$/.test(first) ? { code: Number(first), said: rest.join("\n").trim() } : undefined;
}
