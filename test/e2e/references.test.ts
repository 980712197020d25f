/** Many references in one launch, through the double of 1Password's command. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { createOp, peakOf } from "../lab/op/op.ts";
import type { OpDouble } from "../lab/op/op.ts";
import type { OpState } from "../lab/op/state.ts";
import { inside, lookInside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, eventually } from "./operator.ts";

/** Processes of `op` at once, after the first one, which may have to wait for the operator's thumb. */
const parallel = 5;

const fields = Array.from({ length: 20 }, (_, index) => `field${index}`);
const values = Object.fromEntries(fields.map((field) => [field, `value of ${field}`]));

let lab: Lab;
let operator: Operator;
let folder: string;
let app: string;
let op: OpDouble;
let env: Record<string, string>;

const state = (waitWhile?: string): OpState => ({
  accounts: { "my.example": { vaults: { Work: { acme: values } } } },
  latencyMs: 300,
  ...(waitWhile !== undefined && { waitWhile }),
});
const refer = (field: string) => `op://Work/acme/${field}`;
const load = () => operator.jackin(["load", "references", "--auth", "ignore", "--detach"], { env });
const readsOf = async () => (await op.calls()).map(({ argv }) => argv.at(-1)!).sort();

beforeAll(async () => {
  lab = await startLab({ containers: true });
  operator = await createOperator({ lab });
  app = await operator.folder("references");
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jackin-op-"));
  op = await createOp(folder, state());
  env = { PATH: [op.path, operator.env["PATH"]].join(delimiter) };
  return async () => {
    await operator.jackin(["exile"]);
    await operator.jackin(["purge", "references", "--yes"]);
    await rm(folder, { recursive: true });
  };
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

it("asks once for each of twenty, the first alone, the rest side by side, a few at once", async () => {
  const entries = fields.map((field) => `env.${field.toUpperCase()} = "${refer(field)}"`);
  await operator.configure(
    [
      `[workspaces.references]\nworkdir = "${app}"`,
      ...entries,
      // The same reference for another name, and in another scope, is the same question.
      `env.AGAIN = "${refer("field3")}"`,
      `roles.reviewer.env.FIELD4 = "${refer("field4")}"`,
      `role = "reviewer"`,
    ].join("\n"),
  );
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  await writeFile(first, "");
  await writeFile(second, "");
  await op.setState(state(first));
  const loading = load();
  await eventually("the first call", async () => (await op.calls()).length > 0);
  await op.setState(state(second));
  await rm(first);
  // All of the next ones are under way at one moment, however slow this machine is.
  await eventually("the next calls", async () => (await op.calls()).length > parallel);
  await rm(second);

  const outcome = await loading;
  expect(outcome, outcome.stderr).toMatchObject({ code: 0, stdout: "references\n" });
  const calls = await op.calls();
  expect(await readsOf()).toEqual(fields.map(refer).sort());
  expect(calls.slice(1).every(({ start }) => start >= calls[0]!.end!)).toBe(true);
  expect(peakOf(calls)).toBe(parallel);
  await eventually("the agent", () =>
    inside("jackin-references", "grep -qa ^claude /proc/$(cat /jackin/run/pid)/cmdline").then(
      () => true,
      () => false,
    ),
  );
  const seen = await lookInside("jackin-references");
  const expected = fields.map((field) => [field.toUpperCase(), values[field]]);
  expect(seen.env).toMatchObject({ ...Object.fromEntries(expected), AGAIN: values["field3"] });
});

it("tells every failure in one message, and nothing was started", async () => {
  const good = fields.slice(0, 17).map((field) => `env.${field.toUpperCase()} = "${refer(field)}"`);
  await operator.configure(
    [
      `[workspaces.references]\nworkdir = "${app}"\nrole = "reviewer"`,
      ...good,
      `env.NO_FIELD = "${refer("nothing")}"`,
      `roles.reviewer.env.NO_ITEM = "op://Work/nobody/field"`,
      `[roles.reviewer.env]\nNO_VARIABLE = "$JACKIN_TEST_IS_NOT_SET"`,
    ].join("\n"),
  );
  const outcome = await load();
  expect(outcome).toMatchObject({ code: 3, stdout: "" });
  const said = outcome.stderr;
  expect(said.match(/error:/g)).toHaveLength(1);
  expect(said).toContain("3 values of the environment could not be resolved; nothing was started.");
  expect(said).toMatch(/^ {2}NO_FIELD \(workspace references\): .*op:\/\/Work\/acme\/nothing/m);
  expect(said).toMatch(
    /^ {2}NO_ITEM \(workspace references × role reviewer\): .*op:\/\/Work\/nobody\/field/m,
  );
  expect(said).toMatch(/^ {2}NO_VARIABLE \(role reviewer\): .*JACKIN_TEST_IS_NOT_SET/m);
  for (const field of fields) expect(said).not.toContain(values[field]);
  // A bad reference is not asked for again.
  const asked = [...fields.slice(0, 17), "nothing"].map(refer);
  expect(await readsOf()).toEqual([...asked, "op://Work/nobody/field"].sort());
  expect(await operator.containers()).toEqual([]);
  const status = await operator.jackin(["status", "--json"]);
  expect(JSON.parse(status.stdout)).toEqual([]);
  expect(status.stderr).toBe("");
});
