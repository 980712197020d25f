/** What goes over the wire. Types, validation and the OpenAPI document all come from here; core's types are checked against it. */
import * as v from "valibot";
import { errorCodes, namePattern } from "../../core/index.ts";
import type {
  EffectiveMode,
  ErrorCode,
  Health,
  InstanceStatus,
  JackinEvent,
  Launched,
  ModeHealth,
  Notice,
  Refreshed,
  Status,
} from "../../core/index.ts";

export const text = v.string("must be text");
export const name = v.pipe(
  text,
  v.nonEmpty("must not be empty"),
  v.maxLength(256, "must not be longer than 256 characters"),
);
export const milliseconds = v.pipe(v.number(), v.description("ms since the epoch"));
const argument = v.pipe(
  text,
  v.check((text) => !text.includes("\0"), "must not hold a NUL character"),
);

export const workspaceName = v.pipe(
  text,
  v.regex(namePattern, "is no name of a workspace"),
  v.description("A workspace of the configuration"),
);

/** The body of a launch; what is left out, the configuration decides. */
export const launchBody = v.pipe(
  v.strictObject({
    workspace: v.optional(workspaceName),
    directory: v.optional(
      v.pipe(
        argument,
        v.regex(/^\//, "must be an absolute path"),
        v.description(
          "Instead of a workspace: a folder of the machine that jackin runs on, absolute",
        ),
      ),
    ),
    role: v.optional(name),
    mode: v.optional(v.pipe(name, v.description("How the agent is signed in, e.g. sync"))),
    runtime: v.optional(name),
    image: v.optional(name),
    args: v.optional(
      v.pipe(
        v.array(argument, "must be a list"),
        v.maxLength(256, "must not have more than 256 items"),
        v.description("Arguments for claude"),
      ),
    ),
  }),
  v.check(
    ({ workspace, directory }) => (workspace === undefined) !== (directory === undefined),
    "name either a workspace or a directory",
  ),
  v.metadata({ ref: "Launch" }),
);

/** The body of a sync, which may be left out. */
export const syncBody = v.pipe(
  v.strictObject({
    instance: v.optional(v.pipe(name, v.description("This one only; all that run without it"))),
  }),
  v.metadata({ ref: "Sync" }),
);

export const instanceStatus = v.pipe(
  v.object({
    instance: v.string(),
    workspace: v.optional(v.string()),
    role: v.optional(v.string()),
    workdir: v.string(),
    mode: v.string(),
    account: v.optional(v.string()),
    expiresAt: v.optional(milliseconds),
    runtime: v.string(),
    image: v.optional(v.string()),
    token: v.optional(v.string()),
    state: v.picklist(["starting", "running", "stopped", "unknown"]),
    startedAt: v.optional(milliseconds),
    alert: v.optional(
      v.pipe(
        v.object({ at: milliseconds, text: v.string(), next: v.optional(v.string()) }),
        v.description("What the operator should know of it, until it is no longer so"),
      ),
    ),
  }),
  v.metadata({ ref: "Instance" }),
) satisfies Shows<InstanceStatus>;

export const notice = v.pipe(
  v.object({
    level: v.picklist(["info", "warning", "urgent"]),
    text: v.string(),
    next: v.exactOptional(v.string()),
  }),
  v.metadata({ ref: "Notice" }),
) satisfies Shows<Notice>;

export const status = v.pipe(
  v.object({
    instances: v.array(instanceStatus),
    notices: v.array(notice),
    keeper: v.optional(
      v.pipe(
        v.object({
          state: v.picklist(["running", "gone"]),
          process: v.string(),
          since: milliseconds,
          keeps: v.pipe(v.number(), v.description("How many agents it keeps")),
        }),
        v.description("The process that keeps running agents signed in"),
      ),
    ),
  }),
  v.metadata({ ref: "Instances" }),
) satisfies Shows<Status>;

export const launched = v.pipe(
  v.object({
    instance: instanceStatus,
    line: v.pipe(v.string(), v.description("The mode, said exactly: claude auth: …")),
    sharedWith: v.pipe(
      v.array(v.string()),
      v.description("Other instances that use the same login"),
    ),
    notices: v.array(notice),
  }),
  v.metadata({ ref: "Launched" }),
) satisfies Shows<Launched>;

export const refreshed = v.pipe(
  v.array(
    v.object({
      instance: v.string(),
      outcome: v.picklist(["updated", "kept", "failed"]),
      text: v.string(),
      needsRestart: v.optional(v.boolean()),
      expiresAt: v.optional(milliseconds),
      notices: v.array(notice),
    }),
  ),
  v.metadata({ ref: "Synced" }),
) satisfies Shows<readonly Refreshed[]>;

/** The data of a server-sent event, whose name is its kind. */
export const event = v.pipe(
  v.object({
    at: milliseconds,
    kind: v.picklist(["started", "stopped", "updated", "warning", "refused", "healed", "keeper"]),
    level: v.picklist(["info", "warning", "urgent"]),
    instance: v.exactOptional(v.string()),
    text: v.string(),
    next: v.exactOptional(v.string()),
  }),
  v.metadata({ ref: "Event" }),
) satisfies Shows<JackinEvent>;

const effectiveMode = v.object({
  workspace: v.optional(v.string()),
  role: v.optional(v.string()),
  mode: v.string(),
  scope: v.pipe(v.string(), v.description("The scope that decided; default when none did")),
  trace: v.array(v.object({ scope: v.string(), key: v.string(), says: v.optional(v.string()) })),
}) satisfies Shows<EffectiveMode>;

export const health = v.object({
  state: v.picklist(["good", "warning", "bad"]),
  text: v.string(),
  next: v.exactOptional(v.string()),
  account: v.exactOptional(v.string()),
  expiresAt: v.exactOptional(milliseconds),
}) satisfies Shows<Health>;

const modeHealth = v.object({
  mode: v.string(),
  plugin: v.string(),
  health: v.optional(health),
}) satisfies Shows<ModeHealth>;

export const auth = v.pipe(
  v.object({
    effective: v.array(effectiveMode),
    modes: v.array(modeHealth),
  }),
  v.metadata({ ref: "Auth" }),
);

/** Checked by whoever reads it. */
export const openApiDocument = v.looseObject({ openapi: v.string() });

export const alive = v.object({ status: v.literal("ok") });

/** RFC 9457, with jackin's own code and hint. */
export const problem = v.pipe(
  v.object({
    type: v.pipe(v.string(), v.description("urn:jackin:error:<code>")),
    title: v.string(),
    status: v.number(),
    code: v.picklist(Object.keys(errorCodes) as ErrorCode[]),
    detail: v.string(),
    hint: v.exactOptional(v.string()),
  }),
  v.metadata({ ref: "Problem" }),
);

export type Problem = v.InferOutput<typeof problem>;

/** A schema that answers what core answers. */
export type Shows<T> = v.GenericSchema<unknown, InJson<T>>;

/** In JSON a member that is undefined is not there. */
type InJson<T> = T extends readonly (infer Item)[]
  ? readonly InJson<Item>[]
  : T extends object
    ? { readonly [K in keyof T as undefined extends T[K] ? never : K]: InJson<T[K]> } & {
        readonly [K in keyof T as undefined extends T[K] ? K : never]?: InJson<T[K]>;
      }
    : T;
