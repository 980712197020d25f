/** What the tests of the guides share: what a guide shows and quotes, and what the code has to say. */
import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import type { Command } from "commander";
import ts from "typescript";
import { createProgram } from "../../hosts/cli/program.ts";
import type { CommandDeps } from "../../hosts/cli/command.ts";

const root = new URL("../../", import.meta.url);
export const read = (file: string): string => readFileSync(new URL(file, root), "utf8");

export interface Guide {
  readonly blocks: readonly { readonly kind: string; readonly body: string }[];
  /** The text without its blocks. */
  readonly prose: string;
  /** Command lines of jackin that it shows or names. */
  readonly commands: readonly string[];
  /** From its heading to the next one of the same rank; throws when there is no such heading. */
  sectionOf(heading: string): string;
}

export function readGuide(file: string): Guide {
  const guide = read(file);
  const blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, body]) => ({
    kind: kind!,
    body: body!,
  }));
  const prose = guide.replaceAll(/^```.*?^```$/gms, "");
  const typed = blocks
    .filter(({ kind }) => kind === "console")
    .flatMap(({ body }) =>
      body
        .trim()
        .split("\n")
        .map((line) => line.replace(/^\$ /, "")),
    );
  const named = spansOf(prose).filter((span) => /^jackin [a-z]/.test(span));
  const commands = [...new Set([...typed, ...named])].filter((line) => line.startsWith("jackin "));
  return { blocks, prose, commands, sectionOf };

  function sectionOf(heading: string): string {
    const [, rank, body] =
      new RegExp(`^(#+) ${heading}\\n(.*?)(?=^\\1 |^#{1,2} |(?![^]))`, "ms").exec(prose) ?? [];
    if (!rank) throw new Error(`${file} has no heading ${heading}`);
    return body!;
  }
}

export function spansOf(text: string): string[] {
  return [...text.matchAll(/(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/gs)].map(([, , span]) =>
    squeezed(span!),
  );
}

/** What is typed, not said. A word on what it does stands three spaces behind it. */
export function isStep(text: string): boolean {
  return (
    / {3}/.test(text) ||
    /^((→ )?(jackin|claude setup-token|npm|security|ls|kill)|\w+ =) /.test(text)
  );
}

/** Some are put together, each part a few words. */
export function isJoined(piece: string, all: string, cuts: number): boolean {
  if (all.includes(piece)) return true;
  if (cuts === 0) return false;
  const words = piece.split(" ");
  return words.some((_, at) => {
    const [front, back] = [words.slice(0, at), words.slice(at)];
    const isLong = front.length > 1 && back.length > 1;
    return isLong && all.includes(front.join(" ")) && isJoined(back.join(" "), all, cuts - 1);
  });
}

export function count(text: string): number {
  return text.split(" ").length;
}

/** The texts of a file, with `…` for what varies; `spoken` leaves out steps, help and what is thrown away. */
export function literals(file: string, spoken = false): string[] {
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

export function longestPiece(text: string): string {
  return piecesOf(text).reduce((a, b) => (b.length > a.length ? b : a), "");
}

/** What stands between what varies, without the marks around it. */
export function piecesOf(text: string): string[] {
  return squeezed(text)
    .split("…")
    .map((piece) => piece.replaceAll(/^[\s\],;:.)]+|[\s[,;:.(]+$/g, ""));
}

export function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Why this is no command line, by what the program declares; nothing is run. */
export function faultOf(line: string): string | undefined {
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
