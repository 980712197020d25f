import { describe, expect, it } from "vitest";
import { eventually } from "../test/doubles/eventually.ts";
import { createContextDouble, createHostDouble, programMissing } from "../test/doubles/host.ts";
import { addressOf, createSetupTokenDouble, tokenRows } from "../test/doubles/setup-token.ts";
import type { SetupTokenDouble, SetupTokenScript } from "../test/doubles/setup-token.ts";
import type { Host } from "./host.ts";
import type { CaptureLimits } from "./setup-token.ts";
import { startCapture } from "./token-capture.ts";
import type { Capture, CaptureState } from "./token-capture.ts";

const token = `sk-ant-oat01-${"a-B_9".repeat(19)}`;
const folder = "/home/me/.jackin/captures";
const good: SetupTokenScript = { answer: () => ({ token }) };
const quick: Partial<CaptureLimits> = { quiet: 1, again: 5 };

interface Bench {
  readonly claude: SetupTokenDouble;
  readonly host: ReturnType<typeof createHostDouble>;
  readonly ctx: ReturnType<typeof createContextDouble>;
  readonly stop: AbortController;
  start(limits?: Partial<CaptureLimits>): Promise<Capture>;
  hasStarted(): Promise<void>;
  /** Nothing runs, no terminal is open, no folder is there. */
  expectNothingLeft(): void;
}

function createBench(script: SetupTokenScript = good, init: Partial<Host> = {}): Bench {
  const claude = createSetupTokenDouble(script);
  const host = createHostDouble({
    env: { ANTHROPIC_API_KEY: "k", CLAUDE_CODE_OAUTH_TOKEN: "t", DISPLAY: ":0" },
  });
  const process = { id: "here/1/1", isAlive: async (id: string) => id !== "here/9/9" };
  const stop = new AbortController();
  const ctx = createContextDouble({ ...host, pty: claude.pty, process, ...init }, stop.signal);
  return {
    claude,
    host,
    ctx,
    stop,
    start: (limits = {}) => startCapture(ctx, { ...quick, ...limits }),
    hasStarted: () => eventually(() => expect(claude.starts).toHaveLength(1)),
    expectNothingLeft() {
      expect(claude.open).toBe(0);
      expect(claude.isRunning).toBe(false);
      expect([...host.disk.keys()]).toEqual([]);
    },
  };
}

async function until<S extends CaptureState["step"]>(
  capture: Capture,
  step: S,
): Promise<Extract<CaptureState, { step: S }>> {
  const ends: readonly string[] = ["done", "failed", "cancelled"];
  for (let state = capture.state; ; state = await capture.next(state)) {
    if (state.step === step) return state as Extract<CaptureState, { step: S }>;
    if (ends.includes(state.step)) throw new Error(`ended: ${JSON.stringify(state)}`);
  }
}

const hasCode = (code: string) => expect.objectContaining({ name: "JackinError", code });

describe("startCapture", () => {
  it("goes from the address over the code to the token, and leaves nothing behind", async () => {
    const bench = createBench();
    const capture = await bench.start({ again: 60_000 });
    expect(capture.state).toEqual({ step: "start" });
    expect(() => capture.submit("code#state")).toThrow(hasCode("conflict"));
    const asked = await until(capture, "url");
    expect(asked).toEqual({ step: "url", url: addressOf(0) });
    expect(() => capture.token()).toThrow(hasCode("conflict"));
    capture.submit("  code#state\n");
    expect(capture.state).toEqual({ step: "code" });
    expect(() => capture.submit("code#state")).toThrow(hasCode("conflict"));
    expect(await until(capture, "done")).toEqual({ step: "done" });
    bench.expectNothingLeft();
    expect(bench.claude.typed).toEqual(["code#state", "\r"]);
    expect(capture.token().reveal()).toBe(token);
    expect(bench.ctx.redact(`it is ${token}`)).toBe("it is ***");
    expect(() => capture.submit("code#state")).toThrow(hasCode("conflict"));
    capture.cancel();
    expect(capture.state).toEqual({ step: "done" });
    await capture[Symbol.asyncDispose]();
    expect(() => capture.token()).toThrow(hasCode("conflict"));
  });

  it("starts the operator's claude alone: wide, without credentials, in a folder of its own, without a browser", async () => {
    const bench = createBench();
    await using capture = await bench.start();
    await until(capture, "url");
    const [{ command, args, options } = { command: "", args: [], options: undefined }] =
      bench.claude.starts;
    expect([command, ...args]).toEqual(["claude", "setup-token"]);
    expect(options).toMatchObject({ columns: 1000, rows: 60 });
    const { cwd, env } = options!;
    expect(cwd).toMatch(/^\/home\/me\/\.jackin\/captures\/here~1~1~[\da-f-]{36}$/);
    expect(bench.host.disk.get(cwd!)).toEqual({ kind: "folder" });
    expect(env).toStrictEqual({
      ANTHROPIC_API_KEY: undefined,
      CLAUDE_CODE_OAUTH_TOKEN: undefined,
      CLAUDE_CONFIG_DIR: cwd,
      CLAUDE_SECURESTORAGE_CONFIG_DIR: cwd,
      DISABLE_AUTOUPDATER: "1",
      BROWSER: "true",
      DISPLAY: undefined,
      WAYLAND_DISPLAY: undefined,
    });
  });

  it.each([
    ["nothing", " \n ", /is empty/],
    ["two lines", "code\n#state", /line break/],
    ["a control character", "code\u0003#state", /control character/],
    ["a control character of eight bits", "code\u009b#state", /control character/],
    ["more than 4 KiB", "ü".repeat(2049), /longer than 4096 bytes/],
  ])("types no code that is %s", async (_, code, message) => {
    const bench = createBench();
    await using capture = await bench.start();
    const state = await until(capture, "url");
    expect(() => capture.submit(code)).toThrow(hasCode("usage"));
    expect(() => capture.submit(code)).toThrow(message);
    expect(capture.state).toBe(state);
    expect(bench.claude.typed).toEqual([]);
  });

  it("asks for another code when one is refused, at the address that is shown then", async () => {
    const answers = [
      { retry: "That code was wrong." },
      { inPlace: "That is not the full code." },
      { inPlace: "That is not the full code." },
      { token },
    ];
    const bench = createBench({ answer: () => answers.shift()! });
    await using capture = await bench.start();
    const refused: unknown[] = [];
    for (const code of ["wrong", "half", "half", "right"]) {
      refused.push(await until(capture, "url"));
      capture.submit(code);
    }
    await until(capture, "done");
    const url = addressOf(1);
    expect(refused).toEqual([
      { step: "url", url: addressOf(0) },
      { step: "url", url, refused: "That code was wrong." },
      { step: "url", url, refused: "That is not the full code." },
      { step: "url", url, refused: "That is not the full code." },
    ]);
    expect(bench.claude.typed).toEqual([
      "wrong",
      "\r",
      "\r",
      "half",
      "\r",
      "half",
      "\r",
      "right",
      "\r",
    ]);
    expect(capture.token().reveal()).toBe(token);
  });

  it("presses Enter again when it was taken for a part of the code", async () => {
    const bench = createBench({ ...good, swallows: 2 });
    await using capture = await bench.start();
    await until(capture, "url");
    capture.submit("a-code#with-a-state");
    await until(capture, "done");
    expect(bench.claude.typed).toEqual(["a-code#with-a-state", "\r", "\r", "\r"]);
  });

  it("takes a token also from a claude that does not end by itself", async () => {
    const bench = createBench({ answer: () => ({ token, stays: true }) });
    await using capture = await bench.start();
    await until(capture, "url");
    capture.submit("code");
    await until(capture, "done");
    bench.expectNothingLeft();
    expect(capture.token().reveal()).toBe(token);
  });

  it("takes no token that is still drawn over another screen", async () => {
    // As 2.1.197 does it: what was there before goes on behind what is new.
    const partial = [` ${token.slice(0, 60)}${"o".repeat(48)}`, "", " old"];
    const bench = createBench({
      answer: () => {
        queueMicrotask(() => bench.claude.show(partial));
        setTimeout(() => bench.claude.end(0, tokenRows(token)), 10);
        return "nothing";
      },
    });
    await using capture = await bench.start({ quiet: 300 });
    await until(capture, "url");
    capture.submit("code#state");
    expect(await until(capture, "done")).toEqual({ step: "done" });
    expect(capture.token().reveal()).toBe(token);
  });

  it("tells a doubt about a token, and fails for one that can never work", async () => {
    const short = createBench({ answer: () => ({ token: token.slice(0, -1) }) });
    await using capture = await short.start();
    await until(capture, "url");
    capture.submit("code");
    expect(await until(capture, "done")).toEqual({
      step: "done",
      doubt: expect.stringMatching(/107 characters/),
    });
    expect(capture.token().reveal()).toBe(token.slice(0, -1));

    const key = createBench({ answer: () => ({ token: token.replace("oat01", "api03") }) });
    await using other = await key.start();
    await until(other, "url");
    other.submit("code");
    const { error } = await until(other, "failed");
    expect(error).toMatchObject({ code: "host-failed", message: expect.stringMatching(/API key/) });
    expect(() => other.token()).toThrow(hasCode("conflict"));
  });

  it("answers no piece of a token that was drawn on two rows", async () => {
    const rows = [` ${token.slice(0, 60)}`, ` ${token.slice(60)}`, "", " Store it."];
    const bench = createBench({ answer: () => ({ ends: 0, rows }) });
    await using capture = await bench.start();
    await until(capture, "url");
    capture.submit("code");
    const { error } = await until(capture, "failed");
    expect(error.message).toMatch(/drew the token .* cannot read/);
    expect(JSON.stringify([error.message, error.hint])).not.toContain(token.slice(0, 30));
    bench.expectNothingLeft();
  });
});

describe("a capture that fails", () => {
  const pastes = /run `claude setup-token` in a terminal of your own.*paste/i;

  it.each<[string, SetupTokenScript, boolean, RegExp]>([
    ["at the start", { begin: ["error: unknown command"] }, false, /\(exit code 4\): .*unknown/],
    ["while the operator is away", good, false, /ended before it gave a token \(exit code 4\)/],
    ["at the code", { answer: () => "nothing" }, true, /ended before .* \(exit code 4\)/],
  ])("says what claude said when it ends early: %s", async (_, script, submits, message) => {
    const bench = createBench(script);
    await using capture = await bench.start();
    if (script.begin) await bench.hasStarted();
    else await until(capture, "url");
    if (submits) capture.submit("code#state");
    bench.claude.end(4, script.begin ?? [" Something broke."]);
    const { error } = await until(capture, "failed");
    expect(error).toMatchObject({ code: "host-failed", hint: expect.stringMatching(pastes) });
    expect(error.message).toMatch(message);
    bench.expectNothingLeft();
  });

  it("says that claude is missing, and both ways on", async () => {
    const bench = createBench(good, { pty: () => Promise.reject(programMissing("claude")) });
    await using capture = await bench.start();
    const { error } = await until(capture, "failed");
    expect(error.message).toBe("claude was not found on PATH.");
    expect(error.hint).toMatch(/^Install claude, .*\nOr run `claude setup-token` /);
    bench.expectNothingLeft();
  });

  it("says that the sign-in service is not reached", async () => {
    const bench = createBench({ answer: () => ({ retry: "connect ECONNREFUSED 127.0.0.1:9" }) });
    await using capture = await bench.start();
    await until(capture, "url");
    capture.submit("code#state");
    const { error } = await until(capture, "failed");
    expect(error).toMatchObject({ code: "host-failed", hint: expect.stringMatching(pastes) });
    expect(error.message).toMatch(/could not sign in: connect ECONNREFUSED/);
    bench.expectNothingLeft();
  });

  it.each<[keyof CaptureLimits, SetupTokenScript, RegExp]>([
    ["start", { begin: ["Opening browser to sign in…"] }, /no address to sign in at within 0.02 s/],
    ["code", good, /No code was given within/],
    [
      "exchange",
      { answer: () => "nothing" },
      /did not exchange the code for a token within 0.02 s/,
    ],
  ])("has a time limit of its own: %s", async (limit, script, message) => {
    const bench = createBench(script);
    await using capture = await bench.start({ [limit]: 20 });
    if (limit !== "start") await until(capture, "url");
    if (limit === "exchange") capture.submit("code#state");
    const { error } = await until(capture, "failed");
    expect(error).toMatchObject({ code: "timeout", hint: expect.stringMatching(pastes) });
    expect(error.message).toMatch(message);
    bench.expectNothingLeft();
  });

  it("needs a hidden terminal and files, and a signal that has not fired", async () => {
    const { pty: _, ...host } = { ...createHostDouble(), pty: undefined };
    await expect(startCapture(createContextDouble(host))).rejects.toMatchObject({
      code: "host-failed",
      hint: expect.stringMatching(pastes),
    });
    const bench = createBench();
    bench.stop.abort();
    await expect(bench.start()).rejects.toEqual(hasCode("cancelled"));
    expect(bench.claude.starts).toEqual([]);
  });
});

describe("a capture that is cancelled", () => {
  const ways: [string, (capture: Capture, bench: Bench) => unknown][] = [
    ["by cancel", (capture) => capture.cancel()],
    ["by its signal", (_, bench) => bench.stop.abort()],
    ["by dispose", (capture) => capture[Symbol.asyncDispose]()],
  ];
  const steps = ["at once", "start", "url", "code"] as const;

  it.each(ways.flatMap(([way, cancel]) => steps.map((step) => [step, way, cancel] as const)))(
    "leaves nothing behind: %s, %s",
    async (step, _, cancel) => {
      const bench = createBench(
        step === "start" ? { begin: ["Opening…"] } : { answer: () => "nothing" },
      );
      const capture = await bench.start();
      if (step === "start") await bench.hasStarted();
      if (step === "url" || step === "code") await until(capture, "url");
      if (step === "code") capture.submit("code#state");
      cancel(capture, bench);
      if (step === "url") expect(() => capture.submit("code")).toThrow(hasCode("conflict"));
      expect(await until(capture, "cancelled")).toEqual({ step: "cancelled" });
      bench.expectNothingLeft();
      expect(() => capture.token()).toThrow(hasCode("conflict"));
      await capture[Symbol.asyncDispose]();
      expect(capture.state).toEqual({ step: "cancelled" });
    },
  );
});

describe("the folder of a capture", () => {
  it("takes away what a killed process left, and nothing of one that lives", async () => {
    const bench = createBench();
    const left = { kind: "folder" } as const;
    const others = ["here~9~9~0", "here~2~2~0", "here~1~1~0", "unknown"];
    for (const name of others) bench.host.disk.set(`${folder}/${name}`, left);
    await using capture = await bench.start();
    await until(capture, "url");
    capture.submit("code");
    await until(capture, "done");
    expect([...bench.host.disk.keys()]).toEqual(others.slice(1).map((name) => `${folder}/${name}`));
  });

  it("does not lose a token because it cannot be removed", async () => {
    const { files } = createHostDouble();
    const remove = () => Promise.reject(programMissing("x"));
    const bench = createBench(good, { files: { ...files!, remove } });
    await using capture = await bench.start();
    await until(capture, "url");
    capture.submit("code");
    await until(capture, "done");
    expect(bench.ctx.lines).toEqual([expect.stringMatching(/captures\/.* could not be removed/)]);
  });
});
