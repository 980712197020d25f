/** The oldest Node that jackin runs on, as `engines` in package.json says: major, minor. */
export const oldestNode = [22, 12] as const;

/** Why jackin does not run on this Node, or undefined. Its own words, since npm only warns and what is missing shows late. */
export function nodeTrouble(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor, leastMinor] = oldestNode;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `error: jackin needs Node ${leastMajor}.${leastMinor} or newer; this is Node ${version}, at ${process.execPath}.
→ Install a newer Node, or put one first on PATH.
`;
}
