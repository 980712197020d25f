import {
  cancelled,
  endedCode,
  holdCommand,
  JackinError,
  settleLogin,
  throwIfAborted,
  uncancelled,
} from "../../core/index.ts";
import type { ExecResult, PluginContext, Started, StartSpec } from "../../core/index.ts";
import type { User } from "./container.ts";
import { detachNotice, inside, labels, lastScreen, runArguments } from "./container.ts";
import type { Engine } from "./engine.ts";
import { docker, dockerFailed, lastLines, machineOf, owner } from "./engine.ts";
import type { ImageMemory } from "./image-check.ts";
import { checkImage } from "./image-check.ts";
import { missing, provisionText } from "./provision.ts";
import { isGone, locate, removeContainer, stateOf } from "./remove.ts";
import { maxSurroundings, toSurroundings } from "./surroundings.ts";

export interface StartOptions {
  readonly engine: Engine;
  readonly pidsLimit: number;
  readonly memory: ImageMemory;
}

/** Starts, fills and begins; whatever goes wrong, the container is gone again. */
export async function startContainer(
  spec: StartSpec,
  { engine, pidsLimit, memory }: StartOptions,
  ctx: PluginContext,
): Promise<Started> {
  const { files } = machineOf(ctx);
  const name = await clearName(spec.instance, ctx);
  const operator = await operatorOf(spec.home, ctx);
  await settleLogin(spec.home, spec.grant.login, files);
  for (const folder of ["claude", "home", "reports"])
    await files.makeFolder(`${spec.home}/${folder}`);
  const truecolor = /^(truecolor|24bit)$/.test(ctx.host.env["COLORTERM"] ?? "");
  const common = { spec, engine, operator, pidsLimit, truecolor, state: files.state };
  const provision = await provisionText(spec, files);
  throwIfAborted(ctx.signal);

  // Not cancellable: the daemon would go on with what a killed command has asked for. Cancelling is looked at after it.
  const calm = uncancelled(ctx);
  let answered = false;
  // From its start on it goes by its id: after an eject another launch may have the name. Undefined: that name is not ours.
  let container: string | undefined = name;
  try {
    let started = await create(runArguments({ ...common, name }), calm);
    if (isInUse(started)) {
      // It has come since we looked: what a killed launch had asked of Docker, or another operator's.
      container = undefined;
      container = await clearName(spec.instance, calm, name);
      started = await create(runArguments({ ...common, name: container }), calm);
    }
    answered = true;
    if (started.code !== 0) throw runFailed(spec, container, started);
    container = started.stdout.trim() || container;
    throwIfAborted(ctx.signal);
    const surroundings = await toSurroundings(await execute(spec, container, provision.text, ctx));
    const checks = await checkImage(spec, container, memory, ctx);
    if (spec.session) await begin(spec, container, ctx);
    throwIfAborted(ctx.signal);
    const detach = spec.session ? [detachNotice(spec.instance)] : [];
    const notices = [...provision.notices, ...checks, ...detach];
    return { notices, ...(surroundings && { surroundings }) };
  } catch (error) {
    const isOurs = !(error instanceof JackinError && error.code === "conflict");
    if (isOurs && container !== undefined) await removeSurely(container, answered, calm);
    throw ctx.signal.aborted ? cancelled(error) : error;
  }
}

function create(args: readonly string[], ctx: PluginContext): Promise<ExecResult> {
  return docker(ctx, args, { limitMs: 120_000 });
}

function isInUse({ stderr }: Pick<ExecResult, "stderr">): boolean {
  return /is already in use/.test(stderr);
}

async function operatorOf(home: string, ctx: PluginContext): Promise<User> {
  const { exec, files } = machineOf(ctx);
  const stat = await files.stat(home);
  if (stat?.kind !== "folder")
    throw new JackinError({
      code: "start-failed",
      message: `[${owner}] The instance's folder ${home} is not there.`,
    });
  const { uid } = stat;
  const asked = await exec("id", ["-g", String(uid)], { signal: ctx.signal });
  const gid = Number.parseInt(asked.stdout, 10);
  return { uid, gid: asked.code === 0 && gid >= 0 ? gid : uid };
}

/** The name to take. Whether an instance may be started is the caller's decision; what is left of an earlier start goes. */
async function clearName(instance: string, ctx: PluginContext, taken?: string): Promise<string> {
  const { name, state } = await locate(instance, ctx, taken);
  const home = state?.labels[labels.home];
  if (state && home !== machineOf(ctx).files.state) throw nameTaken(name, home);
  if (state) await removeContainer(name, ctx);
  return name;
}

function nameTaken(name: string, home: string | undefined): JackinError {
  return new JackinError({
    code: "conflict",
    message: `[${owner}] There is a container ${name} already, and it is not this jackin's${home ? ` (its home is ${home})` : ""}.`,
    hint: `See what it is: docker ps -a --filter name=${name}`,
  });
}

function runFailed(
  spec: StartSpec,
  name: string,
  result: { readonly code: number; readonly stdout: string; readonly stderr: string },
): JackinError {
  const { stderr } = result;
  if (isInUse(result)) return nameTaken(name, undefined);
  if (/bind source path does not exist|no such file or directory.*mount/i.test(stderr))
    return new JackinError({
      code: "start-failed",
      message: `[${owner}] The folder ${spec.workdir} cannot be mounted: ${lastLines(stderr, 2)}`,
      hint: "See that the folder is there, on the machine that Docker runs on.",
    });
  return dockerFailed(result, "start-failed", `The container did not start`, tryByHand(spec));
}

/** Gives the shell in the container its text by stdin, and answers what that printed. */
async function execute(
  spec: StartSpec,
  name: string,
  text: string,
  ctx: PluginContext,
): Promise<string> {
  const options = { stdin: text, limitMs: 120_000, maxBytes: maxSurroundings };
  const result = await docker(ctx, ["exec", "-i", name, "sh"], options);
  if (result.code === 0) return result.stdout;
  for (const [program, code] of Object.entries(missing))
    if (result.code === code)
      throw new JackinError({
        code: "start-failed",
        message: `[${owner}] The image ${spec.image} has no ${program}.`,
        hint: `Add ${program} to the image, or leave --image out and take jackin's own.`,
      });
  if (/no space left/i.test(result.stderr))
    throw new JackinError({
      code: "start-failed",
      message: `[${owner}] What the agent needs could not be written: ${lastLines(result.stderr, 1)}`,
      hint: `Free some space: df -h ${spec.home.slice(0, spec.home.lastIndexOf("/"))}`,
    });
  throw await notPrepared(spec, name, result, ctx);
}

async function begin(spec: StartSpec, name: string, ctx: PluginContext): Promise<void> {
  const args = ["exec", name, ...holdCommand(inside.run, spec.args)];
  const result = await docker(ctx, args, { limitMs: 60_000 });
  if (result.code === 0) return;
  if (result.code !== endedCode) throw await notPrepared(spec, name, result, ctx);
  const said = await docker(ctx, ["exec", name, "sh", "-c", lastScreen], { limitMs: 30_000 });
  const code = (await docker(ctx, ["wait", name], { limitMs: 30_000 })).stdout.trim();
  if (code === "0") return;
  const what = `The agent of ${spec.instance} ended at once, with exit code ${code}`;
  throw died(spec, what, said.code === 0 ? said.stdout : "");
}

/** A container that died says more in its log than the command that met it dead. */
async function notPrepared(
  spec: StartSpec,
  name: string,
  result: { readonly code: number; readonly stdout: string; readonly stderr: string },
  ctx: PluginContext,
): Promise<JackinError> {
  const state = await stateOf(name, ctx);
  if (state?.running)
    return dockerFailed(result, "start-failed", "The agent did not start", tryByHand(spec));
  const { stdout, stderr } = await docker(ctx, ["logs", "--tail", "10", name]);
  return died(spec, `The container of ${spec.instance} died at its start`, stdout + stderr);
}

function died(spec: StartSpec, what: string, said: string): JackinError {
  return new JackinError({
    code: "start-failed",
    message: `[${owner}] ${what}. Its last lines:\n${lastLines(said, 10)}`,
    hint: tryByHand(spec),
  });
}

function tryByHand({ image }: StartSpec): string {
  return `Try the image by hand: docker run --rm -it --entrypoint sh ${image}`;
}

/** After a `docker run` that did not answer, the container may turn up a moment later. */
async function removeSurely(
  container: string,
  answered: boolean,
  ctx: PluginContext,
): Promise<void> {
  for (let tries = answered ? 1 : 10; tries > 0; tries--) {
    const { stderr } = await docker(ctx, ["rm", "-f", "-v", container]);
    if (!isGone(stderr)) return;
    if (tries > 1) await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
