/** What every auth plugin promises, ours and strangers'. A plugin's own test calls it first and adds what is its own. */
import { describe, expect, it } from "vitest";
import * as v from "valibot";
import type { AuthProvider, Grant, GrantRequest, Secret } from "../../core/index.ts";
import { createContextDouble, createHostDouble } from "../doubles/host.ts";
import type { ContextDouble, HostDouble } from "../doubles/host.ts";
import { visible } from "./visible.ts";

export interface AuthSuite {
  readonly make: () => AuthProvider;
  /** The mode's launch line, exactly. */
  readonly line: string;
  /** A world in which the mode has something to give. A plain host without it. */
  readonly host?: () => HostDouble;
  readonly options?: Readonly<Record<string, unknown>>;
  /** For a mode that needs one. */
  readonly token?: string;
  /** Values of that world that nothing may show. */
  readonly canaries: readonly string[];
}

export function testAuthProvider(name: string, suite: AuthSuite): void {
  describe(`${name} keeps the contract of auth plugins`, () => {
    it("names itself and its mode", () => {
      const provider = suite.make();
      expect(provider.kind).toBe("auth");
      expect(provider.name).toBe(name);
      expect(provider.mode).toMatch(/^[a-z][a-z-]*$/);
      if (provider.options) expect(v.safeParse(provider.options, {}).success).toBe(true);
    });

    it("grants with the exact line of its mode", async () => {
      const { grant } = await granted(suite);
      expect(grant.line).toBe(suite.line);
      expect(["forwarded", "shared", "own"]).toContain(grant.login);
      if (grant.login === "shared") expect(grant.folder).toMatch(/^\//);
      else expect(grant).not.toHaveProperty("folder");
      if (grant.login === "own") expect([grant.files, grant.env]).toEqual([[], {}]);
      for (const notice of grant.notices) {
        expect(["info", "warning"]).toContain(notice.level);
        expect(notice.text).toMatch(/^\S.*$/);
      }
      if (grant.expiresAt !== undefined) expect(Number.isSafeInteger(grant.expiresAt)).toBe(true);
    });

    it("hands out file contents and variables as secrets only", async () => {
      const { grant, ctx } = await granted(suite);
      const names = grant.files.map((file) => file.name);
      expect(new Set(names).size).toBe(names.length);
      for (const file of names) expect(file).toMatch(/^[\w.][\w.-]*$/);
      for (const secret of [
        ...grant.files.map((file) => file.content),
        ...Object.values(grant.env),
      ])
        expectSecret(secret, ctx);
    });

    it("shows no credential in the grant, in progress or in a notice", async () => {
      const { grant, ctx } = await granted(suite);
      const shown = visible([grant, ctx.lines]);
      for (const canary of suite.canaries) {
        expect(shown).not.toContain(canary);
        expect(ctx.redact(`before ${canary} after`)).toBe("before *** after");
      }
    });

    it("decides and changes nothing, and decides the same again", async () => {
      const world = createWorld(suite);
      const provider = suite.make();
      const before = new Map(world.host.disk);
      const first = await provider.grant(world.request, world.ctx);
      const second = await provider.grant(world.request, world.ctx);
      expect(visible(second)).toBe(visible(first));
      expect(world.host.changes).toEqual([]);
      expect(world.host.disk).toEqual(before);
    });

    it("stops when it is cancelled", async () => {
      const world = createWorld(suite, AbortSignal.abort());
      await expect(suite.make().grant(world.request, world.ctx)).rejects.toMatchObject({
        name: "JackinError",
        code: "cancelled",
      });
      expect(world.host.changes).toEqual([]);
    });

    it("does not grant without the token that it needs", async () => {
      const provider = suite.make();
      expect(provider.needsToken === true).toBe(suite.token !== undefined);
      if (!provider.needsToken) return;
      const { request, ctx } = createWorld(suite);
      const { token: _, ...without } = request;
      await expect(provider.grant(without, ctx)).rejects.toMatchObject({ name: "JackinError" });
    });

    it("tells its health, if it can, without a credential and without a change", async () => {
      const provider = suite.make();
      if (!provider.health) return;
      const { host, request, ctx } = createWorld(suite);
      const health = await provider.health({ options: request.options }, ctx);
      expect(["good", "warning", "bad"]).toContain(health.state);
      expect(health.text).toMatch(/^\S.*$/);
      for (const canary of suite.canaries)
        expect(visible([health, ctx.lines])).not.toContain(canary);
      expect(host.changes).toEqual([]);
    });
  });
}

function createWorld(suite: AuthSuite, signal?: AbortSignal) {
  const host = suite.host?.() ?? createHostDouble();
  const ctx = createContextDouble(host, signal);
  const request: GrantRequest = {
    instance: "my-app",
    options: suite.options ?? {},
    others: [],
    ...(suite.token !== undefined && {
      token: { value: ctx.secret(suite.token), source: "workspace my-app" },
    }),
  };
  return { host, ctx, request };
}

async function granted(suite: AuthSuite): Promise<{ grant: Grant; ctx: ContextDouble }> {
  const { request, ctx } = createWorld(suite);
  return { grant: await suite.make().grant(request, ctx), ctx };
}

function expectSecret(secret: Secret, ctx: ContextDouble): void {
  const value = secret.reveal();
  expect(value).not.toBe("");
  expect(`${secret} ${JSON.stringify(secret)}`).toBe('*** "***"');
  expect(ctx.redact(value)).toBe("***");
}
