import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSecret, JackinError } from "../../core/index.ts";
import type { Grant } from "../../core/index.ts";
import { createNodeHost } from "../../hosts/node/index.ts";
import { claudeDouble, testRuntime } from "../../test/conformance/runtime.ts";
import type { RuntimeWorld } from "../../test/conformance/runtime.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import { cleanEnvironment } from "./environment.ts";
import { runtimeLocal } from "./index.ts";

testRuntime("runtime-local", makeWorld);

async function makeWorld(): Promise<RuntimeWorld & { readonly home: string }> {
  const home = await realpath(await mkdtemp(join(tmpdir(), "jackin-local-")));
  const bin = join(home, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "claude"), claudeDouble);
  await chmod(join(bin, "claude"), 0o755);
  const env = {
    ...process.env,
    PATH: [bin, process.env["PATH"]].join(delimiter),
    ANTHROPIC_API_KEY: "of the operator",
  };
  const host = createNodeHost({ env, home, stateDir: join(home, "state") });
  return {
    home,
    runtime: runtimeLocal(),
    context: (signal) => createContextDouble(host, signal),
    async folder(name) {
      await mkdir(join(home, name), { recursive: true, mode: 0o700 });
      return join(home, name);
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

describe("runtime-local", () => {
  it("says that nothing is isolated", async () => {
    await using world = await makeWorld();
    const probe = await world.runtime.probe(world.context());
    expect(probe.ready && probe.notices?.[0]).toMatchObject({
      level: "warning",
      text: expect.stringContaining("Nothing is isolated"),
    });
  });

  it("says how to get a claude when there is none", async () => {
    const host = createHostDouble({
      exec: () => {
        const cause = Object.assign(new Error("not found"), { code: "ENOENT" });
        throw new JackinError({ code: "host-failed", message: "claude was not found", cause });
      },
    });
    const probe = await runtimeLocal().probe(createContextDouble(host));
    expect(probe).toMatchObject({
      ready: false,
      error: { code: "runtime-missing", hint: expect.stringContaining("npm install") },
    });
  });

  it("never skips the permission questions, and answers only trust and onboarding", async () => {
    await using world = await makeWorld();
    const home = await world.folder("home");
    const workdir = await world.folder("work");
    const spec = { instance: "asks", home, workdir, image: "", env: {}, args: [], labels: {} };
    const grant = { line: "", login: "own", files: [], env: {}, notices: [] } as const;
    await world.runtime.start({ ...spec, grant, session: false }, world.context());
    const config: unknown = JSON.parse(await readFile(`${home}/claude/.claude.json`, "utf8"));
    expect(config).toEqual({
      hasCompletedOnboarding: true,
      projects: { [workdir]: { hasTrustDialogAccepted: true } },
    });
    const settings: object = JSON.parse(await readFile(`${home}/claude/settings.json`, "utf8"));
    expect(Object.keys(settings)).toEqual(["hooks"]);
    const record = JSON.parse(await readFile(`${world.home}/state/local/asks.json`, "utf8"));
    expect(await readFile(`${record.run}/launch`, "utf8")).not.toContain("skip-permissions");
    expect((await stat(record.run)).mode & 0o777).toBe(0o700);
    await world.runtime.stop("asks", world.context());
    await expect(stat(record.run)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("never takes the operator's own claude for its agent when it has the agent's number by now", async () => {
    await using world = await makeWorld();
    const home = await world.folder("home");
    const workdir = await world.folder("work");
    const spec = { instance: "reused", home, workdir, image: "", env: {}, args: [], labels: {} };
    const grant = { line: "", login: "own", files: [], env: {}, notices: [] } as const;
    await world.runtime.start({ ...spec, grant, session: false }, world.context());
    const record = JSON.parse(await readFile(`${world.home}/state/local/reused.json`, "utf8"));
    // As the operator's own is seen by ps.
    const script = join(world.home, "bin/claude-of-mine");
    await writeFile(script, "#!/bin/sh\necho up\nsleep 60\n", { mode: 0o755 });
    const own = spawn(script, [], { stdio: ["ignore", "pipe", "ignore"] });
    await once(own.stdout, "data");
    try {
      await writeFile(`${record.run}/pid`, `${own.pid}\n`);
      expect(await world.runtime.list(world.context())).toMatchObject([{ running: false }]);
      await world.runtime.stop("reused", world.context());
      expect([own.exitCode, own.signalCode]).toEqual([null, null]);
      expect(process.kill(own.pid!, 0)).toBe(true);
    } finally {
      own.kill("SIGKILL");
    }
  });

  it("leaves no login behind when its folder could not be filled", async () => {
    const host = createHostDouble({
      files: { "/home/me/.jackin/instances/app/file": "" },
      exec: () => ({}),
    });
    const { write } = host.files!;
    const full = new JackinError({ code: "host-failed", message: "no space is left" });
    const files = {
      ...host.files!,
      write: (path: string, content: string) =>
        path.endsWith("/env") ? Promise.reject(full) : write(path, content),
    };
    const ctx = createContextDouble({ ...host, files });
    const grant: Grant = {
      line: "",
      login: "forwarded",
      files: [{ name: ".credentials.json", content: createSecret("canary") }],
      env: {},
      notices: [],
    };
    const home = "/home/me/.jackin/instances/app";
    const spec = { instance: "app", home, workdir: "/w", image: "", env: {}, args: [], labels: {} };
    const starting = runtimeLocal().start({ ...spec, grant, session: true }, ctx);
    await expect(starting).rejects.toBe(full);
    expect(host.changes.join()).toContain("/credentials/.credentials.json");
    expect(JSON.stringify([...host.disk])).not.toContain("canary");
  });

  it("takes everything from the environment that could sign the agent in as somebody else", () => {
    const host = {
      PATH: "/bin",
      LC_ALL: "C",
      ANTHROPIC_API_KEY: "k",
      CLAUDE_CODE_OAUTH_TOKEN: "t",
      CLAUDECODE: "1",
      AWS_PROFILE: "p",
      HTTPS_PROXY: "http://proxy",
    };
    const env = { ...host, ...cleanEnvironment(host, { CLAUDE_CONFIG_DIR: "/c" }) };
    expect(Object.entries(env).filter(([, value]) => value !== undefined)).toEqual([
      ["PATH", "/bin"],
      ["LC_ALL", "C"],
      ["HTTPS_PROXY", "http://proxy"],
      ["CLAUDE_CONFIG_DIR", "/c"],
    ]);
  });
});
