/** What the commands for long-lived tokens meet, for tests: a sign-in that is scripted, a store that holds what was put there. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { JackinError } from "../../core/index.ts";
import type { Capture, CaptureState, SecretResolver, Tokens } from "../../core/index.ts";
import { createOperatorDouble, everywhere } from "./operator-double.ts";
import type { CallInit, Outcome } from "./operator-double.ts";

export const page = `https://claude.ai/oauth/authorize?code=true&state=${"s".repeat(200)}`;

/** Of the shape that `claude setup-token` prints. */
export function tokenNamed(name: string): string {
  return `sk-ant-oat01-${name.padEnd(95, "x")}`;
}

/** A sign-in for `token`: what becomes of each code that is brought, or of the sign-in before one is. */
export function captureDouble(
  token: string,
  script: {
    /** By code; any other is taken. */
    readonly refused?: Readonly<Record<string, string>>;
    /** Ends it while the code is asked for. */
    readonly failure?: JackinError;
  } = {},
) {
  const codes: string[] = [];
  let open = 0;
  const capture: Tokens["capture"] = async ({ signal } = {}) => {
    open++;
    let state: CaptureState = { step: "start" };
    let changed = Promise.withResolvers<void>();
    const set = (next: CaptureState) => {
      state = next;
      changed.resolve();
      changed = Promise.withResolvers();
    };
    const end = () => set({ step: "cancelled" });
    signal?.addEventListener("abort", end);
    setImmediate(() => state.step === "start" && set({ step: "url", url: page }));
    const made: Capture = {
      get state() {
        return state;
      },
      async next(after) {
        if (state === after) {
          // Nobody is there to bring a code.
          if (state.step === "url" && script.failure)
            setImmediate(() => set({ step: "failed", error: script.failure! }));
          await changed.promise;
        }
        return state;
      },
      submit(code) {
        if (!code.includes("#"))
          throw new JackinError({ code: "usage", message: "That is not the whole code." });
        codes.push(code);
        set({ step: "code" });
        const refused = script.refused?.[code];
        setImmediate(() => {
          if (state.step !== "code") return;
          set(refused === undefined ? { step: "done" } : { step: "url", url: page, refused });
        });
      },
      cancel: end,
      token() {
        if (state.step !== "done") throw new Error("there is no token yet");
        return { reveal: () => token, toString: () => "***", toJSON: () => "***" };
      },
      async [Symbol.asyncDispose]() {
        open--;
        signal?.removeEventListener("abort", end);
        if (state.step !== "done" && state.step !== "failed") end();
      },
    };
    return made;
  };
  return {
    tokens: { capture },
    codes,
    /** How many sign-ins have not been ended. */
    get open() {
      return open;
    },
  };
}

/** `vault://N` references; `error` is why nothing can be put there. */
export function vaultDouble() {
  const held = new Map<string, string>();
  const state = { error: undefined as JackinError | undefined, made: 0 };
  const plugin: SecretResolver = {
    kind: "secret",
    name: "secret-vault",
    scheme: "vault",
    async resolve(references, ctx) {
      return new Map(
        references.map((reference) => {
          const value = held.get(reference);
          return [
            reference,
            value === undefined
              ? { status: "absent" }
              : { status: "value", value: ctx.secret(value) },
          ];
        }),
      );
    },
    places: async () => [
      {
        place: "vault",
        text: "the vault",
        ...(state.error && { error: state.error }),
      },
    ],
    async write({ place, value }) {
      if (state.error) throw state.error;
      const reference = place === "vault" ? `vault://${++state.made}` : place;
      const before = held.get(reference);
      held.set(reference, value.reveal());
      return {
        reference,
        isReplaced: before !== undefined,
        async undo() {
          if (before === undefined) held.delete(reference);
          else held.set(reference, before);
        },
      };
    },
    async remove(reference) {
      return held.delete(reference) ? "removed" : "absent";
    },
  };
  return { plugin, held, state };
}

/** What `claude auth status --json` says of a token. */
export const signedIn = { code: 0, stdout: '{"loggedIn":true,"authMethod":"oauth_token"}' };

/** An operator with a vault, whose Claude Code takes any token; nothing of a token may ever be shown to them. */
export async function createTokenOperator(toml: string) {
  const operator = await createOperatorDouble();
  const vault = vaultDouble();
  operator.runtime.script.run = signedIn;
  await mkdir(join(operator.home, "web"));
  await operator.configure(toml);
  async function jackin(args: string, init: CallInit = {}): Promise<Outcome> {
    const outcome = await operator.jackin(args.split(" "), {
      plugins: [vault.plugin],
      env: { NO_COLOR: "1" },
      ...init,
    });
    expect(outcome.stdout + outcome.stderr + operator.asked.join()).not.toMatch(/sk-ant-oat01-\w/);
    return outcome;
  }
  const config = () => readFile(join(operator.home, ".config/jackin/config.toml"), "utf8");
  return { operator, vault, jackin, config };
}

/** A person at a terminal who answers so, in order. */
export function onTerminal(...answers: readonly (string | boolean)[]): CallInit {
  return { terminal: everywhere, answers };
}
