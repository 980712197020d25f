import * as v from "valibot";
import type { AuthProvider, Notice } from "./contracts.ts";
import { migrate } from "./migrate.ts";
import { didYouMean, nearest } from "./nearest.ts";
import type { EnvValue } from "./reference.ts";
import type { TokenScope } from "./token-ledger.ts";

/** What one scope may say. Every key is decided on its own. */
export interface Scope {
  readonly claude?: ClaudeScope | undefined;
  readonly env?: Readonly<Record<string, EnvValue>> | undefined;
  readonly image?: string | undefined;
}

export interface ClaudeScope {
  readonly auth_forward?: string | undefined;
  readonly oauth_token_source?: string | undefined;
  readonly oauth_token_env?: string | undefined;
  /** `[claude.<mode>]`, checked by the mode's own schema. */
  readonly [mode: string]: unknown;
}

export interface WorkspaceConfig extends Scope {
  readonly workdir: string;
  readonly role?: string | undefined;
  readonly roles?: Readonly<Record<string, Scope>> | undefined;
}

export interface Config extends Scope {
  readonly version?: number | undefined;
  readonly roles?: Readonly<Record<string, Scope>> | undefined;
  readonly workspaces?: Readonly<Record<string, WorkspaceConfig>> | undefined;
  readonly plugins?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
}

/** One thing wrong in a configuration; `path` is the key it stands at. */
export interface ConfigProblem {
  readonly path: readonly string[];
  readonly message: string;
  /** What helps, if not to correct it. */
  readonly next?: string;
}

/** The layout of the file that this jackin reads and writes. */
export const configVersion = 1;

export const defaultMode = "sync";

const reservedNames = [
  "DOCKER_HOST",
  "DOCKER_TLS_VERIFY",
  "DOCKER_CERT_PATH",
  "CLAUDE_CONFIG_DIR",
  "CLAUDE_SECURESTORAGE_CONFIG_DIR",
];

const variablePattern = /^[A-Za-z_]\w*$/;
/** One expression, so that the JSON Schema can say it too. */
const envPattern = new RegExp(`^(?!JACKIN|(?:${reservedNames.join("|")})$)[A-Za-z_]\\w*$`);

/** Why a variable of that name cannot be set; undefined when it can. */
export function refuseName(name: string): string | undefined {
  if (envPattern.test(name)) return undefined;
  return variablePattern.test(name)
    ? `${name} is reserved: jackin sets it itself`
    : `"${name.slice(0, 64)}" is no name for an environment variable`;
}

/** Names of workspaces and roles: they become container names, folder names and table keys. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
// A relative one would be another folder wherever a command is typed.
const folder = v.pipe(
  v.string(),
  v.regex(/^(\/|~(\/|$)|[A-Za-z]:[\\/])/, "must be an absolute path, or begin with ~"),
);
const counted = "must be a whole number from 1 on";
const unknownKey = v.never("unknown key");
const names = <T extends v.GenericSchema>(value: T) =>
  v.record(
    v.pipe(
      v.string(),
      v.regex(namePattern, "a name has letters, digits, `.`, `_` and `-`, at most 63"),
    ),
    value,
  );

/** The schema of the file, with the option tables of the modes that are installed. */
export function createConfigSchema(providers: readonly AuthProvider[]) {
  const modes = providers.map((provider) => provider.mode);
  const options = Object.fromEntries(
    providers.flatMap((p) => (p.options ? [[p.mode, v.optional(p.options)] as const] : [])),
  );
  const claude = v.objectWithRest(
    {
      auth_forward: v.optional(v.picklist([...modes, "copy"])),
      oauth_token_source: v.optional(text),
      oauth_token_env: v.optional(
        v.pipe(
          v.string(),
          v.regex(
            variablePattern,
            "must be the name of a host variable, e.g. JACKIN_CLAUDE_OAUTH_TOKEN",
          ),
        ),
      ),
      ...options,
    },
    unknownKey,
  );
  const envName = v.pipe(
    v.string(),
    v.regex(envPattern, (issue) => refuseName(issue.input)!),
  );
  const env = v.record(
    envName,
    v.union(
      [v.string(), v.strictObject({ value: v.string() })],
      'must be text, or { value = "…" }',
    ),
  );
  const scope = { claude: v.optional(claude), env: v.optional(env), image: v.optional(text) };
  const role = v.objectWithRest(scope, unknownKey);
  const workspace = v.objectWithRest(
    { workdir: folder, role: v.optional(text), ...scope, roles: v.optional(names(role)) },
    unknownKey,
  );
  return v.objectWithRest(
    {
      $schema: v.optional(v.string()),
      version: v.optional(
        v.config(
          v.pipe(
            v.number(),
            v.integer(counted),
            v.minValue(1, counted),
            v.maxValue(configVersion, counted),
          ),
          { abortPipeEarly: true },
        ),
      ),
      ...scope,
      roles: v.optional(names(role)),
      workspaces: v.optional(names(workspace)),
      plugins: v.optional(v.record(v.string(), v.record(v.string(), v.unknown()))),
    },
    unknownKey,
  );
}

export type ParsedConfig =
  | { readonly config: Config; readonly notices: readonly Notice[]; readonly problems?: never }
  | { readonly problems: readonly ConfigProblem[] };

/** Checks a whole configuration; all its problems come back at once. An older layout is read as the present one, with a notice. */
export function parseConfig(data: unknown, providers: readonly AuthProvider[]): ParsedConfig {
  const version =
    typeof data === "object" && data !== null && "version" in data ? data.version : undefined;
  if (Number.isInteger(version) && (version as number) > configVersion) {
    const message = `version ${String(version)} is newer than this jackin reads (${configVersion}): update jackin; nothing was touched`;
    return { problems: [{ path: ["version"], message, next: "Install the newer jackin." }] };
  }
  const { data: current, notices } = migrate(data);
  const schema = createConfigSchema(providers);
  const result = v.safeParse(schema, current);
  const problems = [
    ...(result.issues?.map((issue) => toProblem(issue, schema)) ?? []),
    ...lists(current, []),
  ];
  if (problems.length > 0) return { problems };
  // The data itself, not the schema's output: a default filled in at one scope would outrank what another scope says.
  const config = current as Config;
  const more = [...crossProblems(config)];
  return more.length > 0 ? { problems: more } : { config, notices };
}

function toProblem(issue: v.BaseIssue<unknown>, schema: unknown): ConfigProblem {
  // A union reports the branch that failed inside it; its own path is the value's.
  const path = (issue.path ?? []).map((item) => String(item.key));
  const last = issue.path?.at(-1);
  if (issue.expected === "never" && last) {
    const near = didYouMean(path.at(-1)!, keysBeside(schema, path));
    return { path, message: `unknown key "${path.at(-1)}".${near}` };
  }
  if (issue.type === "picklist") {
    const choices = (issue.expected ?? "")
      .replaceAll(/["()]/g, "")
      .split(" | ")
      .filter((choice) => choice !== "copy");
    const near = typeof issue.input === "string" ? didYouMean(issue.input, choices) : "";
    const message =
      last?.key === "auth_forward"
        ? `unknown mode ${found(issue.input)}; the modes here are ${choices.join(", ")}.${near}`
        : `must be ${choices.map((choice) => `"${choice}"`).join(" or ")}, found ${found(issue.input)}.${near}`;
    return { path, message };
  }
  if (
    issue.type === "object_with_rest" ||
    issue.type === "strict_object" ||
    issue.type === "object" ||
    issue.type === "record"
  ) {
    return {
      path,
      message:
        issue.input === undefined ? "is missing" : `must be a table, found ${kindOf(issue.input)}`,
    };
  }
  if (issue.kind === "schema" && issue.input === undefined) return { path, message: "is missing" };
  if (issue.kind === "schema" && issue.type !== "union")
    return { path, message: `must be ${issue.expected}, found ${kindOf(issue.input)}` };
  if (issue.type === "union")
    return { path, message: `${issue.message}, found ${kindOf(issue.input)}` };
  return { path, message: issue.message };
}

/** No key takes a list, but valibot's tables take one for a table with numbered keys. Plugins' own options are theirs. */
function* lists(data: unknown, path: readonly string[]): Generator<ConfigProblem> {
  if (Array.isArray(data)) yield { path, message: "must be a table or text, found a list" };
  else if (typeof data === "object" && data !== null && path[0] !== "plugins") {
    for (const [key, value] of Object.entries(data)) yield* lists(value, [...path, key]);
  }
}

/** What is read of a valibot schema to find the keys that it knows. */
interface Shape {
  readonly entries?: Readonly<Record<string, Shape>>;
  /** Of a record. */
  readonly value?: Shape;
  /** Of an optional one. */
  readonly wrapped?: Shape;
}

/** The keys that may stand beside the one at `path`, for "did you mean". */
function keysBeside(schema: unknown, path: readonly string[]): readonly string[] {
  let shape = schema as Shape | undefined;
  for (const key of path.slice(0, -1)) {
    const { entries, value } = shape ?? {};
    shape = entries && Object.hasOwn(entries, key) ? entries[key] : value;
    shape = shape?.wrapped ?? shape;
  }
  return Object.keys(shape?.entries ?? {});
}

/** What was found, without its text when it might be a secret: only short plain words are shown. */
function found(input: unknown): string {
  return typeof input === "string" && /^[a-z-]{1,20}$/i.test(input) ? `"${input}"` : kindOf(input);
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  if (input instanceof Date) return "a date";
  if (typeof input === "object" && input !== null) return "a table";
  return typeof input === "string" ? "text" : `${typeof input} ${String(input)}`;
}

/** What no single key can tell: two token sources at one scope, roles and names that point nowhere. */
function* crossProblems(config: Config): Generator<ConfigProblem> {
  const roles = Object.keys(config.roles ?? {});
  for (const { path, scope } of allScopes(config)) {
    if (
      scope.claude?.oauth_token_source !== undefined &&
      scope.claude.oauth_token_env !== undefined
    ) {
      yield {
        path: [...path, "claude", "oauth_token_env"],
        message: "stands beside oauth_token_source: keep one of the two",
      };
    }
  }
  for (const [name, workspace] of Object.entries(config.workspaces ?? {})) {
    const known = [...roles, ...Object.keys(workspace.roles ?? {})];
    if (workspace.role !== undefined && !known.includes(workspace.role)) {
      const near = nearest(workspace.role, known);
      yield {
        path: ["workspaces", name, "role"],
        message: `no role "${workspace.role}" is defined.${near ? ` Did you mean "${near}"?` : ` Add [roles.${workspace.role}].`}`,
      };
    }
  }
}

/** Every scope that has a table, by what it is for and where it stands. */
export function* allScopes(
  config: Config,
): Generator<{ path: readonly string[]; of: TokenScope; scope: Scope }> {
  yield { path: [], of: {}, scope: config };
  for (const [role, scope] of Object.entries(config.roles ?? {}))
    yield { path: ["roles", role], of: { role }, scope };
  for (const [workspace, scope] of Object.entries(config.workspaces ?? {})) {
    yield { path: ["workspaces", workspace], of: { workspace }, scope };
    for (const [role, own] of Object.entries(scope.roles ?? {}))
      yield { path: ["workspaces", workspace, "roles", role], of: { workspace, role }, scope: own };
  }
}
