/** Everything of a value that a print, a log or a serialiser could reach, as one text. Secrets give only their mask. */
export function visible(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return String(value);
  if (seen.has(value)) return "";
  seen.add(value);
  const members = value instanceof Map ? [...value.entries()] : [];
  // Own members with hidden ones: an error's message, stack and cause are not enumerable.
  const own = Reflect.ownKeys(value)
    .map((key) => Reflect.get(value, key) as unknown)
    .filter((member) => typeof member !== "function");
  const printed = [`${value as { toString(): string }}`, JSON.stringify(value) ?? ""];
  return [...printed, ...[...members, ...own].map((member) => visible(member, seen))].join("\n");
}
