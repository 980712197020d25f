/** Secrets in files of mode 0600 in folders of mode 0700, as they are or encrypted by `age`. */
import * as v from "valibot";
import { JackinError, throwIfAborted, toStoredName, isStoredName } from "../../core/index.ts";
import type {
  Health,
  HostFiles,
  PluginContext,
  SecretAnswer,
  SecretResolver,
  StorePlace,
  WriteRequest,
  Written,
} from "../../core/index.ts";
import { createAge } from "./age.ts";
import type { Age } from "./age.ts";
import * as at from "./place.ts";

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
export function secretFile(options: v.InferInput<typeof optionsSchema> = {}): SecretResolver {
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
      return await told(write(path, request, age, ctx));
    },
    async remove(reference, ctx) {
      const path = at.toPath(reference);
      throwIfAborted(ctx.signal);
      return await told(remove(path, ctx));
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
    const read = { maxBytes: at.maxBytes, followLinks: false };
    const text = real === undefined ? undefined : await at.filesOf(ctx).read(real, read);
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

async function write(
  path: string,
  { value }: WriteRequest,
  age: Age,
  ctx: PluginContext,
): Promise<Written> {
  const files = at.filesOf(ctx);
  const text = value.reveal();
  refuseText(text);
  // Encrypted before anything is touched: most of what can fail is in it.
  const content = path.endsWith(".age") ? await age.encrypt(text, ctx) : text;
  const before = await readBefore(path, ctx);
  await files.makeFolder(at.folderOf(path));
  await at.refuseFolder((await files.resolve(at.folderOf(path)))!, ctx);
  throwIfAborted(ctx.signal);
  const undo = async ({ host }: PluginContext) => {
    if (before === undefined) await host.files!.remove(path, { onlyFile: true });
    else await host.files!.write(path, before);
  };
  try {
    await files.write(path, content);
    throwIfAborted(ctx.signal);
  } catch (error) {
    await undo(ctx).catch((left: unknown) => {
      throw at.failure(
        `${path} was not written, and could not be left as it was: ${(left as Error).message}`,
        `See what is there: ls -l ${at.quoted(path)}`,
        error,
      );
    });
    throw error;
  }
  return { reference: at.toReference(path), undo: (later) => told(undo(later)) };
}

/** What is to be replaced. A link is left alone: what it leads to may be anybody's. */
async function readBefore(path: string, ctx: PluginContext): Promise<string | undefined> {
  const stat = await at.filesOf(ctx).stat(path);
  if (stat === undefined) return undefined;
  if (stat.kind === "link")
    throw at.failure(
      `${path} is a link, and no secret is written over a link`,
      `Name the file that it leads to: readlink -f ${at.quoted(path)}`,
    );
  await at.findFile(path, ctx);
  return await at.filesOf(ctx).read(path, { maxBytes: at.maxBytes, followLinks: false });
}

function refuseText(text: string): void {
  const why = text.endsWith("\n")
    ? "ends in a line break, which is left out when a file is read"
    : new TextEncoder().encode(text).length > at.maxBytes / 2
      ? `is longer than ${at.maxBytes / 2} bytes`
      : undefined;
  if (why) throw at.failure(`the value ${why}; nothing was stored`, "Store it elsewhere.");
}

async function remove(path: string, ctx: PluginContext): Promise<"removed" | "absent" | "foreign"> {
  const files = at.filesOf(ctx);
  const stat = await files.stat(path);
  if (stat === undefined) return "absent";
  const [folder, store] = await Promise.all(
    [at.folderOf(path), storeOf(files)].map((place) => files.resolve(place)),
  );
  const own = path.slice(path.lastIndexOf("/") + 1).replace(/\.age$/, "");
  if (stat.kind !== "file" || store === undefined || folder !== store || !isStoredName(own))
    return "foreign";
  throwIfAborted(ctx.signal);
  await files.remove(path, { onlyFile: true });
  return "removed";
}

function storeOf({ state }: HostFiles): string {
  return `${state}/secrets`;
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
