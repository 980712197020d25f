/** Does it for each item, at most `count` at once. Rejects with the first failure, when all that had begun have ended. */
export async function eachAtMost<T>(
  count: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const workers = Array.from({ length: Math.min(count, items.length) }, async () => {
    for (const item of rest) await work(item);
  });
  const ended = await Promise.allSettled(workers);
  const failed = ended.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
