/** Sees every process of the machine while a launch goes on, from a process of its own: what is in argv, what in environ. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Canary } from "./canary.ts";
import { createCanary, newSecret } from "./canary.ts";

export interface Sighting {
  readonly canary: string;
  readonly where: "argv" | "environ";
  readonly pid: number;
  /** Its arguments, those of its parent, and so on. */
  readonly lineage: readonly string[];
  /** Claude Code started it, or what started it. */
  readonly byClaude: boolean;
  readonly inContainer: boolean;
}

export interface ProcessWatch extends AsyncDisposable {
  /** One last look, then everything that was seen, each process once. */
  stop(): Promise<readonly Sighting[]>;
}

const program = fileURLToPath(new URL("process-watcher.ts", import.meta.url));

/** Resolves once the watcher has seen a process with a canary of its own, in its arguments and in its environment. */
export async function watchProcesses(canaries: readonly Canary[]): Promise<ProcessWatch> {
  const secret = newSecret();
  const control = createCanary("control", secret);
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  const seen: Sighting[] = [];
  const controls = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const sighting = JSON.parse(line) as Sighting;
    if (sighting.canary !== "control") return void seen.push(sighting);
    controlled.add(sighting.where);
    if (controlled.size === 2) controls.resolve();
  });
  const controlled = new Set<string>();
  child.stdin.write(`${JSON.stringify([...canaries, control])}\n`);
  const known = spawn("sh", ["-c", "read line", secret], {
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, JACKIN_CONTROL: secret },
  });
  await Promise.race([
    controls.promise,
    ended.then((code) => {
      throw new Error(`the watcher ended with ${code}`);
    }),
  ]);
  known.stdin.end();
  const end = () => {
    child.stdin.end();
    return ended;
  };
  return {
    async stop() {
      const code = await end();
      if (code !== 0) throw new Error(`the watcher ended with ${code}`);
      return seen;
    },
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}
