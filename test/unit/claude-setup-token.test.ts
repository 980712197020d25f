import { mkdtemp, readdir, rm } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCapture } from "../../core/token-capture.ts";
import type { Capture, CaptureState } from "../../core/token-capture.ts";
import { createNodeHost } from "../../hosts/node/host.ts";
import { createContextDouble } from "../doubles/host.ts";
import { eventually } from "../doubles/eventually.ts";
import { fingerprint, startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { codeFor } from "../lab/sign-in.ts";

let lab: Lab;
let root: string;

beforeAll(async () => {
  lab = await startLab();
  root = await mkdtemp(join(tmpdir(), "jackin-setup-token-"));
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** An operator with a home folder and an environment that would get in the way. */
async function createOperator(env: Readonly<Record<string, string>> = {}) {
  const home = await mkdtemp(join(root, "home-"));
  const host = createNodeHost({
    env: {
      ...lab.hostClaude(home),
      ANTHROPIC_API_KEY: "sk-ant-api03-of-the-operator",
      CLAUDE_CODE_OAUTH_TOKEN: "of-the-operator",
      DISPLAY: ":99",
      ...env,
    },
    home,
    stateDir: join(home, ".jackin"),
  });
  const stop = new AbortController();
  const ctx = createContextDouble(host, stop.signal);
  return {
    home,
    stop,
    start: () => startCapture(ctx),
    /** Whatever has this home in its environment, as all that is started has. */
    running: () => readdirSync("/proc").filter((pid) => environOf(pid).includes(`HOME=${home}\0`)),
    async expectNothingLeft() {
      expect(this.running()).toEqual([]);
      expect(await readdir(join(home, ".jackin/captures"))).toEqual([]);
      expect(await readdir(home)).toEqual([".jackin"]);
    },
  };
}

function environOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
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

describe.concurrent("the pinned claude setup-token under jackin", () => {
  it("gives exactly the token that was issued, after a half code and a wrong one", async () => {
    const operator = await createOperator();
    await using capture = await operator.start();
    const asked = await until(capture, "url");
    expect(asked.url).toMatch(/^https:\/\/claude\.ai\/oauth\/authorize\?\S+$/);
    expect(operator.running().length).toBeGreaterThan(0);
    capture.submit("only-a-half-of-it");
    const half = await until(capture, "url");
    expect(half.refused).toMatch(/^That doesn't look like the full code/);
    capture.submit(`no-such-code#${half.url.slice(-43)}`);
    const wrong = await until(capture, "url");
    expect(wrong.refused).toMatch(/^That code wasn't accepted/);
    // The longest that may be: it does not fit into one read of a terminal.
    capture.submit(`${"x".repeat(4096 - 44)}#${wrong.url.slice(-43)}`);
    const long = await until(capture, "url");
    capture.submit(codeFor(lab, long.url, "setup@example.test"));
    expect(await until(capture, "done")).toEqual({ step: "done" });
    await operator.expectNothingLeft();
    const token = capture.token().reveal();
    expect(token).toMatch(/^sk-ant-oat01-[\w-]{95}$/);
    // It has asked with it who has signed in.
    const used = lab.seen.find((call) => call.token === fingerprint(token));
    expect(used).toMatchObject({ ok: true, account: "setup@example.test" });
  });

  it("says that the sign-in service is not reached", async () => {
    const operator = await createOperator({ HTTPS_PROXY: "http://127.0.0.1:9" });
    await using capture = await operator.start();
    const { url } = await until(capture, "url");
    capture.submit(codeFor(lab, url));
    const { error } = await until(capture, "failed");
    expect(error.message).toMatch(/could not sign in: .*ECONNREFUSED/);
    expect(error.hint).toMatch(/paste the token/);
    await operator.expectNothingLeft();
  });

  it.each(["start", "url", "code"] as const)(
    "leaves no process and no folder when it is cancelled at %s",
    async (step) => {
      const operator = await createOperator();
      await using capture = await operator.start();
      if (step === "start") await eventually(() => expect(operator.running()).not.toEqual([]));
      else {
        const { url } = await until(capture, "url");
        if (step === "code") capture.submit(codeFor(lab, url));
      }
      if (step === "url") operator.stop.abort();
      else capture.cancel();
      await until(capture, "cancelled");
      await operator.expectNothingLeft();
    },
  );
});
