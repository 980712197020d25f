import { describe, expect, it } from "vitest";
import { duration, harmless, noticeLines, table, validity } from "./show.ts";

describe("duration", () => {
  it.each([
    [-1, "0 s"],
    [999, "0 s"],
    [59_999, "59 s"],
    [61_000, "1 m"],
    [11_400_000, "3 h 10 m"],
    [7_200_000, "2 h"],
    [90_000_000, "1 d 1 h"],
    [86_400_000 * 364, "364 d"],
  ])("%i ms is %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

it("tells an expired credential from one that nobody knows the end of", () => {
  expect(validity(undefined, 5)).toBeUndefined();
  expect(validity(5, 5)).toBe("expired");
  expect(validity(5005, 5)).toBe("5 s");
});

it("takes what steers a terminal out of foreign text and keeps its lines", () => {
  expect(harmless("a\u001b]0;x\u0007\r\nb\u009b2J\tü")).toBe("a?]0;x??\nb?2J\tü");
});

it("has a warning in yellow, an urgent one in red, and its steps below", () => {
  const lines = (["info", "warning", "urgent"] as const).flatMap((level) =>
    noticeLines([{ level, text: "x", next: "a\nb" }], (color, text) => `<${color} ${text}>`),
  );
  expect(lines.filter((line) => !line.startsWith("  → "))).toEqual([
    "note: x",
    "<yellow warning:> x",
    "<red warning:> x",
  ]);
  expect(lines.slice(0, 3)).toEqual(["note: x", "  → a", "  → b"]);
});

describe("table", () => {
  const columns = [
    { title: "NAME", cut: "end" },
    { title: "ID" },
    { title: "PATH", cut: "start" },
  ] as const;

  it("cuts the widest column that may be cut, each at its end, until it fits", () => {
    const rows = [["a-rather-long-name", "123456", "/home/me/a/long/way/down"]];
    expect(table(columns, rows, 34)).toEqual([
      "NAME          ID      PATH",
      "a-rather-lo…  123456  …ng/way/down",
    ]);
  });

  it("gives up rather than cut a column to nothing", () => {
    const [, row] = table(columns, [["a-rather-long-name", "123456", "/home/me/x"]], 5);
    expect(row).toBe("a-rathe…  123456  …me/me/x");
  });
});
