/** The 1Password plugin with real processes: what all the machine can see of a token while it is stored, and what is left of it. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import type { WriteRequest } from "../../core/index.ts";
import { createNodeHost } from "../../hosts/node/host.ts";
import { secret1password } from "../../plugins/secret-1password/index.ts";
import { createContextDouble } from "../doubles/host.ts";
import { eventually } from "../doubles/eventually.ts";
import { createCanary, findInFolder, newSecret } from "../e2e/canary.ts";
import { watchProcesses } from "../e2e/process-watch.ts";
import { itemsIn } from "../lab/op/memory.ts";
import { createOp } from "../lab/op/op.ts";
import type { OpDouble } from "../lab/op/op.ts";
import type { OpCommand, OpState } from "../lab/op/state.ts";

const theirs = { token: "value-of-somebody-else" };
const accounts = { "my.example": { vaults: { Private: { theirs } } } };
const plugin = secret1password();

let folder: string;
/** Where programs put what is temporary. */
let scratch: string;
let closed: string;
let op: OpDouble;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jackin-op-"));
  scratch = join(folder, "scratch");
  closed = join(folder, "closed");
  await mkdir(scratch);
  op = await createOp(folder, { accounts });
  return () => rm(folder, { recursive: true });
});

const makeContext = (signal?: AbortSignal) => {
  const env = { ...process.env, ...op.env, TMPDIR: scratch };
  return createContextDouble(createNodeHost({ env, stateDir: join(folder, "state") }), signal);
};
const write = (ctx: ReturnType<typeof makeContext>, value: string, place = "op") => {
  const request: WriteRequest = { place, title: "Claude Code token", value: ctx.secret(value) };
  return plugin.write!(request, ctx);
};
const read = async (reference: string) => {
  const answer = (await plugin.resolve([reference], makeContext())).get(reference);
  return answer?.status === "value" ? answer.value.reveal() : answer?.status;
};
const titles = async () =>
  itemsIn(await op.state())["Private"]!.map((item) => (item as { title: string }).title);
/** From now on calls of this kind wait where they have read their input and done nothing. */
const hold = async (command: OpCommand, more: OpState["commands"] = {}) => {
  await writeFile(closed, "");
  const commands = { ...more, [command]: { ...more[command], waitWhile: closed } };
  await op.setState({ ...(await op.state()), commands });
};
const isHeld = (command: OpCommand) =>
  eventually(async () => {
    const calls = await op.calls();
    const held = calls.find(({ argv, end }) => argv.join(" ").startsWith(command) && !end);
    expect(held).toBeDefined();
    return held!;
  });
const everyCallFits = async () => {
  for (const { argv, code } of await op.calls()) expect([argv, code]).not.toEqual([argv, 64]);
};

it("shows a token in no process and leaves it in no file, from its making to its removal", async () => {
  const made = `sk-ant-oat01-${newSecret()}`;
  const replacing = `sk-ant-oat01-${newSecret()}`;
  const canaries = [createCanary("made", made), createCanary("replacing", replacing)];
  const files = async () => [
    ...(await findInFolder(scratch, canaries)),
    ...(await findInFolder(join(folder, "state"), canaries)),
    ...(await findInFolder(
      tmpdir(),
      canaries,
      "-newer",
      join(op.path, "op"),
      "!",
      "-path",
      `${folder}/*`,
    )),
  ];
  const seen: unknown[] = [];
  /** What a call sees while it waits with the value in its hands. */
  const during = async <T>(command: OpCommand, work: () => Promise<T>): Promise<T> => {
    await hold(command);
    await using watch = await watchProcesses(canaries);
    const working = work();
    await isHeld(command);
    seen.push(...(await files()), ...(await watch.stop()));
    await rm(closed);
    return await working;
  };

  const first = await during("item create", () => write(makeContext(), made));
  expect(await read(first.reference)).toBe(made);
  const second = await during("item edit", () => write(makeContext(), replacing, first.reference));
  expect(await read(second.reference)).toBe(replacing);
  await second.undo(makeContext());
  expect(await read(first.reference)).toBe(made);
  expect(await plugin.remove!(first.reference, makeContext())).toBe("removed");
  expect(await titles()).toEqual(["theirs"]);

  expect([...seen, ...(await files())]).toEqual([]);
  expect(await readdir(scratch)).toEqual([]);
  await everyCallFits();
});

it.each<OpCommand>(["item create", "item edit"])(
  "ends op and leaves all as it was when it is cancelled in the middle: %s",
  async (command) => {
    const before = await op.state();
    await hold(command);
    const stop = new AbortController();
    const place = command === "item edit" ? "op://Private/theirs/token" : "op";
    const writing = write(makeContext(stop.signal), "canary-of-a-cancelled-write", place);
    const refused = expect(writing).rejects.toMatchObject({ code: "cancelled" });
    await isHeld(command);
    stop.abort();
    await refused;
    await rm(closed);
    // It is gone: otherwise it would go on now.
    const later = await op.calls();
    expect(later.find(({ argv }) => argv.join(" ").startsWith(command))).not.toHaveProperty("end");
    expect((await op.state()).accounts).toEqual(before.accounts);
    expect(await readdir(scratch)).toEqual([]);
    await everyCallFits();
  },
);

it.each<OpCommand>(["item create", "item edit"])(
  "takes back what op had done when it died: %s",
  async (command) => {
    const before = itemsIn({ accounts });
    await op.setState({ accounts, commands: { [command]: { fault: "crash", after: true } } });
    const place = command === "item edit" ? "op://Private/theirs/token" : "op";
    const writing = write(makeContext(), "canary-of-a-killed-write", place);
    // Taking an edit back is an edit, which dies too, after its work.
    await expect(writing).rejects.toMatchObject({ code: "secret-failed" });
    expect(itemsIn(await op.state())).toEqual(before);
    await everyCallFits();
  },
);
