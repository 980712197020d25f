import * as v from "valibot";
import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { Health, PluginContext, SecretAnswer, SecretResolver } from "../../core/index.ts";
import { describeReference } from "./describe.ts";
import { createOp, limits } from "./op.ts";
import type { Op } from "./op.ts";
import { parseReference } from "./reference.ts";
import { removeSecret } from "./remove.ts";
import { storePlaces } from "./vaults.ts";
import { writeSecret } from "./write.ts";

const optionsSchema = v.strictObject({
  /** Sign-in address or id of the account that is asked; without it `op` chooses. */
  account: v.optional(v.pipe(v.string(), v.regex(/^[^-\s]\S*$/, "must name an account"))),
});

/** Processes of `op` that run at once; each may cost a prompt, and the service counts calls. */
const atOnce = 5;

/** Reads and writes `op://vault/item[/section]/field` with the 1Password CLI, one process for each reference. */
export function secret1password(options: v.InferInput<typeof optionsSchema> = {}): SecretResolver {
  const parsed = v.safeParse(optionsSchema, options);
  if (!parsed.success)
    throw new JackinError({
      code: "config-invalid",
      message: `[secret-1password] ${v.getDotPath(parsed.issues[0]) ?? "the options"}: ${parsed.issues[0].message}`,
      hint: "op account list",
    });
  const op = createOp(parsed.output.account);
  return {
    kind: "secret",
    name: "secret-1password",
    scheme: "op",
    limitMs: limits.first + limits.read,
    resolve: (references, ctx) => readAll(op, references, ctx),
    describe: (reference, ctx) => describeReference(op, reference, ctx),
    places: (ctx) => storePlaces(op, ctx),
    write: (request, ctx) => writeSecret(op, request, ctx),
    remove: (reference, ctx) => removeSecret(op, reference, ctx),
    async health(ctx) {
      try {
        const args = ["whoami", "--format", "json"];
        const reply = await op.run(args, ctx, { limitMs: limits.probe, about: "op whoami" });
        const who = v.parse(whoamiSchema, JSON.parse(reply));
        const account = who.email ?? who.ServiceAccountType ?? "a service account";
        return { state: "good", text: `signed in to ${who.url}`, account };
      } catch (error) {
        throwIfAborted(ctx.signal);
        if (error instanceof JackinError) return healthFrom(error);
        return {
          state: "warning",
          text: "[secret-1password] op whoami answered in an unknown form",
        };
      }
    },
  };
}

/** Without the program there is nothing wrong as long as no reference asks for it. */
function healthFrom(error: JackinError): Health {
  const missing = error.cause instanceof JackinError && error.cause.code === "host-failed";
  const next = error.hint?.split("\n")[0];
  return { state: missing ? "warning" : "bad", text: error.message, ...(next && { next }) };
}

const whoamiSchema = v.looseObject({
  url: v.string(),
  email: v.optional(v.string()),
  ServiceAccountType: v.optional(v.string()),
});

/**
 * The first call goes alone, so that one unlock serves all. Trouble that every further call would meet too (nobody signed
 * in, a locked app, a used-up limit) is the answer to the rest without a call: twenty references never raise twenty prompts.
 */
async function readAll(
  op: Op,
  references: readonly string[],
  ctx: PluginContext,
): Promise<ReadonlyMap<string, SecretAnswer>> {
  throwIfAborted(ctx.signal);
  const answers = new Map<string, SecretAnswer>();
  const queue: string[] = [];
  for (const reference of references) {
    const parsed = parseReference(reference);
    if (parsed instanceof JackinError) answers.set(reference, { status: "error", error: parsed });
    else queue.push(reference);
  }
  let stop: JackinError | undefined;
  const readNext = async (limitMs: number) => {
    const reference = queue.shift()!;
    if (stop) return void answers.set(reference, { status: "error", error: stop });
    const args = ["read", "--no-newline", "--", reference];
    try {
      const value = await op.run(args, ctx, { limitMs, about: reference });
      answers.set(reference, { status: "value", value: ctx.secret(value) });
    } catch (error) {
      throwIfAborted(ctx.signal);
      if (!(error instanceof JackinError)) throw error;
      if (op.meetsAll(error)) stop ??= error;
      answers.set(reference, { status: "error", error });
    }
  };
  const count = queue.length;
  if (count > 0) {
    ctx.progress(
      `reading ${count} secret${count === 1 ? "" : "s"} from 1Password (unlock it if it asks)`,
    );
    await readNext(limits.first);
  }
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (queue.length > 0) await readNext(limits.read);
    }),
  );
  return answers;
}
