import { cancelled, JackinError, toJackinError, toWarning } from "../../core/index.ts";
import type { Capture, CaptureState, Jackin, Secret } from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { hasColor } from "./io.ts";
import { harmless } from "./show.ts";

/** Signs in by `claude setup-token`, whose screen nobody sees, and answers the token. Throws why it failed. */
export async function signIn(
  deps: CommandDeps,
  jackin: Jackin,
  runtime: string | undefined,
): Promise<Secret> {
  const { signal } = deps;
  deps.err(
    "A new token is made by signing in: this machine's own claude setup-token, in a terminal of its own.",
  );
  await using capture = await deps.working("starting claude setup-token", (progress) =>
    jackin.tokens.capture({ signal, progress, runtime }),
  );
  let shown: string | undefined;
  for (let state = capture.state; ;) {
    switch (state.step) {
      case "start":
        state = await wait("waiting for claude setup-token", state);
        break;
      case "url":
        if (shown !== state.url) await showPage(deps, jackin, state.url);
        shown = state.url;
        if (state.refused !== undefined)
          deps.notices([{ level: "warning", text: `That code was not taken: ${state.refused}` }]);
        state = await answer(state);
        break;
      case "code":
        state = await wait("exchanging the code for a token", state);
        break;
      case "done":
        if (state.doubt !== undefined)
          deps.notices([{ level: "warning", text: `The token ${state.doubt}` }]);
        return capture.token();
      case "failed":
        throw state.error;
      case "cancelled":
        throw cancelled();
    }
  }

  function wait(what: string, state: CaptureState): Promise<CaptureState> {
    return deps.working(what, () => capture.next(state));
  }

  async function answer(state: CaptureState): Promise<CaptureState> {
    const code = await askCode(deps, capture, state);
    // What happened meanwhile counts, and has made the code worthless.
    if (code === undefined || capture.state !== state) return capture.state;
    try {
      capture.submit(code);
    } catch (thrown) {
      const { code: kind } = toJackinError(thrown);
      if (kind !== "usage" && kind !== "conflict") throw thrown;
      deps.notices([toWarning(thrown)]);
      return capture.state;
    }
    return capture.state === state
      ? await wait("exchanging the code for a token", state)
      : capture.state;
  }
}

/** Undefined when the sign-in has ended meanwhile: nobody has to press Enter for that. */
async function askCode(
  deps: CommandDeps,
  capture: Capture,
  state: CaptureState,
): Promise<string | undefined> {
  const over = new AbortController();
  void capture.next(state).then(
    () => over.abort(),
    () => over.abort(),
  );
  try {
    const code = await deps.prompts.password("Code that the page shows (it is not shown here)", {
      validate: (text) => (text.trim() === "" ? "Paste the code, or Ctrl-C." : undefined),
      oneLine: true,
      signal: over.signal,
    });
    return code.replaceAll(/\s+/g, "");
  } catch (error) {
    if (over.signal.aborted && !deps.signal.aborted && toJackinError(error).code === "cancelled")
      return undefined;
    throw error;
  }
}

/** The address stands on a line of its own, with nothing before it, however long it is: it can be copied as it is. */
async function showPage(deps: CommandDeps, jackin: Jackin, url: string): Promise<void> {
  const { protocol } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:")
    throw new JackinError({
      code: "internal",
      message: `An address of ${protocol} is none to sign in at.`,
    });
  const isOpened = (await jackin.host.browse?.(url)) ?? false;
  // It is tall: what it is for, and the address, are still to be seen below it.
  const isDrawn = !isOpened && (await showCode(deps, url));
  deps.err(
    isOpened
      ? "Your browser shows the page to sign in. If it does not, open:"
      : isDrawn
        ? "Scan that with a telephone, or open this page to sign in:"
        : "Open this page to sign in:",
  );
  deps.err(`\n${harmless(url)}\n`);
}

/** For the telephone's camera, when there is no browser here; false where it does not fit. */
async function showCode({ io, err }: CommandDeps, url: string): Promise<boolean> {
  const { renderUnicodeCompact } = await import("uqr");
  const lines = renderUnicodeCompact(url, { border: 2 }).split("\n");
  const { columns, rows } = io.stderr;
  if (lines[0]!.length >= (columns ?? 80) || lines.length >= (rows ?? Infinity)) return false;
  // Dark on light whatever the terminal's own colours are.
  const paint = (line: string) => (hasColor(io, "stderr") ? `\u001b[97;40m${line}\u001b[0m` : line);
  err(`${lines.map(paint).join("\n")}\n`);
  return true;
}
