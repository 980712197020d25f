import { credentialsFile, JackinError, toCredential, toSettingsLayer } from "../../core/index.ts";
import type {
  HostFiles,
  PluginContext,
  Secret,
  SettingsLayer,
  Surroundings,
} from "../../core/index.ts";
import { machineOf } from "./machine.ts";
import type { LocalRecord } from "./records.ts";

/** What a credential file or a settings file may have at most, in bytes. */
const maxBytes = 1024 * 1024;

/** The variables of the agent are those that it was started with: all else of the host's was taken away. */
export async function surroundingsOf(
  record: LocalRecord,
  ctx: PluginContext,
): Promise<Surroundings> {
  const { files } = machineOf(ctx);
  const path = `${storageOf(record) ?? record.claude}/${credentialsFile}`;
  const project = `${record.workdir}/.claude`;
  const places: (readonly [SettingsLayer["layer"], string])[] = [
    ...(await managedFiles(ctx)),
    ["local", `${project}/settings.local.json`],
    ["project", `${project}/settings.json`],
    ["user", `${record.claude}/settings.json`],
  ];
  const layers = await Promise.all(places.map((place) => readLayer(...place, files)));
  return {
    env: record.env,
    settings: layers.filter((layer) => layer !== undefined),
    credential: { path, ...(await toCredential(await readSafely(path, files))) },
  };
}

/** The names of those that bear on sign-in and say something, as in a settings file. */
export function bearing(env: Readonly<Record<string, Secret>>): string[] {
  const values = Object.entries(env).map(([name, value]) => [name, value.reveal()]);
  return [...toSettingsLayer("user", "", JSON.stringify({ env: Object.fromEntries(values) })).env];
}

/** Where the agent keeps its login, if not in `CLAUDE_CONFIG_DIR`. */
export function storageOf({ run, forwarded, shared }: LocalRecord): string | undefined {
  return forwarded ? `${run}/credentials` : shared;
}

/** A new credential file with what else the agent keeps in it: the logins of servers (`mcpOAuth`). */
export function withOthers(text: string, present: string | undefined): string {
  try {
    const [next, before]: unknown[] = [JSON.parse(text), JSON.parse(present ?? "{}")];
    return isObject(next) && isObject(before) ? JSON.stringify({ ...before, ...next }) : text;
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The machine's, highest first: of the drop-ins the last one wins. */
async function managedFiles({ host }: PluginContext): Promise<["managed", string][]> {
  const darwin = host.platform === "darwin";
  const folder = darwin ? "/Library/Application Support/ClaudeCode" : "/etc/claude-code";
  const dropIns = `${folder}/managed-settings.d`;
  const names = (await host.files?.list(dropIns).catch(() => [])) ?? [];
  const paths = names
    .filter((name) => name.endsWith(".json"))
    .reverse()
    .map((name) => `${dropIns}/${name}`);
  return [...paths, `${folder}/managed-settings.json`].map((path) => ["managed", path]);
}

async function readLayer(
  layer: SettingsLayer["layer"],
  path: string,
  files: HostFiles,
): Promise<SettingsLayer | undefined> {
  const text = await readSafely(path, files);
  return text === undefined ? undefined : toSettingsLayer(layer, path, text);
}

/** The agent's own folder may hold a link, a pipe or an endless file: what cannot be read answers a text that is no JSON. */
export async function readSafely(path: string, files: HostFiles): Promise<string | undefined> {
  try {
    return await files.read(path, { maxBytes });
  } catch (error) {
    if (error instanceof JackinError && error.code === "host-failed") return "unreadable";
    throw error;
  }
}
