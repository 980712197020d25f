/** runtime-docker on a real Docker with the real Claude Code: what the command's own tests do not look at. */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Grant, StartSpec } from "../../core/index.ts";
import { createSecret } from "../../core/index.ts";
import { createNodeHost } from "../../hosts/node/index.ts";
import { runtimeDocker } from "../../plugins/runtime-docker/index.ts";
import { claudeDouble, testRuntime } from "../conformance/runtime.ts";
import { createContextDouble } from "../doubles/host.ts";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { inside } from "./inside.ts";
import { docker, eventually } from "./operator.ts";
import { openTerminal } from "./terminal.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const own: Grant = { line: "", login: "own", files: [], env: {}, notices: [] };

/** A home of jackin of its own, with folders that belong to `uid`. */
async function makeWorld(uid = process.getuid!()) {
  const base = await realpath(await mkdtemp(join(tmpdir(), "jackin-docker-")));
  await chown(base, uid, uid);
  const state = join(base, "state");
  const host = createNodeHost({ home: base, stateDir: state });
  const runtime = runtimeDocker();
  let count = 0;
  const context = (signal?: AbortSignal) => createContextDouble(host, signal);
  async function folder(name: string): Promise<string> {
    const path = join(base, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chown(path, uid, uid);
    return path;
  }
  return {
    base,
    runtime,
    context,
    folder,
    async spec(change: Partial<StartSpec> = {}): Promise<StartSpec> {
      const instance = `e2e-${randomUUID().slice(0, 8)}`;
      const home = await folder(`home-${count++}`);
      // As start would: what it makes belongs to whoever runs jackin, which in these tests may be root for another.
      for (const name of ["claude", "home", "reports"]) await folder(`home-${count - 1}/${name}`);
      const workdir = await folder("work");
      const plain = { env: {}, grant: own, args: [], session: true, labels: {} };
      return { instance, home, workdir, image, ...plain, ...change };
    },
    async [Symbol.asyncDispose]() {
      const ids = await docker("ps", "-aq", "--filter", `label=jackin.home=${state}`);
      const left = ids.split("\n").filter(Boolean);
      if (left.length > 0) await docker("rm", "-f", ...left);
      await rm(base, { recursive: true, force: true });
    },
  };
}

type World = Awaited<ReturnType<typeof makeWorld>>;

let image: string;
/** Images that these tests make, by the name of their program. */
const made: string[] = [];

/** The own image with another `claude`. */
async function imageWith(name: string, claude: string): Promise<string> {
  const base = await ownImage();
  const text = Buffer.from(claude).toString("base64");
  const file = `FROM ${base}\nUSER root\nRUN mv /usr/local/bin/claude /usr/local/bin/claude.real && echo ${text} | base64 -d > /usr/local/bin/claude && chmod 755 /usr/local/bin/claude\n`;
  const tag = `jackin-e2e/${name}:${createHash("sha256").update(file).digest("hex").slice(0, 12)}`;
  const building = promisify(execFile)("docker", ["build", "-q", "-t", tag, "-"]);
  building.child.stdin?.end(file);
  await building;
  made.push(tag);
  return tag;
}

async function ownImage(): Promise<string> {
  await using world = await makeWorld();
  return (await world.runtime.prepare!({}, world.context())).image;
}

afterAll(async () => {
  if (made.length > 0) await docker("rmi", "-f", ...made);
});

testRuntime("runtime-docker", async () => {
  const world = await makeWorld();
  return { ...world, image: await imageWith("double", claudeDouble) };
});

describe("runtime-docker with Claude Code", () => {
  let lab: Lab;
  let world: World;
  beforeAll(async () => {
    lab = await startLab({ containers: true });
    image = await ownImage();
    world = await makeWorld(1234);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const reach = () => {
    const { NODE_EXTRA_CA_CERTS: _, ...env } = lab.forContainers.env;
    return Object.fromEntries(
      Object.entries(env).map(([key, value]) => [key, createSecret(value)]),
    );
  };
  const sync = (): Grant => {
    const { claudeAiOauth } = lab.newLogin({ account: "me@example.test" }) as unknown as {
      claudeAiOauth: { accessToken: string; scopes: readonly string[] };
    };
    const { accessToken, scopes } = claudeAiOauth;
    const content = createSecret(JSON.stringify({ claudeAiOauth: { accessToken, scopes } }));
    return { ...own, login: "forwarded", files: [{ name: ".credentials.json", content }] };
  };
  const token = (value: string): Grant => ({
    ...own,
    login: "forwarded",
    env: { CLAUDE_CODE_OAUTH_TOKEN: createSecret(value) },
  });
  const screenOf = (instance: string) =>
    inside(`jackin-${instance}`, "tmux -S /jackin/run/tmux capture-pane -p -t agent");
  const isListed = async (instance: string) =>
    (await world.runtime.list(world.context())).find((item) => item.instance === instance);

  it("opens on its prompt with no dialog, as an operator that the image does not know", async () => {
    const spec = await world.spec({ grant: sync(), env: reach() });
    await world.runtime.start(spec, world.context());
    const screen = await eventually("the prompt", async () => {
      const text = await screenOf(spec.instance);
      return text.includes("bypass permissions on") && text;
    });
    expect(screen).toMatch(/^❯/m);
    expect(screen).not.toMatch(/trust|Yes, |No, |theme|Welcome|login|API key/i);
    expect((await stat(join(spec.home, "claude/.claude.json"))).uid).toBe(1234);
    await world.runtime.stop(spec.instance, world.context());
  });

  it("keeps a token out of everything but the agent's own process", async () => {
    const canary = lab.newLongLivedToken({ account: "me@example.test" });
    const seen = watchArguments(canary);
    const spec = await world.spec({ grant: token(canary), env: reach() });
    const ctx = world.context();
    const { notices } = await world.runtime.start(spec, ctx);
    const name = `jackin-${spec.instance}`;
    const holders = await eventually("the agent's own process", async () => {
      const found = await inside(
        name,
        `for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ 2>/dev/null | grep -q CLAUDE_CODE_OAUTH_TOKEN && cat $p/comm; done; :`,
      );
      return found.trim() !== "" && found;
    });
    // Whatever the agent starts itself is its own affair; the holder, the shells and the main process have nothing.
    expect(holders).not.toMatch(/tmux|^sh$|sleep|cat|init/m);
    expect(await seen.end()).toEqual([]);
    const inspected = await docker("inspect", name);
    const history = await docker("history", "--no-trunc", spec.image);
    const logs = await docker("logs", name);
    for (const text of [inspected, history, logs, JSON.stringify([notices, ctx.lines])])
      expect(text).not.toContain(canary);
    expect(await filesWith(world.base, canary)).toEqual([]);
    expect(await inside(name, `grep -rl CLAUDE_CODE_OAUTH_TOKEN /jackin/run || true`)).toBe("");
    await world.runtime.stop(spec.instance, world.context());
  });

  it("answers a headless turn, with Claude Code's exit code", async () => {
    const good = await world.spec({ grant: sync(), env: reach(), session: false });
    await world.runtime.start(good, world.context());
    const request = { args: ["-p", "ping"], capture: true };
    expect(
      await world.runtime.run({ ...request, instance: good.instance }, world.context()),
    ).toEqual({
      code: 0,
      stdout: "pong\n",
    });
    await world.runtime.stop(good.instance, world.context());
    const bad = await world.spec({ env: reach(), session: false });
    await world.runtime.start(bad, world.context());
    const refused = await world.runtime.run(
      { ...request, instance: bad.instance },
      world.context(),
    );
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("Not logged in");
    await world.runtime.stop(bad.instance, world.context());
  });

  it("reports each refused turn, headless or not, beside the user's own hook", async () => {
    const content = createSecret(
      '{"claudeAiOauth":{"accessToken":"refused","scopes":["user:inference"]}}',
    );
    const grant = { ...sync(), files: [{ name: ".credentials.json", content }] };
    const spec = await world.spec({ grant, env: reach(), session: false });
    const settings = join(spec.home, "claude/settings.json");
    const command = "cat > /jackin/claude/mine";
    const mine = { matcher: "authentication_failed", hooks: [{ type: "command", command }] };
    await writeFile(settings, JSON.stringify({ hooks: { StopFailure: [mine] } }));
    await chown(settings, 1234, 1234);
    await world.runtime.start(spec, world.context());
    const request = { instance: spec.instance, args: ["-p", "ping"], capture: true };
    const answered = await world.runtime.run(request, world.context());
    expect(answered).toMatchObject({ code: 1, stdout: expect.stringContaining("401") });
    const folder = join(spec.home, "reports");
    const reports = async (count: number) =>
      await eventually(`${count} reports`, async () => {
        const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
        return names.length >= count && names.toSorted();
      });
    const [first] = await reports(1);
    const report = JSON.parse(await readFile(join(folder, first!), "utf8"));
    expect(report).toMatchObject({
      hook_event_name: "StopFailure",
      error: "authentication_failed",
    });
    expect((await stat(join(folder, first!))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(spec.home, "claude/mine"), "utf8")).toContain(
      "authentication_failed",
    );

    await world.runtime.start({ ...spec, session: true }, world.context());
    const name = `jackin-${spec.instance}`;
    await eventually("the prompt", async () =>
      (await screenOf(spec.instance)).includes("bypass permissions on"),
    );
    const keys = (...keys: string[]) =>
      inside(name, `tmux -S /jackin/run/tmux send-keys -t agent ${keys.join(" ")}`);
    await keys("ping");
    await keys("Enter");
    expect(await reports(2)).toHaveLength(2);
    const screen = await eventually("the refusal", async () => {
      const text = await screenOf(spec.instance);
      return text.includes("401") && text;
    });
    expect(screen).not.toMatch(/hook/i);
    await world.runtime.stop(spec.instance, world.context());
  });

  it("says what an agent said that died at once, and leaves nothing of it", async () => {
    const spec = await world.spec({ args: ["--no-such-flag"] });
    await expect(world.runtime.start(spec, world.context())).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringMatching(/exit code 1[^]*unknown option '--no-such-flag'/),
    });
    expect(await isListed(spec.instance)).toBeUndefined();
  });

  it("gives the terminal, lets it go, and restores it", async () => {
    const spec = await world.spec({ grant: sync(), env: reach() });
    await world.runtime.start(spec, world.context());
    const script = join(world.base, "attach.ts");
    await writeFile(
      script,
      `import { createNodeHost } from ${JSON.stringify(join(root, "hosts/node/index.ts"))};
       import { runtimeDocker } from ${JSON.stringify(join(root, "plugins/runtime-docker/index.ts"))};
       const host = createNodeHost({ stateDir: ${JSON.stringify(join(world.base, "state"))} });
       const ctx = { host, signal: new AbortController().signal, secret: String, progress() {} };
       console.log(JSON.stringify(await runtimeDocker().attach(process.argv[2], ctx)));`,
    );
    const env = { ...process.env, TERM: "xterm-ghostty" } as Record<string, string>;
    await using terminal = await openTerminal(env, world.base);
    const attach = `${process.execPath} ${script} ${spec.instance}`;
    await terminal.type(`TERM=xterm-no-such-terminal ${attach}`);
    await terminal.until("bypass permissions on");
    const told = 'jackin: #(touch /jackin/claude/told) #{pane_pid} 100%d it\'s "so"';
    await world.runtime.tell!(spec.instance, told, world.context());
    await terminal.until(told);
    expect(await readdir(join(spec.home, "claude"))).not.toContain("told");
    await terminal.press("C-\\");
    await terminal.until(/{"ended":false,"code":0}\nrc=0/);
    await terminal.type(attach);
    await terminal.until("bypass permissions on");
    await terminal.press("/exit", "Enter");
    await terminal.until(/{"ended":true,"code":0}\nrc=0/);
    await world.runtime.stop(spec.instance, world.context());

    const killed = { ...spec, grant: sync() };
    await world.runtime.start(killed, world.context());
    await terminal.type(attach);
    await terminal.until("bypass permissions on");
    await docker("kill", `jackin-${spec.instance}`);
    await terminal.until(/{"ended":true,"code":137}\nrc=0/);
    await terminal.type("stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(echo|icanon|isig)' | xargs");
    await terminal.until("isig icanon echo");
  });

  it("links the login where an image's claude does not know the credential folder", async () => {
    const old = await imageWith(
      "old",
      '#!/bin/sh\nunset CLAUDE_SECURESTORAGE_CONFIG_DIR\nexec claude.real "$@"\n',
    );
    const spec = await world.spec({ grant: sync(), env: reach(), session: false, image: old });
    const request = { instance: spec.instance, args: ["-p", "ping"], capture: true };
    for (let launch = 0; launch < 2; launch++) {
      const { notices } = await world.runtime.start({ ...spec, grant: sync() }, world.context());
      expect(notices).toMatchObject([{ level: "warning", text: expect.stringContaining(old) }]);
      const answered = await world.runtime.run(request, world.context());
      expect(answered).toEqual({ code: 0, stdout: "pong\n" });
      const { credential } = await world.runtime.surroundings!(spec.instance, world.context());
      expect(credential).toMatchObject({
        path: "/jackin/claude/.credentials.json",
        state: "access",
      });
    }
    const put = () => world.runtime.putFiles!(spec.instance, sync().files, world.context());
    expect(await put()).toBe("put");
    // Claude Code replaces a link by the file that it writes.
    const login = `'{"claudeAiOauth":{"accessToken":"a","refreshToken":"r"}}'`;
    const place = "/jackin/claude/.credentials.json";
    await inside(
      `jackin-${spec.instance}`,
      `rm ${place}; echo ${login} > ${place}; chmod 600 ${place}`,
    );
    expect(await put()).toBe("own");
    await rm(join(spec.home, "claude/.credentials.json"));
    expect(await filesWith(spec.home, "accessToken")).toEqual([]);
    await world.runtime.start({ ...spec, grant: own }, world.context());
    expect((await world.runtime.run(request, world.context())).code).toBe(1);
    await world.runtime.stop(spec.instance, world.context());
  });

  it("shares a login only where an image's claude knows the credential folder", async () => {
    const blind = '#!/bin/sh\nunset CLAUDE_SECURESTORAGE_CONFIG_DIR\nexec claude.real "$@"\n# 2\n';
    const old = await imageWith("blind", blind);
    const folder = await world.folder("shared");
    const { files } = sync();
    await writeFile(join(folder, ".credentials.json"), files[0]!.content.reveal());
    await chown(join(folder, ".credentials.json"), 1234, 1234);
    const grant: Grant = { ...own, login: "shared", folder };
    const spec = await world.spec({ grant, env: reach(), session: false });
    await expect(
      world.runtime.start({ ...spec, image: old }, world.context()),
    ).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringContaining(old),
      hint: expect.stringContaining("--auth sync"),
    });
    expect(await isListed(spec.instance)).toBeUndefined();
    const { notices } = await world.runtime.start(spec, world.context());
    expect(notices).toEqual([]);
    const request = { instance: spec.instance, args: ["-p", "ping"], capture: true };
    const answered = await world.runtime.run(request, world.context());
    expect(answered).toEqual({ code: 0, stdout: "pong\n" });
    await world.runtime.stop(spec.instance, world.context());
  });

  it("names what is baked into an image and outranks the mode", async () => {
    const base = await ownImage();
    const tag = `jackin-e2e/baked:${process.pid}`;
    const building = promisify(execFile)("docker", ["build", "-q", "-t", tag, "-"]);
    building.child.stdin?.end(`FROM ${base}\nENV ANTHROPIC_API_KEY=baked\n`);
    await building;
    made.push(tag);
    const spec = await world.spec({ grant: token("t"), image: tag, session: false });
    const { notices } = await world.runtime.start(spec, world.context());
    expect(notices).toMatchObject([
      { level: "warning", text: expect.stringContaining("ANTHROPIC_API_KEY") },
    ]);
    await world.runtime.stop(spec.instance, world.context());
  });

  it.each([
    [
      "that dies at its start",
      "FROM IMAGE\nUSER root\nRUN rm /usr/bin/mkfifo\n",
      /died at its start[^]*mkfifo/,
    ],
    ["without tmux", "FROM IMAGE\nUSER root\nRUN rm /usr/bin/tmux\n", /has no tmux/],
    ["without a shell", "FROM scratch\nLABEL a=b\n", /died at its start|did not start/],
  ])("says what is wrong with an image %s, and leaves nothing", async (what, file, message) => {
    const tag = `jackin-e2e/${what.replaceAll(" ", "-")}:${process.pid}`;
    const building = promisify(execFile)("docker", ["build", "-q", "-t", tag, "-"]);
    building.child.stdin?.end(file.replace("IMAGE", await ownImage()));
    await building;
    made.push(tag);
    const spec = await world.spec({ image: tag });
    await expect(world.runtime.start(spec, world.context())).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
    expect(await isListed(spec.instance)).toBeUndefined();
  });

  it("leaves nothing when it is cancelled on the way", async () => {
    const spec = await world.spec({ grant: sync(), env: reach() });
    const stop = new AbortController();
    const starting = world.runtime.start(spec, world.context(stop.signal));
    starting.catch(() => undefined);
    await eventually("the container", async () => (await isListed(spec.instance)) !== undefined);
    stop.abort();
    await expect(starting).rejects.toMatchObject({ code: "cancelled" });
    expect(await isListed(spec.instance)).toBeUndefined();
  });

  it("says which folder is gone", async () => {
    const spec = await world.spec({ workdir: join(world.base, "no-such-folder") });
    await expect(world.runtime.start(spec, world.context())).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringContaining("no-such-folder"),
    });
    expect(await isListed(spec.instance)).toBeUndefined();
  });
});

/** Looks at the arguments of every process of this machine, as often as it can, until it is ended. */
function watchArguments(canary: string): { end(): Promise<readonly string[]> } {
  const found = new Set<string>();
  let done = false;
  const watching = (async () => {
    while (!done) {
      const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
      for (const pid of pids) {
        const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        if (text.includes(canary)) found.add(text);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  return {
    async end() {
      done = true;
      await watching;
      return [...found];
    },
  };
}

async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) continue;
    // What the agent writes aside for a moment may be gone by now.
    const content = await readFile(path).catch(() => "");
    if (content.includes(text)) found.push(path);
  }
  return found;
}
