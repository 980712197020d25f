/** What is answered about long-lived tokens. A token itself never is. */
import * as v from "valibot";
import type {
  Brought,
  Check,
  Released,
  Retired,
  TokenEntry,
  TokenPlace,
  TokenReport,
  TokenScope,
  TokenStatus,
} from "../../core/index.ts";
import { health, milliseconds, notice, problem } from "./schemas.ts";
import type { Shows } from "./schemas.ts";

const scope = v.object({
  workspace: v.optional(v.string()),
  role: v.optional(v.string()),
}) satisfies Shows<TokenScope>;

const entry = v.pipe(
  v.object({
    reference: v.string(),
    fingerprint: v.string(),
    createdAt: v.exactOptional(milliseconds),
    expiresAt: v.exactOptional(v.pipe(milliseconds, v.description("ms; always an estimate"))),
    scopes: v.array(scope),
    store: v.pipe(v.string(), v.description("The plugin that has stored it")),
    isOurs: v.pipe(v.boolean(), v.description("jackin has put it there")),
    provenAt: v.exactOptional(milliseconds),
    provenBy: v.exactOptional(v.picklist(["status", "turn"])),
  }),
  v.metadata({ ref: "TokenEntry" }),
) satisfies Shows<TokenEntry>;

const statusKeys = {
  reference: v.pipe(
    v.string(),
    v.description("`literal` for a token that stands in the configuration itself"),
  ),
  scopes: v.array(scope),
  agents: v.pipe(v.array(v.string()), v.description("Running agents that were given it")),
  entry: v.optional(entry),
  banner: v.optional(notice),
};

export const tokenStatus = v.pipe(
  v.object(statusKeys),
  v.metadata({ ref: "Token" }),
) satisfies Shows<TokenStatus>;

export const tokenList = v.object({ tokens: v.array(tokenStatus) });

const check = v.object({ name: v.string(), ...health.entries }) satisfies Shows<
  Omit<Check, "credential">
>;

export const tokenReport = v.pipe(
  v.object({ ...statusKeys, checks: v.array(check) }),
  v.metadata({ ref: "TokenReport" }),
) satisfies Shows<Omit<TokenReport, "checks">>;

const place = v.object({
  place: v.string(),
  text: v.string(),
  plugin: v.string(),
  scheme: v.string(),
  isUsual: v.pipe(v.boolean(), v.description("It was used last")),
  problem: v.exactOptional(v.pipe(problem, v.description("Why nothing can be put there now"))),
}) satisfies Shows<Omit<TokenPlace, "error">>;

export const placeList = v.object({ places: v.array(place) });

const brought = v.object({
  instance: v.string(),
  outcome: v.picklist(["switched", "restart", "failed"]),
  text: v.string(),
}) satisfies Shows<Brought>;

const retired = v.object({
  reference: v.string(),
  outcome: v.picklist(["removed", "absent", "kept", "failed"]),
  text: v.string(),
  next: v.exactOptional(v.string()),
}) satisfies Shows<Retired & { reference: string }>;

export const released = v.pipe(
  v.object({
    references: v.array(v.string()),
    agents: v.pipe(v.array(v.string()), v.description("Running agents that hold one of them")),
    retired: v.array(retired),
  }),
  v.metadata({ ref: "ReleasedTokens" }),
) satisfies Shows<Released>;

const id = v.string();

/** Where a setup stands. It ends in `done`, `failed` or `cancelled`. */
export const setup = v.pipe(
  v.variant("state", [
    v.object({ id, state: v.literal("start") }),
    v.object({
      id,
      state: v.literal("url"),
      url: v.pipe(v.string(), v.description("Where the operator signs in and gets a code")),
      refused: v.exactOptional(
        v.pipe(v.string(), v.description("Why the last code was not taken")),
      ),
    }),
    v.object({ id, state: v.literal("code") }),
    v.object({
      id,
      state: v.literal("installing"),
      progress: v.exactOptional(v.pipe(v.string(), v.description("The step it is at"))),
    }),
    v.object({
      id,
      state: v.literal("done"),
      entry,
      replaced: v.pipe(
        v.array(v.string()),
        v.description("References that the scopes named before"),
      ),
      notices: v.array(notice),
      agents: v.exactOptional(v.array(brought)),
      retired: v.exactOptional(retired),
    }),
    v.object({ id, state: v.literal("failed"), problem }),
    v.object({ id, state: v.literal("cancelled"), problem }),
  ]),
  v.metadata({ ref: "TokenSetup" }),
);

export type Setup = v.InferOutput<typeof setup>;

export const setupList = v.object({ setups: v.array(setup) });
