import { styleText } from "node:util";
import type { InstanceStatus, KeeperStatus, Notice } from "../../core/index.ts";
import type { Io } from "./io.ts";
import { hasColor } from "./io.ts";

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

export function createPaint(io: Io, stream: "stdout" | "stderr"): Paint {
  const on = hasColor(io, stream);
  return (style, text) => (on ? styleText(style, text, { validateStream: false }) : text);
}

/** Text that others wrote (accounts, folders, errors) without what would steer a terminal. */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "?");
}

/** ms as a person says it: `3 h 10 m`, `2 d 4 h`, `45 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return "0 s";
  // Seconds beside minutes are noise.
  const shown = parts.slice(first, first === 2 ? 3 : first + 2);
  return shown
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** What is left of a credential's validity; undefined when nobody knows when it ends. */
export function validity(expiresAt: number | undefined, now: number): string | undefined {
  if (expiresAt === undefined) return undefined;
  return expiresAt > now ? duration(expiresAt - now) : "expired";
}

/** A hint's or a notice's next steps, a line each. */
export function nextLines(next: string | undefined, indent = ""): string[] {
  return next === undefined ? [] : next.split("\n").map((line) => `${indent}→ ${line}`);
}

export function noticeLines(notices: readonly Notice[], paint: Paint): string[] {
  return notices.flatMap(({ level, text, next }) => [
    level === "info"
      ? `note: ${harmless(text)}`
      : `${paint(level === "urgent" ? "red" : "yellow", "warning:")} ${harmless(text)}`,
    ...nextLines(next && harmless(next), "  "),
  ]);
}

export interface Column {
  readonly title: string;
  /** May lose characters, at this end, when the terminal is narrow. */
  readonly cut?: "start" | "end";
}

/** Columns two spaces apart. With `width`, the cuttable ones give way so that a line fits; without it (a pipe) nothing is cut. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width?: number,
): string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => row.map((cell) => harmless(cell) || "-")),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]!.length)));
  shrink(columns, widths, width);
  return cells.map((row) =>
    row
      .map((cell, index) => fit(cell, widths[index]!, columns[index]!.cut).padEnd(widths[index]!))
      .join("  ")
      .trimEnd(),
  );
}

/** The widest column that may lose characters loses one, until the line fits or none is left that can. */
function shrink(columns: readonly Column[], widths: number[], width: number | undefined): void {
  const least = (index: number) => Math.max(8, columns[index]!.title.length);
  const total = () => widths.reduce((sum, one) => sum + one + 2, -2);
  while (width !== undefined && total() > width) {
    const candidates = [...widths.keys()].filter(
      (at) => columns[at]!.cut && widths[at]! > least(at),
    );
    const widest = candidates.sort((a, b) => widths[b]! - widths[a]!)[0];
    if (widest === undefined) return;
    widths[widest]!--;
  }
}

function fit(cell: string, width: number, cut: Column["cut"]): string {
  if (cell.length <= width) return cell;
  return cut === "start"
    ? `…${cell.slice(cell.length - width + 1)}`
    : `${cell.slice(0, width - 1)}…`;
}

const statusColumns: readonly Column[] = [
  { title: "NAME", cut: "end" },
  { title: "STATE" },
  { title: "MODE" },
  { title: "ACCOUNT", cut: "end" },
  { title: "VALID" },
  { title: "WORKSPACE/FOLDER", cut: "start" },
  { title: "SINCE" },
];

/** What runs comes first; validity and age are told of what runs only. */
export function statusTable(
  instances: readonly InstanceStatus[],
  now: number,
  width?: number,
): string[] {
  const rows = inOrder(instances).map((item) => {
    const lives = item.state !== "stopped";
    const age = lives && item.startedAt !== undefined ? duration(now - item.startedAt) : "";
    const valid = (lives && validity(item.expiresAt, now)) || "";
    const place = item.workspace ?? item.workdir;
    return [item.instance, item.state, item.mode, item.account ?? "", valid, place, age];
  });
  return table(statusColumns, rows, width);
}

/** What the operator should know of each agent. */
export function alertNotices(instances: readonly InstanceStatus[], now: number): readonly Notice[] {
  return instances.flatMap(({ instance, alert }) => {
    if (!alert) return [];
    const { at, text, next } = alert;
    const notice = {
      level: "warning",
      text: `${instance}: ${text} (${duration(now - at)} ago)`,
    } as const;
    return [{ ...notice, ...(next !== undefined && { next }) }];
  });
}

/** Of agents that run. */
export function keeperLine(keeper: KeeperStatus | undefined, now: number): string {
  if (!keeper) return "keeper: starting";
  if (keeper.state === "gone") return "keeper: it was killed; another is starting";
  const { since, keeps } = keeper;
  const agents = `${keeps} ${keeps === 1 ? "agent" : "agents"}`;
  return `keeper: running for ${duration(now - since)}, keeps ${agents} signed in`;
}

export function inOrder(instances: readonly InstanceStatus[]): readonly InstanceStatus[] {
  const rank = ({ state }: InstanceStatus) => (state === "stopped" ? 1 : 0);
  return instances.toSorted(
    (a, b) => rank(a) - rank(b) || (a.instance < b.instance ? -1 : a.instance > b.instance ? 1 : 0),
  );
}
