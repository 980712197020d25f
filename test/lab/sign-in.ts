import { spawn } from "node:child_process";
import type { Lab } from "./lab.ts";

export interface SignedIn {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs a command that ends in `claude auth login`, on this machine or through `docker exec -i`, and does the operator's part:
 * opens the printed address, brings the code back. The login is a new one of `account`.
 */
export function signInByHand(
  lab: Pick<Lab, "newCode">,
  command: readonly [string, ...string[]],
  options: { env?: Record<string, string>; cwd?: string; account?: string } = {},
): Promise<SignedIn> {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    env: options.env ?? process.env,
    ...(options.cwd ? { cwd: options.cwd } : {}),
  });
  let output = "";
  let answered = false;
  const read = (chunk: Buffer) => {
    output += chunk;
    if (answered || !/Paste code here/i.test(output)) return;
    answered = true;
    child.stdin.end(`${codeFor(lab, output, options.account)}\n`);
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** What an operator would paste after visiting the address that `text` shows: `<code>#<state>`. */
export function codeFor(lab: Pick<Lab, "newCode">, text: string, account?: string): string {
  const url = /https:\/\/\S+/.exec(text)?.[0];
  if (!url) throw new Error(`[lab] no address to visit in: ${text}`);
  // 2.1.197 names the state; in 2.1.330 it is the end of the query.
  const state = new URL(url).searchParams.get("state") ?? url.slice(-43);
  return `${lab.newCode(account ? { account } : {})}#${state}`;
}
