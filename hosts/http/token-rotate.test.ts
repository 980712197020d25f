import { describe, expect, it } from "vitest";
import * as v from "valibot";
import { createSecret, JackinError } from "../../core/index.ts";
import { problemOf } from "./app-double.ts";
import { finish, setUpTokens } from "./token-double.ts";
import * as schemas from "./token-schemas.ts";

const wanted = { workspace: "my-app", place: "vault" };

describe("a rotation", () => {
  async function withAgent(deliver: "env" | "file") {
    const world = setUpTokens();
    world.script.deliver = deliver;
    await world.jackin.tokens.install({
      scopes: [{ workspace: "my-app" }, { workspace: "site" }],
      from: { value: createSecret(`sk-ant-oat01-${"old".repeat(31)}AA`), place: "vault" },
    });
    await world.jackin.load({ target: "my-app" });
    return world;
  }

  it.each([
    ["env", "restart"],
    ["file", "switched"],
  ] as const)("says of an agent that has it as %s: %s", async (deliver, outcome) => {
    const world = await withAgent(deliver);
    const done = await finish(world, await world.begin({ ...wanted, rotate: "all" }));
    expect(done).toMatchObject({
      state: "done",
      entry: { reference: "vault://token-2" },
      replaced: ["vault://token-1"],
      agents: [{ instance: "my-app", outcome }],
      retired: { reference: "vault://token-1", outcome: "removed" },
      notices: [{ level: "info", next: "https://claude.ai/settings/claude-code" }],
    });
    expect(v.parse(schemas.setup, done)).toEqual(done);
    expect([...world.vault.keys()]).toEqual(["vault://token-2"]);
    for (const { claude } of Object.values(world.config.workspaces!))
      expect(claude).toMatchObject({ oauth_token_source: "vault://token-2" });
  });

  it("leaves the old one to scopes that name it still", async () => {
    const world = await withAgent("env");
    const done = await finish(world, await world.begin({ ...wanted, rotate: "scope" }));
    expect(done).toMatchObject({ retired: { outcome: "kept" }, notices: [] });
    expect([...world.vault.keys()]).toEqual(["vault://token-1", "vault://token-2"]);
    expect(world.config.workspaces!["site"]!.claude).toMatchObject({
      oauth_token_source: "vault://token-1",
    });
  });

  it("says where the old one is revoked whose very place was taken, whoever names that", async () => {
    const world = await withAgent("env");
    const body = { workspace: "my-app", place: "vault://token-1", rotate: "scope" };
    const done = await finish(world, await world.begin(body));
    expect(done).toMatchObject({
      state: "done",
      entry: { reference: "vault://token-1" },
      notices: [{ level: "info", next: "https://claude.ai/settings/claude-code" }],
    });
    expect([...world.vault.keys()]).toEqual(["vault://token-1"]);
  });

  it("has nobody revoke the old one when the new one is the same", async () => {
    const world = await withAgent("env");
    world.vault.set("vault://copy", world.vault.get("vault://token-1")!);
    const body = { workspace: "my-app", reference: "vault://copy", rotate: "all" };
    let done = await world.begin(body);
    while (done.state === "start" || done.state === "installing") done = await world.after(done);
    expect(done).toMatchObject({ state: "done", notices: [{ level: "warning" }] });
    expect(JSON.stringify(done)).not.toContain("https://claude.ai");
  });

  it("is done also when what comes after fails, and says so", async () => {
    const world = await withAgent("env");
    world.script.removeError = new JackinError({ code: "secret-failed", message: "locked" });
    const done = await finish(world, await world.begin({ ...wanted, rotate: "all" }));
    expect(done).toMatchObject({ state: "done", retired: { outcome: "failed" } });
    const other = await withAgent("env");
    other.jackin.tokens.bringAlong = () => Promise.reject(new Error("boom"));
    const told = await finish(other, await other.begin({ ...wanted, rotate: "all" }));
    expect(told).toMatchObject({ state: "done", notices: [{}, { level: "warning" }] });
    expect(JSON.stringify(told)).toContain("not all that held it was seen to: boom");
  });

  it("is refused before anybody signs in when the scope names none", async () => {
    const world = setUpTokens({
      config: {
        claude: { oauth_token_source: "vault://all" },
        workspaces: { "my-app": { workdir: "/w/app" } },
      },
    });
    const answer = await world.call("POST", "/setups", { ...wanted, rotate: "scope" });
    expect(await problemOf(answer)).toMatchObject({
      status: 424,
      code: "token-missing",
      detail: expect.stringContaining("its launches take that of global."),
      hint: expect.stringMatching(/^jackin config auth rotate-token\n/),
    });
    expect(world.captures).toEqual([]);
  });
});
