/** jackin in memory with a store that takes tokens, a configuration that can be changed and a Claude Code that is scripted. */
import { createJackin, createSecret, JackinError } from "../../core/index.ts";
import type {
  AuthProvider,
  Config,
  ConfigChange,
  Grant,
  PluginContext,
  RunRequest,
  SecretAnswer,
  SecretResolver,
} from "../../core/index.ts";
import { createHostDouble } from "./host.ts";
import { createRuntimeDouble } from "./runtime.ts";
import { createStoreDouble } from "./store.ts";

export const tokenOne = `sk-ant-oat01-${"one".repeat(31)}AA`;
export const tokenTwo = `sk-ant-oat01-${"two".repeat(31)}AA`;
export const day = 86_400_000;

export type Step = "write" | "read" | "start" | "status" | "turn" | "config";

export function createTokenWorld(initial: Config) {
  let config = initial;
  /** What happened, in order. */
  const steps: Step[] = [];
  /** Runs before a step does its part; throwing makes it fail. */
  const before: Partial<Record<Step, () => void | Promise<void>>> = {};
  const vault = new Map<string, string>();
  const ours = new Set<string>();
  const script = {
    /** As the token's delivery has it, without one. */
    status: undefined as { readonly code: number; readonly stdout: string } | undefined,
    turn: { code: 0, stdout: "pong" },
    /** Waited for before anything is taken back. */
    undoing: undefined as Promise<void> | undefined,
    undoError: undefined as JackinError | undefined,
    removeError: undefined as JackinError | undefined,
    /** What each read gives instead of what is there. */
    read: undefined as ((reference: string) => SecretAnswer) | undefined,
    deliver: "env" as "env" | "file",
    /** The store does not heed a signal. */
    isDeaf: false,
    /** Runs when a lock is taken. */
    onLock: undefined as ((name: string) => void | Promise<void>) | undefined,
    /** Only so many changes of the configuration land, and then it fails. */
    landing: undefined as { readonly changes: number; readonly error: Error } | undefined,
    isAlive: true,
    /** Other names of what is stored. */
    names: new Map<string, string>(),
    configError: undefined as Error | undefined,
  };
  let count = 0;

  async function at(step: Step, ctx?: PluginContext) {
    steps.push(step);
    await before[step]?.();
    if (ctx?.signal.aborted) throw new JackinError({ code: "cancelled", message: "Cancelled." });
  }

  const store: SecretResolver = {
    kind: "secret",
    name: "secret-vault",
    scheme: "vault",
    async resolve(references, ctx) {
      await at("read", ctx);
      return new Map(
        references.map((reference): [string, SecretAnswer] => {
          const value = vault.get(reference);
          if (script.read) return [reference, script.read(reference)];
          return value === undefined
            ? [reference, { status: "absent" }]
            : [reference, { status: "value", value: createSecret(value) }];
        }),
      );
    },
    describe: async (reference) => ({
      store: script.names.get(reference) ?? reference,
      text: reference,
    }),
    places: async () => [{ place: "vault", text: "the vault" }],
    async write({ place, value }, ctx) {
      await at("write", script.isDeaf ? undefined : ctx);
      const before = vault.get(place);
      const reference = before === undefined ? `vault://token-${++count}` : place;
      vault.set(reference, value.reveal());
      ours.add(reference);
      return {
        reference,
        isReplaced: before !== undefined,
        async undo() {
          await script.undoing;
          if (script.undoError) throw script.undoError;
          if (before === undefined) vault.delete(reference);
          else vault.set(reference, before);
        },
      };
    },
    async remove(reference) {
      if (script.removeError) throw script.removeError;
      if (!ours.has(reference)) return "foreign";
      return vault.delete(reference) ? "removed" : "absent";
    },
  };

  const token: AuthProvider = {
    kind: "auth",
    name: "auth-token",
    mode: "token",
    needsToken: true,
    async grant({ token: given }) {
      const grant: Grant = {
        line: "claude auth: long-lived OAuth token",
        login: "forwarded",
        files: [],
        env: {},
        notices: [],
        ...(given?.expiresAt !== undefined && { expiresAt: given.expiresAt }),
      };
      return script.deliver === "file"
        ? {
            ...grant,
            replaceable: true,
            files: [{ name: ".credentials.json", content: given!.value }],
          }
        : { ...grant, env: { CLAUDE_CODE_OAUTH_TOKEN: given!.value } };
    },
  };
  const ignore: AuthProvider = {
    kind: "auth",
    name: "auth-ignore",
    mode: "ignore",
    grant: async () => ({
      line: "claude auth: none (manual /login required)",
      login: "own",
      files: [],
      env: {},
      notices: [],
    }),
  };

  const base = createRuntimeDouble({ onStart: (_, ctx) => at("start", ctx) });
  const runs: RunRequest[] = [];
  const runtime: typeof base = {
    ...base,
    async run(request, ctx) {
      runs.push(request);
      const isTurn = request.args[0] === "-p";
      await at(isTurn ? "turn" : "status", ctx);
      if (isTurn) return script.turn;
      const authMethod = script.deliver === "file" ? "claude.ai" : "oauth_token";
      return script.status ?? { code: 0, stdout: JSON.stringify({ loggedIn: true, authMethod }) };
    },
  };
  const host = createHostDouble({ files: { "/w/app/file": "", "/w/site/file": "" } });
  const states = createStoreDouble();
  const jackin = createJackin({
    host: {
      ...host,
      process: { id: "me:1", isAlive: async () => script.isAlive },
      async lock(name) {
        await script.onLock?.(name);
        return { [Symbol.asyncDispose]: async () => {} };
      },
    },
    plugins: [runtime, token, ignore, store],
    store: states,
    async config() {
      if (script.configError) throw script.configError;
      return { config, notices: [] };
    },
    async editConfig(decide, { signal }) {
      await at("config");
      if (signal?.aborted) throw new JackinError({ code: "cancelled", message: "Cancelled." });
      const changes = decide(config);
      config = changes.slice(0, script.landing?.changes).reduce(apply, config);
      if (script.landing) throw script.landing.error;
    },
  });
  return {
    jackin,
    steps,
    before,
    vault,
    ours,
    script,
    runtime,
    runs,
    host,
    states,
    get config() {
      return config;
    },
    set config(value: Config) {
      config = value;
    },
    /** Everything that must be as it was when an operation fails. */
    snapshot: () =>
      structuredClone({
        config,
        vault: [...vault],
        running: [...base.running.keys()],
        states: [...states.items],
      }),
  };
}

/** Independent of the core's own. */
function apply(config: Config, { path, value }: ConfigChange): Config {
  const copy = structuredClone(config) as Record<string, unknown>;
  let table = copy;
  for (const key of path.slice(0, -1)) table = (table[key] ??= {}) as Record<string, unknown>;
  if (value === undefined) delete table[path.at(-1)!];
  else table[path.at(-1)!] = value;
  return copy;
}
