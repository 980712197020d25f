import { Writable } from "node:stream";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "./program.ts";
import type { CommandDeps } from "./command.ts";

const output: string[] = [];
const stdout = new Writable({
  write(chunk, _, done) {
    output.push(String(chunk));
    done();
  },
});
const program = createProgram({ io: { stdout, stderr: stdout } } as CommandDeps, []);

function all(command: Command, path: readonly string[]): [string, Command][] {
  const inside = command.commands.flatMap((one) => all(one, [...path, one.name()]));
  return [[path.join(" "), command], ...inside];
}

describe("the help", () => {
  it.each(all(program, ["jackin"]))(
    "of %s fits a terminal of 80 columns, and reads well",
    (_, command) => {
      output.length = 0;
      command.outputHelp();
      const lines = output.join("").split("\n");
      expect(lines[0]).toMatch(/^Usage: jackin/);
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      expect(lines[2]).toMatch(/^[A-Z]/);
      expect(command.description()).toMatch(/\.$/);
      // What the list of commands says goes on after a name: no sentence.
      if (command !== program) expect(command.summary()).toMatch(/^[a-z]/);
      expect(lines.join("\n")).not.toMatch(/default: \[|display help/);
    },
  );
});
