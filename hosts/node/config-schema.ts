import { join } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { createConfigSchema } from "../../core/index.ts";
import type { AuthProvider, HostFiles, Plugin } from "../../core/index.ts";

export type JsonSchema = { [key: string]: unknown };

/** What an editor shows beside a key, by its name wherever it stands. */
const descriptions: Readonly<Record<string, string>> = {
  version: "The layout of this file; jackin brings an older one up to date when it edits it.",
  claude: "How the agent signs in.",
  auth_forward:
    "sync: the host's login; session: jackin's own, of jackin auth login; ignore: nothing, /login inside; token: a long-lived token, of claude setup-token.",
  oauth_token_source:
    'A reference to the long-lived token, e.g. op://vault/item/field, or "keychain".',
  oauth_token_env: "The variable of the host that holds the long-lived token.",
  refresh:
    "host: only the host renews its login; container: the agent gets the whole login and may renew it.",
  account: "Which of jackin's own logins: the NAME of jackin auth login --account NAME.",
  deliver:
    "env: the agent keeps its token until it ends; file: another can take its place while it runs.",
  source_dir: "Another configuration folder of Claude Code on the host, with another account.",
  env: 'Variables for the agent: text, or references such as op://…, $NAME, keychain://…; { value = "…" } is always text.',
  image: "The image that containers start from.",
  roles: "What an agent is for: settings that workspaces share.",
  role: "The role that a launch has when it names none.",
  workspaces: "Folders that agents work in, with their own settings.",
  workdir: "The workspace's folder.",
  plugins: "Plugins by package or folder, with their options.",
};

/**
 * The JSON Schema of the configuration, with the options of the modes that are installed. It says what the valibot schema
 * says; only that a role which is named is also defined, no JSON Schema can tell.
 */
export function toConfigJsonSchema(providers: readonly AuthProvider[]): JsonSchema {
  const convertible = providers.map((provider) =>
    provider.options && !isConvertible(provider.options)
      ? { ...provider, options: v.record(v.string(), v.unknown()) }
      : provider,
  );
  const schema = toJsonSchema(createConfigSchema(convertible), { typeMode: "input" });
  return { ...(refine(schema) as JsonSchema), title: "jackin's configuration" };
}

/** Writes the schema beside a new `config.toml`; one that is there already is kept up to date. */
export async function writeJsonSchema(
  files: HostFiles,
  folder: string,
  plugins: readonly Plugin[],
  isNew: boolean,
): Promise<void> {
  const file = join(folder, "config.schema.json");
  const old = await files.read(file, { maxBytes: 1024 * 1024 });
  if (old === undefined && !isNew) return;
  const providers = plugins.filter((plugin) => plugin.kind === "auth");
  const text = `${JSON.stringify(toConfigJsonSchema(providers), null, 2)}\n`;
  if (text !== old) await files.write(file, text);
}

/** A stranger's plugin may check its options in ways that no JSON Schema has. */
function isConvertible(options: v.GenericSchema): boolean {
  try {
    toJsonSchema(options, { typeMode: "input" });
    return true;
  } catch {
    return false;
  }
}

function refine(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(refine);
  if (typeof node !== "object" || node === null) return node;
  const refined = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, refine(value)]),
  );
  const { properties } = refined as { properties?: Record<string, JsonSchema> };
  if (!properties) return refined;
  for (const [key, property] of Object.entries(properties)) {
    const description = descriptions[key];
    if (description !== undefined) properties[key] = { ...property, description };
  }
  if ("oauth_token_source" in properties)
    refined["not"] = { required: ["oauth_token_source", "oauth_token_env"] };
  return refined;
}
