/** What callers say about long-lived tokens. A token itself is refused. */
import * as v from "valibot";
import { name, text, workspaceName } from "./schemas.ts";
import { setup } from "./token-schemas.ts";

const isNoToken = v.check(
  (said: string) => !said.includes("sk-ant-"),
  "holds a token itself, which belongs into no request",
);

/** Neither is the global scope. */
const scopeKeys = { workspace: v.optional(workspaceName), role: v.optional(name) };
const probe = v.optional(
  v.pipe(v.boolean("must be true or false"), v.description("Prove it by one real turn too")),
);
const runtime = v.optional(
  v.pipe(name, v.description("Where it is proven; the default runtime without it")),
);

export const examineBody = v.pipe(
  v.strictObject({ ...scopeKeys, probe, runtime }),
  v.metadata({ ref: "ExamineToken" }),
);

export const setupBody = v.pipe(
  v.strictObject({
    ...scopeKeys,
    place: v.optional(
      v.pipe(
        name,
        isNoToken,
        v.description("Where a new token is stored, as /v1/tokens/places names it"),
      ),
    ),
    reference: v.optional(
      v.pipe(
        text,
        v.nonEmpty("must not be empty"),
        v.maxLength(1024, "must not be longer than 1024 characters"),
        isNoToken,
        v.description("Instead of a place: a token that is stored already; nobody signs in"),
      ),
    ),
    probe,
    runtime,
    rotate: v.optional(
      v.pipe(
        v.picklist(["scope", "all"], "must be scope or all"),
        v.description(
          "Put it in the place of the token that the scope names, bring running agents along and take the old one out of its store: in this scope, or in all that name the same",
        ),
      ),
    ),
  }),
  v.check(
    ({ place, reference }) => (place === undefined) !== (reference === undefined),
    "name either a place or a reference",
  ),
  v.metadata({ ref: "SetUpToken" }),
);

export type SetupBody = v.InferOutput<typeof setupBody>;

export const codeBody = v.pipe(
  v.strictObject({
    code: v.pipe(
      text,
      v.maxLength(4096, "must not be longer than 4096 characters"),
      // It is typed into a terminal, where anything else would be a key of its own.
      v.regex(/^[\x21-\x7e]+$/, "must be the whole code that the page shows, without spaces"),
      v.description("What the page shows after signing in: <code>#<state>"),
    ),
  }),
  v.metadata({ ref: "TokenCode" }),
);

export const releaseBody = v.pipe(
  v.strictObject({
    ...scopeKeys,
    mode: v.optional(v.pipe(name, v.description("What the scope has instead; ignore without it"))),
    retire: v.optional(
      v.pipe(
        v.boolean("must be true or false"),
        v.description("Take what no scope names any more out of its store, if jackin put it there"),
      ),
    ),
  }),
  v.metadata({ ref: "ReleaseToken" }),
);

export const setupQuery = v.strictObject({
  after: v.optional(
    v.pipe(
      v.picklist(
        setup.pipe[0].options.map(({ entries }) => entries.state.literal),
        "is no state",
      ),
      v.description("Answer when it is in another state than this one, within some seconds"),
    ),
  ),
});
