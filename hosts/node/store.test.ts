import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStorage } from "unstorage";
import redisDriver from "unstorage/drivers/redis";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import type { StateStore } from "../../core/index.ts";
import { createFileStore } from "./store.ts";

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jackin-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("createFileStore", () => {
  it("keeps an object, tells its key and forgets it", async () => {
    const store = createFileStore(join(folder, "new"));
    expect(await store.getItem("instance:a")).toBeNull();
    expect(await store.getKeys()).toEqual([]);
    await store.setItem("instance:a", { name: "a", nested: { list: [1] } });
    await store.setItem("other:a", {});
    expect(await createFileStore(join(folder, "new")).getItem("instance:a")).toEqual({
      name: "a",
      nested: { list: [1] },
    });
    expect(await store.getKeys("instance:")).toEqual(["instance:a"]);
    await store.removeItem("instance:a");
    await store.removeItem("instance:a");
    expect(await store.getItem("instance:a")).toBeNull();
    expect(await store.getKeys()).toEqual(["other:a"]);
  });

  it("keeps odd keys apart, each in one file of its folder", async () => {
    const keys = [
      "a:b",
      "A:b",
      "a_b",
      "a%3ab",
      "…/not",
      "über",
      "a b",
      "a..b",
      "~",
      "-rf",
      "a\nb",
      "a\u0000b",
    ];
    const store = createFileStore(join(folder, "in"));
    for (const key of keys) await store.setItem(key, { key });
    for (const key of keys) expect(await store.getItem(key)).toEqual({ key });
    expect((await store.getKeys()).sort()).toEqual(keys.map((key) => key.replace("/", ":")).sort());
    const names = await readdir(join(folder, "in"));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(keys.length);
    expect(await readdir(folder)).toEqual(["in"]);
  });

  it.each(["../up", "a:..:b", ".", ""])("refuses the key %j", async (key) => {
    await expect(createFileStore(folder).setItem(key, {})).rejects.toThrow("Invalid key");
  });

  it("writes for the operator's eyes only, whatever was there", async () => {
    const store = createFileStore(folder);
    const path = join(folder, "a.json");
    await writeFile(path, "{}");
    await chmod(path, 0o644);
    await store.setItem("a", { b: 1 });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["torn", `{"name":"a`],
    ["empty", ""],
    ["no object", `"text"`],
    ["null", "null"],
    ["no text", Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ["endless", Buffer.alloc(16 * 1024 * 1024 + 1, " ")],
  ])("takes a file that is %s for absent and leaves it", async (_, content) => {
    await writeFile(join(folder, "a.json"), content);
    expect(await createFileStore(folder).getItem("a")).toBeNull();
    const left = await readFile(join(folder, "a.json"));
    expect(left.equals(Buffer.from(content))).toBe(true);
  });

  it("reads no link and no name that it did not make", async () => {
    await writeFile(join(folder, "elsewhere"), `{"stolen":true}`);
    await symlink(join(folder, "elsewhere"), join(folder, "link.json"));
    await writeFile(join(folder, "README.md"), "");
    await writeFile(join(folder, "%zz.json"), "{}");
    await writeFile(join(folder, "Upper.json"), "{}");
    const store = createFileStore(folder);
    expect(await store.getItem("link")).toBeNull();
    expect(await store.getKeys()).toEqual(["link"]);
    await store.setItem("link", { mine: true });
    expect(await readFile(join(folder, "elsewhere"), "utf8")).toBe(`{"stolen":true}`);
  });

  it("never shows half a value while others write", async () => {
    const store = createFileStore(folder);
    const big = (by: number) => ({ by, filling: String(by).repeat(50_000) });
    await store.setItem("a", big(0));
    let writing = true;
    const writers = Promise.all(
      Array.from({ length: 20 }, (_, by) => store.setItem("a", big(by))),
    ).finally(() => (writing = false));
    while (writing) {
      const seen = (await store.getItem("a")) as ReturnType<typeof big> | null;
      expect(seen).toEqual(big(seen?.by ?? -1));
    }
    await writers;
    expect(await readdir(folder)).toEqual(["a.json"]);
  });
});

it("takes any storage of unstorage as a StateStore, Redis too", () => {
  expectTypeOf(createStorage()).toExtend<StateStore>();
  const redis: StateStore = createStorage({
    driver: redisDriver({ url: "redis://127.0.0.1:1", preConnect: false }),
  });
  expect(redis.getKeys).toBeTypeOf("function");
});
