import type { Jackin, Notice } from "../../core/index.ts";
import { createBell, toWarning } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";

type Deps = Pick<CommandDeps, "notices">;

/** Every command that looks at agents ends with this: a keeper that was killed is replaced. Its failure is no failure of theirs. */
export async function ensureKept(deps: Deps, jackin: Jackin): Promise<void> {
  await jackin.ensureKept().catch((error: unknown) => deps.notices([toNotice(error)]));
}

/** ms. Whoever kept agents may have been killed meanwhile. */
const tryAgain = 60_000;

/** Keeps agents signed in while `work` goes on, whenever nobody else does, and has it go on after. */
export async function whileKept<T>(deps: Deps, jackin: Jackin, work: () => Promise<T>): Promise<T> {
  const end = new AbortController();
  // Said afterwards: the terminal is the agent's meanwhile.
  let trouble: Notice | undefined;
  const keeping = keepOn();
  try {
    return await work();
  } finally {
    end.abort();
    await keeping;
    if (trouble) deps.notices([trouble]);
    await ensureKept(deps, jackin);
  }

  async function keepOn(): Promise<void> {
    const { signal } = end;
    while (!signal.aborted) {
      trouble = await jackin.keep({ signal, stay: true }).then(() => undefined, toNotice);
      await createBell().wait(tryAgain, signal);
    }
  }
}

function toNotice(error: unknown): Notice {
  return toWarning(error, "Nobody keeps running agents signed in: ");
}
