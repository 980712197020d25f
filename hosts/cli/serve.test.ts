import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createJackin } from "../../core/index.ts";
import type { CallOptions, Host, Launched } from "../../core/index.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { createRuntimeDouble } from "../../test/doubles/runtime.ts";
import type { RuntimeDoubleInit } from "../../test/doubles/runtime.ts";
import { createCaptureDouble, url } from "../http/token-double.ts";
import type { CaptureDouble } from "../http/token-double.ts";
import { createStoreDouble } from "../../test/doubles/store.ts";
import { createNodeHost } from "../node/host.ts";
import { createJournal } from "../node/journal.ts";
import { run } from "./run.ts";
import { startServer } from "./serve-server.ts";
import type { ServerOptions } from "./serve-server.ts";

// Each wait ends when its condition holds; the limits are for a machine that is very busy.
vi.setConfig({ testTimeout: 60_000 });
const patient = { timeout: 30_000 };

async function setUp(init: RuntimeDoubleInit = {}) {
  const home = await mkdtemp(join(tmpdir(), "jackin-serve-"));
  onTestFinished(() => rm(home, { recursive: true }));
  const host = createNodeHost({ env: { HOME: home } });
  const runtime = createRuntimeDouble(init);
  const workdir = await mkdtemp(join(tmpdir(), "jackin-serve-app-"));
  onTestFinished(() => rm(workdir, { recursive: true }));
  const keepers = { started: 0 };
  const jackin = createJackin({
    host,
    journal: createJournal({ ...host, redact: (text) => text }),
    startKeeper: async () => void keepers.started++,
    plugins: [runtime, authIgnore()],
    store: createStoreDouble(),
    config: async () => ({ config: { claude: { auth_forward: "ignore" } }, notices: [] }),
  });
  const stop = new AbortController();
  const start = async (options: Partial<ServerOptions> = {}) => {
    const server = await startServer({
      jackin,
      host,
      port: 0,
      address: "127.0.0.1",
      allowRemote: false,
      allowedHosts: [],
      allowedOrigins: [],
      signal: stop.signal,
      log: () => {},
      ...options,
    });
    onTestFinished(() => server[Symbol.asyncDispose]());
    return server;
  };
  return { home, host, runtime, jackin, workdir, stop, start, keepers };
}

type Running = Awaited<ReturnType<typeof startServer>>;

async function call(server: Running, path: string, init: RequestInit = {}): Promise<Response> {
  const token = (await readFile(server.tokenFile, "utf8")).trim();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return fetch(server.url + path, { ...init, headers });
}

describe("the server", () => {
  it("launches, shows and stops over a real connection", async () => {
    const { start, workdir, runtime } = await setUp();
    const server = await start();
    const body = JSON.stringify({ directory: workdir });
    const answer = await call(server, "/v1/instances", { method: "POST", body });
    expect(answer.status).toBe(201);
    const { line, instance } = (await answer.json()) as Launched;
    expect(line).toBe("claude auth: none (manual /login required)");
    expect([...runtime.running.keys()]).toEqual([instance.instance]);
    const path = `/v1/instances/${instance.instance}`;
    expect(await (await call(server, path)).json()).toMatchObject({ state: "running", workdir });
    expect(await (await call(server, path, { method: "DELETE" })).json()).toMatchObject({
      state: "stopped",
    });
    expect(runtime.running.size).toBe(0);
    expect((await fetch(`${server.url}/v1/instances`)).status).toBe(401);
  });

  it.each([
    ["with a length", false],
    ["in pieces", true],
  ])("a caller that hangs up cancels its launch (body %s)", async (_, inPieces) => {
    const started = Promise.withResolvers<AbortSignal>();
    const { start, workdir, runtime, jackin } = await setUp({
      onStart: (_spec, { signal }) => {
        started.resolve(signal);
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        );
      },
    });
    const server = await start();
    const token = (await readFile(server.tokenFile, "utf8")).trim();
    const body = JSON.stringify({ directory: workdir });
    const caller = request(`${server.url}/v1/instances`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        ...(!inPieces && { "content-length": body.length }),
      },
    });
    caller.on("error", () => {});
    caller.write(body.slice(0, 5));
    caller.end(body.slice(5));
    expect((await started.promise).aborted).toBe(false);
    caller.destroy();
    await expect.poll(async () => (await jackin.status()).instances, patient).toEqual([]);
    expect([runtime.running.size, runtime.stops.length]).toEqual([0, 1]);
  });

  it("makes its token once, 0600, and never shows it", async () => {
    const { start, home, jackin } = await setUp();
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.tokenFile).toBe(join(home, ".jackin/serve-token"));
    expect(two.tokenFile).toBe(one.tokenFile);
    expect((await stat(one.tokenFile)).mode & 0o777).toBe(0o600);
    const token = (await readFile(one.tokenFile, "utf8")).trim();
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(jackin.redactor.redact(token)).toBe("***");
    for (const server of [one, two, await start()]) {
      expect((await call(server, "/v1/instances")).status).toBe(200);
    }
  });

  it("uses a named token file, through a link too", async () => {
    const { start, home } = await setUp();
    await writeFile(join(home, "real"), "a-token-of-my-own\n", { mode: 0o600 });
    await symlink(join(home, "real"), join(home, "token"));
    const server = await start({ tokenFile: join(home, "token") });
    expect((await call(server, "/v1/instances")).status).toBe(200);
  });

  it("refuses a token file that is missing, empty, short, or open to others", async () => {
    const { start, home, stop } = await setUp();
    const file = join(home, "token");
    await expect(start({ tokenFile: file })).rejects.toMatchObject({ code: "not-found" });
    await writeFile(file, " \n", { mode: 0o600 });
    await expect(start({ tokenFile: file })).rejects.toMatchObject({ code: "host-failed" });
    await writeFile(file, "short\n");
    await expect(start({ tokenFile: file })).rejects.toMatchObject({ code: "usage" });
    await writeFile(file, "a-token-of-my-own\n");
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(file, mode);
      const refusal = expect.objectContaining({ code: "host-failed" }) as Error;
      await expect(start({ tokenFile: file })).rejects.toEqual(refusal);
      await start({ tokenFile: file }).catch((error: Error) => {
        expect(error.message).toContain(`${file} can be read by others (mode ${mode.toString(8)})`);
        expect(error.message).not.toContain("a-token");
      });
    }
    expect(stop.signal.aborted).toBe(false);
  });

  it("stays on loopback unless that is meant, and then warns", async () => {
    const { start, home } = await setUp();
    for (const address of ["0.0.0.0", "::", "192.0.2.1", "127.evil.example"])
      await expect(start({ address })).rejects.toMatchObject({
        code: "usage",
        hint: expect.stringContaining("--allow-remote") as string,
      });
    await expect(stat(join(home, ".jackin/serve-token"))).rejects.toThrow("ENOENT");
    const server = await start({ address: "0.0.0.0", allowRemote: true });
    expect(server.notices).toMatchObject([{ level: "warning" }]);
    expect((await start()).notices).toEqual([]);
  });

  it("says who is in the way when the port is taken", async () => {
    const { start } = await setUp();
    const other = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      code: "host-failed",
      message: expect.stringMatching(`127.0.0.1:${port}: another program`) as string,
      hint: expect.stringContaining("--port 0") as string,
    });
  });

  it("when stopped, lets a request under way end", async () => {
    const under = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { start, workdir, stop, runtime } = await setUp({
      onStart: () => (under.resolve(), go.promise),
    });
    const server = await start({ graceMs: 60_000 });
    const body = JSON.stringify({ directory: workdir });
    const answer = call(server, "/v1/instances", { method: "POST", body });
    await under.promise;
    stop.abort();
    await expect
      .poll(
        () =>
          fetch(`${server.url}/healthz`).then(
            () => "open",
            () => "closed",
          ),
        patient,
      )
      .toBe("closed");
    go.resolve();
    expect((await answer).status).toBe(201);
    await server.stopped;
    expect(runtime.running.size).toBe(1);
  });

  it("when stopped, cancels a request that does not end, and cleans up before it is gone", async () => {
    const under = Promise.withResolvers<void>();
    const { start, workdir, stop, jackin } = await setUp({
      onStart: (_, { signal }) => {
        under.resolve();
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        );
      },
    });
    const server = await start({ graceMs: 0 });
    const body = JSON.stringify({ directory: workdir });
    const answer = call(server, "/v1/instances", { method: "POST", body }).then(
      () => "answered",
      () => "cut",
    );
    await under.promise;
    stop.abort();
    await server.stopped;
    expect(await answer).toBe("cut");
    expect((await jackin.status()).instances).toEqual([]);
  });
});

it.each([
  ["stopped", true],
  ["disposed", false],
])("when %s, cancels a token's setup and is gone when that is undone", async (_, bySignal) => {
  const { start, stop, jackin, host } = await setUp();
  const captures: CaptureDouble[] = [];
  const undoing = Promise.withResolvers<void>();
  const undone = Promise.withResolvers<void>();
  const tokens = {
    ...jackin.tokens,
    places: async () => [],
    async capture(call?: CallOptions) {
      const capture = createCaptureDouble(call);
      captures.push(capture);
      capture.show({ step: "url", url });
      capture.onDispose = () => (undoing.resolve(), undone.promise);
      return capture;
    },
  };
  const server = await start({ jackin: { ...jackin, host, tokens }, graceMs: 600_000 });
  const body = JSON.stringify({ place: "vault" });
  const answer = await call(server, "/v1/tokens/setups", { method: "POST", body });
  expect(await answer.json()).toMatchObject({ state: "url", url });
  let isStopped = false;
  const stopped = server.stopped.then(() => (isStopped = true));
  if (bySignal) stop.abort("SIGTERM");
  else void server[Symbol.asyncDispose]();
  await undoing.promise;
  await expect
    .poll(
      () =>
        fetch(server.url).then(
          () => "open",
          () => "closed",
        ),
      patient,
    )
    .toBe("closed");
  expect(isStopped).toBe(false);
  undone.resolve();
  await stopped;
  expect(captures.map(({ isDisposed }) => isDisposed)).toEqual([true]);
});

it("tells what happens over a real connection, and its end ends that", async () => {
  const { start, workdir, stop, jackin } = await setUp();
  // Nothing is cut: what goes on for ever is ended.
  const server = await start({ graceMs: 600_000 });
  const events = await call(server, "/v1/events");
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (part: string) => {
    while (!text.includes(part)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`ended without "${part}": ${text}`);
      text += value;
    }
  };
  await until(": from now on");
  const { instance } = await jackin.load({ target: workdir });
  await until("event: started\n");
  await jackin.eject(instance.instance);
  await until("event: stopped\n");
  stop.abort("SIGTERM");
  while (!(await reader.read()).done);
  await server.stopped;
});

describe("jackin serve", () => {
  async function serve(argv: readonly string[]) {
    const { jackin, host, home, stop, keepers, workdir } = await setUp();
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const shown = { stdout: "", stderr: "" };
    stdout.setEncoding("utf8").on("data", (text: string) => (shown.stdout += text));
    stderr.setEncoding("utf8").on("data", (text: string) => (shown.stderr += text));
    const io = { stdin, stdout, stderr, env: { HOME: home }, cwd: home, signal: stop.signal };
    const opened = {
      jackin,
      host: host as Required<Host>,
      plugins: jackin.plugins,
      configPath: "",
    };
    const code = run(["serve", ...argv], io, { open: async () => opened });
    return { code, shown, stop, home, jackin, keepers, workdir, host };
  }

  it("says where it listens and where its token is, and ends with 0", async () => {
    const { code, shown, stop, home } = await serve(["--port", "0"]);
    await expect.poll(() => shown.stderr, patient).toContain("Ctrl-C");
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(shown.stdout)?.[0];
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "ok" });
    const file = join(home, ".jackin/serve-token");
    expect(shown.stdout).toContain(file);
    expect(shown.stdout + shown.stderr).not.toContain((await readFile(file, "utf8")).trim());
    stop.abort("SIGTERM");
    expect(await code).toBe(0);
  });

  it("keeps agents signed in meanwhile, and has it go on after", async () => {
    const { code, stop, jackin, keepers, workdir, host } = await serve(["--port", "0"]);
    const keeper = async () => (await jackin.status()).keeper;
    await expect.poll(keeper, patient).toMatchObject({ process: host.process.id });
    await jackin.load({ target: workdir });
    expect(keepers.started).toBe(0);
    stop.abort("SIGTERM");
    expect([await code, await keeper(), keepers.started]).toEqual([0, undefined, 1]);
  });

  it("says it in JSON", async () => {
    const { code, shown, stop, home } = await serve(["--port=0", "--json"]);
    await expect.poll(() => shown.stdout, patient).toContain("}");
    expect(JSON.parse(shown.stdout)).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      tokenFile: join(home, ".jackin/serve-token"),
    });
    stop.abort();
    expect(await code).toBe(0);
  });

  it.each(["-1", "65536", "http", "1e3", ""])("refuses --port %j", async (port) => {
    const { code, shown } = await serve([`--port=${port}`]);
    expect(await code).toBe(2);
    expect(shown.stderr).toContain("is no port");
  });

  it("refuses to be open to other machines by mistake", async () => {
    const { code, shown } = await serve(["--host", "0.0.0.0"]);
    expect(await code).toBe(2);
    expect(shown.stderr).toContain("--allow-remote");
  });
});
