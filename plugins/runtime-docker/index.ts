/** Agents in containers, by the `docker` command: contexts, `DOCKER_HOST` and Podman's command work as they do for it. */
import * as v from "valibot";
import {
  detachedCode,
  JackinError,
  tellText,
  terminalReset,
  uncancelled,
} from "../../core/index.ts";
import type { PluginContext, Runtime, RuntimeInstance } from "../../core/index.ts";
import { inside, labels, lastScreen } from "./container.ts";
import type { Engine } from "./engine.ts";
import { docker, dockerFailed, machineOf, owner, parseJson, probe, readEngine } from "./engine.ts";
import type { ImageMemory } from "./image-check.ts";
import { defaultClaudeVersion, prepareImage } from "./image.ts";
import { idOf, locate, removeContainer, stateOf } from "./remove.ts";
import { replaceText } from "./replace.ts";
import { startContainer } from "./start.ts";
import { maxSurroundings, surroundingsText, toSurroundings } from "./surroundings.ts";

const optionsSchema = v.strictObject({
  /** The version of Claude Code in the image that jackin builds. */
  claudeVersion: v.optional(
    v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+[\w.-]*$/, "is no version like 2.1.330")),
    defaultClaudeVersion,
  ),
  /** How many processes and threads a container may have. */
  pidsLimit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64)), 4096),
});

export type RuntimeDockerOptions = v.InferInput<typeof optionsSchema>;

export function runtimeDocker(options: RuntimeDockerOptions = {}): Runtime {
  const { claudeVersion, pidsLimit } = checked(options);
  const memory: ImageMemory = new Map();
  let engine: Engine | undefined;
  return {
    kind: "runtime",
    name: owner,
    runtime: "docker",

    async probe(ctx) {
      const { engine: found, ...answer } = await probe(ctx);
      engine = found;
      return answer;
    },

    prepare: (request, ctx) => prepareImage(request, claudeVersion, ctx),

    async start(spec, ctx) {
      engine ??= await readEngine(ctx);
      return await startContainer(spec, { engine, pidsLimit, memory }, ctx);
    },

    async attach(instance, ctx) {
      const { name } = await locate(instance, ctx);
      const term = ctx.host.env["TERM"] || "xterm-256color";
      const args = ["exec", "-it", "--env", `TERM=${term}`, name, "sh", `${inside.run}/attach`];
      const { code } = await docker(ctx, args, { inherit: "terminal", limitMs: Infinity });
      if (code === detachedCode) return { ended: false, code: 0 };
      // Ended with its container, a terminal program has had no time to put the terminal back.
      await machineOf(ctx).exec("printf", ["%s", terminalReset], { inherit: "output" });
      return { ended: true, code: await endOf(instance, name, ctx) };
    },

    async putFiles(instance, files, ctx) {
      const { name } = await locate(instance, ctx);
      const put = await docker(ctx, ["exec", "-i", name, "sh"], { stdin: replaceText(files) });
      if (put.code !== 0)
        throw dockerFailed(put, "host-failed", `The login of ${instance} cannot be replaced`);
      return put.stdout.trim() === "own" ? "own" : "put";
    },

    async tell(instance, line, ctx) {
      const { name } = await locate(instance, ctx);
      const stdin = tellText(inside.run, line);
      const told = await docker(ctx, ["exec", "-i", name, "sh"], { stdin });
      if (told.code !== 0)
        throw dockerFailed(
          told,
          "host-failed",
          `Nothing can be shown on the terminals of ${instance}`,
        );
    },

    async surroundings(instance, ctx) {
      const { name } = await locate(instance, ctx);
      const options = { stdin: surroundingsText, maxBytes: maxSurroundings };
      const asked = await docker(ctx, ["exec", "-i", name, "sh"], options);
      const found = asked.code === 0 ? await toSurroundings(asked.stdout) : undefined;
      if (found) return found;
      throw dockerFailed(asked, "host-failed", `${instance} cannot be looked into`);
    },

    async run({ instance, args, stdin, capture }, ctx) {
      const { name } = await locate(instance, ctx);
      const interactive = stdin === undefined ? [] : ["-i"];
      const command = ["exec", ...interactive, name, "sh", `${inside.run}/launch`, ...args];
      try {
        const { code, stdout } = await docker(ctx, command, {
          limitMs: Infinity,
          ...(stdin !== undefined && { stdin }),
          ...(capture ? { maxBytes: 64 * 1024 * 1024 } : { inherit: "output" }),
        });
        if (ctx.signal.aborted) throw new JackinError({ code: "cancelled", message: "Cancelled." });
        return { code, stdout };
      } catch (error) {
        // The end of the docker command is not the end of what it has started.
        await removeContainer(name, uncancelled(ctx));
        throw error;
      }
    },

    async list(ctx) {
      const { files } = machineOf(ctx);
      const filter = `label=${labels.home}=${files.state}`;
      const listed = await docker(ctx, ["ps", "-aq", "--no-trunc", "--filter", filter]);
      if (listed.code !== 0)
        throw dockerFailed(listed, "host-failed", "The containers cannot be listed");
      const ids = listed.stdout.split("\n").filter(Boolean);
      if (ids.length === 0) return [];
      const format = '{"running":{{json .State.Running}},"labels":{{json .Config.Labels}}}';
      // One that is gone since makes the command fail and is missing in its output: both are right.
      const { stdout } = await docker(ctx, ["inspect", "--format", format, ...ids], {
        maxBytes: 64 * 1024 * 1024,
      });
      return stdout.split("\n").flatMap(toInstance);
    },

    async stop(instance, ctx) {
      const { name, state } = await locate(instance, ctx);
      if (state?.labels[labels.home] !== machineOf(ctx).files.state) return;
      // By its id: another launch may give the name to a new container meanwhile.
      const id = await idOf(name, ctx);
      if (id === undefined) return;
      if (state.running) await docker(ctx, ["stop", "-t", "5", id]);
      await removeContainer(id, ctx);
    },
  };

  function checked(given: RuntimeDockerOptions) {
    const result = v.safeParse(optionsSchema, given);
    if (result.success) return result.output;
    const issue = result.issues[0];
    throw new JackinError({
      code: "config-invalid",
      message: `[${owner}] Option ${v.getDotPath(issue) ?? "options"}: ${issue.message}.`,
    });
  }
}

const instanceSchema = v.object({
  running: v.boolean(),
  labels: v.record(v.string(), v.string()),
});

function toInstance(line: string): RuntimeInstance[] {
  const parsed = v.safeParse(instanceSchema, parseJson(line));
  if (!parsed.success) return [];
  const instance = parsed.output.labels[labels.instance];
  return instance === undefined ? [] : [{ instance, ...parsed.output }];
}

/** The agent's exit code, once its container has ended. */
async function endOf(instance: string, name: string, ctx: PluginContext): Promise<number> {
  const state = await stateOf(name, ctx);
  if (!state) return 143;
  if (state.running && (await hasSession(name, ctx)))
    throw new JackinError({
      code: "host-failed",
      message: `[${owner}] The terminal could not be given to the agent; it goes on running.`,
      hint: `jackin hardline ${instance}`,
    });
  const said = state.running
    ? await docker(ctx, ["exec", name, "sh", "-c", lastScreen])
    : undefined;
  if (said?.code === 0 && said.stdout !== "")
    await machineOf(ctx).exec("printf", ["%s", said.stdout], { inherit: "output" });
  const waited = await docker(ctx, ["wait", name], { limitMs: 30_000 });
  return waited.code === 0 ? Number(waited.stdout.trim()) : 143;
}

async function hasSession(name: string, ctx: PluginContext): Promise<boolean> {
  const args = ["exec", name, "tmux", "-S", `${inside.run}/tmux`, "has-session", "-t", "agent"];
  return (await docker(ctx, args)).code === 0;
}
