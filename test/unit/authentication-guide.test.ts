import { globSync, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import type { Command } from "commander";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { classifyFailure } from "../../core/failure-words.ts";
import type { DriftState, FailureCause } from "../../core/index.ts";
import { createProgram } from "../../hosts/cli/program.ts";
import type { CommandDeps } from "../../hosts/cli/command.ts";
import { checkConfig } from "../../hosts/node/config-file.ts";
import { toDocument } from "../../hosts/node/config-layout.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSession } from "../../plugins/auth-session/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";

const root = new URL("../../", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), "utf8");
const plugins = [authSync(), authIgnore(), authToken(), authSession()];

const guide = read("docs/authentication.md");
const blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, body]) => ({
  kind: kind!,
  body: body!,
}));
const prose = guide.replaceAll(/^```.*?^```$/gms, "");
const spansOf = (text: string) =>
  [...text.matchAll(/(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/gs)].map(([, , span]) => squeezed(span!));

describe("docs/authentication.md", () => {
  it("has blocks of known kinds, and some of each", () => {
    expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(["console", "toml", "text"]));
  });

  it.each(blocks.filter(({ kind }) => kind === "toml"))("shows a valid file: $body", ({ body }) => {
    const sources = [{ path: "config.toml", text: body }] as const;
    const { notices } = checkConfig(toDocument(sources), "config.toml", plugins);
    expect(notices).toEqual([]);
  });

  const typed = blocks
    .filter(({ kind }) => kind === "console")
    .flatMap(({ body }) =>
      body
        .trim()
        .split("\n")
        .map((line) => line.replace(/^\$ /, "")),
    );
  const named = spansOf(prose).filter((span) => /^jackin [a-z]/.test(span));
  const lines = [...new Set([...typed, ...named])].filter((line) => line.startsWith("jackin "));

  it("names many commands", () => expect(lines.length).toBeGreaterThan(20));
  it.each(lines)("names a command that is there: %s", (line) => {
    expect(faultOf(line)).toBeUndefined();
  });
  it.each(["jackin auth sing", "jackin auth sync --al", "jackin keeper stop now"])(
    "would not pass: %s",
    (line) => expect(faultOf(line)).toBeDefined(),
  );

  it.each(plugins.map(({ mode }) => mode))("describes mode %s, and its line", async (mode) => {
    const section = sectionOf(mode);
    const [line] = /`claude auth: [^`]+`/.exec(section) ?? [];
    expect(literals(`plugins/auth-${mode}/index.ts`)).toContain(line?.slice(1, -1));
  });

  it("has each state of auth status", () => {
    const states: Record<DriftState, true> = {
      fresh: true,
      behind: true,
      expired: true,
      dead: true,
      hollow: true,
      missing: true,
      shadowed: true,
      unknown: true,
    };
    const told = [...sectionOf("jackin auth status").matchAll(/^- `(\w+)`:/gm)];
    expect(told.map(([, state]) => state)).toEqual(Object.keys(states));
  });

  it("has what Claude Code says for each cause", () => {
    const causes: Record<Exclude<FailureCause, "unknown">, true> = {
      "not-signed-in": true,
      "not-renewed": true,
      expired: true,
      revoked: true,
      refused: true,
      malformed: true,
      scope: true,
      policy: true,
      quota: true,
    };
    const panels = [...sectionOf("When Claude Code is refused").matchAll(/^### (.+)$/gm)].flatMap(
      ([, heading]) => spansOf(heading!),
    );
    expect(panels.length).toBeGreaterThan(10);
    const known = new Set(panels.map((panel) => classifyFailure(panel)));
    expect([...known].toSorted()).toEqual(Object.keys(causes).toSorted());
  });

  /** What these files say is said to the operator. Steps (`next`, `hint`) explain themselves. */
  const speaking = globSync(
    [
      "plugins/auth-*/*.ts",
      "core/{deliver,drift,explain,failure,following,refresh,reports,surroundings-notices,token}.ts",
      "hosts/cli/{auth-explain,auth-login,keeper-commands,keeping}.ts",
    ],
    { cwd: root },
  ).filter((file) => !file.endsWith(".test.ts"));
  const said = squeezed(prose);
  /** Said while something goes on, and gone. */
  const passing = ["looking at the credentials"];
  it.each(speaking)("has each message of %s", (file) => {
    const missing = literals(file, true)
      .filter((text) => !isStep(text))
      .map(longestPiece)
      .filter((piece) => count(piece) > 3 && !said.includes(piece) && !passing.includes(piece));
    expect(missing).toEqual([]);
  });

  it("has no message that nothing says any more", () => {
    const sources = globSync("{core,plugins,hosts}/**/*.ts", { cwd: root });
    const all = sources
      .filter((file) => !file.endsWith(".test.ts"))
      .flatMap((file) => literals(file))
      .map(squeezed)
      .join("\n");
    const messages = spansOf(sectionOf("What every message means")).filter((span) => !isStep(span));
    expect(messages.length).toBeGreaterThan(100);
    const stale = messages
      .flatMap(piecesOf)
      .filter((piece) => count(piece) > 2 && !isJoined(piece, all, 2));
    expect(stale).toEqual([]);
    expect(stale).toEqual([]);
  });
});

/** What is typed, not said. A word on what it does stands three spaces behind it. */
function isStep(text: string): boolean {
  return (
    / {3}/.test(text) ||
    /^((→ )?(jackin|claude setup-token|npm|security|ls|kill)|\w+ =) /.test(text)
  );
}

/** Some are put together, each part a few words. */
function isJoined(piece: string, all: string, cuts: number): boolean {
  if (all.includes(piece)) return true;
  if (cuts === 0) return false;
  const words = piece.split(" ");
  return words.some((_, at) => {
    const [front, back] = [words.slice(0, at), words.slice(at)];
    const isLong = front.length > 1 && back.length > 1;
    return isLong && all.includes(front.join(" ")) && isJoined(back.join(" "), all, cuts - 1);
  });
}

function count(text: string): number {
  return text.split(" ").length;
}

/** From its heading to the next one of the same rank. */
function sectionOf(heading: string): string {
  const [, rank, body] = new RegExp(
    `^(#+) ${heading}\\n(.*?)(?=^\\1 |^#{1,2} |(?![^]))`,
    "ms",
  ).exec(prose) ?? ["", "", ""];
  expect(rank, heading).not.toBe("");
  return body!;
}

/** The texts of a file, with `…` for what varies; `spoken` leaves out steps, help and what is thrown away. */
function literals(file: string, spoken = false): string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  visit(source);
  return found;

  function visit(node: ts.Node): void {
    if (spoken && isUnspoken(node)) return;
    if (ts.isStringLiteralLike(node)) found.push(...node.text.split("\n"));
    if (ts.isTemplateExpression(node)) {
      const pieces = [node.head, ...node.templateSpans.map(({ literal }) => literal)];
      const text = pieces.map((piece) => piece.text).join("…");
      found.push(...text.split("\n"));
    }
    ts.forEachChild(node, visit);
  }

  function isUnspoken(node: ts.Node): boolean {
    if (ts.isPropertyAssignment(node)) return /^(next|hint)$/.test(node.name.getText());
    if (ts.isVariableDeclaration(node)) return /^(next|again)$/.test(node.name.getText());
    if (ts.isImportDeclaration(node)) return true;
    const called = ts.isCallExpression(node) && node.expression.getText();
    return (
      called !== false &&
      /^commandGroup$|\.(summary|description|option|argument|addHelpText)$/.test(called)
    );
  }
}

function longestPiece(text: string): string {
  return piecesOf(text).reduce((a, b) => (b.length > a.length ? b : a), "");
}

/** What stands between what varies, without the marks around it. */
function piecesOf(text: string): string[] {
  return squeezed(text)
    .split("…")
    .map((piece) => piece.replaceAll(/^[\s\],;:.)]+|[\s[,;:.(]+$/g, ""));
}

function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Why this is no command line, by what the program declares; nothing is run. */
function faultOf(line: string): string | undefined {
  const stream = new PassThrough();
  const io = { stdin: stream, stdout: stream, stderr: stream, env: {}, cwd: "/" };
  const deps = { io } as unknown as CommandDeps;
  const words = line.match(/'[^']*'|\S+/g)!.slice(1);
  let command: Command = createProgram(deps, []);
  for (;;) {
    const next = command.commands.find((each) => each.name() === words[0]);
    if (!next) break;
    command = next;
    words.shift();
  }
  if (command.commands.length > 0) return `no command ${words[0]} in ${command.name()}`;
  const { unknown, operands } = command.parseOptions(words);
  if (unknown.length > 0) return `no option ${unknown[0]}`;
  const { registeredArguments: takes } = command;
  const required = takes.filter((each) => each.required).length;
  return operands.length > takes.length || operands.length < required ? "arguments" : undefined;
}
