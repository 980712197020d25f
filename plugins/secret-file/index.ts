/** Secrets in files of mode 0600 in folders of mode 0700, as they are or encrypted by `age`. */
import * as v from "valibot";
import { JackinError, throwIfAborted, toStoredName } from "../../core/index.ts";
import type {
  Health,
  PluginContext,
  SecretAnswer,
  SecretResolver,
  StorePlace,
} from "../../core/index.ts";
import { createAge } from "./age.ts";
import type { Age, AgeOptions } from "./age.ts";
import * as at from "./place.ts";
import { removeFile, storeOf, writeFile } from "./store.ts";

const name = "secret-file";
const scheme = "file";

const optionsSchema = v.pipe(
  v.objectWithRest(
    {
      /** The path of the age identity that opens `….age`; with it, what jackin stores is encrypted. */
      identity: v.optional(
        v.pipe(v.string(), v.regex(/^(~\/|\/)./, "must be an absolute path, or begin with ~/")),
      ),
      /** For whom to encrypt instead: an age recipient, or the path of a file of recipients. */
      recipient: v.optional(
        v.pipe(
          v.string(),
          v.regex(
            /^(age1\S+|ssh-\S+ \S.*|(~\/|\/).+)$/,
            "must be an age recipient (age1…, ssh-…), or the path of a file of them",
          ),
        ),
      ),
    },
    v.never("is no option; there are identity and recipient"),
  ),
  v.forward(
    v.check(
      ({ identity, recipient }) => identity !== undefined || recipient === undefined,
      "is missing: without it, what is encrypted for recipient could not be read again",
    ),
    ["identity"],
  ),
);

/** Answers `file:///abs`, decrypted by `age` when it ends in `.age`. Line breaks at the end are left out, as `$(cat file)` does. */
export function secretFile(options: AgeOptions = {}): SecretResolver {
  const parsed = v.safeParse(optionsSchema, options);
  if (!parsed.success)
    throw new JackinError({
      code: "config-invalid",
      message: `[${name}] ${v.getDotPath(parsed.issues[0]) ?? "the options"}: ${parsed.issues[0].message}`,
    });
  const age = createAge(parsed.output);
  const isEncrypting = parsed.output.identity !== undefined;
  return {
    kind: "secret",
    name,
    scheme,
    limitMs: 60_000,
    async resolve(references, ctx) {
      const answers = new Map<string, SecretAnswer>();
      for (const reference of references) {
        throwIfAborted(ctx.signal);
        answers.set(reference, await answer(reference, age, ctx));
      }
      return answers;
    },
    places: async (ctx) => [await placeOf(isEncrypting ? age : undefined, ctx)],
    async write(request, ctx) {
      throwIfAborted(ctx.signal);
      const files = at.filesOf(ctx);
      const isNew = [scheme, `${scheme}://`].includes(request.place);
      const path = isNew
        ? `${storeOf(files)}/${toStoredName(request.title)}${isEncrypting ? ".age" : ""}`
        : at.toPath(request.place);
      const written = await told(writeFile(path, request, age, ctx));
      return { ...written, undo: (later) => told(written.undo(later)) };
    },
    async remove(reference, ctx) {
      const path = at.toPath(reference);
      throwIfAborted(ctx.signal);
      return await told(removeFile(path, ctx));
    },
    ...(isEncrypting && {
      health: (ctx: PluginContext) => healthOf(age, parsed.output.identity!, ctx),
    }),
  };
}

async function answer(reference: string, age: Age, ctx: PluginContext): Promise<SecretAnswer> {
  try {
    const path = at.toPath(reference);
    const real = await at.findFile(path, ctx);
    const text = real === undefined ? undefined : await readText(real, ctx);
    if (real === undefined || text === undefined)
      return { status: "absent", hint: `See what is there: ls -ld ${at.quoted(path)}` };
    const value = path.endsWith(".age") ? await age.decrypt(text, real, ctx) : text;
    return { status: "value", value: ctx.secret(withoutLastBreaks(value)) };
  } catch (thrown) {
    throwIfAborted(ctx.signal);
    const error = at.toFailure(thrown);
    if (!(error instanceof JackinError)) throw error;
    return { status: "error", error };
  }
}

async function healthOf(age: Age, identity: string, ctx: PluginContext): Promise<Health> {
  try {
    await age.probe(ctx);
    return { state: "good", text: `encrypts with age, identity ${identity}` };
  } catch (thrown) {
    throwIfAborted(ctx.signal);
    const error = at.toFailure(thrown);
    if (!(error instanceof JackinError)) throw error;
    const next = error.hint?.split("\n")[0];
    return { state: "warning", text: error.message, ...(next !== undefined && { next }) };
  }
}

async function readText(path: string, ctx: PluginContext): Promise<string | undefined> {
  try {
    return await at.filesOf(ctx).read(path, { maxBytes: at.maxBytes, followLinks: false });
  } catch (error) {
    // What age writes when it is not told otherwise.
    if (!(error instanceof JackinError) || !path.endsWith(".age") || !/UTF-8/.test(error.message))
      throw error;
    const hint = `Armor it: age --decrypt -i IDENTITY ${at.quoted(path)} | age --armor --encrypt -i IDENTITY`;
    throw at.failure(error.message.replace(/\.$/, ""), hint, error);
  }
}

async function placeOf(age: Age | undefined, ctx: PluginContext): Promise<StorePlace> {
  const { files } = ctx.host;
  const folder = files && storeOf(files);
  const shown = folder?.startsWith(`${files!.home}/`)
    ? `~${folder.slice(files!.home.length)}`
    : folder;
  const how = age ? "encrypted with age" : "0600, not encrypted";
  const place = { place: scheme, text: `a file${shown ? `, ${shown}` : ""} (${how})` };
  try {
    await at.refuseFolder(storeOf(at.filesOf(ctx)), ctx);
    await age?.probe(ctx);
    return place;
  } catch (thrown) {
    throwIfAborted(ctx.signal);
    const error = at.toFailure(thrown);
    if (!(error instanceof JackinError)) throw error;
    return { ...place, error };
  }
}

/** Not a regular expression: on thousands of line breaks one takes seconds. */
function withoutLastBreaks(text: string): string {
  let end = text.length;
  while (text[end - 1] === "\n") end--;
  return text.slice(0, end);
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw at.toFailure(error);
  }
}
