import { describe, expect, it } from "vitest";
import { createSecret, errorCodes, JackinError } from "../../core/index.ts";
import type { Jackin } from "../../core/index.ts";
import { launch, problemOf, running, setUp } from "./app-double.ts";

describe("errors", () => {
  it.each(Object.entries(errorCodes))(
    "%s has the command's code and its status",
    async (code, { status }) => {
      const error = new JackinError({
        code: code as keyof typeof errorCodes,
        message: "m",
        hint: "h",
      });
      const { post } = setUp({ load: () => Promise.reject(error) });
      expect(await problemOf(await post({ workspace: "my-app" }))).toEqual({
        type: `urn:jackin:error:${code}`,
        title: code.replaceAll("-", " "),
        status,
        code,
        detail: "m",
        hint: "h",
      });
    },
  );

  it("a defect is `internal`, and logged with its stack", async () => {
    const lines: string[] = [];
    const options = { log: (line: string) => void lines.push(line) };
    const { post } = setUp({ load: () => Promise.reject(new Error("boom")) }, options);
    expect(await problemOf(await post({ workspace: "my-app" }))).toMatchObject({
      code: "internal",
    });
    expect(lines.join()).toContain("Error: boom\n");
  });

  it("a caller that goes away cancels the launch", async () => {
    const seen = Promise.withResolvers<AbortSignal>();
    const { call } = setUp({
      load: (_, { signal } = {}) => {
        seen.resolve(signal!);
        return new Promise((_resolve, reject) =>
          signal!.addEventListener("abort", () => reject(signal!.reason as Error)),
        );
      },
    });
    const caller = new AbortController();
    const answer = call("/v1/instances", {
      method: "POST",
      body: '{"workspace":"my-app"}',
      headers: { "content-type": "application/json" },
      signal: caller.signal,
    });
    expect((await seen.promise).aborted).toBe(false);
    caller.abort();
    expect(await problemOf(await answer)).toMatchObject({ status: 499, code: "cancelled" });
  });
});

describe("no answer and no log holds a secret", () => {
  // With quotes and a line break: as a whole it stands in JSON in another form.
  const canary = 'canary "one"\nlong-second-line-of-the-canary';
  const cases: readonly (readonly [
    string,
    Partial<Jackin>,
    (s: ReturnType<typeof setUp>) => Promise<Response> | Response,
  ])[] = [
    [
      "a launch's error",
      { load: () => Promise.reject(failed()) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "a defect",
      { load: () => Promise.reject(new Error(`boom ${canary}`)) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "what is thrown and no error",
      { load: () => Promise.reject(canary) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "a launch's notice",
      { load: async () => ({ ...launch, notices: [{ level: "info", text: canary }] }) },
      ({ post }) => post({ workspace: "my-app" }),
    ],
    [
      "a status",
      { status: async () => ({ instances: [{ ...running, account: canary }], notices: [] }) },
      ({ call }) => call("/v1/instances"),
    ],
    [
      "a failing status",
      { status: () => Promise.reject(failed()) },
      ({ call }) => call("/v1/instances/my-app"),
    ],
    [
      "a failing eject",
      { eject: () => Promise.reject(failed()) },
      ({ call }) => call("/v1/instances/my-app", { method: "DELETE" }),
    ],
    [
      "a failing configuration",
      { config: () => Promise.reject(failed()) },
      ({ call }) => call("/v1/auth"),
    ],
    ["an unknown route", {}, ({ call }) => call("/v1/long-second-line-of-the-canary")],
    ["an unknown instance", {}, ({ call }) => call("/v1/instances/long-second-line-of-the-canary")],
    ["an unknown key", {}, ({ post }) => post({ [canary]: 1 })],
    [
      "a content type",
      {},
      ({ post }) => post({}, { "content-type": "long-second-line-of-the-canary" }),
    ],
    [
      "a Host",
      {},
      ({ call }) => call("/v1/auth", { headers: { host: "long-second-line-of-the-canary" } }),
    ],
    [
      "an Origin",
      {},
      ({ call }) => call("/v1/auth", { headers: { origin: "long-second-line-of-the-canary" } }),
    ],
  ];

  function failed(): JackinError {
    return new JackinError({
      code: "start-failed",
      message: `m ${canary}`,
      hint: `h ${canary}`,
      cause: canary,
    });
  }

  it.each(cases)("%s", async (_, fake, ask) => {
    const lines: string[] = [];
    const world = setUp(fake, { log: (line) => void lines.push(line) });
    world.jackin.redactor.add(createSecret(canary));
    const answer = await ask(world);
    const shown = [await answer.text(), ...answer.headers.values(), ...lines].join("\n");
    expect(shown).toContain("***");
    expect(shown).not.toContain("second-line");
    expect(shown).not.toContain('canary "one');
    expect(shown).not.toContain('canary \\"one');
    expect(() => JSON.parse(shown.split("\n")[0]!) as unknown).not.toThrow();
  });

  it("a secret that looks like JSON leaves JSON behind", async () => {
    const { call, jackin } = setUp();
    jackin.redactor.add(createSecret('","workdir":"'));
    jackin.redactor.add(createSecret("instance"));
    expect(await (await call("/v1/instances/my-app")).json()).toEqual(running);
  });
});
