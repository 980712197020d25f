/**
 * `npm run demo`: what becomes of several sessions when a login expires, as plain copies, in mode sync and in mode token.
 * Real Claude Code processes against the lab; in containers where Docker runs, else on this machine.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Jackin, Runtime } from "../../core/index.ts";
import { openJackin } from "../../hosts/node/index.ts";
import type { Lab } from "./lab.ts";
import { startLab } from "./lab.ts";

const run = promisify(execFile);
const count = 4;

interface Row {
  readonly what: string;
  readonly alive: number;
  readonly host: boolean;
  readonly line: string;
}

/** One operator with a signed-in host and a folder that sessions work in. */
interface Scene {
  readonly lab: Lab;
  readonly home: string;
  readonly work: string;
  readonly jackin: Jackin;
  readonly runtime: Runtime;
  /** What a session needs to reach the lab. */
  readonly reach: Record<string, string>;
}

const folder = await mkdtemp(join(tmpdir(), "jackin-demo-"));
try {
  const runtime = await chooseRuntime();
  console.log(
    `${count} sessions each, real Claude Code, ${runtime === "docker" ? "in containers" : "on this machine (no Docker here)"}. The host's login has expired; every session sends one prompt.\n`,
  );
  const rows = [
    await scene(runtime, plainCopies),
    await scene(runtime, (s) => launched(s, "sync")),
    await scene(runtime, (s) => launched(s, "token")),
  ];
  const width = Math.max(...rows.map((row) => row.what.length));
  console.log(`\n${"".padEnd(width)}   sessions alive   host signed in   said at launch`);
  for (const { what, alive, host, line } of rows) {
    console.log(
      `${what.padEnd(width)}   ${`${alive} of ${count}`.padEnd(14)}   ${(host ? "yes" : "NO").padEnd(14)}   ${line}`,
    );
  }
  console.log(
    "\nA refresh token works once: the first copy that renews logs all the others out, the host too. jackin hands out",
  );
  console.log(
    "the access token alone (sync), or a token of its own that lasts a year (token), so only the host ever renews.",
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function chooseRuntime(): Promise<"docker" | "local"> {
  const { jackin } = await openJackin({
    env: { ...process.env, JACKIN_HOME_DIR: join(folder, "probe"), JACKIN_CONFIG_DIR: folder },
  });
  const docker = runtimeOf(jackin, "docker");
  const ctx = jackin.context({ progress: (line) => console.error(`  ${line}`) });
  if (!docker || !(await docker.probe(ctx)).ready) return "local";
  try {
    await docker.prepare?.({}, ctx);
    return "docker";
  } catch (error) {
    console.error(
      `Docker runs, but the agent's image could not be made: ${(error as Error).message}`,
    );
    return "local";
  }
}

function runtimeOf(jackin: Jackin, name: string): Runtime | undefined {
  return jackin.plugins.find(
    (plugin): plugin is Runtime => plugin.kind === "runtime" && plugin.runtime === name,
  );
}

async function scene(
  runtime: "docker" | "local",
  act: (scene: Scene) => Promise<Omit<Row, "host">>,
): Promise<Row> {
  await using lab = await startLab({ containers: runtime === "docker" });
  const home = await mkdtemp(join(folder, "home-"));
  const work = join(home, "my-app");
  await mkdir(work);
  const ca = join(work, "lab-ca.pem");
  await cp(lab.caPath, ca);
  await lab.signIn(home, lab.newLogin({ lifetimeMs: -60_000 }));
  const reach = {
    ...(runtime === "docker" ? lab.forContainers.env : lab.forHost),
    NODE_EXTRA_CA_CERTS: ca,
  };
  const token = lab.newLongLivedToken();
  const pairs = Object.entries({ ...reach, CLAUDE_CODE_OAUTH_TOKEN: token }).map(
    ([key, value]) => `${key} = ${JSON.stringify(value)}`,
  );
  await mkdir(join(home, "config"));
  await writeFile(join(home, "config/config.toml"), `[env]\n${pairs.join("\n")}\n`, {
    mode: 0o600,
  });
  const env = {
    ...process.env,
    ...lab.hostClaude(home),
    JACKIN_HOME_DIR: join(home, "state"),
    JACKIN_CONFIG_DIR: join(home, "config"),
  };
  const { jackin } = await openJackin({ env });
  const row = await act({ lab, home, work, jackin, runtime: runtimeOf(jackin, runtime)!, reach });
  await jackin.exile();
  const host = await answers(lab.hostClaude(home), "claude", ["-p", "ping"]);
  return { ...row, host };
}

/** What people do by hand: the login file copied to each session. */
async function plainCopies({
  lab,
  home,
  runtime,
  jackin,
  reach,
}: Scene): Promise<Omit<Row, "host">> {
  const image =
    runtime.runtime === "docker" ? (await runtime.prepare!({}, jackin.context())).image : undefined;
  let alive = 0;
  for (let index = 0; index < count; index++) {
    const copy = join(home, `copy-${index}`);
    await cp(join(home, ".claude"), copy, {
      recursive: true,
      filter: (path) => path.endsWith(".claude") || path.endsWith(".credentials.json"),
    });
    await cp(lab.caPath, join(copy, "lab-ca.pem"));
    const env = {
      ...reach,
      NODE_EXTRA_CA_CERTS: join(copy, "lab-ca.pem"),
      CLAUDE_CONFIG_DIR: copy,
    };
    const inside = Object.keys(env).flatMap((key) => ["-e", key]);
    const user = `${process.getuid!()}:${process.getgid!()}`;
    const worked = image
      ? await answers({ ...process.env, ...env }, "docker", [
          "run",
          "--rm",
          "--user",
          user,
          "-e",
          "HOME=/tmp",
          "-v",
          `${copy}:${copy}`,
          ...inside,
          image,
          "claude",
          "-p",
          "ping",
        ])
      : await answers({ ...lab.hostClaude(home), ...env }, "claude", ["-p", "ping"]);
    if (worked) alive++;
  }
  return { what: "plain copies", alive, line: "-" };
}

async function launched(
  { work, jackin, runtime }: Scene,
  mode: string,
): Promise<Omit<Row, "host">> {
  const request = { target: work, mode, runtime: runtime.runtime, args: ["-p"] };
  const printed = await Promise.all(
    Array.from({ length: count }, () => jackin.print(request, { stdin: "ping", capture: true })),
  );
  const alive = printed.filter(({ code, stdout }) => code === 0 && stdout.includes("pong")).length;
  return { what: `jackin, ${mode}`, alive, line: printed[0]!.line };
}

async function answers(
  env: NodeJS.ProcessEnv,
  command: string,
  args: readonly string[],
): Promise<boolean> {
  const call = run(command, args, { env, cwd: folder, timeout: 120_000 });
  call.child.stdin?.end();
  return call.then(
    ({ stdout }) => stdout.includes("pong"),
    () => false,
  );
}
