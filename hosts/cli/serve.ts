import type { Command } from "commander";
import { JackinError } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";

interface ServeFlags {
  readonly port: string;
  readonly host: string;
  readonly tokenFile?: string;
  readonly allowRemote?: boolean;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly json?: boolean;
}

export const defaultPort = 7667;

/** `jackin serve`: the HTTP API until Ctrl-C. What it has started goes on running. */
export function registerServe(program: Command, deps: CommandDeps): void {
  program
    .command("serve")
    .description("serve the HTTP API on this machine")
    .option("--port <n>", "port to listen on; 0 takes a free one", String(defaultPort))
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--token-file <file>", "bearer token to ask for, in a file of mode 0600")
    .option("--allow-remote", "permit an address that other machines reach; plain HTTP")
    .option("--allow-host <name>", "also answer to this name (repeatable)", add)
    .option("--allow-origin <origin>", "let this origin's pages call (repeatable)", add)
    .option("--json", "print where it listens as JSON")
    .action(async (flags: ServeFlags) => {
      const port = toPort(flags.port);
      const { startServer } = await import("./serve-server.ts");
      const { whileKept } = await import("./keeping.ts");
      const { jackin, host } = await deps.open();
      await using server = await startServer({
        jackin,
        host,
        port,
        address: flags.host,
        tokenFile: flags.tokenFile,
        allowRemote: flags.allowRemote ?? false,
        allowedHosts: flags.allowHost ?? [],
        allowedOrigins: flags.allowOrigin ?? [],
        signal: deps.signal,
        log: deps.err,
      });
      const { url, tokenFile } = server;
      deps.notices(server.notices);
      if (flags.json) deps.json({ url, tokenFile });
      else deps.out(`jackin listens on ${url}\nIts bearer token is in ${tokenFile}`);
      deps.err("Ctrl-C stops it; instances keep running.");
      await whileKept(deps, jackin, () => server.stopped);
    });
}

function add(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function toPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new JackinError({
    code: "usage",
    message: `--port ${JSON.stringify(text)} is no port.`,
    hint: `A port is a number from 0 to 65535; without the flag it is ${defaultPort}.`,
  });
}
