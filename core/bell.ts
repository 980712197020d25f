/** Something that can be waited for, and rung by anybody: rings while nobody waits are not lost. */
export interface Bell {
  ring(): void;
  /** Until it rings, the time is over, or the signal fires. */
  wait(limitMs: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(limitMs, signal) {
      if (!rung && !signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, limitMs);
          signal.addEventListener("abort", done, { once: true });
          wake = done;
          function done() {
            clearTimeout(timer);
            signal.removeEventListener("abort", done);
            wake = undefined;
            resolve();
          }
        });
      rung = false;
    },
  };
}
