import * as v from "valibot";
import { JackinError } from "../../core/index.ts";
import type {
  ExecOptions,
  ExecResult,
  HostExec,
  HostFiles,
  Notice,
  PluginContext,
  RuntimeProbe,
} from "../../core/index.ts";

/** What stands behind the `docker` command. */
export interface Engine {
  readonly program: "Docker" | "Podman";
  readonly version: string;
  /** The engine runs as the operator: root in a container is the operator outside. */
  readonly rootless: boolean;
  readonly selinux: boolean;
}

export const owner = "runtime-docker";

const withoutDocker =
  "Or work without Docker: jackin load --runtime local (the agent is then not isolated from this machine).";

export interface Machine {
  readonly exec: HostExec;
  readonly files: HostFiles;
}

/** The parts of the host that Docker needs. */
export function machineOf({ host }: PluginContext): Machine {
  if (host.exec && host.files) return { exec: host.exec, files: host.files };
  throw new JackinError({
    code: "runtime-missing",
    message: `[${owner}] This host can not run programs and keep files, and Docker needs both.`,
    hint: "Use jackin on a machine with Node, Deno or Bun.",
  });
}

/** What `docker` may take for an answer where nothing else is said, in ms; `Infinity` is no limit. */
const usualLimit = 60_000;

/** Runs `docker`, and says what it means when there is none, or when it hangs. */
export async function docker(
  ctx: PluginContext,
  args: readonly string[],
  { limitMs = usualLimit, ...options }: ExecOptions = {},
): Promise<ExecResult> {
  const { exec } = machineOf(ctx);
  const limit = Number.isFinite(limitMs) ? { limitMs } : {};
  try {
    return await exec("docker", args, { signal: ctx.signal, ...limit, ...options });
  } catch (error) {
    if (error instanceof JackinError && error.code === "timeout")
      throw new JackinError({
        code: "timeout",
        message: `[${owner}] docker ${args[0]}: ${error.message}`,
        hint: `See whether Docker answers at all: docker info\n${withoutDocker}`,
        cause: error,
      });
    if (!isMissing(error)) throw error;
    throw new JackinError({
      code: "runtime-missing",
      message: `[${owner}] There is no docker command on this machine.`,
      hint: `Install Docker (or Podman with its docker command), then try again.\n${withoutDocker}`,
      cause: error,
    });
  }
}

/** The error of a docker command that ended badly. */
export function dockerFailed(
  result: ExecResult,
  code: "start-failed" | "image-failed" | "host-failed",
  what: string,
  hint?: string,
): JackinError {
  const known = unreachable(result.stderr);
  if (known) return known;
  const said = lastLines(result.stderr || result.stdout, 5);
  return new JackinError({ code, message: `[${owner}] ${what}: ${said}`, hint });
}

export function lastLines(text: string, count: number): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  return lines.slice(-count).join("\n").trim() || "it said nothing";
}

const versionSchema = v.object({
  Client: v.optional(v.nullable(v.looseObject({ Version: v.string() }))),
  Server: v.optional(v.nullable(v.looseObject({ Version: v.string() }))),
});

export async function readEngine(ctx: PluginContext): Promise<Engine> {
  const asked = await docker(ctx, ["version", "--format", "{{json .}}"], { limitMs: 20_000 });
  const parsed = v.safeParse(versionSchema, parseJson(asked.stdout));
  const { Client: client, Server: server } = parsed.success ? parsed.output : {};
  // Podman writes another key; its own client needs no server.
  const podman = client ? "APIVersion" in client : false;
  if (asked.code !== 0 || (!server && !podman))
    throw dockerFailed(asked, "host-failed", "Docker does not answer as expected", withoutDocker);
  const version = (server ?? client)?.Version ?? "";
  const format = podman ? "{{.Host.Security.Rootless}}" : "{{json .SecurityOptions}}";
  const info = await docker(ctx, ["info", "--format", format], { limitMs: 20_000 });
  if (podman) {
    const rootless = info.stdout.trim() === "true";
    return { program: "Podman", version, rootless, selinux: true };
  }
  return {
    program: "Docker",
    version,
    rootless: info.stdout.includes("name=rootless"),
    selinux: info.stdout.includes("name=selinux"),
  };
}

export async function probe(ctx: PluginContext): Promise<RuntimeProbe & { engine?: Engine }> {
  try {
    const engine = await readEngine(ctx);
    const notices = engine.program === "Docker" ? await remoteNotice(ctx) : [];
    const detail = `${engine.program} ${engine.version}${engine.rootless ? ", rootless" : ""}`;
    return { ready: true, detail, notices, engine };
  } catch (error) {
    if (error instanceof JackinError && error.code !== "cancelled") return { ready: false, error };
    throw error;
  }
}

/** Folders of this machine are not there for a daemon elsewhere. */
async function remoteNotice(ctx: PluginContext): Promise<readonly Notice[]> {
  const args = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"];
  const { stdout } = await docker(ctx, args, { limitMs: 20_000 });
  const endpoint = stdout.trim();
  if (!/^(tcp|https?|ssh):/.test(endpoint)) return [];
  if (/^(tcp|https?):\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(endpoint)) return [];
  const text = `Docker runs on another machine (${endpoint.replace(/\/\/[^@/]*@/, "//")}): the workspace's folder must be there under the same path`;
  return [{ level: "warning", text, next: "docker context use default" }];
}

function unreachable(stderr: string): JackinError | undefined {
  if (/permission denied.*(docker|podman)|dial unix.*permission denied/is.test(stderr))
    return new JackinError({
      code: "runtime-denied",
      message: `[${owner}] This user may not talk to Docker (permission denied on its socket).`,
      hint: `sudo usermod -aG docker $USER, then log out and in again.\n${withoutDocker}`,
    });
  if (/cannot connect to|is the docker daemon running|error during connect/i.test(stderr))
    return new JackinError({
      code: "runtime-missing",
      message: `[${owner}] Docker is installed but does not answer: ${lastLines(stderr, 1)}`,
      hint: `Start it (sudo systemctl start docker, or Docker Desktop), then try again.\n${withoutDocker}`,
    });
  return undefined;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof JackinError) || error.code !== "host-failed") return false;
  return (error.cause as { readonly code?: unknown } | undefined)?.code === "ENOENT";
}
