import { createContext, Script } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JackinError, parseConfig } from "../../core/index.ts";
import { createDraft } from "../../hosts/node/config-draft.ts";
import { checkConfig } from "../../hosts/node/config-file.ts";
import { toDocument } from "../../hosts/node/config-layout.ts";
import type { ConfigSources } from "../../hosts/node/config-layout.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import "../fuzz-seed.ts";

const providers = [authSync(), authIgnore(), authToken()];
const path = "config.toml";
const secret = "sk-ant-oat01-canarycanarycanary";

const real = `#:schema ./config.schema.json
version = 1

[claude] # how agents sign in
auth_forward = 'copy'
[claude.sync]
refresh = "host"

[env]
TOKEN = "${secret}"
API = { value = "op://no reference" }

[roles."reviewer"]
image = "my/agent:1"

[workspaces.my-app]
workdir = "/home/me/my-app"
roles.reviewer.env.LEVEL = """
debug
"""

[plugins]
"jackin-plugin-vault" = { version = "1.2.0", list = [1, 2.5, 1979-05-27] }
`;

const fragments = [
  "[ ] [[ ]] { } = , . # \" ' \"\"\" ''' \\ \\u0000 \\uD800 1e999 -nan 0x 1979-05-27T07:32:00Z true".split(
    " ",
  ),
  "claude env roles workspaces plugins version workdir auth_forward copy sync".split(" "),
  "__proto__ constructor toString a.b é 💥 \uFEFF \0".split(" "),
  ["\n", "\r\n", "\r", "\t", " ", "[env]\n", "[claude]\nauth_forward = ", "x = 1\n", secret],
].flat();

/** The real file with pieces cut out, doubled or put elsewhere, as a slip of an editor leaves it. */
const damaged = fc
  .array(
    fc.record({
      at: fc.nat(real.length),
      cut: fc.nat(30),
      put: fc.oneof(
        fc.constantFrom(...fragments),
        fc.nat(real.length).map((from) => real.slice(from, from + 40)),
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((slips) =>
    slips.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), real),
  );

/** Some lines of it, so that the outcome is often valid. */
const thinned = fc.uniqueArray(fc.nat(real.split("\n").length), { maxLength: 5 }).map((gone) =>
  real
    .split("\n")
    .filter((_, line) => !gone.includes(line))
    .join("\n"),
);

const text = fc.oneof(
  { weight: 2, arbitrary: thinned },
  { weight: 5, arbitrary: damaged },
  {
    weight: 3,
    arbitrary: fc
      .array(fc.constantFrom(...fragments), { maxLength: 40 })
      .map((all) => all.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  { weight: 1, arbitrary: fc.nat(20_000).map((depth) => `a = ${"[".repeat(depth)}`) },
);

/** Ends what never would by itself: a hang is a failure of its own, not of the whole run. */
const context = createContext({ work: () => {} });
const script = new Script("work()");
function untilItHangs(work: () => void): void {
  context["work"] = work;
  script.runInContext(context, { timeout: 20_000 });
}

function failureOf(work: () => void): JackinError | undefined {
  try {
    untilItHangs(work);
    return undefined;
  } catch (error) {
    if (error instanceof JackinError) return error;
    throw error;
  }
}

describe("a file that nobody meant", () => {
  it("fails as a configuration does, or is read and can be edited", { timeout: 300_000 }, () => {
    let valid = 0;
    fc.assert(
      fc.property(text, fc.option(text, { freq: 10, nil: undefined }), (main, own) => {
        const sources: ConfigSources = [
          { path, text: main },
          ...(own === undefined
            ? []
            : [{ path: "workspaces/own.toml", text: own, workspace: "own" }]),
        ];
        const failure = failureOf(() => {
          const { config } = checkConfig(toDocument(sources), path, providers);
          const draft = createDraft(sources, config);
          draft.migrate()();
          draft.set(["env", "ADDED"], "1");
          draft.unset(["claude", "auth_forward"]);
          const after = checkConfig(toDocument(draft.sources()), path, providers);
          expect(after.config.env?.["ADDED"]).toBe("1");
          valid += 1;
        });
        // An edit that does not fit the file's layout (`env` written as one inline value) is told as a conflict.
        expect(["config-invalid", "conflict", undefined]).toContain(failure?.code);
        if (failure?.code === "config-invalid")
          expect(failure.message).toMatch(/^(config|workspaces\/own)\.toml|^workspace own/);
        expect(`${failure?.message} ${failure?.hint}`).not.toContain(secret);
      }),
      {
        numRuns: 9_000,
        examples: [
          ["\uFEFF\uFEFF", undefined],
          [`[workspaces.a]\nroles.x${secret}x.LEVEL = 1\n`, undefined],
        ],
      },
    );
    expect(valid).toBeGreaterThan(100);
  });

  it("is data that the schema judges, whatever it is", () => {
    const key = fc.constantFrom(
      "claude",
      "env",
      "roles",
      "workspaces",
      "plugins",
      "version",
      "auth_forward",
      "workdir",
      "a",
      "__proto__",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.anything({ maxDepth: 2, withDate: true, withNullPrototype: true }),
        fc.dictionary(key, tie("tree")),
      ),
    }));
    fc.assert(
      fc.property(tree, (data) => {
        const parsed = { answer: undefined as unknown };
        untilItHangs(() => (parsed.answer = parseConfig(data, providers)));
        expect(Object.keys(parsed.answer as object).toSorted()).toEqual(
          expect.arrayContaining([expect.stringMatching(/^(config|problems)$/)]),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});
