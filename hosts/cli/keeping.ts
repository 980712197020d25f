import type { Jackin, Notice } from "../../core/index.ts";
import { toJackinError } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";

type Deps = Pick<CommandDeps, "notices">;

/** Every command that looks at agents ends with this: a keeper that was killed is replaced. Its failure is no failure of theirs. */
export async function ensureKept(deps: Deps, jackin: Jackin): Promise<void> {
  await jackin.ensureKept().catch((error: unknown) => deps.notices([toNotice(error)]));
}

/** Keeps agents signed in while `work` goes on, if nobody else does, and has it go on after. */
export async function whileKept<T>(deps: Deps, jackin: Jackin, work: () => Promise<T>): Promise<T> {
  const end = new AbortController();
  // Said afterwards: the terminal is the agent's meanwhile.
  const trouble = jackin.keep({ signal: end.signal, stay: true }).then(
    () => [],
    (error: unknown) => [toNotice(error)],
  );
  try {
    return await work();
  } finally {
    end.abort();
    deps.notices(await trouble);
    await ensureKept(deps, jackin);
  }
}

function toNotice(error: unknown): Notice {
  const { message, hint } = toJackinError(error);
  const text = `Nobody keeps running agents signed in: ${message}`;
  return { level: "warning", text, ...(hint !== undefined && { next: hint }) };
}
