import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JackinEvent } from "../../core/index.ts";
import { createNodeHost } from "./host.ts";
import { createJournal } from "./journal.ts";

vi.setConfig({ testTimeout: 60_000 }); // a busy machine starts a process slowly

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "jackin-journal-"));
});
afterEach(() => rm(state, { recursive: true, force: true }));

const path = () => join(state, "keeper/journal.jsonl");
const event = (text: string, more: Partial<JackinEvent> = {}): JackinEvent => ({
  at: 1,
  kind: "updated",
  level: "info",
  text,
  ...more,
});

function open(maxBytes?: number, redact = (text: string) => text) {
  const { files, lock } = createNodeHost({ stateDir: state });
  return createJournal({ files, lock, redact, ...(maxBytes !== undefined && { maxBytes }) });
}

const textsOf = (events: readonly JackinEvent[]) => events.map(({ text }) => text);

describe("the journal", () => {
  it("answers the newest events, oldest first", async () => {
    const journal = open();
    expect(await journal.recent(5)).toEqual([]);
    const all = [
      event("one"),
      event("two\nlines ü", { kind: "refused", level: "warning", instance: "app", next: "do" }),
      event("three", { kind: "keeper" }),
    ];
    for (const each of all) await journal.write(each);
    expect(await open().recent(5)).toEqual(all);
    expect(await open().recent(2)).toEqual(all.slice(1));
    expect(await open().recent(0)).toEqual([]);
    expect((await readFile(path(), "utf8")).split("\n")).toHaveLength(4);
  });

  it("is the operator's alone", async () => {
    const umask = process.umask(0);
    try {
      await open().write(event("one"));
    } finally {
      process.umask(umask);
    }
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect((await stat(join(state, "keeper"))).mode & 0o777).toBe(0o700);
  });

  it("holds no secret, and no text without end", async () => {
    const redact = (text: string) => text.replaceAll("secret", "***");
    const texts = { text: `secret ${"x".repeat(100_000)}`, next: "secret", instance: "secret" };
    await open(undefined, redact).write(event("", texts));
    const text = await readFile(path(), "utf8");
    expect(text).not.toContain("secret");
    expect(text.length).toBeLessThan(5_000);
    expect(await open().recent(1)).toMatchObject([{ instance: "***", next: "***" }]);
  });

  it("passes over lines that were cut off or are not ours, and loses none beside them", async () => {
    await open().write(event("one"));
    await appendFile(path(), `${JSON.stringify(event("future", { kind: "new" as never }))}\n`);
    await appendFile(path(), `null\n[]\n\n{"at":"1"}\nnoise\n${"x".repeat(200_000)}\n`);
    await appendFile(path(), Buffer.from([0xff, 0x0a]));
    await appendFile(path(), JSON.stringify(event("torn")).slice(0, -2));
    await open().write(event("two"));
    expect(textsOf(await open().recent(9))).toEqual(["one", "two"]);
  });

  it("is put aside when it is long, and one such file is kept", async () => {
    const journal = open(1_000);
    for (let at = 0; at < 100; at++) await journal.write(event(`event ${at}`));
    expect((await readdir(join(state, "keeper"))).toSorted()).toEqual([
      "journal.1.jsonl",
      "journal.jsonl",
    ]);
    expect((await stat(join(state, "keeper/journal.1.jsonl"))).size).toBeLessThan(1_200);
    const seen = textsOf(await journal.recent(100));
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, at) => `event ${at}`).slice(-seen.length));
  });

  it("says where it cannot be written", async () => {
    await mkdir(path(), { recursive: true });
    await expect(open().write(event("one"))).rejects.toMatchObject({
      code: "host-failed",
      message: `${path()} cannot be written: it is a folder, not a file.`,
    });
    expect(await open().recent(1)).toEqual([]);
  });
});

describe("following", () => {
  it("sees what others write from the moment it was asked, also into a new file", async () => {
    const [writer, stop] = [open(500), new AbortController()];
    await writer.write(event("before"));
    const events = open().follow(stop.signal);
    const all = Array.from({ length: 12 }, (_, at) => `event ${at}`);
    await writer.write(event(all[0]!));
    const seen: string[] = [];
    for await (const { text } of events) {
      seen.push(text);
      if (seen.length === all.length) break;
      // One at a time: of files that are put aside, one is kept.
      await writer.write(event(all[seen.length]!));
    }
    expect(seen).toEqual(all);
  });

  it("begins with the newest of those before, when they are asked for", async () => {
    for (const text of ["one", "two", "three"]) await open().write(event(text));
    const events = open().follow(new AbortController().signal, 2);
    await open().write(event("four"));
    const seen: string[] = [];
    for await (const { text } of events) if (seen.push(text) === 3) break;
    expect(seen).toEqual(["two", "three", "four"]);
  });

  it("waits where nothing was written yet, and ends when the signal fires", async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { text } of open().follow(stop.signal)) {
        seen.push(text);
        if (text === "last") stop.abort();
      }
    })();
    await open().write(event("first"));
    await open().write(event("last"));
    await following;
    expect(seen).toEqual(["first", "last"]);
    for await (const _ of open().follow(stop.signal)) expect.unreachable();
  });

  it.runIf(process.platform === "linux")("leaves no file open", async () => {
    const isOpen = async () => {
      const fds = await readdir("/proc/self/fd");
      const links = await Promise.all(
        fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
      );
      return links.includes(path());
    };
    await open().write(event("one"));
    const [never, left] = [new AbortController(), new AbortController()];
    open().follow(never.signal);
    const events = open().follow(left.signal);
    await open().write(event("two"));
    for await (const _ of events) break;
    expect(await isOpen()).toBe(true);
    never.abort();
    expect(await isOpen()).toBe(false);
  });
});

it("loses nothing when several processes write and it is put aside meanwhile", async () => {
  const [writers, each, maxBytes] = [4, 100, 20_000];
  const url = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);
  const code = `
    import { createNodeHost } from ${url("host.ts")};
    import { createJournal } from ${url("journal.ts")};
    const { files, lock } = createNodeHost({ stateDir: ${JSON.stringify(state)} });
    const journal = createJournal({ files, lock, redact: (text) => text, maxBytes: ${maxBytes} });
    for (let at = 0; at < ${each}; at++)
      await journal.write({ at, kind: "updated", level: "info", text: process.argv[1] + " " + at });`;
  const stop = new AbortController();
  const followed: string[] = [];
  const following = (async () => {
    for await (const { text } of open().follow(stop.signal)) {
      followed.push(text);
      if (followed.length === writers * each) stop.abort();
    }
  })();
  const ends = Array.from({ length: writers }, async (_, by) => {
    const args = ["--input-type=module", "-e", code, `writer-${by}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
    expect((await once(child, "exit"))[0]).toBe(0);
  });
  await Promise.all(ends);
  const expected = Array.from(
    { length: writers * each },
    (_, at) => `writer-${at % writers} ${Math.floor(at / writers)}`,
  );
  expect((await readdir(join(state, "keeper"))).toSorted()).toEqual([
    "journal.1.jsonl",
    "journal.jsonl",
  ]);
  expect(textsOf(await open().recent(1_000)).toSorted()).toEqual(expected.toSorted());
  await following;
  expect(followed.toSorted()).toEqual(expected.toSorted());
});
