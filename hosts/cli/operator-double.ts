/** The command on a machine of its own for tests: real files in a temporary home, a runtime and a login that are scripted. */
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type {
  AuthProvider,
  Grant,
  Host,
  Plugin,
  Runtime,
  StartSpec,
  Surroundings,
  Tokens,
} from "../../core/index.ts";
import { cancelled, JackinError } from "../../core/index.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import { secretEnv } from "../../plugins/secret-env/index.ts";
import { createNodeHost } from "../node/host.ts";
import { openJackin } from "../node/open.ts";
import type { Prompts, TextOptions } from "./prompts.ts";
import { run } from "./run.ts";

export const now = Date.UTC(2026, 10, 25, 12);

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallInit {
  readonly env?: Readonly<Record<string, string>>;
  /** Which streams are a terminal. */
  readonly terminal?: readonly ("stdin" | "stdout" | "stderr")[];
  readonly input?: string;
  readonly columns?: number;
  readonly signal?: AbortSignal;
  /** Told of each piece of stdout as it comes. */
  readonly onOutput?: (text: string) => void;
  /** What the person answers, in order; "cancel" gives up, "wait" waits until the question is taken back. */
  readonly answers?: readonly (string | boolean)[];
  readonly cwd?: string;
  /** Instead of what this machine has. */
  readonly host?: Partial<Host>;
  /** Beside the ones that are always there. */
  readonly plugins?: readonly Plugin[];
  /** Instead of what the core does. */
  readonly tokens?: Partial<Tokens>;
}

export const everywhere = ["stdin", "stdout", "stderr"] as const;

export type OperatorDouble = Awaited<ReturnType<typeof createOperatorDouble>>;

export async function createOperatorDouble() {
  const home = await realpath(await mkdtemp(join(tmpdir(), "jackin-cli-")));
  const env = { HOME: home, TERM: "xterm" };
  const runtime = createRuntimeDouble();
  const login: { grant: Partial<Grant>; health: NonNullable<AuthProvider["health"]> } = {
    grant: {},
    health: async () => ({ state: "good", text: "the host is signed in", expiresAt: now + 60_000 }),
  };
  const plugins: readonly Plugin[] = [
    syncDouble(login),
    authIgnore(),
    authToken(),
    secretEnv(),
    runtime.plugin,
  ];
  const asked: string[] = [];
  const browser = { isThere: true, shown: [] as string[] };
  const clock = { time: now, now: () => clock.time };
  const keepers = { started: 0, error: undefined as Error | undefined };

  async function jackin(argv: readonly string[], init: CallInit = {}): Promise<Outcome> {
    const output = { stdout: "", stderr: "" };
    const answers = [...(init.answers ?? [])];
    const stream = (name: "stdin" | "stdout" | "stderr") =>
      Object.assign(new PassThrough(), {
        isTTY: init.terminal?.includes(name) ?? false,
        columns: init.columns ?? 80,
      });
    const [stdin, stdout, stderr] = [stream("stdin"), stream("stdout"), stream("stderr")];
    stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
      init.onOutput?.(text);
    });
    stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    stdin.end(init.input ?? "");
    const allEnv = { ...env, ...init.env };
    const host = {
      ...createNodeHost({ env: allEnv }),
      clock,
      browse: async (url: string) => {
        browser.shown.push(url);
        return browser.isThere;
      },
      ...init.host,
    };
    const code = await run(
      argv,
      {
        stdin,
        stdout,
        stderr,
        env: allEnv,
        cwd: init.cwd ?? join(home, "app"),
        signal: init.signal ?? new AbortController().signal,
      },
      {
        async open(options) {
          const all = [...plugins, ...(init.plugins ?? [])];
          const opened = await openJackin({ ...options, host, plugins: all });
          const tokens = { ...opened.jackin.tokens, ...init.tokens };
          return { ...opened, jackin: { ...opened.jackin, tokens } };
        },
        prompts: promptsDouble(answers, asked),
        async startKeeper() {
          if (keepers.error) throw keepers.error;
          keepers.started++;
        },
      },
    );
    return { code, ...output };
  }

  await mkdir(join(home, "app"));
  return {
    home,
    jackin,
    runtime,
    login,
    /** How often a process was started that keeps agents signed in; none is in truth. */
    keepers,
    browser,
    /** Set its `time` to let time pass. */
    clock,
    /** The questions so far, with what could be chosen. */
    asked,
    async configure(toml: string, mode = 0o600) {
      await mkdir(join(home, ".config/jackin"), { recursive: true });
      const path = join(home, ".config/jackin/config.toml");
      await writeFile(path, toml);
      // Whatever the umask is.
      await chmod(path, mode);
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true }),
  };
}

function promptsDouble(answers: (string | boolean)[], asked: string[]): Prompts {
  const next = (question: string): never => {
    asked.push(question);
    const answer = answers.shift();
    if (answer === undefined) throw new Error(`nobody answers: ${question}`);
    if (answer === "cancel") throw cancelled();
    return answer as never;
  };
  /** Asks until it is, as a prompt does. */
  const valid = (question: string, validate: TextOptions["validate"]) => {
    for (;;) {
      const answer: string = next(question);
      if (validate?.(answer) === undefined) return answer;
    }
  };
  return {
    select: async (message, options) =>
      next(
        `${message}: ${options.map(({ value, disabled }) => (disabled ? `(${value})` : value)).join(", ")}`,
      ),
    confirm: async (message) => next(message),
    text: async (message, { validate } = {}) => valid(message, validate),
    async password(message, { signal, validate } = {}) {
      if (answers[0] !== "wait") return valid(message, validate);
      asked.push(message);
      answers.shift();
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      throw cancelled();
    },
  };
}

function syncDouble(login: {
  grant: Partial<Grant>;
  health: NonNullable<AuthProvider["health"]>;
}): AuthProvider {
  return {
    kind: "auth",
    name: "auth-sync",
    mode: "sync",
    grant: async () => ({
      line: "claude auth: forwarded host session (sync)",
      login: "forwarded",
      files: [],
      env: {},
      notices: [],
      ...login.grant,
    }),
    health: (request, ctx) => login.health(request, ctx),
  };
}

function createRuntimeDouble() {
  const running = new Map<string, StartSpec>();
  const script = {
    attach: { ended: true, code: 0 },
    run: { code: 0, stdout: "pong\n" },
    /** Instead of starting. */
    start: undefined as ((signal: AbortSignal) => Promise<never>) | undefined,
    /** Happens as the terminal becomes the agent's. */
    attaching: async () => {},
    /** Happens while the terminal is the agent's. */
    whileAttached: () => {},
    broken: undefined as JackinError | undefined,
    putError: undefined as JackinError | undefined,
  };
  const attached: string[] = [];
  const runs: (readonly string[])[] = [];
  const prompts: (string | undefined)[] = [];
  const put: string[] = [];
  const surroundingsOf = new Map<string, Surroundings>();
  const plugin: Runtime = {
    kind: "runtime",
    name: "runtime-double",
    runtime: "double",
    probe: async () => ({ ready: true, detail: "a double" }),
    async start(spec, ctx) {
      ctx.progress(`starting the container of ${spec.instance}`);
      if (script.start) await script.start(ctx.signal);
      running.set(spec.instance, spec);
      return { notices: [] };
    },
    async attach(instance, ctx) {
      attached.push(instance);
      await script.attaching();
      script.whileAttached();
      if (ctx.signal.aborted) throw cancelled();
      if (script.attach.ended) running.delete(instance);
      return script.attach;
    },
    async run(request) {
      runs.push(request.args);
      prompts.push(request.stdin);
      return { ...script.run, stdout: request.capture ? script.run.stdout : "" };
    },
    async putFiles(instance) {
      if (script.putError) throw script.putError;
      put.push(instance);
      return "put";
    },
    async surroundings(instance) {
      const found = surroundingsOf.get(instance);
      if (found) return found;
      throw new JackinError({ code: "host-failed", message: `nothing is known of ${instance}` });
    },
    async list() {
      if (script.broken) throw script.broken;
      return [...running].map(([instance, { labels }]) => ({ instance, running: true, labels }));
    },
    async stop(instance) {
      running.delete(instance);
    },
  };
  return { plugin, script, running, attached, runs, prompts, put, surroundingsOf };
}

/** A start that ends only by being cancelled, and tells when it has begun. */
export function hangingStart() {
  const begun = Promise.withResolvers<void>();
  const start = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(cancelled(signal.reason)), { once: true });
      begun.resolve();
    });
  return { start, begun: begun.promise };
}

export function startFailure(): Promise<never> {
  return Promise.reject(
    new JackinError({
      code: "start-failed",
      message: "[runtime-double] no room",
      hint: "make room\nor wait",
    }),
  );
}
