import * as v from "valibot";
import type { PluginContext } from "../../core/index.ts";
import { containerName, labels } from "./container.ts";
import { docker, dockerFailed, machineOf, parseJson } from "./engine.ts";

const stateSchema = v.object({
  name: v.string(),
  running: v.boolean(),
  status: v.optional(v.string()),
  labels: v.nullable(v.record(v.string(), v.string())),
});

export interface ContainerState {
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Located {
  readonly name: string;
  /** Undefined: there is no such container. */
  readonly state: ContainerState | undefined;
}

/**
 * The container of an instance: `jackin-<instance>`, or, when another operator's jackin has a container of that name,
 * the name with a mark of this home behind it. `taken` is in use, seen or not: a container that Docker is removing keeps its
 * name for a moment more.
 */
export async function locate(
  instance: string,
  ctx: PluginContext,
  taken?: string,
): Promise<Located> {
  const home = machineOf(ctx).files.state;
  const plain = containerName(instance);
  const marked = `${plain}-${await markOf(home)}`;
  const found = await statesOf([plain, marked], ctx);
  const own = [plain, marked].find((name) => found.get(name)?.labels[labels.home] === home);
  const name = own ?? (found.has(plain) || taken === plain ? marked : plain);
  return { name, state: found.get(name) };
}

/** By name or id. */
export async function stateOf(
  container: string,
  ctx: PluginContext,
): Promise<ContainerState | undefined> {
  return [...(await statesOf([container], ctx)).values()][0];
}

/** Those of the containers that are there. */
async function statesOf(
  names: readonly string[],
  ctx: PluginContext,
): Promise<ReadonlyMap<string, ContainerState>> {
  const format =
    '{"name":{{json .Name}},"running":{{json .State.Running}},"status":{{json .State.Status}},"labels":{{json .Config.Labels}}}';
  const result = await docker(ctx, ["container", "inspect", "--format", format, ...names]);
  if (result.code !== 0 && !isGone(result.stderr))
    throw dockerFailed(result, "host-failed", `The container ${names[0]} cannot be looked at`);
  const states = new Map<string, ContainerState>();
  for (const line of result.stdout.split("\n")) {
    const parsed = v.safeParse(stateSchema, parseJson(line));
    // One that is being removed is as good as gone, and may be seen for a while yet.
    if (!parsed.success || parsed.output.status === "removing") continue;
    const { name, running, labels } = parsed.output;
    // Docker puts a slash before the name, Podman does not.
    states.set(name.replace(/^\//, ""), { running, labels: labels ?? {} });
  }
  return states;
}

/** Asked alone: `{{.Id}}` is what both Docker and Podman know. */
export async function idOf(name: string, ctx: PluginContext): Promise<string | undefined> {
  const result = await docker(ctx, ["container", "inspect", "--format", "{{.Id}}", name]);
  if (result.code === 0) return result.stdout.trim();
  if (isGone(result.stderr)) return undefined;
  throw dockerFailed(result, "host-failed", `The container ${name} cannot be looked at`);
}

async function markOf(home: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(home));
  return [...new Uint8Array(hash, 0, 3)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** With its anonymous volumes, running or not. No such container is fine. */
export async function removeContainer(name: string, ctx: PluginContext): Promise<void> {
  const result = await docker(ctx, ["rm", "-f", "-v", name]);
  if (result.code !== 0 && !isGone(result.stderr))
    throw dockerFailed(
      result,
      "host-failed",
      `The container ${name} cannot be removed`,
      `docker rm -f ${name}`,
    );
}

export function isGone(stderr: string): boolean {
  return /no such (container|object)|no container with name|is already in progress/i.test(stderr);
}
