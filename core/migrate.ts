import type { Notice } from "./contracts.ts";

/** One key to be written anew, or taken away when `value` is undefined. */
export interface Change {
  readonly path: readonly string[];
  readonly value: string | number | boolean | undefined;
}

export interface Migration {
  /** The layout that a file has afterwards; a file without `version` has layout 0. */
  readonly to: number;
  /** An old name that is understood in a file of any version. */
  readonly always?: boolean;
  /** Says on data of the layout before what has to change. The data was not checked yet. */
  changes(data: Table): Iterable<Change>;
  /** What a reader is told; `paths` are those of the changes. */
  notice(paths: readonly (readonly string[])[]): Notice;
}

export interface Migrated {
  readonly data: unknown;
  readonly changes: readonly Change[];
  readonly notices: readonly Notice[];
}

type Table = Readonly<Record<string, unknown>>;

/** In order; each knows only the layout before it and the one after. */
export const migrations: readonly Migration[] = [
  {
    to: 1,
    always: true,
    *changes(data) {
      for (const path of claudeTables(data)) {
        if (lookUp(data, [...path, "auth_forward"]) === "copy")
          yield { path: [...path, "auth_forward"], value: "sync" };
      }
    },
    notice(paths) {
      const places = paths.map((path) => `[${path.slice(0, -1).join(".")}]`).join(", ");
      return {
        level: "info",
        text: `auth_forward = "copy" in ${places} is read as "sync", its new name`,
        next: 'write auth_forward = "sync"',
      };
    },
  },
];

/**
 * Brings the data of an older file to the present layout. The data that was handed in stays as it is: reading never
 * rewrites a file, and who edits it writes `changes` down as well.
 */
export function migrate(data: unknown, steps: readonly Migration[] = migrations): Migrated {
  if (!isTable(data)) return { data, changes: [], notices: [] };
  const version = typeof data["version"] === "number" ? data["version"] : 0;
  let current: Table = data;
  const changes: Change[] = [];
  const notices: Notice[] = [];
  for (const step of steps) {
    if (step.to <= version && !step.always) continue;
    const own = [...step.changes(current)];
    if (own.length === 0) continue;
    for (const { path, value } of own) current = withValue(current, path, value);
    changes.push(...own);
    notices.push(step.notice(own.map(({ path }) => path)));
  }
  return { data: current, changes, notices };
}

/** The tables that may hold `auth_forward`. */
function* claudeTables(data: Table): Generator<readonly string[]> {
  yield ["claude"];
  for (const role of keysAt(data, ["roles"])) yield ["roles", role, "claude"];
  for (const name of keysAt(data, ["workspaces"])) {
    yield ["workspaces", name, "claude"];
    for (const role of keysAt(data, ["workspaces", name, "roles"]))
      yield ["workspaces", name, "roles", role, "claude"];
  }
}

function keysAt(data: Table, path: readonly string[]): readonly string[] {
  const found = lookUp(data, path);
  return isTable(found) ? Object.keys(found) : [];
}

function lookUp(data: Table, path: readonly string[]): unknown {
  let found: unknown = data;
  for (const key of path)
    found = isTable(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  return found;
}

/** A copy along the path, without prototypes: `__proto__` is a key like any other. */
function withValue(data: Table, path: readonly string[], value: Change["value"]): Table {
  const [key, ...rest] = path;
  const copy: Record<string, unknown> = Object.assign(Object.create(null), data);
  if (key === undefined) return copy;
  const below = Object.hasOwn(data, key) ? data[key] : undefined;
  if (rest.length > 0) copy[key] = withValue(isTable(below) ? below : {}, rest, value);
  else if (value === undefined) delete copy[key];
  else copy[key] = value;
  return copy;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
