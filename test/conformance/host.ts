/**
 * What every host promises that has files, programs and locks. `makeHost` gives a host with a state folder of its own that
 * does not exist yet; the suite removes it. Nothing of Node is imported, so any runtime with a POSIX machine can run it.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host, HostFiles } from "../../core/index.ts";

type Machine = Required<Pick<Host, "exec" | "lock" | "process" | "notify">> &
  Host & { readonly files: Required<HostFiles> };

const never = new AbortController().signal;
const maxBytes = 1_000_000;
/** ms; a busy machine starts a program slowly. */
const patience = { timeout: 60_000 };
const hostFailed = (message: RegExp) => ({
  name: "JackinError",
  code: "host-failed",
  message: expect.stringMatching(message),
});

export function testHost(name: string, makeHost: () => Host | Promise<Host>): void {
  let host: Machine;
  let folder: string;
  const at = (path: string) => `${folder}/${path}`;
  const sh = (script: string, ...args: string[]) => host.exec("sh", ["-c", script, "sh", ...args]);

  beforeEach(async () => {
    host = toMachine(await makeHost());
    folder = host.files.state;
  });
  afterEach(() => host.files.remove(folder));

  describe(`${name}: files`, patience, () => {
    beforeEach(() => host.files.makeFolder(folder));

    it("reads what it wrote, byte for byte", async () => {
      const text = "\uFEFFline\r\nüñí 𝒳\n\u0000end";
      await host.files.write(at("a/b/c"), text);
      expect(await host.files.read(at("a/b/c"), { maxBytes })).toBe(text);
      expect(await host.files.stat(at("a/b/c"))).toMatchObject({
        kind: "file",
        size: 25,
        mode: 0o600,
      });
      expect((await host.files.stat(at("a/b")))?.mode).toBe(0o700);
    });

    it("answers absence with a value", async () => {
      await host.files.write(at("file"), "");
      await sh(`ln -s "$1" "$2"`, at("nowhere"), at("dangling"));
      for (const path of [at("nothing"), at("file/below"), at("no/such/folder")]) {
        expect(await host.files.read(path, { maxBytes })).toBeUndefined();
        expect(await host.files.stat(path)).toBeUndefined();
        expect(await host.files.resolve(path)).toBeUndefined();
        await host.files.remove(path);
      }
      expect(await host.files.list(at("nothing"))).toEqual([]);
      expect(await host.files.read(at("dangling"), { maxBytes })).toBeUndefined();
      expect(await host.files.resolve(at("dangling"))).toBeUndefined();
      expect(await host.files.stat(at("dangling"))).toMatchObject({ kind: "link" });
    });

    it("reads up to maxBytes and not one more", async () => {
      await host.files.write(at("a"), "12345");
      expect(await host.files.read(at("a"), { maxBytes: 5 })).toBe("12345");
      await expect(host.files.read(at("a"), { maxBytes: 4 })).rejects.toMatchObject(
        hostFailed(/more than 4 bytes/),
      );
    });

    it("reads plain files only, and never waits for one that is not", async () => {
      await host.files.makeFolder(at("folder"));
      await sh(`mkfifo "$1"; ln -s "$1" "$2"`, at("pipe"), at("link-to-pipe"));
      for (const path of [at("folder"), at("pipe"), at("link-to-pipe"), "/dev/zero", "/dev/tty"]) {
        await expect(host.files.read(path, { maxBytes })).rejects.toMatchObject(
          hostFailed(new RegExp(`^${path} cannot be read: `)),
        );
      }
      expect(await host.files.stat(at("pipe"))).toMatchObject({ kind: "other" });
    });

    it("follows a link to read, or refuses it", async () => {
      await host.files.write(at("real"), "text");
      await sh(`ln -s real "$1"; ln -s loop "$2"`, at("link"), at("loop"));
      expect(await host.files.read(at("link"), { maxBytes })).toBe("text");
      await expect(
        host.files.read(at("link"), { maxBytes, followLinks: false }),
      ).rejects.toMatchObject(hostFailed(/it is a link/));
      expect(await host.files.read(at("real"), { maxBytes, followLinks: false })).toBe("text");
      await expect(host.files.read(at("loop"), { maxBytes })).rejects.toMatchObject(
        hostFailed(/link/),
      );
      expect(await host.files.resolve(at("link"))).toBe(await host.files.resolve(at("real")));
    });

    it("refuses what is no UTF-8", async () => {
      await sh(`printf 'a\\377b' > "$1"`, at("latin"));
      await expect(host.files.read(at("latin"), { maxBytes })).rejects.toMatchObject(
        hostFailed(/no UTF-8/),
      );
    });

    it("replaces a link by a file, and what it pointed to stays", async () => {
      await host.files.write(at("other"), "theirs");
      await sh(`ln -s other "$1"; ln -s nowhere "$2"`, at("link"), at("dangling"));
      for (const path of [at("link"), at("dangling")]) {
        await host.files.write(path, "ours");
        expect(await host.files.stat(path)).toMatchObject({ kind: "file", mode: 0o600 });
      }
      expect(await host.files.read(at("other"), { maxBytes })).toBe("theirs");
      expect(await host.files.list(folder)).toEqual(["dangling", "link", "other"]);
    });

    it("narrows the mode of a file that it replaces", async () => {
      await sh(`echo old > "$1"; chmod 666 "$1"`, at("wide"));
      await host.files.write(at("wide"), "new");
      expect((await host.files.stat(at("wide")))?.mode).toBe(0o600);
    });

    it("leaves nothing behind when it cannot write", async () => {
      await host.files.write(at("folder/full"), "");
      await expect(host.files.write(at("folder"), "x")).rejects.toMatchObject(
        hostFailed(/folder cannot be written: .*folder/),
      );
      await expect(host.files.write(at("folder/full/x"), "x")).rejects.toMatchObject(
        hostFailed(/cannot be written/),
      );
      expect((await sh(`cd "$1"; find . -type f`, folder)).stdout).toBe("./folder/full\n");
    });

    it("lets readers see one whole file or another while many write", async () => {
      const content = (by: number) => `${by}:`.repeat(30_000);
      await host.files.write(at("a"), content(0));
      let writing = true;
      const writers = Promise.all(
        Array.from({ length: 20 }, (_, by) => host.files.write(at("a"), content(by))),
      ).finally(() => (writing = false));
      while (writing) {
        const seen = (await host.files.read(at("a"), { maxBytes })) ?? "";
        expect(seen === content(Number.parseInt(seen))).toBe(true);
        expect(await host.files.list(folder)).toEqual(["a"]);
      }
      await writers;
      expect((await sh(`ls -A "$1"`, folder)).stdout).toBe("a\n");
    });

    it("lists by name, renames, and makes a folder twice", async () => {
      for (const path of ["b", "a", "C"]) await host.files.write(at(`in/${path}`), path);
      expect(await host.files.list(at("in"))).toEqual(["C", "a", "b"]);
      await host.files.rename(at("in/a"), at("in/b"));
      expect(await host.files.read(at("in/b"), { maxBytes })).toBe("a");
      await host.files.makeFolder(at("in"));
      await expect(host.files.makeFolder(at("in/b"))).rejects.toMatchObject(
        hostFailed(/in\/b cannot be made/),
      );
      await expect(host.files.rename(at("no"), at("yes"))).rejects.toMatchObject(
        hostFailed(/no cannot be renamed to .*yes: nothing/),
      );
      await expect(host.files.list(at("in/b"))).rejects.toMatchObject(
        hostFailed(/cannot be listed/),
      );
    });

    it("removes a folder with all that is in it, and nothing that links lead to", async () => {
      await host.files.write(at("keep/file"), "kept");
      await host.files.write(at("gone/deep/file"), "");
      await sh(
        `ln -s ../keep "$1/gone/link"; ln -s keep "$1/link"; chmod 500 "$1/gone/deep"`,
        folder,
      );
      await host.files.remove(at("gone"));
      await host.files.remove(at("link"));
      await host.files.remove(at("link/"));
      expect(await host.files.list(folder)).toEqual(["keep"]);
      expect(await host.files.read(at("keep/file"), { maxBytes })).toBe("kept");
    });

    it("removes a file or a link and leaves a folder where only a file is meant", async () => {
      await host.files.write(at("in/file"), "");
      await sh(`ln -s in "$1/link"`, folder);
      for (const name of ["link", "in", "in/file", "in/none", "none/none"])
        await host.files.remove(at(name), { onlyFile: true });
      expect(await host.files.list(folder)).toEqual(["in"]);
      expect(await host.files.list(at("in"))).toEqual([]);
    });

    it("knows the operator's home as ~", async () => {
      expect(await host.files.resolve("~")).toBe(await host.files.resolve(host.files.home));
    });
  });

  describe(`${name}: watching a folder`, patience, () => {
    let calls = 0;
    const watch = (path: string) => host.files.watch(path, () => calls++);
    /** What happens is seen: `calls` says that something was called since, however often. */
    const seen = async (act: () => Promise<unknown>) => {
      calls = 0;
      await act();
      await expect.poll(() => calls, patience).toBeGreaterThan(0);
      await calm();
    };
    /** No call is under way any more: one for the marker has come, and none after it. */
    const calm = async () => {
      for (let before = -1; before !== calls;) {
        before = calls;
        await sh("sleep 0.05");
      }
    };
    beforeEach(() => host.files.makeFolder(at("in")));

    it("sees files that are written, in place or not, renamed and removed", async () => {
      using _watch = watch(at("in"));
      await seen(() => host.files.write(at("in/a"), "1"));
      await seen(() => host.files.write(at("in/a"), "2"));
      await seen(() => sh(`printf 3 > "$1"`, at("in/a")));
      await seen(() => sh(`printf 4 >> "$1"`, at("in/a")));
      await seen(() => host.files.rename(at("in/a"), at("out")));
      await seen(() => host.files.rename(at("out"), at("in/b")));
      await seen(() => host.files.remove(at("in/b")));
    });

    it("misses nothing of what comes right after it was asked", async () => {
      calls = 0;
      using _watch = watch(at("in"));
      await sh(`printf 1 > "$1"`, at("in/a"));
      await expect.poll(() => calls, patience).toBeGreaterThan(0);
    });

    it("goes on when the folder is removed and made again, or another takes its place", async () => {
      using _watch = watch(at("in"));
      await seen(() => sh(`rmdir "$1" && mkdir "$1"`, at("in")));
      await seen(() => host.files.write(at("in/a"), "1"));
      await sh(`mkdir "$1/new" && mv "$1/in" "$1/old" && mv "$1/new" "$1/in"`, folder);
      await seen(() => host.files.write(at("in/a"), "2"));
      await seen(() => host.files.remove(at("in")));
      await seen(async () => host.files.makeFolder(at("in")));
      await seen(() => host.files.write(at("in/a"), "3"));
    });

    it("is silent while nothing happens, and after its end", async () => {
      const first = watch(at("in"));
      using _second = watch(at("in"));
      await calm();
      calls = 0;
      await host.files.read(at("in/a"), { maxBytes });
      await host.files.list(at("in"));
      await host.files.write(at("elsewhere"), "1");
      await calm();
      expect(calls).toBe(0);
      first[Symbol.dispose]();
      first[Symbol.dispose]();
      await seen(() => host.files.write(at("in/a"), "1"));
      _second[Symbol.dispose]();
      calls = 0;
      await host.files.write(at("in/a"), "2");
      await calm();
      expect(calls).toBe(0);
    });

    it("refuses what is not there", () => {
      expect(() => watch(at("nowhere"))).toThrow(
        expect.objectContaining(hostFailed(/nowhere cannot be watched: nothing is there/)),
      );
    });
  });

  describe(`${name}: programs`, patience, () => {
    it("answers what a program said and how it ended", async () => {
      expect(await sh("echo out; echo err >&2; exit 3")).toEqual({
        code: 3,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect((await sh("kill -9 $$")).code).toBe(137);
    });

    it("hands arguments over as they are", async () => {
      const odd = ["", " a  b ", "$HOME", "`id`", "\"'", "*", "-n", "a\nb", "ü"];
      expect((await host.exec("printf", ["%s\\0", ...odd])).stdout).toBe(
        odd.map((arg) => `${arg}\0`).join(""),
      );
    });

    it("adds to the environment and takes away", async () => {
      expect(host.env["HOME"]).toBeTruthy();
      const env = { JACKIN_TEST: "a b", HOME: undefined };
      const { stdout } = await host.exec("sh", ["-c", `echo "$JACKIN_TEST:\${HOME-none}"`], {
        env,
      });
      expect(stdout).toBe("a b:none\n");
    });

    it("gives it input, or an empty one", async () => {
      expect((await host.exec("cat", [], { stdin: "in\n" })).stdout).toBe("in\n");
      expect((await host.exec("cat", [])).stdout).toBe("");
      const { code } = await host.exec("true", [], { stdin: "x".repeat(5_000_000) });
      expect(code).toBe(0);
    });

    it("gives it input through a pipe where that is asked for, and leaves nothing of it behind", async () => {
      await host.files.makeFolder(folder);
      const run = (script: string, stdin: string, options = {}) =>
        host.exec("sh", ["-c", script, "sh", "a  b", "$HOME"], {
          stdin,
          stdinPipe: true,
          env: { TMPDIR: folder },
          ...options,
        });
      const long = "0123456789".repeat(500_000);
      const { code, stdout } = await run(`test -p /dev/stdin && wc -c && echo "$@"; exit 3`, long, {
        maxBytes: 1000,
      });
      expect([code, stdout.trim()]).toEqual([3, "5000000\na  b $HOME"]);
      expect((await run("cat", "")).stdout).toBe("");
      expect((await run("true", long)).code).toBe(0);
      await expect(
        host.exec("no-such-program", [], { stdin: "", stdinPipe: true }),
      ).rejects.toMatchObject({ cause: { code: "ENOENT" } });
      expect(await host.files.list(folder)).toEqual([]);
    });

    it("stops one that reads through a pipe when it is cancelled", async () => {
      const stop = new AbortController();
      const pids: string[] = [];
      const run = host.exec("sh", ["-c", "echo $$; exec sleep 600"], {
        stdin: "x".repeat(500_000),
        stdinPipe: true,
        signal: stop.signal,
        onLine(pid) {
          pids.push(pid);
          stop.abort();
        },
      });
      await expect(run).rejects.toMatchObject({ code: "cancelled" });
      expect((await sh(`kill -0 "$1"`, pids[0]!)).code).not.toBe(0);
    });

    it("runs it in a folder", async () => {
      expect((await host.exec("pwd", ["-P"], { cwd: "/" })).stdout).toBe("/\n");
      await expect(host.exec("pwd", [], { cwd: at("nowhere") })).rejects.toMatchObject(
        hostFailed(/no such folder/),
      );
    });

    it("tells a missing program from every other trouble", async () => {
      await host.files.write(at("plain"), "#!/bin/sh\n");
      await sh(`printf '#!/no/interpreter\\n' > "$1"; chmod +x "$1"`, at("broken"));
      for (const command of ["jackin-no-such-program", at("no-such-program")]) {
        const missing = {
          ...hostFailed(new RegExp(`^${command} was not found`)),
          cause: { code: "ENOENT" },
        };
        await expect(host.exec(command, [])).rejects.toMatchObject(missing);
      }
      await expect(host.exec(at("plain"), [])).rejects.toMatchObject({
        ...hostFailed(/may not be run/),
        cause: { code: "EACCES" },
      });
      for (const run of [
        host.exec(at("broken"), []),
        host.exec("pwd", [], { cwd: at("nowhere") }),
      ]) {
        const error = await run.catch((thrown: unknown) => thrown);
        expect(error).toMatchObject(hostFailed(/cannot be started/));
        expect(error).not.toHaveProperty("cause.code");
      }
    });

    it("finds programs in absolute entries of PATH only", async () => {
      await sh(`printf '#!/bin/sh\\necho wrong\\n' > "$1/id"; chmod +x "$1/id"`, await made("cwd"));
      // Relative to this process's own folder as well.
      const own = (await host.exec("pwd", ["-P"])).stdout.trim().split("/").length;
      const relative = "../".repeat(own) + at("cwd").slice(1);
      for (const PATH of [":", ".:", "./:cwd:../cwd", "", relative]) {
        const run = host.exec("id", [], { cwd: at("cwd"), env: { PATH } });
        await expect(run).rejects.toMatchObject(hostFailed(/not found on PATH/));
      }
      await expect(host.exec("./id", [], { cwd: at("cwd") })).rejects.toMatchObject(
        hostFailed(/absolute path/),
      );
      const { stdout } = await host.exec("id", [], { env: { PATH: `.:${at("cwd")}` } });
      expect(stdout).toBe("wrong\n");
    });

    it("never shows a value that cannot be handed over", async () => {
      for (const run of [
        host.exec("true", [], { env: { TOKEN: "se\0cret" } }),
        host.exec("true", ["se\0cret"]),
        host.exec("true", ["cret".repeat(500_000)]),
      ]) {
        const error = await run.catch((thrown: unknown) => thrown);
        expect(error).toMatchObject(hostFailed(/true cannot be started/));
        expect(JSON.stringify([String(error), error])).not.toContain("cret");
      }
    });

    it("tells each line as it comes", async () => {
      const lines: string[] = [];
      await host.files.makeFolder(folder);
      // The program goes on only when its first line was heard.
      await host.exec(
        "sh",
        [
          "-c",
          `echo first; until [ -e "$1" ]; do sleep 0.02; done; echo err >&2; printf last`,
          "sh",
          at("heard"),
        ],
        {
          onLine(line) {
            lines.push(line);
            if (line === "first") void host.files.write(at("heard"), "");
          },
        },
      );
      expect(lines[0]).toBe("first");
      expect(lines.toSorted()).toEqual(["err", "first", "last"]);
    });

    it("stops one that says too much", async () => {
      await expect(sh("head -c 100000000 /dev/zero")).rejects.toMatchObject(
        hostFailed(/sh printed more than 4194304 bytes/),
      );
      const endless = host.exec("cat", ["/dev/zero"], { maxBytes: 1000, onLine: () => {} });
      await expect(endless).rejects.toMatchObject(hostFailed(/cat printed more than 1000 bytes/));
      expect((await host.exec("printf", ["12345"], { maxBytes: 5 })).stdout).toBe("12345");
    });

    it("stops one that is too slow", async () => {
      await expect(host.exec("sleep", ["600"], { limitMs: 100 })).rejects.toMatchObject({
        code: "timeout",
        message: "sleep did not end within 0.1 s and was stopped.",
      });
    });

    it("stops one that is cancelled, also when it ignores SIGTERM", async () => {
      const stop = new AbortController();
      const pids: string[] = [];
      const run = host.exec("sh", ["-c", `trap '' TERM; echo $$; while :; do sleep 0.05; done`], {
        signal: stop.signal,
        onLine(pid) {
          pids.push(pid);
          stop.abort();
        },
      });
      await expect(run).rejects.toMatchObject({ code: "cancelled" });
      expect(pids).toHaveLength(1);
      expect((await sh(`kill -0 "$1"`, pids[0]!)).code).not.toBe(0);
      await expect(host.exec("true", [], { signal: stop.signal })).rejects.toMatchObject({
        code: "cancelled",
      });
    });

    it("gives one a session of its own when that is asked for", async () => {
      const script = 'test "$(ps -o pgid= -p $$ | tr -d " ")" = $$';
      expect((await host.exec("sh", ["-c", script], { ownSession: true })).code).toBe(0);
      expect((await host.exec("sh", ["-c", script])).code).toBe(1);
    });

    it("does not wait for what a program leaves running", async () => {
      const { stdout } = await sh("sleep 600 & echo $!");
      expect((await sh(`kill "$1"`, stdout.trim())).code).toBe(0);
    });
  });

  describe(`${name}: locks`, patience, () => {
    it("lets one in at a time, in order, under any name", async () => {
      const seen: number[] = [];
      let inside = 0;
      const name = "instance:../../x y/ü";
      await Promise.all(
        Array.from({ length: 5 }, async (_, index) => {
          await using _lock = await host.lock(name, { signal: never });
          expect(++inside).toBe(1);
          seen.push(index);
          await sh("true");
          inside--;
        }),
      );
      expect(seen).toEqual([0, 1, 2, 3, 4]);
      expect(await host.files.list(folder)).toEqual(["locks"]);
      expect(await host.files.list(at("locks"))).toEqual([]);
    });

    it("keeps names apart", async () => {
      await using _a = await host.lock("a", { signal: never });
      await using _b = await host.lock("a/b", { signal: never });
      await using _c = await host.lock("A", { signal: never });
      expect(
        (await host.files.list(at("locks"))).filter((file) => file.endsWith(".lock")),
      ).toHaveLength(3);
    });

    it("says once for whom it waits, and stops waiting when cancelled", async () => {
      const stop = new AbortController();
      const owners: string[] = [];
      const held = await host.lock("a", { signal: never });
      const waiting = host.lock("a", {
        signal: stop.signal,
        onWait(owner) {
          owners.push(owner);
          stop.abort();
        },
      });
      await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
      expect(owners).toEqual([expect.stringMatching(/\(pid \d+\)$/)]);
      const next = host.lock("a", { signal: never });
      await held[Symbol.asyncDispose]();
      const after = await next;
      // Giving back twice must not take it from the next holder.
      await held[Symbol.asyncDispose]();
      expect(await host.files.list(at("locks"))).toHaveLength(2);
      await after[Symbol.asyncDispose]();
      await expect(host.lock("b", { signal: stop.signal })).rejects.toMatchObject({
        code: "cancelled",
      });
    });

    it("is free again after a failure inside", async () => {
      const work = async () => {
        await using _lock = await host.lock("a", { signal: never });
        throw new Error("inside");
      };
      await expect(work()).rejects.toThrow("inside");
      await (await host.lock("a", { signal: never }))[Symbol.asyncDispose]();
    });
  });

  describe(`${name}: locks that other programs share`, patience, () => {
    beforeEach(() => host.files.makeFolder(folder));
    const path = () => at(".oauth_refresh");
    const isLocked = async () => (await host.files.stat(`${path()}.lock`)) !== undefined;

    it("lets one in at a time, and leaves nothing behind", async () => {
      let inside = 0;
      await Promise.all(
        Array.from({ length: 5 }, async () => {
          await using _lock = await host.files.lock(path(), { signal: never });
          expect(++inside).toBe(1);
          expect(await isLocked()).toBe(true);
          await sh("true");
          inside--;
        }),
      );
      expect(await host.files.list(folder)).toEqual([]);
    });

    it("waits for another program's, says so once, and stops waiting when cancelled", async () => {
      await sh(`mkdir "$1.lock"`, path());
      const stop = new AbortController();
      let waits = 0;
      const cancelled = host.files.lock(path(), {
        signal: stop.signal,
        onWait: () => (waits++, stop.abort()),
      });
      await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
      expect(waits).toBe(1);
      const waiting = host.files.lock(path(), {
        signal: never,
        onWait: () => void sh(`rmdir "$1.lock"`, path()),
      });
      const lock = await waiting;
      await lock[Symbol.asyncDispose]();
      await lock[Symbol.asyncDispose]();
      expect(await isLocked()).toBe(false);
    });

    it("takes over from a program that died, not from one that is only slow", async () => {
      // 60 s are Claude Code's own limit (2.1.330).
      const aged = (seconds: number) =>
        sh(
          `mkdir -p "$1.lock" && touch -d "@$(($(date +%s) - $2))" "$1.lock"`,
          path(),
          String(seconds),
        );
      await aged(30);
      const stop = new AbortController();
      const slow = host.files.lock(path(), { signal: stop.signal, onWait: () => stop.abort() });
      await expect(slow).rejects.toMatchObject({ code: "cancelled" });
      await aged(90);
      await (await host.files.lock(path(), { signal: never }))[Symbol.asyncDispose]();
      expect(await isLocked()).toBe(false);
    });

    it("says why it cannot", async () => {
      await expect(host.files.lock(at("no/such"), { signal: never })).rejects.toMatchObject(
        hostFailed(/no\/such.lock cannot be locked: nothing is there/),
      );
    });
  });

  describe(`${name}: notifications`, patience, () => {
    it("are no trouble, whatever is said and whether anybody can show it", async () => {
      for (const text of ["", "-x", "a\0b", "x".repeat(300_000)]) await host.notify("jackin", text);
    });
  });

  describe(`${name}: processes`, patience, () => {
    it("tells a process that runs from one that is gone", async () => {
      expect(host.process.id).toBe(host.process.id);
      expect(host.process.id).not.toMatch(/\s/);
      expect(await host.process.isAlive(host.process.id)).toBe(true);
      expect(await host.process.isAlive("")).toBe(false);
    });
  });

  async function made(path: string): Promise<string> {
    await host.files.makeFolder(at(path));
    return at(path);
  }
}

function toMachine(host: Host): Machine {
  const { files, exec, lock, process, notify } = host;
  if (!files?.watch || !files.lock || !exec || !lock || !process || !notify)
    throw new Error("This suite needs a host with a machine.");
  return { ...host, files: files as Required<HostFiles>, exec, lock, process, notify };
}
