import type { Jackin } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { whileKept } from "./keeping.ts";

/**
 * Gives the terminal to the agent, and keeps agents signed in meanwhile. The agent's end gives the command its exit code; a
 * detach is 0 and says the way back.
 */
export async function attachTo(deps: CommandDeps, jackin: Jackin, instance: string): Promise<void> {
  const goesOn = `${instance} keeps running.\n→ jackin hardline ${instance}`;
  try {
    const { ended, code } = await whileKept(deps, jackin, () =>
      jackin.attach(instance, { signal: deps.signal }),
    );
    if (!ended) return deps.err(`Detached: ${goesOn}`);
    deps.err(`${instance} ended with exit code ${code}.`);
    deps.exit(code);
  } catch (error) {
    if (deps.signal.aborted) deps.err(goesOn);
    throw error;
  }
}
