import { vi } from "vitest";

/** Until it holds, on a machine that may be busy. */
export function eventually<T>(holds: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(holds, { timeout: 50_000, interval: 10 });
}
