import { execa } from "execa";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { createOp, peakOf } from "./op.ts";
import type { OpDouble, OpState } from "./op.ts";

const state: OpState = {
  accounts: {
    "acme.example": {
      vaults: {
        Work: { "acme-api": { token: "acme-secret-value", "db/password": "db-secret-value" } },
      },
    },
    "home.example": {
      vaults: {
        Private: { Claude: { "oauth-token": "home-secret-value", "code?attribute=otp": "123456" } },
      },
    },
  },
};

describe("the op double", { timeout: 30_000 }, () => {
  let folder: string;
  let op: OpDouble;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lab-op-"));
    op = await createOp(folder, state);
    return () => rm(folder, { recursive: true });
  });

  // The environment holds nothing of the double's: a caller may clean it.
  const call = (args: string[], input = "") =>
    execa(join(op.path, "op"), args, {
      env: { PATH: process.env["PATH"] },
      extendEnv: false,
      input,
      reject: false,
      stripFinalNewline: false,
    });

  it.each([
    [["read", "--no-newline", "--", "op://Work/acme-api/token"], "acme-secret-value"],
    [["read", "--no-newline", "--", "op://Work/acme-api/db/password"], "db-secret-value"],
    [
      [
        "--account",
        "home.example",
        "read",
        "--no-newline",
        "--",
        "op://Private/Claude/oauth-token",
      ],
      "home-secret-value",
    ],
    [
      [
        "--account",
        "home.example",
        "read",
        "--no-newline",
        "--",
        "op://Private/Claude/code?attribute=otp",
      ],
      "123456",
    ],
  ])("op %s", async (args, value) => {
    expect(await call(args)).toMatchObject({ exitCode: 0, stdout: value, stderr: "" });
  });

  it("reads by the ids that it lists", async () => {
    const [vault] = JSON.parse((await call(["vault", "list", "--format", "json"])).stdout);
    const [item] = JSON.parse(
      (await call(["item", "list", "--vault", vault.id, "--format", "json"])).stdout,
    );
    expect(item).toMatchObject({ title: "acme-api" });
    expect(item).not.toHaveProperty("fields");
    const { fields } = JSON.parse(
      (await call(["item", "get", item.id, "--vault", vault.id, "--format", "json"])).stdout,
    );
    const { stdout } = await call([
      "read",
      "--no-newline",
      "--",
      `op://${vault.id}/${item.id}/${fields[0].id}`,
    ]);
    expect(stdout).toBe("acme-secret-value");
  });

  it("makes, changes and deletes an item", async () => {
    const template = {
      title: "made",
      category: "API_CREDENTIAL",
      tags: ["jackin"],
      fields: [{ id: "", label: "token", type: "CONCEALED", value: "made-secret-value" }],
    };
    const created = await call(
      ["item", "create", "--vault", "Work", "--format", "json", "-"],
      JSON.stringify(template),
    );
    const item = JSON.parse(created.stdout);
    item.fields[0].value = "new-secret-value";
    expect(
      await call(
        ["item", "edit", item.id, "--vault", "Work", "--format", "json"],
        JSON.stringify(item),
      ),
    ).toMatchObject({ exitCode: 0 });
    expect((await call(["read", "--no-newline", "--", "op://Work/made/token"])).stdout).toBe(
      "new-secret-value",
    );
    expect(await call(["item", "delete", item.id, "--vault", "Work"])).toMatchObject({
      exitCode: 0,
    });
    expect(await call(["read", "--no-newline", "--", "op://Work/made/token"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("isn't an item"),
    });
  });

  it.each([
    [["read", "op://Work/acme-api/token"]],
    [["read", "--no-newline", "op://Work/acme-api/token"]],
    [["read", "--no-newline", "--", "op://Work/acme-api/token", "op://Work/acme-api/token"]],
    [["item", "get", "acme-api", "--format", "json"]],
    [["item", "get", "acme-api", "--vault", "Work", "--format", "json", "--reveal"]],
    [["--account", "acme.example", "account", "list", "--format", "json"]],
    [["signin"]],
    [["--version"]],
    [[]],
  ])("refuses and records what is not documented: op %s", async (args) => {
    expect(await call(args)).toMatchObject({
      exitCode: 64,
      stdout: "",
      stderr: expect.stringContaining("op double:"),
    });
    expect(await op.calls()).toMatchObject([{ argv: args, code: 64 }]);
  });

  it("refuses a secret in the argument list, and does not record it", async () => {
    expect(await call(["item", "edit", "acme-api", "token=acme-secret-value"])).toMatchObject({
      exitCode: 64,
    });
    expect(await op.calls()).toMatchObject([{ code: 64 }]);
    expect(await readFile(join(folder, "op-state.json.calls"), "utf8")).not.toContain(
      "acme-secret-value",
    );
  });

  it.each([
    ["not-signed-in", "You are not currently signed in"],
    ["no-accounts", "no accounts configured"],
    ["locked", "locked"],
    ["rate-limited", "(429) Too Many Requests"],
  ] as const)("fails as asked: %s", async (fault, text) => {
    await op.setState({ ...state, fault });
    expect(await call(["whoami", "--format", "json"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(text),
    });
    await op.setState({ ...state, faults: { "op://Work/acme-api/token": fault } });
    expect(await call(["read", "--no-newline", "--", "op://Work/acme-api/token"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(text),
    });
    expect(
      await call(["read", "--no-newline", "--", "op://Work/acme-api/db/password"]),
    ).toMatchObject({ exitCode: 0 });
  });

  it("hangs where nobody answers the prompt, and its record says so", async () => {
    await op.setState({ ...state, fault: "no-answer" });
    const child = execa(join(op.path, "op"), ["whoami", "--format", "json"], { reject: false });
    await expect.poll(async () => (await op.calls()).length, { timeout: 10_000 }).toBe(1);
    child.kill("SIGKILL");
    expect(await child).toMatchObject({ isTerminated: true });
    expect(await op.calls()).toEqual([expect.not.objectContaining({ end: expect.anything() })]);
  });

  it("tells how many calls ran at once", async () => {
    await op.setState({ ...state, fault: "no-answer" });
    const children = [1, 2, 3].map(() =>
      execa(join(op.path, "op"), ["whoami", "--format", "json"], { reject: false }),
    );
    await expect.poll(async () => peakOf(await op.calls()), { timeout: 10_000 }).toBe(3);
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children);
    const inTurn = [0, 10, 20].map((start) => ({ argv: [], env: [], start, end: start + 10 }));
    expect(peakOf(inTurn)).toBe(1);
  });

  it("holds a call as long as a file is there", async () => {
    const closed = join(folder, "closed");
    await writeFile(closed, "");
    await op.setState({ ...state, waitWhile: closed });
    const reading = call(["read", "--no-newline", "--", "op://Work/acme-api/token"]);
    while ((await op.calls()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    await op.setState(state);
    expect((await op.calls())[0]).not.toHaveProperty("end");
    await rm(closed);
    expect((await reading).stdout).toBe("acme-secret-value");
  });

  it("is a program of its own for a shell", async () => {
    const program = fileURLToPath(new URL("op", import.meta.url));
    const env = { OP_DOUBLE_STATE: join(folder, "op-state.json") };
    const { stdout } = await execa(
      program,
      ["read", "--no-newline", "--", "op://Work/acme-api/token"],
      { env },
    );
    expect(stdout).toBe("acme-secret-value");
    expect(await execa(program, ["whoami", "--format", "json"], { reject: false })).toMatchObject({
      exitCode: 64,
    });
  });

  it("injects from a pipe only", async () => {
    const template = "a={{ op://Work/acme-api/token }} b={{ op://Work/acme-api/db/password }}";
    expect(await call(["inject"], template)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("expected data on stdin but none found"),
    });
    const piped = await execa("sh", [
      "-c",
      'printf %s "$1" | "$2" inject',
      "sh",
      template,
      join(op.path, "op"),
    ]);
    expect(piped.stdout).toBe("a=acme-secret-value b=db-secret-value");
  });
});
