/** A real Secret Service: gnome-keyring on a D-Bus session of its own, which starts nothing else and can ask nobody for a password. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface SecretService extends AsyncDisposable {
  /** What a program needs to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it keeps its collections. */
  readonly data: string;
  /** Starts gnome-keyring: with its login collection open, made at the first time; or with none. */
  start(collection: "open" | "none"): Promise<void>;
  /** Ends gnome-keyring; what was stored stays on disk. */
  stop(): Promise<void>;
  /** Locks the collection, as a desktop does with its screen. */
  lock(): Promise<void>;
  /** It takes calls and answers none any more. */
  freeze(): void;
  /** Paths of the entries that have these attributes. */
  find(attributes: Readonly<Record<string, string>>): Promise<readonly string[]>;
}

const run = promisify(execFile);
const secrets = "/org/freedesktop/secrets";
const login = `${secrets}/collection/login`;

export async function openSecretService(): Promise<SecretService> {
  const folder = await mkdtemp(join(tmpdir(), "jackin-secret-service-"));
  const config = join(folder, "bus.conf");
  await writeFile(config, busConfig(folder));
  const bus = spawn("dbus-daemon", ["--config-file", config, "--nofork", "--print-address"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [address] = (await once(bus.stdout.setEncoding("utf8"), "data")) as [string];
  const env = {
    PATH: process.env["PATH"]!,
    HOME: folder,
    XDG_DATA_HOME: join(folder, "data"),
    XDG_RUNTIME_DIR: folder,
    DBUS_SESSION_BUS_ADDRESS: address.trim(),
  };
  let daemon: ChildProcess | undefined;

  /** By D-Bus's own program: the answer's words. */
  const call = async (path: string, method: string, ...args: readonly string[]) => {
    const to = ["--session", "--print-reply=literal", "--dest=org.freedesktop.secrets"];
    return (await run("dbus-send", [...to, path, method, ...args], { env })).stdout.trim();
  };
  const collection = () =>
    call(secrets, "org.freedesktop.Secret.Service.ReadAlias", "string:default");

  async function stop(): Promise<void> {
    await end(daemon);
    daemon = undefined;
  }

  return {
    env,
    data: env.XDG_DATA_HOME,
    stop,
    async start(wanted) {
      const unlock = wanted === "open" ? ["--unlock"] : [];
      daemon = spawn(
        "gnome-keyring-daemon",
        ["--foreground", "--components=secrets", "--control-directory", folder, ...unlock],
        { env, stdio: ["pipe", "ignore", "ignore"] },
      );
      daemon.stdin!.end(wanted === "open" ? "the login password" : "");
      const expected = wanted === "open" ? login : "/";
      while ((await collection().catch(() => "")) !== expected) {
        if (daemon.exitCode !== null) throw new Error("gnome-keyring-daemon has ended");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async lock() {
      await call(secrets, "org.freedesktop.Secret.Service.Lock", `array:objpath:${login}`);
    },
    freeze: () => void daemon?.kill("SIGSTOP"),
    async find(attributes) {
      const pairs = Object.entries(attributes).flat().join(",");
      const method = "org.freedesktop.Secret.Service.SearchItems";
      return (await call(secrets, method, `dict:string:string:${pairs}`)).match(/\/\S+/g) ?? [];
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await end(bus);
      await rm(folder, { recursive: true });
    },
  };
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** As a session's, without the folders of services that it would start. */
function busConfig(folder: string): string {
  return `<busconfig>
  <type>session</type>
  <listen>unix:dir=${folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;
}
