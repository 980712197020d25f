/** A runtime in memory that records what it was asked, for tests of the core and of hosts. */
import { JackinError } from "../../core/index.ts";
import type {
  GrantFile,
  PluginContext,
  Runtime,
  RuntimeProbe,
  StartSpec,
  Surroundings,
} from "../../core/index.ts";

export interface RuntimeDouble extends Runtime {
  /** What `start` was given, in order. */
  readonly starts: StartSpec[];
  /** What runs now, by instance. */
  readonly running: Map<string, StartSpec>;
  readonly stops: string[];
  /** What was put into which running instance. */
  readonly put: [instance: string, file: GrantFile][];
  /** Who was asked to take files, whatever came of it. */
  readonly putAsked: string[];
  /** Instances whose files cannot be replaced. */
  readonly putFails: Set<string>;
  /** Instances that answer something else than `put`; they take nothing. */
  readonly putAnswers: Map<string, "own">;
  /** What was shown on the terminals of which instance. */
  readonly told: [instance: string, line: string][];
  /** What `start` and `surroundings` answer, by instance. */
  readonly surroundingsOf: Map<string, Surroundings>;
}

export interface RuntimeDoubleInit {
  readonly runtime?: string;
  readonly probe?: RuntimeProbe;
  /** Runs inside `start`, before the instance counts as running. */
  readonly onStart?: (spec: StartSpec, ctx: PluginContext) => void | Promise<void>;
  readonly onPrepare?: (ctx: PluginContext) => void | Promise<void>;
  /** Makes `list` fail. */
  readonly listError?: JackinError;
}

export function createRuntimeDouble(init: RuntimeDoubleInit = {}): RuntimeDouble {
  const starts: StartSpec[] = [];
  const stops: string[] = [];
  const put: [string, GrantFile][] = [];
  const putAsked: string[] = [];
  const putFails = new Set<string>();
  const putAnswers = new Map<string, "own">();
  const told: [string, string][] = [];
  const surroundingsOf = new Map<string, Surroundings>();
  const running = new Map<string, StartSpec>();
  return {
    kind: "runtime",
    name: `runtime-${init.runtime ?? "double"}`,
    runtime: init.runtime ?? "double",
    starts,
    stops,
    running,
    put,
    putAsked,
    putFails,
    putAnswers,
    told,
    surroundingsOf,
    async putFiles(instance, files) {
      putAsked.push(instance);
      if (putFails.has(instance))
        throw new JackinError({ code: "host-failed", message: `${instance} does not take it` });
      const answer = putAnswers.get(instance) ?? "put";
      if (answer === "put") for (const file of files) put.push([instance, file]);
      return answer;
    },
    async tell(instance, line) {
      told.push([instance, line]);
    },
    async surroundings(instance) {
      return surroundingsOf.get(instance) ?? plainSurroundings;
    },
    probe: async () => init.probe ?? { ready: true, detail: "in memory" },
    async prepare({ image }, ctx) {
      await init.onPrepare?.(ctx);
      return { image: image ?? "own:1" };
    },
    async start(spec, ctx) {
      starts.push(spec);
      await init.onStart?.(spec, ctx);
      running.set(spec.instance, spec);
      const surroundings = surroundingsOf.get(spec.instance);
      return { notices: [], ...(surroundings && { surroundings }) };
    },
    attach: async () => ({ ended: false, code: 0 }),
    run: async ({ args, stdin, capture }) => ({
      code: 7,
      stdout: capture ? `${args.join(" ")} < ${stdin}` : "",
    }),
    async list() {
      if (init.listError) throw init.listError;
      return [...running.values()].map(({ instance, labels }) => ({
        instance,
        running: true,
        labels,
      }));
    },
    async stop(instance) {
      stops.push(instance);
      running.delete(instance);
    },
  };
}

const plainSurroundings: Surroundings = {
  env: [],
  settings: [],
  credential: { path: "/double/.credentials.json", state: "none" },
};
