/** What Claude Code makes of a token, in an instance of its own that is gone afterwards. */
import * as v from "valibot";
import type { Config } from "./config.ts";
import type { Plugin, PluginContext } from "./contracts.ts";
import { JackinError, throwIfAborted } from "./error.ts";
import { explain } from "./explain.ts";
import { classifyFailure } from "./failure-words.ts";
import type { FailureCause } from "./failure.ts";
import type { InstanceRecord } from "./instances.ts";
import type { Machine } from "./machine.ts";
import { forget, runtimeOf, takeDown } from "./machine.ts";
import { startInstance } from "./start.ts";
import type { TokenScope } from "./token-ledger.ts";
import { literal, toUse, withChanges } from "./token-use.ts";
import { uncancelled } from "./uncancelled.ts";
import { within } from "./within.ts";

export interface ProofRequest {
  /** With the token in it, and mode token, at `scope`. */
  readonly config: Config;
  readonly scope: TokenScope;
  /** One real turn, too. */
  readonly turn: boolean;
  readonly runtime?: string | undefined;
}

/** What a turn came to; a proof without one is `accepted` when Claude Code takes the token for its sign-in. */
export type Proof =
  | { readonly outcome: "accepted" }
  /** By the API, or by Claude Code; `text` is what it said. Cause `unknown`: something else would be used instead. */
  | { readonly outcome: "refused"; readonly cause: FailureCause; readonly text: string };

/** ms */
const limitMs = 180_000;

/** What `claude auth status --json` of 2.1.330 says. */
const statusSchema = v.looseObject({ loggedIn: v.boolean(), authMethod: v.optional(v.string()) });

/** These can be the token's; anything else is trouble of another kind. */
const refusals: ReadonlySet<FailureCause> = new Set([
  "not-signed-in",
  "not-renewed",
  "expired",
  "revoked",
  "refused",
  "malformed",
  "policy",
]);

/** In an empty folder: a project's own hooks and settings are no part of it. Throws when nothing can be told. */
export async function proveToken(
  machine: Machine,
  plugins: readonly Plugin[],
  request: ProofRequest,
  ctx: PluginContext,
): Promise<Proof> {
  const run = (args: readonly string[], stdin?: string) =>
    runOnce(machine, plugins, request, args, stdin, ctx);
  const status = await run(["auth", "status", "--json"]);
  const refused = status.outranked ?? notItsSignIn(status);
  if (refused || !request.turn) return refused ?? { outcome: "accepted" };
  ctx.progress("waiting for the answer to one turn");
  const { code, stdout } = await run(["-p", "--max-turns", "1"], "Answer with the one word: pong");
  return code === 0 ? { outcome: "accepted" } : judge(stdout);
}

/** Whether the API takes a token that may not be configured any more; it is tried at `scope`. */
export async function isTokenAccepted(
  machine: Machine,
  plugins: readonly Plugin[],
  reference: string,
  { config, scope, runtime }: Omit<ProofRequest, "turn">,
  ctx: PluginContext,
): Promise<"accepted" | "refused"> {
  if (reference === literal)
    throw new JackinError({
      code: "usage",
      message: "A token that stood in the configuration is nowhere to be tried any more.",
    });
  const proposed = withChanges(config, toUse(scope, reference));
  const request = { config: proposed, scope, turn: true, runtime };
  const proof = await proveToken(machine, plugins, request, ctx);
  if (proof.outcome === "accepted") return "accepted";
  if (/^(expired|revoked|refused|malformed)$/.test(proof.cause)) return "refused";
  throw new JackinError({
    code: "start-failed",
    message: `Whether ${reference} is still accepted cannot be told: ${proof.text}`,
  });
}

/** An instance hands its secrets to the first that runs in it, so each run has one of its own. */
async function runOnce(
  machine: Machine,
  plugins: readonly Plugin[],
  { config, scope, runtime: named }: ProofRequest,
  args: readonly string[],
  stdin: string | undefined,
  ctx: PluginContext,
) {
  const { files } = machine.host;
  const workdir = `${files?.state ?? ""}/proof`;
  await files?.makeFolder(workdir);
  const at = { workspace: scope.workspace, workdir, key: "proof", base: "jackin-proof" };
  const { record } = await startInstance(
    machine,
    { role: scope.role, runtime: named, mode: "token" },
    { config, notices: [], plugins, session: false, at },
    ctx,
  );
  const { instance, runtime } = record;
  try {
    const outranked = await lookForOthers(machine, record, ctx);
    const limit = { limitMs, signal: ctx.signal, what: "Claude Code" };
    const result = await within(limit, (signal) =>
      runtimeOf(machine, runtime).run(
        { instance, args, capture: true, ...(stdin !== undefined && { stdin }) },
        { ...ctx, signal },
      ),
    );
    return { ...result, outranked, asFile: record.replaceable === true };
  } finally {
    await takeDown(machine, instance, runtime, uncancelled(ctx));
    await forget(machine, instance);
  }
}

/** Claude Code does not tell of all: with `ANTHROPIC_AUTH_TOKEN` it says `oauth_token` and uses the other (2.1.330). */
async function lookForOthers(
  machine: Machine,
  { instance, runtime, replaceable: asFile }: InstanceRecord,
  ctx: PluginContext,
): Promise<Proof | undefined> {
  const limit = { limitMs, signal: ctx.signal, what: `[${runtime}] a look into ${instance}` };
  const seen = await within(limit, async (signal) =>
    runtimeOf(machine, runtime).surroundings?.(instance, { ...ctx, signal }),
  ).catch(() => throwIfAborted(ctx.signal));
  if (!seen) return undefined;
  const now = machine.host.clock.now();
  const winner = explain(seen, { mode: "token", asFile, now }).find(
    ({ state }) => state === "wins",
  );
  if (!winner?.outranks) return undefined;
  const text = `Claude Code would use ${winner.source} (${winner.where}) instead`;
  return { outcome: "refused", cause: "unknown", text };
}

interface Status {
  readonly stdout: string;
  readonly code: number;
  readonly asFile: boolean;
}

function notItsSignIn({ stdout, code, asFile }: Status): Proof | undefined {
  let json: unknown;
  try {
    json = JSON.parse(stdout);
  } catch {
    json = undefined;
  }
  const parsed = v.safeParse(statusSchema, json);
  if (!parsed.success)
    throw new JackinError({
      code: "start-failed",
      message: `claude auth status ended with exit code ${code} and no answer that could be read.`,
      hint: "jackin doctor",
    });
  const { loggedIn, authMethod = "" } = parsed.output;
  if (!loggedIn)
    return { outcome: "refused", cause: "not-signed-in", text: "Claude Code is not signed in" };
  // A token in a file counts as a login; a variable of the image would go before it.
  if (authMethod === (asFile ? "claude.ai" : "oauth_token")) return undefined;
  const text = `Claude Code would sign in by ${authMethod.slice(0, 40)} instead`;
  return { outcome: "refused", cause: "unknown", text };
}

function judge(stdout: string): Proof {
  const text = stdout.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
  const cause = classifyFailure(text);
  if (refusals.has(cause)) return { outcome: "refused", cause, text };
  throw new JackinError({
    code: "start-failed",
    message: `The turn failed for another reason than the token: ${text || "Claude Code said nothing"}`,
  });
}
