import { globSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { classifyFailure } from "../../core/failure-words.ts";
import type { DriftState, FailureCause } from "../../core/index.ts";
import { checkConfig } from "../../hosts/node/config-file.ts";
import { toDocument } from "../../hosts/node/config-layout.ts";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSession } from "../../plugins/auth-session/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import {
  count,
  faultOf,
  isJoined,
  isStep,
  literals,
  longestPiece,
  piecesOf,
  readGuide,
  spansOf,
  squeezed,
} from "./guide.ts";

const root = new URL("../../", import.meta.url);
const plugins = [authSync(), authIgnore(), authToken(), authSession()];
const { blocks, prose, commands: lines, sectionOf } = readGuide("docs/authentication.md");

describe("docs/authentication.md", () => {
  it("has blocks of known kinds, and some of each", () => {
    expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(["console", "toml", "text"]));
  });

  it.each(blocks.filter(({ kind }) => kind === "toml"))("shows a valid file: $body", ({ body }) => {
    const sources = [{ path: "config.toml", text: body }] as const;
    const { notices } = checkConfig(toDocument(sources), "config.toml", plugins);
    expect(notices).toEqual([]);
  });

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
  });
});
