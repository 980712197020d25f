import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { eventually } from "../../test/doubles/eventually.ts";
import { joinLines } from "./paste-input.ts";
import { createPrompts } from "./prompts.ts";

/** A terminal whose keys are written and whose screen is read. */
function terminal() {
  const modes: boolean[] = [];
  const setRawMode = (on: boolean) => void modes.push(on);
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode });
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 40 });
  let shown = "";
  stderr.setEncoding("utf8").on("data", (text: string) => (shown += text));
  const stop = new AbortController();
  const io = { stdin, stdout: new PassThrough(), stderr, env: {}, cwd: "/", signal: stop.signal };
  return {
    prompts: createPrompts(io),
    stop,
    /** As soon as the question is there. */
    async press(keys: string) {
      await eventually(() => expect(shown).toContain("Token?"));
      stdin.write(keys);
    },
    shown: () => shown,
    expectRestored() {
      expect(modes.at(-1)).toBe(false);
      expect(shown.lastIndexOf("\u001b[?25h")).toBeGreaterThan(shown.lastIndexOf("\u001b[?25l"));
      expect(shown.lastIndexOf("\u001b[?2004l")).toBeGreaterThan(
        shown.lastIndexOf("\u001b[?2004h"),
      );
    },
  };
}

it.each([
  ["marked", ["\u001b[200~sk-ant-oat01-AB\r\n  CDEFGHIJ\n\u001b[201~", "\r"]],
  [
    "marked, with a marker in two pieces",
    ["\u001b[200~sk-ant-oat01-AB\r\n  CDEFGHIJ\u001b[20", "1~\r"],
  ],
  ["not marked", ["sk-ant-oat01-AB\n  CDEFGHIJ\r"]],
  ["typed", [..."sk-ant-oat01-AB  CDEFGHIJ", "\r"]],
])("takes what is pasted over several lines as one answer: %s", async (_, pieces) => {
  const { prompts, press, shown, expectRestored } = terminal();
  const answer = prompts.password("Token?", { oneLine: true });
  for (const piece of pieces) await press(piece);
  expect(await answer).toBe("sk-ant-oat01-AB  CDEFGHIJ");
  expect(shown()).not.toMatch(/oat01|CDEF/);
  expectRestored();
});

it.each([
  ["Ctrl-C", "\u0003"],
  ["Escape", "\u001b"],
  ["an answer half typed, then Ctrl-C", "abcdefgh\u0003"],
])("gives the terminal back after %s", async (_, keys) => {
  const { prompts, press, shown, expectRestored } = terminal();
  const answer = prompts.password("Token?", { oneLine: true });
  await press(keys);
  await expect(answer).rejects.toMatchObject({ code: "cancelled" });
  expect(shown()).not.toContain("abcd");
  expectRestored();
});

it("takes a question back, and does not answer it later", async () => {
  const { prompts, press, stop, shown, expectRestored } = terminal();
  const over = new AbortController();
  const answer = prompts.password("Token?", { oneLine: true, signal: over.signal });
  await press("abc");
  over.abort();
  await expect(answer).rejects.toMatchObject({ code: "cancelled" });
  expectRestored();
  const before = shown();
  stop.abort("SIGINT");
  expect(shown()).toBe(before);
  await expect(prompts.password("Token?")).rejects.toMatchObject({ code: "cancelled" });
});

it("leaves keys alone that are no paste", () => {
  const join = joinLines();
  expect(["a", "\u001b", "\u001b[A", "\r", "é\n"].map(join)).toEqual([
    "a",
    "\u001b",
    "\u001b[A",
    "\r",
    "é\n",
  ]);
});
