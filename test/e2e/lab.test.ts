import { execa } from "execa";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { claudeBin, startLab } from "../lab/lab.ts";
import type { ForContainers, Lab } from "../lab/lab.ts";
import { signInByHand } from "../lab/sign-in.ts";

// The installed command is the native program itself.
const claude = await realpath(join(claudeBin, "claude"));

// The ways by which a bare container reaches the lab: by variables alone, or under the real names.
describe.each([
  [
    "by its environment",
    { containers: true },
    ({ env }: ForContainers) =>
      Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]),
  ],
  [
    "under the real names",
    { realNames: true },
    ({ addHosts, caPath }: ForContainers) => [
      ...addHosts.flatMap((pair) => ["--add-host", pair]),
      "-e",
      `NODE_EXTRA_CA_CERTS=${caPath}`,
      "-e",
      "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
    ],
  ],
] as const)("the lab seen from a container %s", (_, options, reach) => {
  let lab: Lab;
  let home: string;

  beforeEach(async () => {
    lab = await startLab(options);
    home = await mkdtemp(join(tmpdir(), "lab-container-"));
    return async () => {
      await lab[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    };
  });

  function inContainer(...args: string[]): [string, ...string[]] {
    const { caPath } = lab.forContainers;
    const mounts = [
      `${home}:/root`,
      `${caPath}:${caPath}:ro`,
      `${claude}:/usr/local/bin/claude:ro`,
    ].flatMap((mount) => ["-v", mount]);
    return [
      "docker",
      "run",
      "--rm",
      "-i",
      "--label",
      "jackin.lab=test",
      ...mounts,
      ...reach(lab.forContainers),
      "debian:bookworm-slim",
      "claude",
      ...args,
    ];
  }

  it("renews an expired login and answers a turn", async () => {
    const login = lab.newLogin({ lifetimeMs: -1000 });
    await lab.signIn(home, login);
    const [file, ...args] = inContainer("-p", "hello");
    const { stdout } = await execa(file, args, { input: "" });
    expect(stdout).toBe("pong");
    expect(
      lab.seen.filter((call) => call.kind === "renewal" || call.kind === "message"),
    ).toMatchObject([
      { kind: "renewal", ok: true },
      { kind: "message", ok: true, prompt: "hello" },
    ]);
  });

  it("signs in by hand", async () => {
    const { code, output } = await signInByHand(lab, inContainer("auth", "login"));
    expect([code, output]).toEqual([0, expect.stringContaining("Login successful.")]);
    expect(lab.seen.find((call) => call.kind === "login")).toMatchObject({ ok: true });
  });
});

it("says who is in the way when the port of the real names is taken", async () => {
  await using _first = await startLab({ realNames: true });
  await expect(startLab({ realNames: true })).rejects.toThrow("another lab");
});
