import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { createRedactor, createSecret } from "../../core/index.ts";
import type { JackinEvent } from "../../core/index.ts";
import { setUp, token } from "./app-double.ts";
import * as schemas from "./schemas.ts";

const updated: JackinEvent = { at: 7, kind: "updated", level: "info", instance: "a", text: "new" };
const refused: JackinEvent = { at: 8, kind: "refused", level: "warning", text: "401", next: "do" };

/** Events that come when they are told to; it says who follows. */
function createEvents() {
  const signals: AbortSignal[] = [];
  let queue: JackinEvent[] = [];
  let wake = () => {};
  return {
    signals,
    tell(event: JackinEvent) {
      queue.push(event);
      wake();
    },
    async *events(signal: AbortSignal): AsyncGenerator<JackinEvent> {
      signals.push(signal);
      signal.addEventListener("abort", () => wake());
      while (!signal.aborted) {
        const now = queue;
        queue = [];
        yield* now;
        if (queue.length === 0 && !signal.aborted)
          await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** The stream's text; `until` reads on until it has come. */
function readerOf(answer: Response) {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const more = async () => {
    const { done, value = "" } = await reader.read();
    text += value;
    return !done;
  };
  return {
    async until(part: string | RegExp): Promise<string> {
      const has = () => (typeof part === "string" ? text.includes(part) : part.test(text));
      while (!has()) if (!(await more())) throw new Error(`ended without it: ${text}`);
      return text;
    },
    async toEnd(): Promise<string> {
      while (await more());
      return text;
    },
    cancel: () => reader.cancel(),
  };
}

describe("GET /v1/events", () => {
  it("streams what happens from the moment it answers, each with its kind as name", async () => {
    const stop = new AbortController();
    const { events, tell, signals } = createEvents();
    const answer = await setUp({ events }, { signal: stop.signal }).call("/v1/events");
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const stream = readerOf(answer);
    await stream.until(": from now on\n\n");
    expect(signals).toHaveLength(1);
    tell(updated);
    await stream.until("new");
    tell(refused);
    const text = await stream.until("do");
    expect(text).toContain(`event: updated\ndata: ${JSON.stringify(updated)}\nid: 7\n\n`);
    const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json!));
    expect(data).toEqual([updated, refused]);
    for (const one of data) expect(v.is(schemas.event, one)).toBe(true);
    stop.abort();
    expect(await stream.toEnd()).toBe(text);
  });

  it("ends what it follows when the caller leaves", async () => {
    const { events, signals } = createEvents();
    const stream = readerOf(await setUp({ events }).call("/v1/events"));
    await stream.until("from now on");
    const [signal] = signals;
    expect(signal?.aborted).toBe(false);
    const over = new Promise((resolve) => signal?.addEventListener("abort", resolve));
    await stream.cancel();
    await over;
  });

  it("gives signs of life while nothing happens", async () => {
    const { events } = createEvents();
    const stream = readerOf(await setUp({ events }, { heartbeatMs: 1 }).call("/v1/events"));
    await stream.until(/(: still here\n\n){3}/);
    await stream.cancel();
  });

  it("shows no secret", async () => {
    const { events, tell } = createEvents();
    const redactor = createRedactor();
    redactor.add(createSecret('se"cret-value'));
    const stream = readerOf(await setUp({ events, redactor }).call("/v1/events"));
    await stream.until("from now on");
    tell({ ...updated, text: 'it is se"cret-value', next: 'se"cret-value' });
    const text = await stream.until("id: 7");
    expect(text).not.toContain("cret-value");
    expect(text).toContain('"text":"it is ***","next":"***"');
    await stream.cancel();
  });

  it("ends, and tells the server's log why, when it cannot follow", async () => {
    const lines: string[] = [];
    async function* events(): AsyncGenerator<JackinEvent> {
      yield updated;
      throw new Error(`no more watches ${token}`);
    }
    const options = { log: (line: string) => void lines.push(line) };
    const stream = readerOf(await setUp({ events }, options).call("/v1/events"));
    expect(await stream.toEnd()).toContain("id: 7");
    expect(lines).toEqual(["The stream of events has ended: no more watches ***"]);
  });

  it("follows nothing for who may not, or only asks for the headers", async () => {
    const { events, signals } = createEvents();
    const { app, call } = setUp({ events });
    expect((await app.request("/v1/events")).status).toBe(401);
    const head = await call("/v1/events", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect(signals).toEqual([]);
  });
});
