import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { JackinError } from "../../core/index.ts";
import type { Host, HostFiles, Jackin, Notice } from "../../core/index.ts";
import { createApp, loopbackHosts } from "../http/index.ts";
import { readServeToken } from "./serve-token.ts";

export interface ServerOptions {
  readonly jackin: Jackin;
  readonly host: Host & { readonly files: HostFiles };
  readonly port: number;
  readonly address: string;
  readonly tokenFile?: string | undefined;
  /** Permits an address that other machines reach. */
  readonly allowRemote: boolean;
  /** Names beside loopback's that callers may use. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** Stops the server. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** How long requests under way may take once it stops, in ms; 10 000 without it. Then their launches are cancelled. */
  readonly graceMs?: number;
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly tokenFile: string;
  readonly notices: readonly Notice[];
  /** Once the signal has fired and every request under way has ended. */
  readonly stopped: Promise<void>;
}

/** The HTTP API on this machine. Throws before it listens when the address, the token file or the port will not do. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { jackin, host, address, allowedOrigins, signal, log } = options;
  if (!isLoopback(address) && !options.allowRemote) throw refuseRemote(address);
  const { token, path } = await readServeToken(host, options.tokenFile, signal);
  const underWay = new Set<Promise<unknown>>();
  const waitUntil = (work: Promise<unknown>) => {
    underWay.add(work);
    void work.finally(() => underWay.delete(work)).catch(() => undefined);
  };
  const disposed = new AbortController();
  const app = createApp({
    jackin,
    token,
    allowedHosts: [...loopbackHosts, inUrl(address), ...options.allowedHosts],
    allowedOrigins,
    log,
    signal: AbortSignal.any([signal, disposed.signal]),
    waitUntil,
  });
  let stopping = false;
  const server = createAdaptorServer({
    async fetch(request) {
      const answer = Promise.resolve(app.fetch(request));
      waitUntil(answer);
      const response = await answer;
      // Else the connection would stay open for the caller's next request, and the server with it.
      if (stopping) response.headers.set("connection", "close");
      return response;
    },
  }) as Server;
  await listen(server, options.port, address);
  const stop = Promise.withResolvers<void>();
  const onAbort = () => stop.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) stop.resolve();
  const stopped = stop.promise.then(() => {
    stopping = true;
    return close(server, underWay, options.graceMs ?? 10_000);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${inUrl(address)}:${port}`,
    tokenFile: path,
    notices: isLoopback(address) ? [] : [remoteNotice(address)],
    stopped,
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", onAbort);
      disposed.abort();
      stop.resolve();
      await stopped;
    },
  };
}

function listen(server: Server, port: number, address: string): Promise<void> {
  const listening = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) =>
    listening.reject(toListenError(error, port, address)),
  );
  server.listen(port, address, listening.resolve);
  return listening.promise;
}

/** Takes no new request. Those under way get their time; then their connections go, which cancels their launches. */
async function close(
  server: Server,
  underWay: ReadonlySet<Promise<unknown>>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
  // A launch that was cancelled still takes down what it had started, and a token's setup what it had stored.
  await Promise.allSettled(underWay);
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

function inUrl(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function refuseRemote(address: string): JackinError {
  return new JackinError({
    code: "usage",
    message: `--host ${address} would open the API to other machines, in plain HTTP.`,
    hint: "Leave --host out and come through SSH: ssh -L 7667:127.0.0.1:7667 MACHINE\nor say that it is meant: --allow-remote",
  });
}

function remoteNotice(address: string): Notice {
  return {
    level: "warning",
    text: `The API on ${address} is open to other machines, and plain HTTP shows them its token`,
    next: "Put a proxy with TLS before it, and name it: --allow-host NAME",
  };
}

function toListenError(error: NodeJS.ErrnoException, port: number, address: string): JackinError {
  const known: Readonly<Record<string, readonly [why: string, hint: string]>> = {
    EADDRINUSE: [
      "another program, perhaps another jackin serve, listens there",
      `Choose another port: jackin serve --port 0\nor see who has it: ss -ltnp 'sport = :${port}'`,
    ],
    EACCES: ["this user may not use that port", "Choose a port above 1023: --port N"],
    EADDRNOTAVAIL: ["this machine has no such address", "See its addresses: ip addr"],
    ENOTFOUND: ["no such name is known", "Write an address: --host 127.0.0.1"],
  };
  const [why, hint] = known[error.code ?? ""] ?? [error.message, undefined];
  return new JackinError({
    code: "host-failed",
    message: `Cannot listen on ${inUrl(address)}:${port}: ${why}.`,
    hint,
    cause: error,
  });
}
