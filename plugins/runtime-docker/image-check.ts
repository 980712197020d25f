import * as v from "valibot";
import {
  credentialsFile,
  JackinError,
  outranking,
  quoteShell,
  tokenVariable,
} from "../../core/index.ts";
import type { HostFiles, Notice, PluginContext, StartSpec } from "../../core/index.ts";
import { inside } from "./container.ts";
import { docker, machineOf, owner, parseJson } from "./engine.ts";

/** What is known of an image, by its id: it never changes. */
const knownSchema = v.object({
  /** Where its `claude` reads a login: the credential folder, or only `CLAUDE_CONFIG_DIR`. */
  file: v.optional(v.picklist(["storage", "config"])),
  /** It was seen to use the token. */
  token: v.optional(v.literal("seen")),
});

type Known = v.InferOutput<typeof knownSchema>;

export type ImageMemory = Map<string, Known>;

const statusSchema = v.object({
  authMethod: v.string(),
  apiKeySource: v.optional(v.nullable(v.string())),
});

const containerSchema = v.object({
  image: v.string(),
  env: v.nullable(v.array(v.string())),
});

/**
 * Makes sure that the `claude` of this image sees what was provisioned. It is asked once per image. An image whose
 * `claude` knows no credential folder gets a link to it in `CLAUDE_CONFIG_DIR`, so that still only memory holds the login.
 */
export async function checkImage(
  spec: StartSpec,
  container: string,
  memory: ImageMemory,
  ctx: PluginContext,
): Promise<readonly Notice[]> {
  const provided = providedBy(spec);
  if (!provided) return [];
  const format = '{"image":{{json .Image}},"env":{{json .Config.Env}}}';
  const inspected = await docker(ctx, ["inspect", "--format", format, container]);
  const parsed = v.safeParse(containerSchema, parseJson(inspected.stdout));
  if (!parsed.success) return [];
  const { image, env } = parsed.output;
  const baked = outranking.filter((name) => env?.some((entry) => entry.startsWith(`${name}=`)));
  const notices: Notice[] = baked.map((name) => outranked(spec, name));

  // What the operator's own environment outranks, core has told.
  const told = outranking.some((name) => name in spec.env);

  const { files } = machineOf(ctx);
  const known = await recall(image, memory, files);
  if (provided === "shared") {
    if (known.file === "storage") return notices;
    const file = known.file ?? (await askWhere(container, ctx));
    if (file === undefined) return [...notices, unseen(spec, undefined, undefined)];
    await remember(image, { ...known, file }, memory, files);
    if (file === "config") throw cannotShare(spec);
    return notices;
  }
  if (provided === "token") {
    if (known.token || notices.length > 0) return notices;
    const { method, source } = await askStatus(container, ctx);
    if (method !== "oauth_token") return told ? [] : [unseen(spec, method, source)];
    await remember(image, { ...known, token: "seen" }, memory, files);
    return [];
  }
  if (known.file === "storage") return notices;
  if (!known.file) {
    const { method, source } = await askStatus(container, ctx);
    if (method === "claude.ai") {
      await remember(image, { ...known, file: "storage" }, memory, files);
      return notices;
    }
    if (method !== "none")
      return notices.length > 0 || told ? notices : [unseen(spec, method, source)];
  }
  await linkLogin(container, ctx);
  if (!known.file) {
    const { method, source } = await askStatus(container, ctx);
    if (method !== "claude.ai") return [...notices, unseen(spec, method, source)];
    await remember(image, { ...known, file: "config" }, memory, files);
  }
  const text = `The claude in ${spec.image} does not know CLAUDE_SECURESTORAGE_CONFIG_DIR: the login is linked into its CLAUDE_CONFIG_DIR instead`;
  return [...notices, { level: "warning", text, next: "Update Claude Code in that image." }];
}

function providedBy({ grant }: StartSpec): "file" | "token" | "shared" | undefined {
  if (grant.login === "shared") return "shared";
  if (grant.files.some(({ name }) => name === credentialsFile)) return "file";
  return "CLAUDE_CODE_OAUTH_TOKEN" in grant.env ? "token" : undefined;
}

/** Presence, not validity: `claude auth status` calls nobody for a login that has no refresh token or is not expired. */
async function askStatus(
  container: string,
  ctx: PluginContext,
): Promise<{ readonly method: string | undefined; readonly source: string | undefined }> {
  const ask = `. ${inside.run}/env && claude auth status --json`;
  const asked = await docker(ctx, ["exec", container, "sh", "-c", ask], { limitMs: 60_000 });
  const status = v.safeParse(statusSchema, parseJson(asked.stdout));
  if (!status.success) return { method: undefined, source: undefined };
  return { method: status.output.authMethod, source: status.output.apiKeySource ?? undefined };
}

/**
 * Where the image's `claude` looks for a login, whatever outranks one and whether the shared folder holds one yet: it is
 * shown a login that is no good, in a place of its own.
 */
async function askWhere(container: string, ctx: PluginContext): Promise<Known["file"]> {
  const ask = `d=${inside.run}/ask
unset ${[...outranking, tokenVariable].join(" ")}
mkdir -p "$d/storage" "$d/config" || exit
echo '{"claudeAiOauth":{"accessToken":"none","scopes":["user:inference"]}}' > "$d/storage/${credentialsFile}"
CLAUDE_CONFIG_DIR="$d/config" CLAUDE_SECURESTORAGE_CONFIG_DIR="$d/storage" claude auth status --json
rm -rf "$d"`;
  const asked = await docker(ctx, ["exec", container, "sh", "-c", ask]);
  const status = v.safeParse(statusSchema, parseJson(asked.stdout));
  if (!status.success) return undefined;
  return { "claude.ai": "storage" as const, none: "config" as const }[status.output.authMethod];
}

function cannotShare({ image }: StartSpec): JackinError {
  return new JackinError({
    code: "start-failed",
    message: `[${owner}] The claude in ${image} does not know CLAUDE_SECURESTORAGE_CONFIG_DIR, so it cannot share a login with others.`,
    hint: "Update Claude Code in that image, or use mode sync: jackin load --auth sync",
  });
}

async function linkLogin(container: string, ctx: PluginContext): Promise<void> {
  const from = quoteShell(`${inside.credentials}/${credentialsFile}`);
  const to = quoteShell(`${inside.claude}/${credentialsFile}`);
  await docker(ctx, [
    "exec",
    container,
    "sh",
    "-c",
    `ln -sfn ${from} ${to} && : > ${inside.linked}`,
  ]);
}

function outranked(spec: StartSpec, name: string): Notice {
  const text = `The image ${spec.image} sets ${name}, which outranks what jackin provides: Claude Code uses it instead`;
  return { level: "warning", text, next: `Remove ${name} from the image.` };
}

function unseen(spec: StartSpec, method: string | undefined, source: string | undefined): Notice {
  const next = "Look inside: jackin hardline, then /status.";
  if (method === undefined || method === "none") {
    const text = `It could not be seen that the claude in ${spec.image} finds the login that was provided`;
    return { level: "warning", text, next };
  }
  const text = `The claude in ${spec.image} is signed in by ${source ?? method} and not by what was provided: that outranks it`;
  return { level: "warning", text, next };
}

async function recall(image: string, memory: ImageMemory, files: HostFiles): Promise<Known> {
  const held = memory.get(image);
  if (held) return held;
  const text = await files
    .read(recordPath(image, files), { maxBytes: 4096 })
    .catch(() => undefined);
  const parsed = v.safeParse(knownSchema, parseJson(text ?? "{}"));
  return parsed.success ? parsed.output : {};
}

async function remember(
  image: string,
  known: Known,
  memory: ImageMemory,
  files: HostFiles,
): Promise<void> {
  memory.set(image, known);
  await files.write(recordPath(image, files), `${JSON.stringify(known)}\n`);
}

function recordPath(image: string, files: HostFiles): string {
  return `${files.state}/images/${image.replace(/[^\w]+/g, "-")}.json`;
}
