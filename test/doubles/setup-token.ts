/**
 * A hidden terminal with a `claude setup-token` in it that draws as 2.1.330 does: it asks for a code, masks what is typed,
 * and at Enter shows what `answer` says. It runs on every runtime.
 */
import { cancelled } from "../../core/index.ts";
import type { HiddenTerminal, Host, PtyOptions } from "../../core/index.ts";

export type SetupTokenAnswer =
  | { readonly token: string; readonly stays?: boolean }
  /** An error that waits for Enter; then it asks again. */
  | { readonly retry: string }
  /** It says so below the field and asks for another. */
  | { readonly inPlace: string }
  | { readonly ends: number; readonly rows: readonly string[] }
  | "nothing";

export interface SetupTokenDouble {
  readonly pty: NonNullable<Host["pty"]>;
  /** How it was started, each time. */
  readonly starts: readonly {
    readonly command: string;
    readonly args: readonly string[];
    readonly options: PtyOptions;
  }[];
  /** What was typed, each call by itself. */
  readonly typed: readonly string[];
  readonly isRunning: boolean;
  /** How many terminals were not disposed. */
  readonly open: number;
  /** Draws something else. */
  show(rows: readonly string[]): void;
  end(code: number, rows: readonly string[]): void;
}

export interface SetupTokenScript {
  /** The rows that it begins with; asks for a code without it. */
  readonly begin?: readonly string[];
  readonly answer?: (code: string) => SetupTokenAnswer;
  /** How often Enter is taken for a part of the code. */
  readonly swallows?: number;
}

export function createSetupTokenDouble(script: SetupTokenScript = {}): SetupTokenDouble {
  const starts: SetupTokenDouble["starts"][number][] = [];
  const typed: string[] = [];
  let open = 0;
  let rows: readonly string[] = [];
  let code: number | undefined = 0;
  let drawn = 0;
  let waiting = Promise.withResolvers<void>();
  let asked = 0;
  let field = "";
  let isRetry = false;
  let swallows = script.swallows ?? 0;

  function show(next: readonly string[]): void {
    rows = next;
    drawn++;
    waiting.resolve();
    waiting = Promise.withResolvers();
  }
  function end(with_: number, last: readonly string[] = rows): void {
    code ??= with_;
    show(last);
  }
  function ask(trouble: readonly string[] = []): void {
    field = "";
    show(asksRows(addressOf(asked), "", trouble));
  }
  function enter(): void {
    if (isRetry) {
      isRetry = false;
      asked++;
      return ask();
    }
    if (field === "") return;
    if (swallows-- > 0) return;
    const answer = script.answer?.(field) ?? "nothing";
    if (answer === "nothing") return show(["Welcome", "", " · Finishing sign-in…"]);
    if ("inPlace" in answer) return ask(["", ` ✘ ${answer.inPlace}`]);
    if ("ends" in answer) return end(answer.ends, answer.rows);
    if ("retry" in answer) {
      isRetry = true;
      return show(["Welcome", "", ` ✘ OAuth error: ${answer.retry}`, "", " Press Enter to retry"]);
    }
    if (answer.stays) show(tokenRows(answer.token));
    else end(0, tokenRows(answer.token));
  }

  const pty: SetupTokenDouble["pty"] = async (command, args, options) => {
    if (options.signal.aborted) throw cancelled(options.signal.reason);
    starts.push({ command, args, options });
    open++;
    code = undefined;
    options.signal.addEventListener("abort", () => end(129));
    if (script.begin) show(script.begin);
    else ask();
    let looked = 0;
    let isDisposed = false;
    return {
      get code() {
        return code;
      },
      screen() {
        looked = drawn;
        return rows;
      },
      write(text) {
        typed.push(text);
        if (code !== undefined) return;
        if (text === "\r") return enter();
        field += text;
        show(asksRows(addressOf(asked), field));
      },
      async changed() {
        if (drawn === looked && code === undefined) await waiting.promise;
      },
      async [Symbol.asyncDispose]() {
        if (!isDisposed) open--;
        isDisposed = true;
        end(129, []);
      },
    } satisfies HiddenTerminal;
  };

  return {
    pty,
    starts,
    typed,
    get isRunning() {
      return code === undefined;
    },
    get open() {
      return open;
    },
    show,
    end,
  };
}

/** What it asks the operator to visit; each sign-in has its own. */
export function addressOf(asked: number): string {
  return `https://claude.ai/oauth/authorize?I${String(asked).padStart(43, "s")}`;
}

function asksRows(url: string, field: string, trouble: readonly string[] = []): readonly string[] {
  const shown = "*".repeat(Math.max(field.length - 6, 0)) + field.slice(-6);
  const box = [" ╭────╮", ` │ ${shown} │`, " ╰────╯"];
  return ["Welcome", "", url, "", " Paste code here if prompted", ...box, ...trouble];
}

export function tokenRows(token: string): readonly string[] {
  return ["Welcome", "", " Your OAuth token:", "", ` ${token}`, "", " Store this token securely."];
}
