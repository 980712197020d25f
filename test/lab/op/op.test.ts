import { execa } from "execa";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { createOp, peakOf } from "./op.ts";
import type { OpDouble } from "./op.ts";
import type { OpState } from "./state.ts";

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
  const options = {
    env: { PATH: process.env["PATH"] },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  };
  const call = (args: string[], input = "") =>
    execa(join(op.path, "op"), args, { ...options, input });
  const pipe = (args: string[], input: string) => {
    const script = 'op=$1; shift; cat | "$op" "$@"';
    return execa("sh", ["-c", script, "sh", join(op.path, "op"), ...args], { ...options, input });
  };
  const template = {
    title: "made",
    category: "API_CREDENTIAL",
    tags: ["jackin"],
    fields: [{ id: "token", label: "token", type: "CONCEALED", value: "made-secret-value" }],
  };
  const createArgs = ["item", "create", "--vault", "Work", "--format", "json", "-"];
  const get = async (item: string) =>
    JSON.parse((await call(["item", "get", item, "--vault", "Work", "--format", "json"])).stdout);

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
    const created = await pipe(createArgs, JSON.stringify(template));
    const item = JSON.parse(created.stdout);
    const field = item.fields.find(({ label }: { label: string }) => label === "token");
    expect(field).toMatchObject({
      value: "made-secret-value",
      id: expect.not.stringMatching("token"),
    });
    field.value = "new-secret-value";
    const edited = await pipe(
      ["item", "edit", item.id, "--vault", "Work", "--format", "json"],
      JSON.stringify(item),
    );
    expect(edited).toMatchObject({ exitCode: 0 });
    expect((await call(["read", "--no-newline", "--", "op://Work/made/token"])).stdout).toBe(
      "new-secret-value",
    );
    expect(await call(["item", "delete", item.id, "--vault", "Work"])).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect(await call(["read", "--no-newline", "--", "op://Work/made/token"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("isn't an item"),
    });
  });

  it("takes an item from a real pipe only", async () => {
    const item = await get("acme-api");
    const editArgs = ["item", "edit", item.id, "--vault", "Work", "--format", "json"];
    for (const [args, input] of [
      [createArgs, template],
      [editArgs, item],
    ] as const)
      expect(await call(args, JSON.stringify(input))).toMatchObject({
        exitCode: 1,
        stdout: "",
        stderr: expect.stringContaining("expected data on stdin but none found"),
      });
  });

  it("loses no item when many are made at once", async () => {
    const made = await Promise.all(
      Array.from({ length: 8 }, () => pipe(createArgs, JSON.stringify(template))),
    );
    const ids = made.map(({ stdout }) => JSON.parse(stdout).id as string);
    const { stdout } = await call(["item", "list", "--vault", "Work", "--format", "json"]);
    const listed = JSON.parse(stdout) as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
    expect(new Set(ids).size).toBe(8);
    expect((await op.state()).accounts["acme.example"]!.vaults["Work"]).toHaveProperty("acme-api");
    expect((await readdir(folder)).sort()).toEqual(["bin", "op-state.json", "op-state.json.calls"]);
  });

  it("fails one kind of call as asked, before its work or after it", async () => {
    const list = async () =>
      JSON.parse((await call(["item", "list", "--vault", "Work", "--format", "json"])).stdout)
        .length;
    await op.setState({ ...state, commands: { "item create": { fault: "not-permitted" } } });
    expect(await pipe(createArgs, JSON.stringify(template))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("(403)"),
    });
    expect(await list()).toBe(1);
    for (const [fault, exitCode] of [
      ["garbled", 0],
      ["crash", 2],
    ] as const) {
      await op.setState({ ...state, commands: { "item create": { fault, after: true } } });
      const { stdout, ...rest } = await pipe(createArgs, JSON.stringify(template));
      expect(rest).toMatchObject({ exitCode });
      expect(() => JSON.parse(stdout)).toThrow();
      expect(await list()).toBe(2);
    }
  });

  it.each([[["read", "op://Work/acme-api/token"]], [[]]])(
    "refuses and records what is not documented: op %s",
    async (args) => {
      expect(await call(args)).toMatchObject({
        exitCode: 64,
        stdout: "",
        stderr: expect.stringContaining("op double:"),
      });
      expect(await op.calls()).toMatchObject([{ argv: args, code: 64 }]);
    },
  );

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
    expect((await pipe(["inject"], template)).stdout).toBe("a=acme-secret-value b=db-secret-value");
  });
});
