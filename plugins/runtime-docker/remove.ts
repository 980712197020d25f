import * as v from "valibot";
import type { PluginContext } from "../../core/index.ts";
import { docker, dockerFailed, parseJson } from "./engine.ts";

const stateSchema = v.object({
  running: v.boolean(),
  code: v.number(),
  labels: v.nullable(v.record(v.string(), v.string())),
});

export interface ContainerState {
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** Undefined: no such container. */
export async function stateOf(
  name: string,
  ctx: PluginContext,
): Promise<ContainerState | undefined> {
  const format =
    '{"running":{{json .State.Running}},"code":{{json .State.ExitCode}},"labels":{{json .Config.Labels}}}';
  const result = await docker(ctx, ["container", "inspect", "--format", format, name]);
  if (result.code !== 0) {
    if (isGone(result.stderr)) return undefined;
    throw dockerFailed(result, "host-failed", `The container ${name} cannot be looked at`);
  }
  const parsed = v.safeParse(stateSchema, parseJson(result.stdout));
  if (!parsed.success) return undefined;
  return { running: parsed.output.running, labels: parsed.output.labels ?? {} };
}

/** With its anonymous volumes, running or not. No such container is fine. */
export async function removeContainer(name: string, ctx: PluginContext): Promise<void> {
  const result = await docker(ctx, ["rm", "-f", "-v", name], { limitMs: 60_000 });
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
