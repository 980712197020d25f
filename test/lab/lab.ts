import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApi } from "./api.ts";
import type { Turns } from "./api.ts";
import { createAuthority } from "./authority.ts";
import type { Authority, Credentials } from "./authority.ts";
import { createCertificates } from "./certificates.ts";
import { createRecord } from "./record.ts";
import type { Seen } from "./record.ts";

export { fingerprint } from "./authority.ts";
export type { Credentials } from "./authority.ts";
export type { Seen } from "./record.ts";

export interface LabOptions {
  /** Lifetime of access tokens in ms, 8 hours by default. */
  readonly lifetimeMs?: number;
  /** Also listen on the address of Docker's bridge, so that containers reach the lab. Default false. */
  readonly containers?: boolean;
  /**
   * Also take port 443 of the bridge, so that a container finds the lab under the real names with
   * `forContainers.addHosts` and no proxy variable. Needs root, and one such lab at a time. Default false.
   */
  readonly realNames?: boolean;
}

/** What a container needs to reach the lab. */
export interface ForContainers {
  /** Everything by environment alone. `NODE_EXTRA_CA_CERTS` is `caPath`: mount that file at the same path, or override the variable. */
  readonly env: Record<string, string>;
  /** `name:address` pairs for `docker run --add-host`; empty unless `realNames`. With them, of `env` only the CA is needed. */
  readonly addHosts: readonly string[];
  /** The CA's certificate on this machine, world-readable. */
  readonly caPath: string;
}

export interface Lab extends AsyncDisposable, Omit<Authority, "check" | "renew" | "redeem"> {
  /** The API on loopback, plain HTTP. */
  readonly url: string;
  readonly caPath: string;
  /** Every call so far, in order. Tokens appear as fingerprints only. */
  readonly seen: readonly Seen[];
  /** The first call that fits, past or coming; fails after `timeoutMs` (30 s) with all that was seen. */
  until(fits: (call: Seen) => boolean, timeoutMs?: number): Promise<Seen>;
  /** The assistant's text, `pong` at first. */
  reply: (prompt: string) => string;
  /** Pause in the middle of each turn, in ms, 0 at first. */
  delayMs: number;
  /** Refuses turns of good tokens, by what is said and by account; nothing at first. */
  refuse: Turns["refuse"];
  /** Stops every turn in its middle until the returned function is called. */
  hold(): () => void;
  /** Environment by which a `claude` on this machine talks to the lab, its renewals included. */
  readonly forHost: Record<string, string>;
  /** `forHost` for an operator whose home folder is `home`, with the pinned `claude` first on PATH. */
  hostClaude(home: string): Record<string, string>;
  /** Writes a login where the `claude` of that home folder looks for it, and returns the file's path. */
  signIn(home: string, credentials: object): Promise<string>;
  /** Throws unless the lab was started with `containers` or `realNames`. */
  readonly forContainers: ForContainers;
}

const names = ["platform.claude.com", "api.anthropic.com"];
const quiet = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1" };

/** The folder of the pinned `claude`, for PATH. */
export const claudeBin = join(dirname(fileURLToPath(import.meta.url)), "../../node_modules/.bin");

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const bridge = options.containers || options.realNames ? bridgeAddress() : undefined;
  const authority = createAuthority(options.lifetimeMs ?? 8 * 3_600_000);
  const record = createRecord();
  const turns: Turns = {
    reply: () => "pong",
    delayMs: 0,
    held: undefined,
    refuse: () => undefined,
  };
  const api = createApi(authority, record, turns);
  const certificates = await createCertificates(
    [...names, "localhost"],
    ["127.0.0.1", ...(bridge ? [bridge] : [])],
  );

  const handle: RequestListener = (request, response) =>
    void api(request, response).catch((error: unknown) => response.destroy(error as Error));
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const listen = async (server: Server, address: string, port = 0) => {
    server.on("connection", (socket) => track(sockets, socket));
    await new Promise<void>((resolve, reject) =>
      server.once("error", reject).listen(port, address, resolve),
    );
    servers.push(server);
    return (server.address() as AddressInfo).port;
  };
  const close = async () => {
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
  const tls = () =>
    createTlsServer({ cert: certificates.cert, key: certificates.key }, handle) as Server;
  const plain = (tlsPort: number) =>
    createServer(handle).on("connect", (request, socket, head) =>
      tunnel(request, socket as Socket, head, tlsPort, record.add, sockets),
    );

  const folder = await mkdtemp(join(tmpdir(), "jackin-lab-"));
  const caPath = join(folder, "ca.pem");
  // Containers read it as another user.
  await chmod(folder, 0o755);
  await writeFile(caPath, certificates.ca);
  await chmod(caPath, 0o644);

  const envFor = (address: string, port: number) => ({
    ...quiet,
    ANTHROPIC_BASE_URL: `http://${address}:${port}`,
    HTTPS_PROXY: `http://${address}:${port}`,
    NO_PROXY: `127.0.0.1,localhost,${address}`,
    NODE_EXTRA_CA_CERTS: caPath,
  });
  let forContainers: ForContainers | undefined;
  let port: number;
  try {
    const tlsPort = await listen(tls(), "127.0.0.1");
    port = await listen(plain(tlsPort), "127.0.0.1");
    if (bridge) {
      const env = envFor(bridge, await listen(plain(tlsPort), bridge));
      if (options.realNames) await listen(tls(), bridge, 443).catch(explain443(bridge));
      forContainers = {
        env,
        caPath,
        addHosts: options.realNames ? names.map((name) => `${name}:${bridge}`) : [],
      };
    }
  } catch (error) {
    await close();
    await rm(folder, { recursive: true });
    throw error;
  }
  const forHost = envFor("127.0.0.1", port);

  const { newLogin, newLongLivedToken, newCode, revoke } = authority;
  return {
    newLogin,
    newLongLivedToken,
    newCode,
    revoke,
    get lifetimeMs() {
      return authority.lifetimeMs;
    },
    set lifetimeMs(ms) {
      authority.lifetimeMs = ms;
    },
    get reply() {
      return turns.reply;
    },
    set reply(reply) {
      turns.reply = reply;
    },
    get delayMs() {
      return turns.delayMs;
    },
    set delayMs(ms) {
      turns.delayMs = ms;
    },
    get refuse() {
      return turns.refuse;
    },
    set refuse(refuse) {
      turns.refuse = refuse;
    },
    url: forHost.ANTHROPIC_BASE_URL,
    caPath,
    seen: record.seen,
    until: record.until,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      turns.held = promise;
      return () => {
        if (turns.held === promise) turns.held = undefined;
        resolve();
      };
    },
    forHost,
    hostClaude: (home) => ({
      ...forHost,
      HOME: home,
      PATH: `${claudeBin}${delimiter}${process.env["PATH"] ?? ""}`,
    }),
    async signIn(home, credentials: Credentials | object) {
      const file = join(home, ".claude", ".credentials.json");
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, JSON.stringify(credentials), { mode: 0o600 });
      return file;
    },
    get forContainers() {
      if (!forContainers)
        throw new Error("[lab] not reachable from containers: start it with { containers: true }");
      return forContainers;
    },
    async [Symbol.asyncDispose]() {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The host's own address on Docker's default bridge. Docker 20.10 names no gateway until the daemon's second start, but always
 * the subnet, whose first address it takes. The interface itself cannot be asked: Node lists none without a running container.
 */
export function bridgeAddress(): string {
  const format = "{{range .IPAM.Config}}{{.Gateway}},{{.Subnet}}\n{{end}}";
  let answer: string;
  try {
    answer = execFileSync("docker", ["network", "inspect", "bridge", "--format", format], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    throw new Error(
      "[lab] cannot ask Docker for its bridge: start it first, `sudo bash test/lab/ready.sh` does",
      { cause: error },
    );
  }
  // An IPv6 pair may stand beside it.
  const [, gateway, subnet] = /^([\d.]*),([\d.]+)\/\d+$/m.exec(answer) ?? [];
  if (!subnet)
    throw new Error(`[lab] Docker's default bridge has no IPv4 subnet: ${answer.trim()}`);
  return gateway || subnet.replace(/\d+$/, (last) => String(Number(last) + 1));
}

/** An HTTPS proxy that knows two names only, and leads both to the lab. */
function tunnel(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  tlsPort: number,
  note: ReturnType<typeof createRecord>["add"],
  sockets: Set<Socket>,
): void {
  const target = request.url ?? "";
  if (!names.some((name) => target === `${name}:443`)) {
    note({ kind: "unknown", method: "CONNECT", path: target, status: 502 });
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    return;
  }
  const upstream = connect(tlsPort, "127.0.0.1", () => {
    socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  track(sockets, upstream);
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}

function explain443(address: string) {
  return (error: NodeJS.ErrnoException): never => {
    const why =
      { EADDRINUSE: "another lab, or another server, has it", EACCES: "that needs root" }[
        error.code ?? ""
      ] ?? error.message;
    throw new Error(
      `[lab] cannot listen on ${address}:443: ${why}. Without realNames the lab needs no such port.`,
      { cause: error },
    );
  };
}
