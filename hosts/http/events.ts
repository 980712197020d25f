import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Jackin, JackinEvent } from "../../core/index.ts";
import { toJackinError } from "../../core/index.ts";

export interface EventsOptions {
  readonly log: (line: string) => void;
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
  /** ms between two comments that only keep the connection alive; 15 000 without it */
  readonly heartbeatMs?: number | undefined;
}

/** What happens from now on, until the caller leaves or the server stops. An event's id says when it was; nothing is sent again. */
export function streamEvents(
  c: Context,
  jackin: Jackin,
  { log, signal, heartbeatMs = 15_000 }: EventsOptions,
): Response {
  // Nobody would read it, nor end it.
  if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
  return streamSSE(c, async (stream) => {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    const events = jackin.events(AbortSignal.any([left.signal, ...(signal ? [signal] : [])]));
    const iterator = events[Symbol.asyncIterator]();
    // Asked for before the caller is told that it misses nothing from here on.
    let next = iterator.next();
    const beat = setInterval(() => void stream.write(": still here\n\n"), heartbeatMs);
    try {
      await stream.write(": from now on\n\n");
      for (let result = await next; !result.done; result = await next) {
        const { at, kind } = result.value;
        const data = JSON.stringify(redacted(result.value, jackin));
        await stream.writeSSE({ id: String(at), event: kind, data });
        next = iterator.next();
      }
    } catch (error) {
      log(`The stream of events has ended: ${toJackinError(error).message}`);
    } finally {
      clearInterval(beat);
      left.abort();
    }
  });
}

function redacted(event: JackinEvent, { redactor }: Jackin): unknown {
  return JSON.parse(JSON.stringify(event), (_, value: unknown) =>
    typeof value === "string" ? redactor.redact(value) : value,
  );
}
