import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../hosts/cli/run.ts";
import { checkConfig } from "../../hosts/node/config-file.ts";
import { toDocument } from "../../hosts/node/config-layout.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSession } from "../../plugins/auth-session/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";

const guide = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
const blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, body]) => ({
  kind: kind!,
  body: body!,
}));
const steps = blocks
  .filter(({ kind }) => kind === "console")
  .flatMap(({ body }) => body.split(/^(?=\$ )/m))
  .map((step) => {
    const [command = "", ...shown] = step.split("\n");
    return { command: command.slice(2), shown: shown.join("\n") };
  });

let home: string;
beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "jackin-guide-")));
  await mkdir(join(home, "my-app"));
});
afterAll(() => rm(home, { recursive: true }));

describe("docs/configuration.md", () => {
  it("has blocks of known kinds, and some of each", () => {
    expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(["console", "toml"]));
    expect(steps.length).toBeGreaterThan(10);
  });

  it.each(blocks.filter(({ kind }) => kind === "toml"))("shows a valid file: $body", ({ body }) => {
    const sources = [{ path: "config.toml", text: body }] as const;
    const { notices } = checkConfig(toDocument(sources), "config.toml", [
      authSync(),
      authIgnore(),
      authToken(),
      authSession(),
    ]);
    expect(notices).toEqual([]);
  });

  // In order: each step goes on from the file that the ones before have left.
  it.each(steps)(
    "shows what happens: $command",
    { timeout: 30_000 },
    async ({ command, shown }) => {
      const seen = (await type(command)).replaceAll(home, "/home/me");
      expect(columns(seen)).toBe(columns(shown));
    },
  );
});

/** What a person would see who types this. */
async function type(command: string): Promise<string> {
  const [program, ...argv] = words(command);
  if (program === "cat") return readFile(argv[0]!, "utf8");
  expect(program).toBe("jackin");
  let seen = "";
  const screen = () =>
    new PassThrough().setEncoding("utf8").on("data", (text: string) => (seen += text));
  const env = { HOME: home, PATH: process.env["PATH"], GITHUB_TOKEN: "ghp_canary0123456789" };
  await run(argv, {
    stdin: new PassThrough().end(),
    stdout: screen(),
    stderr: screen(),
    env,
    cwd: home,
    signal: new AbortController().signal,
  });
  await new Promise(setImmediate); // the streams hand on what was written
  return seen;
}

/** As a shell parts them, with quotes and `~`. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain!.replace(/^~(?=\/)/, home),
  );
}

/** A folder's name is longer here than in the guide, and so are the columns of a table. */
function columns(text: string): string {
  return text.replaceAll(/ {2,}/g, "  ");
}
