import { describe, expect, it } from "vitest";
import { visible } from "../../test/conformance/visible.ts";
import { programMissing } from "../../test/doubles/host.ts";
import { begin, use } from "../../test/doubles/onepassword.ts";

describe("the places", () => {
  const placesOf = ({ plugin, ctx }: ReturnType<typeof use>) => plugin.places!(ctx);

  it("are the vaults, the operator's own first", async () => {
    const started = begin({}, ["Work", "Private", "Team"]);
    const places = await placesOf(started);
    expect(places.map(({ text }) => text)).toEqual([
      "1Password, vault Private",
      "1Password, vault Work",
      "1Password, vault Team",
    ]);
    expect(started.calls).toMatchObject([
      { args: ["vault", "list", "--format", "json"], options: { limitMs: 3000 } },
    ]);
    await started.write(places[0]!.place);
    expect(started.items("Private")).toHaveLength(1);
  });

  it.each<[string, () => ReturnType<typeof use>, string]>([
    ["nobody is signed in", () => begin({ fault: "not-signed-in" }), "nobody is signed in"],
    ["no account", () => begin({ accounts: {} }), "knows no account"],
    ["a locked app", () => begin({ fault: "locked" }), "app is locked"],
    [
      "an app that does not answer",
      () => begin({ fault: "no-answer" }),
      "did not answer within 3 s",
    ],
    ["no vault", () => begin({}, []), "has no vault"],
    ["no op", () => use(() => Promise.reject(programMissing("op"))), "op was not found on PATH"],
    ["no programs", () => use(undefined), "this host runs no programs"],
    [
      "an unknown answer",
      () => use(() => ({ stdout: '[{"canary":1}]' })),
      "that jackin does not know",
    ],
  ])("are one that says why there is none: %s", async (_, start, what) => {
    const places = await placesOf(start());
    expect(places).toEqual([{ place: "op", text: "1Password", error: expect.anything() }]);
    expect(places[0]!.error).toMatchObject({
      code: "secret-failed",
      message: expect.stringContaining(what),
    });
    expect(visible(places)).not.toContain("canary");
  });

  it("are not told when it is cancelled", async () => {
    const { plugin, ctx } = begin();
    const stopped = { ...ctx, signal: AbortSignal.abort() };
    await expect(plugin.places!(stopped)).rejects.toMatchObject({ code: "cancelled" });
  });
});
