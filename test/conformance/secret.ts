/** What every secret plugin promises, ours and strangers'. A plugin's own test calls it first and adds what is its own. */
import { describe, expect, it } from "vitest";
import type { JackinError, SecretAnswer, SecretResolver } from "../../core/index.ts";
import { createContextDouble, createHostDouble } from "../doubles/host.ts";
import type { HostDouble } from "../doubles/host.ts";
import { testSecretWriter } from "./secret-writer.ts";
import type { WritingMachine } from "./secret-writer.ts";
import { visible } from "./visible.ts";

export interface SecretSuite {
  readonly make: () => SecretResolver;
  /** The machine that holds what `present` says. A plain host without it. */
  readonly host?: () => HostDouble;
  /** References that have a value, and that value. At least one; several make a better test. */
  readonly present: Readonly<Record<string, string>>;
  /** A reference to nothing, for a backend that can tell nothing from trouble. */
  readonly absent?: string;
  /** A reference of its scheme that cannot be right. */
  readonly malformed: string;
  /** Of a backend that writes: a machine in whose store jackin has put nothing yet. Each test has one of its own. */
  readonly writes?: () => WritingMachine | Promise<WritingMachine>;
}

const batchSize = 50;

export function testSecretResolver(name: string, suite: SecretSuite): void {
  const present = Object.entries(suite.present);

  describe(`${name} keeps the contract of secret plugins`, () => {
    it("names itself and its scheme", () => {
      const resolver = suite.make();
      expect(resolver.kind).toBe("secret");
      expect(resolver.name).toBe(name);
      expect(resolver.scheme).toMatch(/^[a-z][a-z0-9+.-]*$/);
      if (resolver.limitMs !== undefined) expect(resolver.limitMs).toBeGreaterThan(0);
    });

    it("answers a reference with its value, byte for byte, as a secret", async () => {
      expect(present.length).toBeGreaterThan(0);
      const { answers, ctx } = await ask(present.map(([reference]) => reference));
      for (const [reference, value] of present) {
        const answer = answers.get(reference);
        if (answer?.status !== "value") throw new Error(`${reference} has no value`);
        expect(answer.value.reveal()).toBe(value);
        expect(`${answer.value} ${JSON.stringify(answer.value)}`).toBe('*** "***"');
        if (value.length >= 6) expect(ctx.redact(`before ${value} after`)).toBe("before *** after");
      }
    });

    it("answers each of a big batch once, and nothing else", async () => {
      const references = present.map(([reference]) => reference);
      const { scheme } = suite.make();
      for (let i = 0; references.length < batchSize; i++)
        references.push(`${scheme}://conformance-${i}/nothing/here`);
      const { answers } = await ask(references);
      expect([...answers.keys()].sort()).toEqual([...references].sort());
      for (const answer of answers.values())
        expect(["value", "absent", "error"]).toContain(answer.status);
      for (const [reference] of present) expect(answers.get(reference)?.status).toBe("value");
    });

    it("answers an empty batch with nothing", async () => {
      const { answers } = await ask([]);
      expect(answers.size).toBe(0);
    });

    it.runIf(suite.absent !== undefined)("answers absence as absence", async () => {
      const { answers } = await ask([suite.absent!, ...present.map(([reference]) => reference)]);
      expect(answers.get(suite.absent!)?.status).toBe("absent");
      for (const [reference] of present) expect(answers.get(reference)?.status).toBe("value");
    });

    it("answers a malformed reference with an error of its own and the rest with values", async () => {
      const { answers } = await ask([suite.malformed, ...present.map(([reference]) => reference)]);
      const error = errorOf(answers.get(suite.malformed));
      // By name: a stranger's plugin may bring a copy of the core of its own.
      expect(error.name).toBe("JackinError");
      expect(error.code).toBe("secret-failed");
      expect(error.message.startsWith(`[${name}] `)).toBe(true);
      expect(error.message).toContain(suite.malformed);
      for (const [reference] of present) expect(answers.get(reference)?.status).toBe("value");
    });

    it("shows no value in an answer, an error or progress, and changes nothing", async () => {
      const references = [suite.malformed, ...present.map(([reference]) => reference)];
      const { answers, ctx, host } = await ask(references);
      const shown = visible([answers, ctx.lines]);
      for (const [, value] of present) if (value.length >= 6) expect(shown).not.toContain(value);
      expect(host.changes).toEqual([]);
    });

    it("answers the same when it is asked again", async () => {
      const resolver = suite.make();
      const ctx = createContextDouble(suite.host?.() ?? createHostDouble());
      const references = present.map(([reference]) => reference);
      for (let turn = 0; turn < 2; turn++) {
        const answers = await resolver.resolve(references, ctx);
        for (const [reference, value] of present) {
          const answer = answers.get(reference);
          expect(answer?.status === "value" && answer.value.reveal()).toBe(value);
        }
      }
    });

    it("stops when it is cancelled", async () => {
      const ctx = createContextDouble(suite.host?.() ?? createHostDouble(), AbortSignal.abort());
      const references = present.map(([reference]) => reference);
      await expect(suite.make().resolve(references, ctx)).rejects.toMatchObject({
        code: "cancelled",
      });
    });

    it("tells its health, if it can", async () => {
      const resolver = suite.make();
      if (!resolver.health) return;
      const host = suite.host?.() ?? createHostDouble();
      const health = await resolver.health(createContextDouble(host));
      expect(["good", "warning", "bad"]).toContain(health.state);
      expect(health.text).toMatch(/^\S.*$/);
      expect(host.changes).toEqual([]);
    });
  });

  const { writes } = suite;
  if (writes) testSecretWriter(name, { ...suite, machine: writes });

  async function ask(references: readonly string[]) {
    const host = suite.host?.() ?? createHostDouble();
    const ctx = createContextDouble(host);
    return { answers: await suite.make().resolve(references, ctx), ctx, host };
  }
}

function errorOf(answer: SecretAnswer | undefined): JackinError {
  if (answer?.status !== "error") throw new Error(`expected an error, got ${answer?.status}`);
  return answer.error;
}
