/** Real Claude Code processes that stay open and are asked one turn after another. */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Operator } from "../e2e/operator.ts";
import { docker } from "../e2e/operator.ts";

export interface Session extends AsyncDisposable {
  readonly name: string;
  /** One turn: what the assistant answers, be it an error. One at a time; throws when nothing comes in time. */
  say(prompt: string): Promise<string>;
}

/** Arguments of a `claude` without a screen that takes many turns by its input. */
export const streaming = [
  ["-p", "--verbose"],
  ["--input-format", "stream-json"],
  ["--output-format", "stream-json"],
].flat();

const limitMs = 60_000;

/** A process that `streaming` has been passed to. */
export function openPiped(
  name: string,
  [command, ...args]: readonly [string, ...string[]],
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Session {
  const child: ChildProcessWithoutNullStreams = spawn(command, args, options);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let answered: ((text: string) => void) | undefined;
  createInterface(child.stdout).on("line", (line) => {
    const event = parse(line);
    if (event?.["type"] === "result") answered?.(String(event["result"] ?? line));
  });
  return {
    name,
    async say(prompt) {
      const answer = new Promise<string>((resolve) => (answered = resolve));
      child.stdin.write(
        `${JSON.stringify({ type: "user", message: { role: "user", content: prompt } })}\n`,
      );
      return await inTime(
        name,
        Promise.race([answer, ended.then(() => `ended by itself: ${stderr.trim()}`)]),
      );
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      child.kill();
      await ended;
    },
  };
}

/** The agent of a running instance: typed to as an operator types, its answers read from Claude Code's own transcript. */
export async function openLaunched(operator: Operator, instance: string): Promise<Session> {
  const container = await operator.container(instance);
  const projects = join(operator.state, "instances", instance, "claude/projects");
  return {
    name: instance,
    async say(prompt) {
      const before = (await transcript(projects)).length;
      const keys = [`-t agent -l '${prompt}'`, "-t agent Enter"].map((part) => `send-keys ${part}`);
      const type = `tmux -S /jackin/run/tmux ${keys.join(" \\; ")}`;
      await docker("exec", container, "sh", "-c", type);
      return await inTime(instance, answerIn(projects, before, prompt));
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The assistant's text that follows the prompt. */
async function answerIn(projects: string, from: number, prompt: string): Promise<string> {
  for (const end = Date.now() + limitMs; Date.now() < end;) {
    const events = (await transcript(projects)).slice(from);
    const asked = events.find((event) => event.type === "user" && event.text === prompt);
    // An answer may be written before what it answers.
    const answer = asked && events.find((event) => event.type === "assistant");
    if (answer) return answer.text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return "";
}

interface Said {
  readonly type: "user" | "assistant";
  readonly text: string;
}

async function transcript(projects: string): Promise<readonly Said[]> {
  const names = await readdir(projects, { recursive: true }).catch(() => []);
  const files = names.filter((name) => name.endsWith(".jsonl"));
  const texts = await Promise.all(files.map((name) => readFile(join(projects, name), "utf8")));
  return texts
    .join("")
    .split("\n")
    .filter((line) => line.includes('"message"'))
    .flatMap((line) => {
      const event = parse(line);
      const type = event?.["type"];
      if (type !== "user" && type !== "assistant") return [];
      const { content } = event!["message"] as { content: string | { text?: string }[] };
      const parts = typeof content === "string" ? [content] : content.map(({ text }) => text ?? "");
      return [{ type, text: parts.join("") }];
    });
}

async function inTime(name: string, answer: Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => (timer = setTimeout(resolve, limitMs, "")));
  const text = await Promise.race([answer, late]);
  clearTimeout(timer);
  if (text === "") throw new Error(`${name}: no answer in ${limitMs / 1000} s`);
  return text;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
