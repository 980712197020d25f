/**
 * What every runtime promises. It runs on a real machine, with `claudeDouble` where the runtime looks for `claude`; what
 * only the real program shows is in the end-to-end tests.
 */
import { readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createSecret } from "../../core/index.ts";
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
