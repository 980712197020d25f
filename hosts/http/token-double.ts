/** The app over the real core in memory, whose `claude setup-token` is scripted, for its tests on every runtime. */
import { createSecret, JackinError } from "../../core/index.ts";
import type { CallOptions, Capture, CaptureState, Config, Jackin } from "../../core/index.ts";
import { createTokenWorld } from "../../test/doubles/token-world.ts";
import { token as bearer } from "./app-double.ts";
import { createApp } from "./index.ts";
import type { AppOptions } from "./index.ts";
import type { Setup } from "./token-schemas.ts";

export const made = `sk-ant-oat01-${"new".repeat(31)}AA`;
export const url = "https://claude.example/oauth?state=1";
export const code = "code-of-the-page#state-of-the-page";

export interface CaptureDouble extends Capture {
  show(state: CaptureState): void;
  readonly codes: readonly string[];
  readonly isDisposed: boolean;
  /** Disposing waits for it. */
  onDispose?: () => Promise<void>;
}

export function createCaptureDouble({ signal }: CallOptions = {}): CaptureDouble {
  let state: CaptureState = { step: "start" };
  let news = Promise.withResolvers<void>();
  let isDisposed = false;
  const codes: string[] = [];
  const show = (now: CaptureState) => {
    state = now;
    news.resolve();
    news = Promise.withResolvers();
  };
  const cancel = () => {
    if (!/done|failed|cancelled/.test(state.step)) show({ step: "cancelled" });
  };
  signal?.addEventListener("abort", cancel);
  const double: CaptureDouble = {
    show,
    codes,
    cancel,
    get state() {
      return state;
    },
    get isDisposed() {
      return isDisposed;
    },
    async next(after) {
      while (state === after) await news.promise;
      return state;
    },
    submit(given) {
      if (state.step !== "url") throw new JackinError({ code: "conflict", message: "no code" });
      codes.push(given);
      show({ step: "code" });
    },
    token: () => createSecret(made),
    async [Symbol.asyncDispose]() {
      cancel();
      await double.onDispose?.();
      isDisposed = true;
    },
  };
  return double;
}

const workspaces: Config = {
  roles: { reviewer: {} },
  workspaces: { "my-app": { workdir: "/w/app" }, site: { workdir: "/w/site" } },
};

export interface TokensInit extends Partial<AppOptions> {
  readonly config?: Config;
  /** Begins each sign-in; it shows the page at once without it. */
  readonly onCapture?: (capture: CaptureDouble) => void | Promise<void>;
}

export function setUpTokens({ config = workspaces, onCapture, ...options }: TokensInit = {}) {
  const world = createTokenWorld(config);
  const captures: CaptureDouble[] = [];
  const installs: AbortSignal[] = [];
  let installed = Promise.resolve();
  const jackin: Jackin = {
    ...world.jackin,
    tokens: {
      ...world.jackin.tokens,
      async capture(call) {
        const capture = createCaptureDouble(call);
        captures.push(capture);
        if (onCapture) await onCapture(capture);
        else capture.show({ step: "url", url });
        return capture;
      },
      async install(request, call) {
        if (call?.signal) installs.push(call.signal);
        // One at a time, by the lock that a machine has and this host in memory has not.
        const own = installed.then(() => world.jackin.tokens.install(request, call));
        installed = own.then(
          () => {},
          () => {},
        );
        return await own;
      },
    },
  };
  const lines: string[] = [];
  const work: Promise<void>[] = [];
  const app = createApp({
    jackin,
    token: bearer,
    log: (line) => void lines.push(line),
    waitUntil: (one) => void work.push(one),
    // Answers come when there is news, however busy the machine is.
    waitMs: 50_000,
    ...options,
  });
  /** All that any caller or log was shown. */
  const shown: string[] = lines;
  const call = async (method: string, path: string, body?: unknown, signal?: AbortSignal) => {
    const answer = await app.request(`/v1/tokens${path}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
    const text = await answer.clone().text();
    shown.push(text, [...answer.headers].join("\n"));
    return answer;
  };
  const json = async (method: string, path: string, body?: unknown) =>
    (await (await call(method, path, body)).json()) as unknown;
  /** As soon as it is in another state. */
  const after = async ({ id, state }: Setup) =>
    (await json("GET", `/setups/${id}?after=${state}`)) as Setup;
  const begin = async (body: unknown = { workspace: "my-app", place: "vault" }) =>
    (await json("POST", "/setups", body)) as Setup;
  /** Once the last one that is installed was told to stop. */
  const stopped = () =>
    new Promise<void>((resolve) => {
      const signal = installs.at(-1)!;
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve());
    });
  return {
    ...world,
    app,
    jackin,
    captures,
    lines,
    shown,
    work,
    call,
    json,
    after,
    begin,
    stopped,
    get config() {
      return world.config;
    },
  };
}

export type TokensWorld = ReturnType<typeof setUpTokens>;

/** Signs in, and answers the end of the setup. */
export async function finish({ json, after, captures }: TokensWorld, setup: Setup): Promise<Setup> {
  let now = (await json("POST", `/setups/${setup.id}/code`, { code })) as Setup;
  captures.at(-1)!.show({ step: "done" });
  while (now.state === "code" || now.state === "installing") now = await after(now);
  return now;
}
