/** A state store in memory that keeps values as JSON, as a real one does. */
import type { StateStore } from "../../core/index.ts";

export function createStoreDouble(): StateStore & { readonly items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: async (key) => (items.has(key) ? (JSON.parse(items.get(key)!) as unknown) : null),
    setItem: async (key, value) => void items.set(key, JSON.stringify(value)),
    removeItem: async (key) => void items.delete(key),
    getKeys: async (base = "") => [...items.keys()].filter((key) => key.startsWith(base)),
  };
}
