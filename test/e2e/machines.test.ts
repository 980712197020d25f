/** jackin on machines that this one is not: containers as machines, by testcontainers. */
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GenericContainer, Wait } from "testcontainers";
import type { StartedTestContainer } from "testcontainers";
import { createStorage } from "unstorage";
import redisDriver from "unstorage/drivers/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createJackin } from "../../core/index.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { createHostDouble } from "../doubles/host.ts";
import { createRuntimeDouble } from "../doubles/runtime.ts";
import type { Lab } from "../lab/lab.ts";
import { startLab } from "../lab/lab.ts";
import type { Installed } from "./operator.ts";
import { installForAll } from "./operator.ts";

const base = "debian:bookworm-slim";
// What ready.sh finds and clears if this run is killed.
const labels = { "jackin.lab": "machine" };

describe("a machine without Docker", () => {
  let lab: Lab;
  let installed: Installed;
  let folder: string;
  let machine: StartedTestContainer;

  beforeAll(async () => {
    lab = await startLab({ containers: true });
    installed = await installForAll();
    const shared = join(installed.bin, "..");
    folder = await mkdtemp(join(tmpdir(), "jackin-machine-"));
    await cp(lab.caPath, join(folder, "ca.pem"));
    await chmod(folder, 0o755);
    await chmod(join(folder, "ca.pem"), 0o644);
    machine = await new GenericContainer(base)
      .withLabels(labels)
      .withBindMounts([
        { source: shared, target: shared, mode: "ro" },
        { source: folder, target: "/lab", mode: "ro" },
      ])
      .withCommand(["sleep", "infinity"])
      .start();
    await sh("mkdir -p /home/me/app /home/me/.claude && chown -R 1234:1234 /home/me", "root");
  });
  afterAll(async () => {
    await machine?.stop();
    await rm(folder, { recursive: true, force: true });
    await installed?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  async function sh(script: string, user = "1234:1234") {
    const env = {
      ...lab.forContainers.env,
      NODE_EXTRA_CA_CERTS: "/lab/ca.pem",
      HOME: "/home/me",
      PATH: `${installed.bin}:/usr/bin:/bin`,
    };
    const { stdout, stderr, exitCode } = await machine.exec(["sh", "-c", script], {
      user,
      env,
      workingDir: "/",
    });
    return { code: exitCode, stdout, stderr };
  }
  const jackin = (args: string) => sh(`cd /home/me/app && node '${installed.main}' ${args}`);

  it("says what is missing and never takes the runtime without isolation by itself", async () => {
    const outcome = await jackin("load --print ping");
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(outcome.stderr).toMatch(/docker/i);
    expect(outcome.stderr).toContain("jackin load --runtime local");
    expect((await jackin("status --json")).stdout.trim()).toBe("[]");
  });

  it("runs the agent on the machine itself when told to, signed in, and says that nothing is isolated", async () => {
    const login = Buffer.from(
      JSON.stringify(lab.newLogin({ account: "me@example.test" })),
    ).toString("base64");
    await sh(`umask 077; echo ${login} | base64 -d > /home/me/.claude/.credentials.json`);
    const before = await sh("sha256sum /home/me/.claude/.credentials.json");
    const reach = Object.keys(lab.forContainers.env)
      .map((name) => `${name} = "$${name}"`)
      .join("\\n");
    await sh(
      `mkdir -p -m 700 /home/me/.config/jackin && printf '[env]\\n${reach}\\n' > /home/me/.config/jackin/config.toml`,
    );
    const outcome = await jackin("load --runtime local --print ping");
    expect(outcome, outcome.stderr).toMatchObject({ code: 0, stdout: "pong\n" });
    expect(outcome.stderr).toContain("claude auth: forwarded host session (sync)");
    expect(outcome.stderr).toMatch(/nothing .*isolated|not isolated/i);
    expect(lab.seen.findLast((call) => call.kind === "message")?.account).toBe("me@example.test");
    expect(await sh("sha256sum /home/me/.claude/.credentials.json")).toEqual(before);
    // Nothing of the login is left anywhere once the agent has ended.
    const found = await sh("grep -rl accessToken /home/me /dev/shm /tmp 2>/dev/null");
    expect(found.stdout).toBe("/home/me/.claude/.credentials.json\n");
  });
});

describe("state in a real Redis", () => {
  let redis: StartedTestContainer;
  beforeAll(async () => {
    const install =
      "apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server";
    redis = await new GenericContainer(base)
      .withLabels(labels)
      .withCommand([
        "sh",
        "-c",
        `${install} >/dev/null 2>&1 && exec redis-server --bind 0.0.0.0 --protected-mode no`,
      ])
      .withExposedPorts(6379)
      .withWaitStrategy(Wait.forLogMessage("Ready to accept connections"))
      .withStartupTimeout(180_000)
      .start();
  });
  afterAll(() => redis?.stop());

  it("serves several machines: each sees, shares and stops what the other started", async () => {
    const runtime = createRuntimeDouble();
    const machines = ["one", "two"].map((name) => {
      const driver = redisDriver({
        host: redis.getHost(),
        port: redis.getMappedPort(6379),
        base: "jackin",
      });
      const store = createStorage({ driver });
      const host = {
        ...createHostDouble({ files: { "/w/app/file": "" } }),
        process: { id: name, isAlive: async () => true },
      };
      const config = { workspaces: { app: { workdir: "/w/app" } } };
      const plugins = [runtime, authIgnore()];
      const options = { host, plugins, store, config: async () => ({ config, notices: [] }) };
      return { store, jackin: createJackin({ ...options }) };
    });
    const [one, two] = machines as [(typeof machines)[0], (typeof machines)[0]];
    try {
      await one.jackin.load({ target: "app", mode: "ignore" });
      const second = await two.jackin.load({ target: "app", mode: "ignore" });
      expect(second.instance.instance).toBe("app-2");
      expect((await one.jackin.status()).instances).toMatchObject([
        { instance: "app", state: "running", workspace: "app" },
        { instance: "app-2", state: "running", workspace: "app" },
      ]);
      expect(await two.jackin.exile()).toEqual(["app", "app-2"]);
      expect(await one.jackin.purge("app")).toEqual(["app"]);
      expect((await two.jackin.status()).instances).toMatchObject([
        { instance: "app-2", state: "stopped" },
      ]);
    } finally {
      await Promise.all(machines.map(({ store }) => store.dispose()));
    }
  });
});
