/** What every secret plugin promises that also writes: what it has put there is there, and what it could not put there is nowhere. */
import { describe, expect, it } from "vitest";
import type { Host, PluginContext, SecretResolver, Written } from "../../core/index.ts";
import { createContextDouble } from "../doubles/host.ts";
import type { ContextDouble } from "../doubles/host.ts";
import { isInterrupted, observe } from "./interruption.ts";
import type { Interruption } from "./interruption.ts";
import { visible } from "./visible.ts";

export interface WritingMachine {
  readonly host: Host;
  /** Where new secrets go, as in `WriteRequest.place`; the first of `places` without it. */
  readonly place?: string;
  /** All that the store holds and what lies about beside it. Equal before and after: nothing was changed. */
  contents(): unknown;
  /** Puts a secret there as somebody else would, and answers its reference. */
  addForeign(value: string): string | Promise<string>;
}

interface WritingSuite {
  readonly make: () => SecretResolver;
  readonly malformed: string;
  readonly machine: () => WritingMachine | Promise<WritingMachine>;
}

/** Nothing before or after it that a backend may trim; no NUL, which nothing takes. */
const odd = `"double" 'single' \\back\\nslash\\\\ \`tick\`\nline\r\n\ttab {{ op://a/b/c }} $HOME \${X} %s &amp; äß 漢字 😀 #end`;
const first = "canary-first-value-0123456789";
const second = "canary-second-value-9876543210";
const title = `Claude Code token of "my app"/ü`;

export function testSecretWriter(name: string, suite: WritingSuite): void {
  describe(`${name} keeps the contract of secret plugins that write`, () => {
    it("can do all that belongs to it", () => {
      const { places, write, remove } = suite.make();
      expect([typeof places, typeof write, typeof remove]).toEqual(Array(3).fill("function"));
    });

    it("tells where a secret can be put, and changes nothing by that", async () => {
      const { machine, resolver, ctx } = await begin();
      const before = await snapshot(machine);
      const places = await resolver.places!(ctx);
      expect(places.length).toBeGreaterThan(0);
      for (const { place, text, error } of places) {
        expect(place === resolver.scheme || place.startsWith(`${resolver.scheme}://`)).toBe(true);
        expect(text).toMatch(/^\S.*$/);
        if (error) expect(error.message).toMatch(new RegExp(`^\\[${name}\\] `));
      }
      expect(new Set(places.map(({ place }) => place)).size).toBe(places.length);
      expect(places[0]!.error).toBeUndefined();
      expect(await snapshot(machine)).toEqual(before);
    });

    it.each([
      ["a plain one", first],
      ["an odd one", odd],
      ["a long one", "sk-".padEnd(2000, "abcdefghij")],
    ])("reads what it has written by the reference that it answered: %s", async (_, value) => {
      const { write, read } = await begin();
      const { reference } = await write(value);
      expect(await read(reference)).toBe(value);
    });

    it("keeps two of one title apart", async () => {
      const { write, read } = await begin();
      const one = await write(first);
      const two = await write(second);
      expect(one.reference).not.toBe(two.reference);
      expect(await read(one.reference)).toBe(first);
      expect(await read(two.reference)).toBe(second);
    });

    it("takes back what it has made", async () => {
      const { machine, write, read, ctx } = await begin();
      const kept = await write(first);
      const before = await snapshot(machine);
      const written = await write(second);
      expect(await snapshot(machine)).not.toEqual(before);
      await written.undo(ctx);
      expect(await snapshot(machine)).toEqual(before);
      expect(await read(kept.reference)).toBe(first);
    });

    it("replaces a value, and takes that back", async () => {
      const { machine, write, read, ctx, resolver } = await begin();
      const { reference } = await write(first);
      const before = await snapshot(machine);
      const written = await write(odd, reference);
      expect(await read(written.reference)).toBe(odd);
      expect(await read(reference)).toBe(odd);
      await written.undo(ctx);
      expect(await read(reference)).toBe(first);
      expect(await snapshot(machine)).toEqual(before);
      expect(await resolver.remove!(reference, ctx)).toBe("removed");
    });

    it("replaces a value of somebody else's where it is told to, and does not make it its own", async () => {
      const { machine, write, read, ctx, resolver } = await begin();
      const reference = await machine.addForeign(first);
      const before = await snapshot(machine);
      const written = await write(second, reference);
      expect(await read(reference)).toBe(second);
      expect(await resolver.remove!(written.reference, ctx)).toBe("foreign");
      expect(await read(reference)).toBe(second);
      await written.undo(ctx);
      expect(await snapshot(machine)).toEqual(before);
    });

    it("removes what it has made, once", async () => {
      const { machine, resolver, write, read, ctx } = await begin();
      const kept = await write(first);
      const before = await snapshot(machine);
      const { reference } = await write(second);
      expect(await resolver.remove!(reference, ctx)).toBe("removed");
      expect(await snapshot(machine)).toEqual(before);
      expect(await read(reference)).toBeUndefined();
      expect(await resolver.remove!(reference, ctx)).toBe("absent");
      expect(await read(kept.reference)).toBe(first);
    });

    it("leaves alone what is somebody else's", async () => {
      const { machine, resolver, read, ctx } = await begin();
      const reference = await machine.addForeign(first);
      const before = await snapshot(machine);
      expect(await resolver.remove!(reference, ctx)).toBe("foreign");
      expect(await snapshot(machine)).toEqual(before);
      expect(await read(reference)).toBe(first);
    });

    it.each(["write", "remove"] as const)("refuses a malformed reference: %s", async (act) => {
      const { machine, resolver, write, ctx } = await begin();
      const before = await snapshot(machine);
      const done =
        act === "write" ? write(first, suite.malformed) : resolver.remove!(suite.malformed, ctx);
      await expect(done).rejects.toMatchObject({
        code: "secret-failed",
        message: expect.stringMatching(new RegExp(`^\\[${name}\\] .+`)),
      });
      expect(await snapshot(machine)).toEqual(before);
    });

    it("does nothing that was cancelled before it began", async () => {
      const { machine, resolver, write } = await begin();
      const { reference } = await write(first);
      const before = await snapshot(machine);
      const ctx = createContextDouble(machine.host, AbortSignal.abort());
      const place = await placeOf(machine, resolver);
      const request = { title, value: ctx.secret(second) };
      const acts = [
        () => resolver.write!({ place, ...request }, ctx),
        () => resolver.write!({ place: reference, ...request }, ctx),
        () => resolver.remove!(reference, ctx),
      ];
      for (const act of acts) await expect(act()).rejects.toMatchObject({ code: "cancelled" });
      expect(await snapshot(machine)).toEqual(before);
    });

    const kinds = ["new", "replaced"] as const;
    const interruptions = ["cancelled", "failed"] as const;
    const cases = kinds.flatMap((kind) => interruptions.map((how) => [kind, how] as const));
    it.each(cases)(
      "leaves all as it was when a write is interrupted at any step: %s, %s",
      async (kind, how) => {
        for (const when of ["before", "after"] as const)
          for (let step = 1; ; step++) {
            if (!(await interrupt(kind, { how, when, step }))) {
              expect(step).toBeGreaterThan(1);
              break;
            }
          }
      },
    );

    it("gives a value to no program's arguments or environment, and shows none", async () => {
      const { machine, resolver, ctx: plain } = await begin();
      const place = await placeOf(machine, resolver);
      const seen = observe(machine.host);
      const ctx = createContextDouble(seen.host, plain.signal);
      const made = await resolver.write!({ place, title, value: ctx.secret(first) }, ctx);
      const request = { place: made.reference, title, value: ctx.secret(second) };
      const replaced = await resolver.write!(request, ctx);
      expect([made.isReplaced ?? false, replaced.isReplaced]).toEqual([false, true]);
      await replaced.undo(ctx);
      await made.undo(ctx);
      const shown = visible([seen.programs, ctx.lines, made, replaced]);
      for (const value of [first, second]) expect(shown).not.toContain(value);
    });
  });

  /** False when there is no such step. */
  async function interrupt(kind: "new" | "replaced", at: Interruption): Promise<boolean> {
    const { machine, resolver, write, read } = await begin();
    const kept = await write(first);
    const place = kind === "new" ? await placeOf(machine, resolver) : kept.reference;
    const before = await snapshot(machine);
    const stop = new AbortController();
    const seen = observe(machine.host, at, stop);
    const ctx = createContextDouble(seen.host, stop.signal);
    const request = { place, title, value: ctx.secret(second) };
    let written: Written | undefined;
    let error: unknown;
    try {
      written = await resolver.write!(request, ctx);
    } catch (thrown) {
      error = thrown;
    }
    const where = `${kind}, ${at.how} ${at.when} step ${at.step}`;
    if (written) {
      // The step was not needed, or it was the last one and had done its work.
      expect(await read(written.reference), where).toBe(second);
      await written.undo(createContextDouble(machine.host));
    } else {
      expect(isInterrupted(seen), where).toBe(true);
      expect(error, where).toMatchObject({ name: "JackinError" });
      if (at.how === "cancelled") expect(error, where).toMatchObject({ code: "cancelled" });
      const shown = visible([error, ctx.lines]);
      for (const value of [first, second]) expect(shown, where).not.toContain(value);
    }
    expect(await snapshot(machine), where).toEqual(before);
    return isInterrupted(seen);
  }

  async function begin() {
    const machine = await suite.machine();
    const resolver = suite.make();
    const ctx: ContextDouble = createContextDouble(machine.host);
    return {
      machine,
      resolver,
      ctx,
      async write(value: string, place?: string): Promise<Written> {
        const to = place ?? (await placeOf(machine, resolver));
        return resolver.write!({ place: to, title, value: ctx.secret(value) }, ctx);
      },
      read: (reference: string) => readBack(resolver, reference, ctx),
    };
  }
}

async function placeOf(machine: WritingMachine, resolver: SecretResolver): Promise<string> {
  if (machine.place !== undefined) return machine.place;
  const [place] = await resolver.places!(createContextDouble(machine.host));
  return place!.place;
}

/** As one value that nothing changes any more. */
async function snapshot(machine: WritingMachine): Promise<unknown> {
  return structuredClone(await machine.contents());
}

async function readBack(resolver: SecretResolver, reference: string, ctx: PluginContext) {
  const answer = (await resolver.resolve([reference], ctx)).get(reference);
  return answer?.status === "value" ? answer.value.reveal() : undefined;
}
