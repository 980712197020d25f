import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { createSecret, JackinError } from "../../core/index.ts";
import type { ExecResult, Grant, StartSpec } from "../../core/index.ts";
import { createContextDouble, createHostDouble, programTooSlow } from "../../test/doubles/host.ts";
import type { ExecCall } from "../../test/doubles/host.ts";
import { runArguments } from "./container.ts";
import { dockerfile } from "./dockerfile.ts";
import { imageTag } from "./image.ts";
import { runtimeDocker } from "./index.ts";

const engine = { program: "Docker", version: "1", rootless: false, selinux: false } as const;
const operator = { uid: 1234, gid: 567 };
const own: Grant = { line: "", login: "own", files: [], env: {}, notices: [] };
const spec: StartSpec = {
  instance: "app",
  home: "/home/me/.jackin/instances/app",
  workdir: "/work",
  image: "some:1",
  env: { SECRET: createSecret("canary") },
  grant: own,
  args: ["--model", "x"],
  session: true,
  labels: { "jackin.mode": "ignore" },
};
const options = {
  spec,
  name: "jackin-app",
  engine,
  operator,
  state: "/home/me/.jackin",
  pidsLimit: 99,
  truecolor: false,
};

/** A docker that answers by its first arguments; all else succeeds silently. */
function machine(answers: Record<string, Partial<ExecResult>>, env: Record<string, string> = {}) {
  const exec = ({ command, args }: ExecCall): Partial<ExecResult> => {
    const line = [command, ...args].join(" ");
    return Object.entries(answers).find(([start]) => line.startsWith(start))?.[1] ?? {};
  };
  const host = createHostDouble({
    env,
    exec,
    files: { "/home/me/.jackin/instances/app/claude": { kind: "folder" } },
  });
  const ran = () => host.calls.map(({ command, args }) => [command, ...args].join(" "));
  return { host, ctx: createContextDouble(host), ran };
}

const version = {
  "docker version": {
    stdout: '{"Client":{"Version":"28.2","ApiVersion":"1.41"},"Server":{"Version":"20.10"}}',
  },
  "docker info": { stdout: '["name=seccomp,profile=default"]' },
};
const absent = {
  "docker container inspect": { code: 1, stderr: "Error: No such container: jackin-app" },
};

describe("the image", () => {
  it("has one text in both files", async () => {
    expect(await readFile(new URL("Dockerfile", import.meta.url), "utf8")).toBe(dockerfile);
  });

  it("has another tag for another version", async () => {
    expect(await imageTag("2.1.330")).toMatch(/^jackin\/agent:2\.1\.330-[0-9a-f]{12}$/);
    expect(await imageTag("2.1.331")).not.toBe(await imageTag("2.1.330"));
  });

  it("is built from stdin when it is not there, and not when it is", async () => {
    const missing = { "docker image inspect": { code: 1, stderr: "Error: No such image: x" } };
    const first = machine(missing);
    const prepared = await runtimeDocker({ claudeVersion: "1.2.3" }).prepare!({}, first.ctx);
    const build = first.host.calls.find(({ args }) => args[0] === "build");
    expect(build?.options.stdin).toBe(dockerfile);
    expect(build?.args).toEqual(
      expect.arrayContaining(["CLAUDE_VERSION=1.2.3", "-t", prepared.image, "-"]),
    );
    const second = machine({});
    await runtimeDocker({ claudeVersion: "1.2.3" }).prepare!({}, second.ctx);
    expect(second.ran()).toEqual([`docker image inspect --format {{.Id}} ${prepared.image}`]);
  });

  it("that cannot be built shows the last lines and what to do", async () => {
    const { ctx } = machine({
      "docker image inspect": { code: 1, stderr: "Error: No such image: x" },
      "docker build": {
        code: 1,
        stdout: `Step 1/9\nStep 2/9 : RUN ${"x".repeat(300)}\n\u001b[91mnpm ERR! 404\u001b[0m\n`,
        stderr: "E: no network\n",
      },
    });
    await expect(runtimeDocker().prepare!({}, ctx)).rejects.toMatchObject({
      code: "image-failed",
      message: expect.stringMatching(/Step 2\/9 : RUN x{50,200}…\nnpm ERR! 404\nE: no network$/),
      hint: expect.stringContaining("--image"),
    });
  });

  it("that is named and unknown is pulled", async () => {
    const { ctx, ran } = machine({
      "docker image inspect": { code: 1, stderr: "Error: No such image: x" },
      "docker pull": { code: 1, stderr: "pull access denied" },
    });
    const preparing = runtimeDocker().prepare!({ image: "my/agent:1" }, ctx);
    await expect(preparing).rejects.toMatchObject({ code: "image-failed" });
    expect(ran()).toContain("docker pull my/agent:1");
    await expect(runtimeDocker().prepare!({ image: "--privileged" }, ctx)).rejects.toMatchObject({
      code: "usage",
    });
  });
});

describe("options", () => {
  it.each([{ claudeVersion: "latest; rm" }, { pidsLimit: 1 }, { unknown: 1 }])(
    "%j is refused",
    (bad) => {
      expect(() => runtimeDocker(bad as never)).toThrow(/^\[runtime-docker\]/);
    },
  );
});

describe("probe", () => {
  const denied =
    "permission denied while trying to connect to the Docker daemon socket at unix:///x";
  const silent = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?";
  it.each([
    [denied, "runtime-denied", "usermod -aG docker"],
    [silent, "runtime-missing", "systemctl start docker"],
    ["nonsense", "host-failed", "--runtime local"],
  ])("tells %j apart", async (stderr, code, hint) => {
    const { ctx } = machine({ "docker version": { code: 1, stdout: '{"Client":null}', stderr } });
    const probe = await runtimeDocker().probe(ctx);
    expect(probe).toMatchObject({ ready: false, error: { code } });
    expect(!probe.ready && probe.error.hint).toContain(hint);
    expect(!probe.ready && probe.error.hint).toContain("not isolated");
  });

  it("says that there is no docker", async () => {
    const host = createHostDouble({
      exec: () => {
        const cause = Object.assign(new Error("not found"), { code: "ENOENT" });
        throw new JackinError({ code: "host-failed", message: "docker was not found", cause });
      },
    });
    const probe = await runtimeDocker().probe(createContextDouble(host));
    expect(probe).toMatchObject({ ready: false, error: { code: "runtime-missing" } });
  });

  it("warns of a daemon on another machine, and shows no user of its address", async () => {
    const remote = (stdout: string) =>
      runtimeDocker().probe(machine({ ...version, "docker context": { stdout } }).ctx);
    expect(await remote("unix:///var/run/docker.sock\n")).toMatchObject({ notices: [] });
    expect(await remote("tcp://127.0.0.1:2375\n")).toMatchObject({ notices: [] });
    const far = await remote("ssh://me:pass@far\n");
    expect(far).toMatchObject({ ready: true, notices: [{ level: "warning" }] });
    expect(JSON.stringify(far)).not.toContain("pass");
  });

  it("knows Podman behind the command", async () => {
    const { ctx } = machine({
      "docker version": { stdout: '{"Client":{"APIVersion":"5.0","Version":"5.0.1"}}' },
      "docker info": { stdout: "true\n" },
    });
    expect(await runtimeDocker().probe(ctx)).toMatchObject({ detail: "Podman 5.0.1, rootless" });
  });
});

describe("docker run", () => {
  it("drops what an agent does not need and runs as the operator", () => {
    const line = runArguments(options).join(" ");
    for (const part of [
      "run -d --init --pull never --name jackin-app --user 1234:567 --workdir /work",
      "--cap-drop ALL --security-opt no-new-privileges --pids-limit 99",
      "--label jackin.mode=ignore --label jackin.instance=app --label jackin.home=/home/me/.jackin",
      "--tmpfs /jackin/run:rw,noexec,nosuid,nodev,mode=0700,uid=1234,gid=567,size=16m",
    ])
      expect(line).toContain(part);
    expect(line).not.toMatch(/canary|IS_SANDBOX|userns|CLAUDE_SECURESTORAGE/);
  });

  it("names the credential folder only when a login is forwarded", () => {
    const forwarded = { ...spec, grant: { ...own, login: "forwarded" } } as const;
    expect(runArguments({ ...options, spec: forwarded })).toContain(
      "CLAUDE_SECURESTORAGE_CONFIG_DIR=/jackin/run/credentials",
    );
  });

  it("tells Claude Code that it is isolated where it must run as root", () => {
    const root = { uid: 0, gid: 0 };
    expect(runArguments({ ...options, operator: root })).toContain("IS_SANDBOX=1");
    const rootless = runArguments({ ...options, engine: { ...engine, rootless: true } });
    expect(rootless).toEqual(expect.arrayContaining(["0:0", "IS_SANDBOX=1"]));
  });

  it("keeps the operator's number under rootless Podman", () => {
    const podman = { ...engine, program: "Podman", rootless: true } as const;
    const args = runArguments({ ...options, engine: podman }).join(" ");
    expect(args).toContain("--userns keep-id");
    expect(args).toContain("--user 1234:567");
  });

  it("mounts a folder of any name but one with a line break", () => {
    const workdir = '/a, "b":c';
    expect(runArguments({ ...options, spec: { ...spec, workdir } })).toContain(
      'type=bind,"source=/a, ""b"":c","target=/a, ""b"":c"',
    );
    const broken = { ...options, spec: { ...spec, workdir: "/a\nb" } };
    expect(() => runArguments(broken)).toThrow(/line break/);
  });
});

describe("start", () => {
  it("gives values by stdin only", async () => {
    const { host, ctx } = machine({ ...version, ...absent, id: { stdout: "567\n" } });
    const file = { name: ".credentials.json", content: createSecret("canary-file") };
    const env = { TOKEN: createSecret("canary-env") };
    const grant = { ...own, login: "forwarded", files: [file], env } as const;
    await runtimeDocker().start({ ...spec, grant }, ctx);
    expect(
      JSON.stringify(host.calls.map(({ args, options: { env } }) => [args, env])),
    ).not.toContain("canary");
    const texts = host.calls.flatMap(({ options: { stdin } }) => stdin ?? []);
    expect(texts).toHaveLength(1);
    for (const value of ["canary", "canary-file", "canary-env"])
      expect(texts[0]).toContain(`'${value}'`);
  });

  it("removes the container when anything after its start fails", async () => {
    const { ctx, ran } = machine({
      ...version,
      ...absent,
      "docker exec -i": { code: 42 },
    });
    await expect(runtimeDocker().start(spec, ctx)).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringContaining("has no tmux"),
    });
    expect(ran().at(-1)).toBe("docker rm -f -v jackin-app");
  });

  const madeBy = (home: string, status = "running") => ({
    code: 0,
    stdout: `{"name":"/jackin-app","running":${status === "running"},"status":"${status}","labels":{"jackin.home":"${home}"}}`,
    stderr: "",
  });

  /** Somebody makes a container of that name after the launch has looked; what a second look sees then. */
  function late(seen: ExecResult) {
    const { host, ctx, ran } = machine({ ...version, ...absent });
    let runs = 0;
    const exec: typeof host.exec = async (command, args, options) => {
      const result = await host.exec!(command, args, options);
      if (args[0] === "run" && ++runs === 1)
        return {
          ...result,
          code: 125,
          stderr: 'The container name "/jackin-app" is already in use',
        };
      return args[1] === "inspect" && runs === 1 ? seen : result;
    };
    const done = runtimeDocker().start(spec, { ...ctx, host: { ...host, exec } });
    const names = () =>
      ran().flatMap(
        (line) => /docker (rm|run) .*?(?<name>jackin-app\S*)/.exec(line)?.slice(1) ?? [],
      );
    return { done, names };
  }

  it("takes the place of a container that a killed launch made after it had looked", async () => {
    const { done, names } = late(madeBy("/home/me/.jackin"));
    await done;
    expect(names()).toEqual(["run", "jackin-app", "rm", "jackin-app", "run", "jackin-app"]);
  });

  it.each([
    ["another operator's container came", madeBy("/home/you/.jackin")],
    ["one came that is on its way out", { stdout: "", ...absent["docker container inspect"] }],
    ["its own is still seen going", madeBy("/home/me/.jackin", "removing")],
  ])("takes another name when after it had looked %s", async (_, seen) => {
    const { done, names } = late(seen);
    await done;
    const [marked] = names().slice(-1);
    expect(marked).toMatch(/^jackin-app-[0-9a-f]{6}$/);
    expect(names()).toEqual(["run", "jackin-app", "run", marked]);
  });

  it("removes nothing when it cannot tell whose the container is that came", async () => {
    const { done, names } = late({ code: 1, stdout: "", stderr: "Docker is on fire" });
    await expect(done).rejects.toMatchObject({ code: "host-failed" });
    expect(names()).toEqual(["run", "jackin-app"]);
  });

  it("does not call a container dead that runs", async () => {
    let ran = false;
    const running = '{"name":"/jackin-app","running":true,"labels":{}}';
    const host = createHostDouble({
      files: { "/home/me/.jackin/instances/app/claude": { kind: "folder" } },
      exec: ({ args: [verb, second] }) => {
        if (verb === "run") return ((ran = true), { stdout: "0123abcd\n" });
        if (verb === "version") return version["docker version"];
        if (verb === "exec") return { code: 1, stderr: "sh: the text was wrong" };
        if (second !== "inspect") return {};
        return ran ? { stdout: running } : absent["docker container inspect"];
      },
    });
    await expect(runtimeDocker().start(spec, createContextDouble(host))).rejects.toMatchObject({
      message: "[runtime-docker] The agent did not start: sh: the text was wrong",
    });
  });

  it("says what an agent said that ended at once", async () => {
    const { ctx, ran } = machine({
      ...version,
      ...absent,
      "docker exec jackin-app sh /jackin/run/begin": { code: 91 },
      "docker exec jackin-app sh -c": { stdout: "the moon\n" },
      "docker wait": { stdout: "3\n" },
    });
    await expect(runtimeDocker().start(spec, ctx)).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringMatching(/ended at once, with exit code 3[^]*the moon/),
    });
    expect(ran().at(-1)).toBe("docker rm -f -v jackin-app");
  });

  it("says that the disk is full", async () => {
    const stderr = "cat: write error: No space left on device";
    const { ctx } = machine({ ...version, ...absent, "docker exec -i": { code: 1, stderr } });
    await expect(runtimeDocker().start(spec, ctx)).rejects.toMatchObject({
      code: "start-failed",
      // The instance's own folder is gone by the time that is typed.
      hint: `Free some space: df -h ${spec.home.replace(/\/[^/]*$/, "")}`,
    });
  });

  it("does with its own container what it does, whoever has the name by then", async () => {
    const { ctx, ran } = machine({
      ...version,
      ...absent,
      "docker run": { stdout: "0123abcd\n" },
      "docker exec 0123abcd sh": { code: 1, stderr: "no such container" },
    });
    await expect(runtimeDocker().start(spec, ctx)).rejects.toMatchObject({ code: "start-failed" });
    const later = ran().slice(ran().findIndex((line) => line.startsWith("docker run")) + 1);
    expect(later.length).toBeGreaterThan(2);
    for (const line of later) expect(line).not.toContain("jackin-app");
    expect(later.at(-1)).toBe("docker rm -f -v 0123abcd");
  });

  it("waits for the container of a run that was too slow, and for no other", async () => {
    let removals = 0;
    const host = createHostDouble({
      files: { "/home/me/.jackin/instances/app/claude": { kind: "folder" } },
      exec: ({ args: [verb] }) => {
        if (verb === "run") throw programTooSlow("docker");
        if (verb === "rm" && ++removals === 3) return {};
        if (verb === "version") return version["docker version"];
        return verb === "info" ? {} : { code: 1, stderr: "Error: No such container: jackin-app" };
      },
    });
    await expect(runtimeDocker().start(spec, createContextDouble(host))).rejects.toMatchObject({
      code: "timeout",
    });
    expect(removals).toBe(3);
    const failing = machine({
      ...version,
      ...absent,
      "docker run": { code: 125 },
      "docker rm": { code: 1, stderr: "No such container" },
    });
    await expect(runtimeDocker().start(spec, failing.ctx)).rejects.toMatchObject({
      code: "start-failed",
    });
    expect(failing.ran().filter((line) => line.startsWith("docker rm"))).toHaveLength(1);
  });

  it("leaves another home's container of the same name alone and takes a name of its own", async () => {
    const home = "/home/me/.jackin";
    const line = (name: string, jackinHome: string) =>
      JSON.stringify({ name: `/${name}`, running: true, labels: { "jackin.home": jackinHome } });
    const foreign = { code: 1, stdout: line("jackin-app", "/other"), stderr: "No such container" };
    const first = machine({ ...version, "docker container inspect": foreign });
    await runtimeDocker().start(spec, first.ctx);
    const run = first.ran().find((command) => command.startsWith("docker run"));
    const own = /--name (jackin-app-[0-9a-f]{6}) /.exec(run!)?.[1];
    expect(own).toBeDefined();
    await runtimeDocker().stop("app", first.ctx);
    expect(first.ran().filter((command) => /docker (rm|stop)/.test(command))).toEqual([]);

    const both = { stdout: [line("jackin-app", "/other"), line(own!, home)].join("\n") };
    const left = {
      "docker exec": { code: 90 },
      "docker container inspect --format {{.Id}}": { stdout: "4567\n" },
    };
    const later = machine({ ...version, ...left, "docker container inspect": both });
    await runtimeDocker().attach("app", later.ctx);
    await runtimeDocker().stop("app", later.ctx);
    expect(later.ran().filter((command) => /docker (exec|rm|stop)/.test(command))).toEqual([
      `docker exec -it --env TERM=xterm-256color ${own} sh /jackin/run/attach`,
      `docker stop -t 5 4567`,
      `docker rm -f -v 4567`,
    ]);
  });

  it("leaves it to core to tell what the operator's own environment outranks", async () => {
    const answers = {
      ...version,
      ...absent,
      "docker inspect": { stdout: '{"image":"sha256:1","env":[]}' },
      "docker exec jackin-app sh -c": { stdout: '{"authMethod":"oauth_token_env"}' },
    };
    const env = { CLAUDE_CODE_OAUTH_TOKEN: createSecret("canary") };
    const warnings = async (own: StartSpec["env"]) => {
      const { ctx } = machine(answers);
      const { notices } = await runtimeDocker().start(
        { ...spec, env: own, grant: { ...spec.grant, env } },
        ctx,
      );
      return notices.filter(({ level }) => level === "warning").length;
    };
    expect(await warnings({})).toBe(1);
    expect(await warnings({ ANTHROPIC_AUTH_TOKEN: createSecret("canary") })).toBe(0);
  });

  it("puts a broken file of the agent aside before it writes its own", async () => {
    const { host, ctx } = machine({ ...version, ...absent });
    host.disk.set(`${spec.home}/claude/.claude.json`, "{ broken");
    const { notices } = await runtimeDocker().start(spec, ctx);
    expect(notices[0]).toMatchObject({ level: "warning" });
    const text = host.calls.find(({ options: { stdin } }) => stdin)?.options.stdin ?? "";
    const moved = text.indexOf(
      "mv '/jackin/claude/.claude.json' '/jackin/claude/.claude.json.unusable'",
    );
    expect(moved).toBeGreaterThan(0);
    expect(text.indexOf("put '/jackin/claude/.claude.json'")).toBeGreaterThan(moved);
  });
});

describe("putFiles", () => {
  it("replaces each file at once, by a pipe", async () => {
    const name =
      '{"name":"/jackin-app","running":true,"labels":{"jackin.home":"/home/me/.jackin"}}';
    const { host, ctx } = machine({ "docker container inspect": { stdout: name } });
    const file = { name: ".credentials.json", content: createSecret("canary's") };
    await runtimeDocker().putFiles!("app", [file], ctx);
    const { args, options } = host.calls.at(-1)!;
    expect(args).toEqual(["exec", "-i", "jackin-app", "sh"]);
    expect(options.stdin?.split("\n").at(-3)).toBe(
      `put '/jackin/run/credentials/.credentials.json' 'canary'\\''s'`,
    );
    const odd = { ...file, name: "../claude/x" };
    await expect(runtimeDocker().putFiles!("app", [odd], ctx)).rejects.toMatchObject({
      code: "plugin-failed",
    });
  });
});

const running = {
  stdout: '{"name":"/jackin-app","running":true,"labels":{"jackin.home":"/home/me/.jackin"}}',
};

describe("tell", () => {
  it("hands the line to the container by a pipe", async () => {
    const { host, ctx } = machine({ "docker container inspect": running });
    await runtimeDocker().tell!("app", "it's 5 #(cmd)", ctx);
    const { args, options } = host.calls.at(-1)!;
    expect(args).toEqual(["exec", "-i", "jackin-app", "sh"]);
    expect(options.stdin).toContain(`m='it'\\''s 5 ##(cmd)'\n`);
    const gone = machine({ "docker exec": { code: 1, stderr: "No such container" } });
    await expect(runtimeDocker().tell!("app", "line", gone.ctx)).rejects.toMatchObject({
      code: "host-failed",
    });
  });
});

describe("surroundings", () => {
  const base64 = (value: unknown) =>
    btoa(typeof value === "string" ? value : JSON.stringify(value));
  const login = { claudeAiOauth: { accessToken: "canary", refreshToken: "canary 2" } };
  const folder = "/etc/claude-code/managed-settings";
  const printed = [
    `file managed ${base64({})} :${folder}.d/10.json`,
    `file managed ${base64({ apiKeyHelper: "canary" })} :${folder}.d/20: b.json`,
    `file managed ${base64("no JSON")} :${folder}.json`,
    `file user ${base64({}).slice(0, 2)} ${base64({}).slice(2)} :/jackin/claude/settings.json`,
    `login :/jackin/claude/.credentials.json`,
    `file credential ${base64(login)} :/jackin/claude/.credentials.json`,
    "env PATH",
    "env ANTHROPIC_API_KEY",
    "env ANTHROPIC_API_KEY",
    "",
  ].join("\n");
  const found = {
    env: ["ANTHROPIC_API_KEY"],
    settings: [
      { path: `${folder}.d/20: b.json`, apiKeyHelper: true },
      { path: `${folder}.d/10.json` },
      { path: `${folder}.json`, unreadable: true },
      { layer: "user", path: "/jackin/claude/settings.json", apiKeyHelper: false },
    ],
    credential: { path: "/jackin/claude/.credentials.json", state: "whole" },
  };

  it("asks once, and keeps names and fingerprints only", async () => {
    const { ctx, ran } = machine({
      "docker container inspect": running,
      "docker exec": { stdout: printed },
    });
    const answer = await runtimeDocker().surroundings!("app", ctx);
    expect(answer).toMatchObject(found);
    expect(JSON.stringify(answer)).not.toContain("canary");
    expect(ran().filter((line) => line.startsWith("docker exec"))).toHaveLength(1);
  });

  it("are told by the start too, which asks no more often for it", async () => {
    const { ctx, ran } = machine({
      ...version,
      ...absent,
      "docker exec -i jackin-app sh": { stdout: printed },
    });
    expect((await runtimeDocker().start(spec, ctx)).surroundings).toMatchObject(found);
    expect(ran().filter((line) => line.startsWith("docker exec"))).toEqual([
      "docker exec -i jackin-app sh",
      "docker exec jackin-app sh /jackin/run/begin --model x",
    ]);
  });

  it.each(["", "env PATH\n", "login :\n"])("that are told as %j stop no launch", async (stdout) => {
    const answers = { ...version, ...absent, "docker exec -i": { stdout } };
    const started = await runtimeDocker().start(spec, machine(answers).ctx);
    expect(started).not.toHaveProperty("surroundings");
    const { ctx } = machine({ ...answers, "docker container inspect": running });
    await expect(runtimeDocker().surroundings!("app", ctx)).rejects.toMatchObject({
      code: "host-failed",
    });
  });
});

describe("a shared login", () => {
  const grant: Grant = { ...own, login: "shared", folder: `/home/me/.jackin/it's, "shared"` };
  const image = { "docker inspect": { stdout: '{"image":"sha256:1","env":[]}' } };
  const asking = (method: string) => ({
    ...version,
    ...absent,
    ...image,
    "docker exec jackin-app sh -c": { stdout: `{"authMethod":"${method}"}` },
  });

  it("is mounted, and is where the agent keeps its login", () => {
    const args = runArguments({ ...options, spec: { ...spec, grant } });
    expect(args).toContain("CLAUDE_SECURESTORAGE_CONFIG_DIR=/jackin/shared");
    expect(args).toContain(
      `type=bind,"source=/home/me/.jackin/it's, ""shared""","target=/jackin/shared"`,
    );
    expect(runArguments(options).join()).not.toMatch(/shared|SECURESTORAGE/);
  });

  it("is asked about once for each image", async () => {
    const { ctx, ran } = machine(asking("claude.ai"));
    const runtime = runtimeDocker();
    const asked = () => ran().filter((line) => line.includes("claude auth status")).length;
    for (let launch = 0; launch < 2; launch++) {
      const { notices } = await runtime.start({ ...spec, grant }, ctx);
      expect(notices.filter(({ level }) => level === "warning")).toEqual([]);
      expect(asked()).toBe(1);
    }
  });

  it("stops the launch where the image's claude does not know the folder, the next time unasked", async () => {
    const { ctx, ran } = machine(asking("none"));
    const runtime = runtimeDocker();
    for (let launch = 0; launch < 2; launch++)
      await expect(runtime.start({ ...spec, grant }, ctx)).rejects.toMatchObject({
        code: "start-failed",
        message: expect.stringContaining("some:1"),
      });
    expect(ran().filter((line) => line.includes("claude auth status"))).toHaveLength(1);
    expect(ran().at(-1)).toBe("docker rm -f -v jackin-app");
  });

  it("warns where the image's claude cannot be asked", async () => {
    const answers = { ...asking("none"), "docker exec jackin-app sh -c": { stdout: "what?" } };
    const { notices } = await runtimeDocker().start({ ...spec, grant }, machine(answers).ctx);
    expect(notices[0]).toMatchObject({ level: "warning", text: expect.stringContaining("some:1") });
  });
});

describe("run", () => {
  it("gives the agent its input by a pipe, and none when there is none", async () => {
    const name =
      '{"name":"/jackin-app","running":true,"labels":{"jackin.home":"/home/me/.jackin"}}';
    const { host, ctx } = machine({ "docker container inspect": { stdout: name } });
    const request = { instance: "app", args: ["-p"], capture: true };
    await runtimeDocker().run({ ...request, stdin: "canary prompt" }, ctx);
    await runtimeDocker().run(request, ctx);
    const runs = host.calls.filter(({ args }) => args[0] === "exec");
    expect(runs.map(({ args, options }) => [args.join(" "), options.stdin])).toEqual([
      ["exec -i jackin-app sh /jackin/run/launch -p", "canary prompt"],
      ["exec jackin-app sh /jackin/run/launch -p", undefined],
    ]);
  });
});

describe("list", () => {
  it("asks twice, however many there are", async () => {
    const { ctx, ran } = machine({
      "docker ps": { stdout: "one\ntwo\nthree\n" },
      "docker inspect": {
        code: 1,
        stdout: `{"running":true,"labels":{"jackin.instance":"a","x":"1,2=3"}}\n{"running":false,"labels":null}\n`,
        stderr: "Error: No such object: three",
      },
    });
    expect(await runtimeDocker().list(ctx)).toEqual([
      { instance: "a", running: true, labels: { "jackin.instance": "a", x: "1,2=3" } },
    ]);
    expect(ran()).toHaveLength(2);
  });
});

describe("a docker that hangs", () => {
  it("is given up, and the error says what to do", async () => {
    const host = createHostDouble({
      exec: () => {
        throw programTooSlow("docker");
      },
    });
    await expect(runtimeDocker().list(createContextDouble(host))).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringMatching(/^\[runtime-docker\] /),
      hint: expect.stringContaining("docker info"),
    });
  });

  it("is waited for without a limit only where the work may take any time", async () => {
    const there = {
      "docker container inspect": {
        stdout: '{"name":"/jackin-app","running":true,"labels":{"jackin.home":"/home/me/.jackin"}}',
      },
      "docker image inspect": { code: 1, stderr: "No such image" },
      "docker ps": { stdout: "one\n" },
      "docker exec -it": { code: 1 },
      "docker wait": { stdout: "1\n" },
    };
    const { host, ctx } = machine({ ...version, ...there });
    const runtime = runtimeDocker();
    await runtime.probe(ctx);
    await runtime.prepare!({}, ctx);
    await runtime.prepare!({ image: "mine:1" }, ctx);
    await runtime.start(spec, ctx);
    await runtime.list(ctx);
    await runtime.run({ instance: "app", args: ["-p"], capture: true }, ctx);
    await runtime.attach("app", ctx).catch(() => undefined);
    await runtime.stop("app", ctx);
    const unlimited = host.calls.filter(
      ({ command, options }) => command === "docker" && options.limitMs === undefined,
    );
    expect(unlimited.map(({ args }) => args.slice(0, 2).join(" "))).toEqual([
      "build --force-rm",
      "pull mine:1",
      "exec jackin-app",
      "exec -it",
    ]);
  });
});

describe("attach", () => {
  it("tells leaving from ending, and gives the exit code", async () => {
    const left = machine({ "docker exec": { code: 90 } }, { TERM: "xterm-ghostty" });
    expect(await runtimeDocker().attach("app", left.ctx)).toEqual({ ended: false, code: 0 });
    expect(left.ran().at(-1)).toBe(
      "docker exec -it --env TERM=xterm-ghostty jackin-app sh /jackin/run/attach",
    );
    const ended = machine({
      "docker exec": { code: 137 },
      "docker container inspect": {
        stdout:
          '{"name":"/jackin-app","running":false,"labels":{"jackin.home":"/home/me/.jackin"}}',
      },
      "docker wait": { stdout: "3\n" },
    });
    expect(await runtimeDocker().attach("app", ended.ctx)).toEqual({ ended: true, code: 3 });
    expect(ended.ran().filter((line) => line.startsWith("docker logs"))).toEqual([]);
  });
});
