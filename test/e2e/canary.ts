/** Canaries: secrets that are looked for wherever they must not be. Looks as root, at files, processes and Docker. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { docker } from "./operator.ts";
import { isMarkedByClaude, lineageFrom, readProc, statusOf } from "./proc.ts";

const run = promisify(execFile);

export interface Canary {
  readonly name: string;
  /** What is searched: as it is, which is also its form in JSON, URLs and shell quotes, in parts, in base64, in hex. */
  readonly forms: readonly string[];
}

/** `secret` holds at least 40 letters, digits, `-` and `_` that nothing else on the machine has. */
export function createCanary(name: string, secret: string): Canary {
  const core = secret.replace(/^sk-ant-\w+-/, "");
  if (!/^[\w-]{40,}$/.test(core)) throw new Error(`${name} cannot be searched in every form`);
  // Base64 of a longer text, at each of the three places where this part may begin in it.
  const encoded = [0, 1, 2].map((before) =>
    Buffer.from("x".repeat(before) + core)
      .toString("base64")
      .slice(before === 0 ? 0 : before + 1, 40),
  );
  const forms = [
    core.slice(0, 20),
    core.slice(-20),
    ...encoded,
    ...encoded.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    Buffer.from(core).toString("hex").slice(0, 40),
  ];
  return { name, forms: [...new Set(forms)] };
}

export function newSecret(): string {
  return randomBytes(48).toString("base64url");
}

/** The names of the canaries in it. */
export function findIn(content: string | Uint8Array, canaries: readonly Canary[]): string[] {
  const bytes = Buffer.from(content);
  return canaries
    .filter(({ forms }) => forms.some((form) => bytes.includes(form)))
    .map(({ name }) => name);
}

/** `<canary> in <path>` for every plain file of a folder, whatever its mode. Links are not followed, other mounts are left out. */
export async function findInFolder(
  folder: string,
  canaries: readonly Canary[],
  ...conditions: readonly string[]
): Promise<string[]> {
  // Files of others come and go meanwhile, which `find` reports by its exit code.
  const { stdout } = await run("find", [folder, "-xdev", "-type", "f", ...conditions, "-print0"], {
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: { stdout?: string; stderr?: string }) => {
    if (!/No such file/.test(error.stderr ?? "")) throw error;
    return { stdout: error.stdout ?? "" };
  });
  const found: string[] = [];
  for (const path of stdout.split("\0").filter(Boolean))
    for (const name of await findInFile(path, canaries)) found.push(`${name} in ${path}`);
  return found;
}

async function findInFile(path: string, canaries: readonly Canary[]): Promise<Set<string>> {
  const found = new Set<string>();
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      const bytes = Buffer.concat([rest, chunk as Buffer]);
      for (const name of findIn(bytes, canaries)) found.add(name);
      rest = bytes.subarray(-64);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return found;
}

/** Everything that Docker tells or keeps of a container: its configuration, its image, its commands, its log, its own layer. */
export async function findInDocker(
  container: string,
  since: number,
  canaries: readonly Canary[],
): Promise<string[]> {
  const inspected = await docker("inspect", container);
  const [{ Id: id, Image: image, GraphDriver: layers }] = JSON.parse(inspected) as [
    { Id: string; Image: string; GraphDriver: { Data: { UpperDir?: string } | null } },
  ];
  const span = ["--since", String(since / 1000), "--until", String(Date.now() / 1000)];
  const filter = ["--filter", `container=${id}`, "--format", "{{json .}}"];
  const events = await docker("events", ...span, ...filter);
  const execs = new Set(
    events
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { Actor: Actor }).Actor.Attributes["execID"])
      .filter((exec) => exec !== undefined),
  );
  if (execs.size === 0) throw new Error("Docker knows of no command that jackin ran inside");
  const root = (await docker("info", "--format", "{{.DockerRootDir}}")).trim();
  const told: readonly (readonly [string, string | readonly string[]])[] = [
    ["docker inspect", inspected],
    ["docker events", events],
    ["docker inspect of an exec", await Promise.all([...execs].map(inspectExec))],
    ["docker image inspect", await docker("image", "inspect", image)],
    ["docker history", await docker("history", "--no-trunc", image)],
    ["docker logs", await docker("logs", container)],
    ["docker top", await docker("top", container, "-eo", "pid,args")],
  ];
  const upper = layers.Data?.UpperDir;
  if (upper === undefined) throw new Error("the container's layer can only be read on overlay2");
  const kept = [
    `${root}/containers/${id}`,
    upper,
    ...(await runFolders(id)).filter((folder) => folder !== ""),
  ];
  return [
    ...told.flatMap(([where, text]) =>
      findIn([text].flat().join("\n"), canaries).map((name) => `${name} in ${where}`),
    ),
    ...(await Promise.all(kept.map((folder) => findInFolder(folder, canaries)))).flat(),
  ];
}

interface Actor {
  readonly Attributes: Readonly<Record<string, string>>;
}

/** What containerd and runc keep of a container while it runs. */
async function runFolders(id: string): Promise<string[]> {
  const { stdout } = await run("find", ["/run", "-xdev", "-type", "d", "-name", id]);
  return stdout.split("\n");
}

/** The command has no way to show it. */
function inspectExec(id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: "/var/run/docker.sock", path: `/exec/${id}/json` };
    const asked = request(options, async (response) => {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += String(chunk);
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(`exec ${id}: ${response.statusCode} ${text}`));
    });
    asked.once("error", reject).end();
  });
}

export interface Holder {
  readonly canary: string;
  readonly pid: number;
  /** Its number inside the container. */
  readonly inside: number;
  /** Its arguments, those of its parent, and so on. */
  readonly lineage: readonly string[];
  /** Claude Code started it, or what started it. */
  readonly byClaude: boolean;
}

/** Which processes of the container have a canary in their environment, and the numbers of all its processes. */
export async function findInProcesses(
  container: string,
  canaries: readonly Canary[],
): Promise<{ readonly holders: readonly Holder[]; readonly pids: readonly number[] }> {
  const listed = await docker("top", container, "-eo", "pid");
  const pids = listed
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 0);
  const holders = pids.flatMap((pid) => {
    const lineage = lineageFrom(pid);
    const inside = statusOf(pid)?.numbers.at(-1) ?? 0;
    const environ = readProc(pid, "environ");
    const byClaude = isMarkedByClaude(environ);
    return findIn(environ, canaries).map((canary) => ({ canary, pid, inside, lineage, byClaude }));
  });
  return { holders, pids };
}

/** The folders in memory of a container, as the machine sees them. */
export async function findInMemoryFolders(
  pid: number,
  canaries: readonly Canary[],
): Promise<string[]> {
  const root = `/proc/${pid}/root`;
  const folders = ["jackin/run", "dev/shm", "tmp", "run"].map((name) => join(root, name));
  await readdir(folders[0]!);
  const found = await Promise.all(folders.map((folder) => findInFolder(folder, canaries)));
  return found.flat().map((line) => line.replace(root, ""));
}
