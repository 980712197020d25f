import { describe, expect, it } from "vitest";
import { createContextDouble, createHostDouble } from "../test/doubles/host.ts";
import { resolveEntries } from "./environment.ts";
import type { SecretAnswer, SecretResolver } from "./index.ts";
import { createSecret, JackinError } from "./index.ts";
import type { EnvEntry } from "./scope.ts";

const entry = (key: string, value: EnvEntry["value"], scope = "global"): EnvEntry => ({
  key,
  value,
  scope,
});

function resolver(
  scheme: string,
  answer: (reference: string) => SecretAnswer,
  more: Partial<SecretResolver> = {},
) {
  const batches: string[][] = [];
  const made: SecretResolver = {
    kind: "secret",
    name: `secret-${scheme}`,
    scheme,
    resolve: async (references) => {
      batches.push([...references]);
      return new Map(references.map((reference) => [reference, answer(reference)]));
    },
    ...more,
  };
  return { made, batches };
}
const value = (text: string): SecretAnswer => ({ status: "value", value: createSecret(text) });
const context = (signal?: AbortSignal) => createContextDouble(createHostDouble(), signal);

describe("resolveEntries", () => {
  it("asks each backend once, for each distinct reference once", async () => {
    const op = resolver("op", (reference) => value(`of ${reference}`));
    const env = resolver("env", () => value("from the host"));
    const wanted = [
      entry("A", "op://v/i/a"),
      entry("B", "op://v/i/a"),
      entry("C", "op://v/i/c"),
      entry("D", "$HOST"),
      entry("E", "plain"),
    ];
    const resolved = await resolveEntries(wanted, [op.made, env.made], context());
    expect(op.batches).toEqual([["op://v/i/a", "op://v/i/c"]]);
    expect(env.batches).toEqual([["env://HOST"]]);
    expect(resolved.map((item) => [item.entry.key, item.value?.reveal(), item.source])).toEqual([
      ["A", "of op://v/i/a", "op://v/i/a"],
      ["B", "of op://v/i/a", "op://v/i/a"],
      ["C", "of op://v/i/c", "op://v/i/c"],
      ["D", "from the host", "env://HOST"],
      ["E", "plain", "literal"],
    ]);
  });

  it("asks the backends side by side", async () => {
    const bothAsked = Promise.withResolvers<void>();
    let asked = 0;
    const waiting = (scheme: string) =>
      resolver(scheme, () => value("x"), {
        resolve: async (references) => {
          if (++asked === 2) bothAsked.resolve();
          await bothAsked.promise;
          return new Map(references.map((reference) => [reference, value("x")]));
        },
      });
    const wanted = [entry("A", "op://v/i/a"), entry("B", "env://B")];
    await expect(
      resolveEntries(wanted, [waiting("op").made, waiting("env").made], context()),
    ).resolves.toHaveLength(2);
  });

  it("reports all failures together, by key and scope, and answers nothing", async () => {
    const op = resolver("op", (reference) =>
      reference.endsWith("good")
        ? value("fine")
        : {
            status: "error",
            error: new JackinError({
              code: "secret-failed",
              message: `[secret-op] ${reference}: no such item`,
              hint: "op item list",
            }),
          },
    );
    const env = resolver("env", () => ({ status: "absent", hint: "export GONE=…" }));
    const wanted = [
      entry("Z", "op://v/i/bad", "role r"),
      entry("A", "$GONE", "workspace w"),
      entry("M", "op://v/i/good"),
      entry("V", "vault://x"),
    ];
    const failed = resolveEntries(wanted, [op.made, env.made], context());
    await expect(failed).rejects.toMatchObject({
      code: "secret-failed",
      message: [
        "3 values of the environment could not be resolved; nothing was started.",
        "  A (workspace w): env://GONE is not there",
        "  V (global): vault:// needs a secret plugin that is not installed.",
        "  Z (role r): [secret-op] op://v/i/bad: no such item",
      ].join("\n"),
      hint: expect.stringMatching(/export GONE=…\n.*jackin-plugin-vault.*\nop item list/),
    });
  });

  it("turns whatever a plugin throws into a failure that names the plugin", async () => {
    const op = resolver("op", () => value(""), {
      resolve: () => Promise.reject(new TypeError("boom")),
    });
    await expect(resolveEntries([entry("A", "op://v/i/a")], [op.made], context())).rejects.toThrow(
      "A (global): [secret-op] boom",
    );
  });

  it("does not take a missing answer for an empty value", async () => {
    const op = resolver("op", () => value(""), { resolve: async () => new Map() });
    await expect(resolveEntries([entry("A", "op://v/i/a")], [op.made], context())).rejects.toThrow(
      "op://v/i/a is not there",
    );
  });

  it("gives a backend that never answers its own time limit, and tells it to stop", async () => {
    let stopped = false;
    const never = resolver("op", () => value(""), {
      limitMs: 20,
      resolve: (_, { signal }) => {
        signal.addEventListener("abort", () => (stopped = true));
        return new Promise(() => {});
      },
    });
    const env = resolver("env", () => value("x"));
    await expect(
      resolveEntries(
        [entry("A", "op://v/i/a"), entry("B", "$B")],
        [never.made, env.made],
        context(),
      ),
    ).rejects.toThrow("A (global): [secret-op] the secrets did not answer within 0.02 s");
    expect(stopped).toBe(true);
  });

  it("is cancelled at once by the signal", async () => {
    const abort = new AbortController();
    const never = resolver("op", () => value(""), {
      resolve: () => (abort.abort(), new Promise(() => {})),
    });
    await expect(
      resolveEntries([entry("A", "op://v/i/a")], [never.made], context(abort.signal)),
    ).rejects.toMatchObject({ code: "cancelled" });
  });

  it("lets the caller judge absence where it says so", async () => {
    const env = resolver("env", () => ({ status: "absent" }));
    const resolved = await resolveEntries(
      [{ ...entry("TOKEN", "$TOKEN"), mayBeAbsent: true }],
      [env.made],
      context(),
    );
    expect(resolved).toMatchObject([{ value: undefined, source: "env://TOKEN" }]);
  });

  it("refuses values that no process can be given", async () => {
    const values: Record<string, string> = {
      nul: "a\0b",
      big: "x".repeat(5_000_000),
      wide: "é".repeat(65_535),
      // With its name, `=` and the NUL at its end, the longest string that Linux takes.
      fits: "x".repeat(131_069),
      over: "x".repeat(131_070),
    };
    const op = resolver("op", (reference) => value(values[reference.split("/").at(-1)!]!));
    const resolving = (...keys: string[]) =>
      resolveEntries(
        keys.map((key, index) => entry("ABC"[index]!, `op://v/i/${key}`)),
        [op.made],
        context(),
      );
    await expect(resolving("nul", "big", "wide")).rejects.toThrow(
      /A \(global\): the value \(op:\/\/v\/i\/nul\) holds a NUL character\n {2}B \(global\): .* has 5000003 bytes with its name; the limit is 131072\n {2}C \(global\): .* has 131073 bytes/,
    );
    await expect(resolving("over")).rejects.toThrow("131073 bytes");
    await expect(resolving("fits")).resolves.toHaveLength(1);
  });

  it("makes every resolved secret known to the redactor, and literals with a secret's name", async () => {
    const op = resolver("op", () => value("canary-resolved"));
    const ctx = context();
    await resolveEntries(
      [entry("A", "op://v/i/a"), entry("API_KEY", "canary-literal"), entry("ORG", "acme-corp")],
      [op.made],
      ctx,
    );
    expect(ctx.redact("canary-resolved canary-literal acme-corp")).toBe("*** *** acme-corp");
  });
});
