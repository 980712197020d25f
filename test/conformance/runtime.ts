/**
 * What every runtime promises. It runs on a real machine, with `claudeDouble` where the runtime looks for `claude`; what
 * only the real program shows is in the end-to-end tests.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createSecret, fingerprint } from "../../core/index.ts";
import type { Grant, PluginContext, Runtime, StartSpec } from "../../core/index.ts";
import { visible } from "./visible.ts";

export interface RuntimeWorld extends AsyncDisposable {
  readonly runtime: Runtime;
  /** A context of this world; `lines` is what was told as progress. */
  context(signal?: AbortSignal): PluginContext & { readonly lines: readonly string[] };
  /** Of the double; without it what `prepare` answers is used. */
  readonly image?: string;
  /** An empty folder that nothing else uses. */
  folder(name: string): Promise<string>;
}

/** Does what its arguments say; flags are passed over. */
export const claudeDouble = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
config=\${CLAUDE_SECURESTORAGE_CONFIG_DIR:-$CLAUDE_CONFIG_DIR}
case "$1" in
  "") echo "0.0.0 (double)" ;;
  auth)
    method=none
    [ ! -s "$config/.credentials.json" ] || method=claude.ai
    [ -z "\${CLAUDE_CODE_OAUTH_TOKEN:-}" ] || method=oauth_token
    echo "{\\"authMethod\\":\\"$method\\"}" ;;
  show) eval "printf %s \\"\\\${$2-unset}\\"" ;;
  login) cat "$config/.credentials.json" 2>/dev/null || echo none ;;
  sign-in) printf %s "$2" > "$config/.credentials.json" ;;
  arguments) shift; for each; do printf '[%s]' "$each"; done ;;
  keep)
    printf %s "$2" > "$config/.credentials.json"; : > kept
    while [ ! -e go ]; do sleep 0.05; done
    cat "$config/.credentials.json" ;;
  hook) printf %s "$2" | sh -c "$3" ;;
  write) printf %s "$3" > "$2" ;;
  end) exit "$2" ;;
  die) echo "the double dies"; exit "$2" ;;
  wait) trap 'exit 143' TERM; echo waiting; : > waiting; while :; do sleep 0.1; done ;;
esac
`;

const canary = "canary-5f0c1e";

export function testRuntime(name: string, make: () => Promise<RuntimeWorld>): void {
  describe(`${name} keeps the contract of runtimes`, () => {
    let world: RuntimeWorld;
    let image: string;
    let count = 0;
    let current: StartSpec;

    beforeAll(async () => {
      world = await make();
      const prepared = await world.runtime.prepare?.(
        world.image === undefined ? {} : { image: world.image },
        world.context(),
      );
      image = prepared?.image ?? "";
    });
    afterEach(async () => {
      if (current) await world.runtime.stop(current.instance, world.context());
    });
    afterAll(() => world?.[Symbol.asyncDispose]());

    async function specOf(change: Partial<StartSpec> = {}): Promise<StartSpec> {
      const instance = change.instance ?? `conformance-${process.pid}-${count++}`;
      const home = change.home ?? (await world.folder(`home-${count}`));
      const workdir = change.workdir ?? (await world.folder(`work-${count}`));
      const plain = { env: {}, grant: own, args: [], session: false, labels: {} };
      current = { instance, home, workdir, image, ...plain, ...change };
      return current;
    }
    const start = async (change: Partial<StartSpec> = {}) => {
      const spec = await specOf(change);
      await world.runtime.start(spec, world.context());
      return spec;
    };
    const run = async (...args: readonly string[]) =>
      await world.runtime.run({ instance: current.instance, args, capture: true }, world.context());
    const credential = async () =>
      (await world.runtime.surroundings!(current.instance, world.context())).credential;
    const listed = async () =>
      (await world.runtime.list(world.context())).find(
        ({ instance }) => instance === current.instance,
      );

    it("names itself and is ready", async () => {
      expect(world.runtime.kind).toBe("runtime");
      expect(world.runtime.name).toBe(name);
      expect(name).toBe(`runtime-${world.runtime.runtime}`);
      const probe = await world.runtime.probe(world.context());
      expect(probe.ready && probe.detail).toBeTruthy();
    });

    it("answers the agent's exit code and output", async () => {
      await start();
      expect(await run("arguments", "a b", `it's "$x"`, "", "l1\nl2")).toEqual({
        code: 0,
        stdout: `[a b][it's "$x"][][l1\nl2]`,
      });
      await start();
      expect((await run("end", "7")).code).toBe(7);
    });

    it("gives the agent any value of a variable, and its workspace's folder as it is named", async () => {
      const value = `it's "q" $HOME \`id\` \\ l1\nl2 é\t`;
      const workdir = await world.folder(`a "b", c: d's`);
      await start({ env: { ANY: createSecret(value) }, workdir });
      expect((await run("show", "ANY")).stdout).toBe(value);
      await start({ workdir });
      expect((await run("show", "PWD")).stdout).toBe(workdir);
    });

    it("lets the operator own what the agent writes", async () => {
      const { workdir } = await start();
      await run("write", "made", "by the agent");
      expect(await readFile(`${workdir}/made`, "utf8")).toBe("by the agent");
      expect((await stat(`${workdir}/made`)).uid).toBe((await stat(workdir)).uid);
    });

    it("refuses a name that no environment can carry, and starts nothing", async () => {
      const spec = await specOf({ env: { "A-B": createSecret(canary) } });
      await expect(world.runtime.start(spec, world.context())).rejects.toMatchObject({
        name: "JackinError",
        code: "start-failed",
      });
      expect((await listed())?.running ?? false).toBe(false);
    });

    it("gives a forwarded login, and only that, while it is forwarded", async () => {
      const { home, instance } = await start();
      await run("sign-in", "its own login");
      const again = { home, instance };
      await start({ ...again, grant: forwarded("the host's login") });
      expect((await run("login")).stdout).toBe("the host's login");
      await start({ ...again, grant: forwarded(undefined) });
      expect((await run("login")).stdout.trim()).toBe("none");
      await start(again);
      expect((await run("login")).stdout).toBe("its own login");
    });

    it("never exchanges a newer login of its own for an older one", async () => {
      const { home, instance } = await start();
      await run("sign-in", "older");
      await start({ home, instance, grant: forwarded("the host's login") });
      await writeFile(`${home}/claude/.credentials.json`, "newer");
      await start({ home, instance });
      expect((await run("login")).stdout).toBe("newer");
    });

    it("replaces a forwarded login, but never one that the agent made by itself", async () => {
      const put = async (access: string) =>
        await world.runtime.putFiles!(
          current.instance,
          forwarded(login(access)).files,
          world.context(),
        );
      await start({ grant: forwarded(login("first")) });
      expect(await put("second")).toBe("put");
      expect(await credential()).toMatchObject({ access: await fingerprint("second") });
      // A server's login in the same file renews itself; the agent's own does not.
      const server = { serverName: `a "b\\`, refreshToken: "r", state: { with: [{ '"{': "}é" }] } };
      const mcpOAuth = { "server|1": server, claude: {} };
      const before = login("second", { refreshToken: "" }, { mcpOAuth });
      const { workdir } = current;
      const shown = run("keep", JSON.stringify(JSON.parse(before), null, 2));
      await until(() => stat(`${workdir}/kept`).then(Boolean, () => false));
      expect(await put("third")).toBe("put");
      expect(await credential()).toMatchObject({ access: await fingerprint("third") });
      await writeFile(`${workdir}/go`, "");
      expect(JSON.parse((await shown).stdout)).toEqual({
        mcpOAuth,
        claudeAiOauth: { accessToken: "third", scopes: ["a"] },
      });
      await start({ grant: forwarded("torn {") });
      expect(await put("whole")).toBe("put");
      expect((await run("login")).stdout).toBe(login("whole"));

      await start({ grant: forwarded(login("first")) });
      const made: unknown = JSON.parse(login("its own", { refreshToken: "r" }));
      await run("sign-in", JSON.stringify(made, null, 2));
      expect(await put("fourth")).toBe("own");
      expect(await credential()).toMatchObject({
        state: "whole",
        access: await fingerprint("its own"),
      });
    });

    it("lets agents share one login, and puts their own aside meanwhile", async () => {
      const folder = await world.folder(`shared-${count}`);
      const grant: Grant = { ...own, login: "shared", folder };
      const { home, instance } = await start();
      await run("sign-in", "its own login");
      await start({ home, instance, grant });
      expect(await credential()).toMatchObject({ state: "none" });
      await run("sign-in", "the shared login");
      expect(await readFile(`${folder}/.credentials.json`, "utf8")).toBe("the shared login");
      await start({ home, instance });
      expect((await run("login")).stdout).toBe("its own login");
      await world.runtime.stop(instance, world.context());
      await start({ grant });
      expect((await run("login")).stdout).toBe("the shared login");
    });

    it("reports what the agent's hook is told, beside the hooks that are there", async () => {
      const home = await world.folder(`home-of-hooks-${count}`);
      await mkdir(`${home}/claude`, { mode: 0o700 });
      const mine = { hooks: [{ type: "command", command: "mine" }] };
      const file = `${home}/claude/settings.json`;
      await writeFile(file, JSON.stringify({ hooks: { StopFailure: [mine], Stop: [mine] } }));
      await start({ home });
      const { hooks } = JSON.parse(await readFile(file, "utf8"));
      expect(hooks).toMatchObject({ Stop: [mine], StopFailure: [mine, {}] });
      const [, { matcher, hooks: ours }] = hooks.StopFailure;
      expect(matcher.split("|")).toContain("authentication_failed");
      const told = `{"error":"it's \\"refused\\""}`;
      expect(await run("hook", told, ours[0].command)).toEqual({ code: 0, stdout: "" });
      expect((await stat(`${home}/reports`)).mode & 0o777).toBe(0o700);
      const reports = await readdir(`${home}/reports`);
      expect(reports).toEqual([expect.stringMatching(/^\d+-\d+\.json$/)]);
      expect(await readFile(`${home}/reports/${reports[0]}`, "utf8")).toBe(told);
    });

    it("shows a line where nobody looks without a complaint", async () => {
      await start({ session: true, args: ["wait"] });
      await world.runtime.tell!(current.instance, "it's a #(touch told) line", world.context());
      await start();
      await world.runtime.tell!(current.instance, "line", world.context());
    });

    it("tells what decides how an agent is signed in, and no value, at its start and while it runs", async () => {
      const home = await world.folder(`home-of-settings-${count}`);
      const workdir = await world.folder(`work "of" settings-${count}`);
      for (const folder of [`${home}/claude`, `${workdir}/.claude`])
        await mkdir(folder, { mode: 0o700 });
      const env = { ANTHROPIC_API_KEY: canary, ANTHROPIC_AUTH_TOKEN: " ", OTHER: canary };
      const settings = JSON.stringify({ apiKeyHelper: canary, env, disableAllHooks: true });
      await writeFile(`${home}/claude/settings.json`, settings);
      await symlink("/dev/zero", `${workdir}/.claude/settings.json`);
      await promisify(execFile)("mkfifo", [`${workdir}/.claude/settings.local.json`]);
      const spec = await specOf({
        home,
        workdir,
        session: true,
        args: ["wait"],
        env: {
          ANTHROPIC_AUTH_TOKEN: createSecret(canary),
          ANTHROPIC_API_KEY: createSecret("\n "),
          CLAUDE_CODE_USE_BEDROCK: createSecret("False"),
        },
        grant: {
          ...forwarded(login(canary)),
          env: { CLAUDE_CODE_OAUTH_TOKEN: createSecret("t\n") },
        },
      });
      const { surroundings: before } = await world.runtime.start(spec, world.context());
      const during = await world.runtime.surroundings!(spec.instance, world.context());
      for (const found of [before!, during]) {
        expect(found.env.toSorted()).toEqual(["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"]);
        const user = found.settings.filter(({ layer }) => layer === "user");
        expect(user).toMatchObject([
          {
            layer: "user",
            path: expect.stringMatching(/^\/.*\/settings\.json$/),
            apiKeyHelper: true,
            env: ["ANTHROPIC_API_KEY"],
            withoutHooks: true,
          },
        ]);
        expect(found.credential).toMatchObject({
          path: expect.stringMatching(/^\/.*\/\.credentials\.json$/),
          state: "access",
          access: await fingerprint(canary),
        });
        expect(visible([found])).not.toContain(canary);
      }
      await world.runtime.stop(spec.instance, world.context());
      await start({ home, workdir: await world.folder(`work-${count}`) });
      const waiting = await world.runtime.surroundings!(current.instance, world.context());
      expect(waiting).toMatchObject({ env: [], credential: { state: "none" } });
    });

    it("shows no value in what it says and lists", async () => {
      const ctx = world.context();
      const spec = await specOf({
        env: { PLAIN: createSecret(canary) },
        grant: { ...forwarded(canary), env: { CLAUDE_CODE_OAUTH_TOKEN: createSecret(canary) } },
      });
      const started = await world.runtime.start(spec, ctx);
      expect((await run("show", "CLAUDE_CODE_OAUTH_TOKEN")).stdout).toBe(canary);
      const list = await world.runtime.list(ctx);
      expect(visible([started, list, ctx.lines])).not.toContain(canary);
    });

    it("lists what it was told, whatever characters are in it, until it is stopped", async () => {
      const labels = { "jackin.workdir": `/a,b=c "d" {{e}}`, "jackin.mode": "ignore" };
      await start({ labels, session: true, args: ["wait"] });
      expect(await listed()).toMatchObject({ running: true, labels });
      await world.runtime.stop(current.instance, world.context());
      expect(await listed()).toBeUndefined();
      await world.runtime.stop(current.instance, world.context());
    });

    it("shows an agent that has ended as not running", async () => {
      await start({ session: true, args: ["end", "0"] });
      await until(async () => (await listed())?.running !== true);
    });

    it("says how an agent ended that dies at its start, and leaves nothing of it", async () => {
      const starting = start({ session: true, args: ["die", "3"] });
      await expect(starting).rejects.toMatchObject({
        code: "start-failed",
        message: expect.stringMatching(/ended at once, with exit code 3[^]*the double dies/),
      });
      expect(await listed()).toBeUndefined();
    });

    it("starts afresh over what an earlier start has left", async () => {
      const { instance, home } = await start({ session: true, args: ["wait"] });
      await start({ instance, home });
      expect((await run("arguments", "second")).stdout).toBe("[second]");
    });

    it("leaves nothing when the start is cancelled", async () => {
      const spec = await specOf({ session: true, args: ["wait"] });
      const starting = world.runtime.start(spec, world.context(AbortSignal.abort()));
      await expect(starting).rejects.toMatchObject({ code: "cancelled" });
      expect((await listed())?.running ?? false).toBe(false);
    });

    it("ends the agent when a run is cancelled", async () => {
      const { workdir } = await start();
      const stop = new AbortController();
      const request = { instance: current.instance, args: ["wait"], capture: true };
      const running = world.runtime.run(request, world.context(stop.signal));
      running.catch(() => undefined);
      const waiting = () => stat(`${workdir}/waiting`);
      await until(() => waiting().then(Boolean, () => false));
      stop.abort();
      await expect(running).rejects.toMatchObject({ code: "cancelled" });
      await until(async () => (await agents(workdir)).length === 0);
    });
  });
}

const own: Grant = { line: "", login: "own", files: [], env: {}, notices: [] };

function forwarded(content: string | undefined): Grant {
  const files =
    content === undefined ? [] : [{ name: ".credentials.json", content: createSecret(content) }];
  return { ...own, login: "forwarded", files };
}

/** A `.credentials.json`. */
function login(accessToken: string, more: object = {}, others: object = {}): string {
  return JSON.stringify({ ...others, claudeAiOauth: { accessToken, ...more, scopes: ["a"] } });
}

/** The processes that work in the folder, in containers too. */
async function agents(workdir: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const folders = await Promise.all(
    pids.map(async (pid) => await readlink(`/proc/${pid}/cwd`).catch(() => "")),
  );
  return pids.filter((_, index) => folders[index] === workdir);
}

async function until(ready: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await ready())) {
    if (Date.now() > end) throw new Error("not there after 60 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
