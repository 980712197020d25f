/** The agent on this machine, without a container: for machines without Docker. Nothing is isolated. */
import {
  credentialsFile,
  detachedCode,
  detachKey,
  endedCode,
  holdCommand,
  JackinError,
  tellText,
  throwIfAborted,
  toCredential,
  uncancelled,
} from "../../core/index.ts";
import type { Notice, PluginContext, Runtime, StartSpec } from "../../core/index.ts";
import { cleanEnvironment } from "./environment.ts";
import { alive, begun, endAgent, hasTmux, machineOf, missingProgram, owner } from "./machine.ts";
import { forget, readRecord, readRecords, writeRecord } from "./records.ts";
import type { LocalRecord } from "./records.ts";
import { endOf, fillRunFolder } from "./run-folder.ts";
import { bearing, readSafely, storageOf, surroundingsOf, withOthers } from "./surroundings.ts";

const notIsolated: Notice = {
  level: "warning",
  text: "Nothing is isolated (--runtime local): the agent runs as you, with your files and your network",
  next: "For a container: jackin load --runtime docker",
};

export function runtimeLocal(): Runtime {
  return {
    kind: "runtime",
    name: owner,
    runtime: "local",

    async probe(ctx) {
      try {
        const { exec } = machineOf(ctx);
        const options = { env: cleanEnvironment(ctx.host.env, {}), signal: ctx.signal };
        const { stdout } = await exec("claude", ["--version"], { ...options, limitMs: 30_000 });
        const tmux = await hasTmux(ctx);
        const notices: Notice[] = [notIsolated, ...(tmux ? [] : [withoutTmux])];
        return { ready: true, detail: `${stdout.trim()}, on this machine`, notices };
      } catch (error) {
        if (error instanceof JackinError && error.code !== "cancelled")
          return { ready: false, error: missingProgram(error) };
        throw error;
      }
    },

    async start(spec, ctx) {
      await stop(spec.instance, ctx);
      throwIfAborted(ctx.signal);
      const { notices, run } = await fillRunFolder(spec, ctx);
      const held = spec.session && (await hasTmux(ctx));
      const record: LocalRecord = {
        instance: spec.instance,
        run,
        claude: `${spec.home}/claude`,
        forwarded: spec.grant.login === "forwarded",
        env: bearing({ ...spec.env, ...spec.grant.env }),
        ...(spec.grant.folder !== undefined && { shared: spec.grant.folder }),
        workdir: spec.workdir,
        holder: held ? "tmux" : "none",
        args: spec.session ? [...spec.args] : [],
        labels: { ...spec.labels },
      };
      try {
        await writeRecord(record, ctx);
        const surroundings = await surroundingsOf(record, ctx);
        if (held) await hold(spec, record, ctx);
        throwIfAborted(ctx.signal);
        if (!held) return { notices, surroundings };
        const text = `${detachKey} leaves the agent running; jackin hardline ${spec.instance} comes back`;
        return { notices: [...notices, { level: "info", text }], surroundings };
      } catch (error) {
        await stop(spec.instance, uncancelled(ctx));
        throw error;
      }
    },

    async attach(instance, ctx) {
      const record = await known(instance, ctx);
      const { exec } = machineOf(ctx);
      const options = {
        env: environmentOf(record, ctx),
        inherit: "terminal",
        signal: ctx.signal,
      } as const;
      if (record.holder === "none") {
        const direct = [`${record.run}/launch`, ...record.args];
        return { ended: true, code: (await exec("sh", direct, options)).code };
      }
      const { code } = await exec("sh", [`${record.run}/attach`], options);
      if (code === detachedCode) return { ended: false, code: 0 };
      const end = await endOf(record.run, ctx);
      if (!end) return { ended: true, code: 143 };
      if (end.said) await exec("printf", ["%s\n", end.said], { inherit: "output" });
      return { ended: true, code: end.code };
    },

    async putFiles(instance, files, ctx) {
      const { run } = await known(instance, ctx);
      const host = machineOf(ctx).files;
      const present = await readSafely(`${run}/credentials/${credentialsFile}`, host);
      if ((await toCredential(present)).state === "whole") return "own";
      for (const { name, content } of files) {
        const text = content.reveal();
        const put = name === credentialsFile ? withOthers(text, present) : text;
        await host.write(`${run}/credentials/${name}`, put);
      }
      return "put";
    },

    async tell(instance, line, ctx) {
      const { run, holder } = await known(instance, ctx);
      if (holder === "none") return;
      await machineOf(ctx).exec("sh", [], { stdin: tellText(run, line), signal: ctx.signal });
    },

    async surroundings(instance, ctx) {
      return await surroundingsOf(await known(instance, ctx), ctx);
    },

    async run({ instance, args, stdin, capture }, ctx) {
      const record = await known(instance, ctx);
      const { code, stdout } = await machineOf(ctx).exec("sh", [`${record.run}/launch`, ...args], {
        env: environmentOf(record, ctx),
        signal: ctx.signal,
        ...(stdin !== undefined && { stdin }),
        ...(capture ? { maxBytes: 64 * 1024 * 1024 } : { inherit: "output" }),
      });
      return { code, stdout };
    },

    async list(ctx) {
      const records = await readRecords(ctx);
      const running = await alive(records, ctx);
      return records.map(({ instance, labels }) => ({
        instance,
        running: running.has(instance),
        labels,
      }));
    },

    stop,
  };
}

const withoutTmux: Notice = {
  level: "info",
  text: "There is no tmux: the agent ends with its terminal, and --detach and hardline do not work",
  next: "Install tmux.",
};

async function hold(spec: StartSpec, record: LocalRecord, ctx: PluginContext): Promise<void> {
  const [shell = "sh", ...args] = holdCommand(record.run, spec.args);
  const options = { env: environmentOf(record, ctx), cwd: spec.workdir, signal: ctx.signal };
  const result = await machineOf(ctx).exec(shell, args, { ...options, limitMs: 30_000 });
  // From its number on, the agent is found by `list` and `stop`.
  if (result.code === 0) return await begun(record, ctx);
  const end = result.code === endedCode ? await lastWords(record, ctx) : undefined;
  if (end?.code === 0) return;
  if (end)
    throw new JackinError({
      code: "start-failed",
      message: `[${owner}] The agent of ${spec.instance} ended at once, with exit code ${end.code}. Its last lines:\n${end.said || "it said nothing"}`,
      hint: "See that it starts by itself: claude",
    });
  throw new JackinError({
    code: "start-failed",
    message: `[${owner}] The agent did not start under tmux: ${result.stderr.trim()}`,
  });
}

/** How an agent ended whose holder may still be writing it down. */
async function lastWords({ run }: LocalRecord, ctx: PluginContext) {
  const wait = `n=0
while tmux -S "$1" has-session 2>/dev/null && [ "$n" -lt 50 ]; do sleep 0.1; n=$((n + 1)); done`;
  await machineOf(ctx).exec("sh", ["-c", wait, "sh", `${run}/tmux`]);
  return await endOf(run, ctx);
}

async function stop(instance: string, ctx: PluginContext): Promise<void> {
  const record = await readRecord(instance, ctx);
  if (!record) return;
  await endAgent(record, ctx);
  await forget(record, ctx);
}

async function known(instance: string, ctx: PluginContext): Promise<LocalRecord> {
  const record = await readRecord(instance, ctx);
  if (record) return record;
  throw new JackinError({
    code: "not-found",
    message: `[${owner}] ${instance} is not running.`,
    hint: "jackin status",
  });
}

function environmentOf(
  record: LocalRecord,
  ctx: PluginContext,
): Record<string, string | undefined> {
  return cleanEnvironment(ctx.host.env, {
    CLAUDE_CONFIG_DIR: record.claude,
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_SECURESTORAGE_CONFIG_DIR: storageOf(record),
  });
}
