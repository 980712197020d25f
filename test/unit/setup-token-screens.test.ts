import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import headless from "@xterm/headless";
import { describe, expect, it } from "vitest";
import { readTokenScreen } from "../../core/token-screen.ts";
import type { TokenScreen } from "../../core/token-screen.ts";
import { toToken } from "../../core/token-text.ts";
import type { Recording } from "../fixtures/setup-token/record.ts";

const folder = fileURLToPath(new URL("../fixtures/setup-token/", import.meta.url));
const files = readdirSync(folder).filter((file) => file.endsWith(".json"));

/** On one row from here on, the frame around it included. */
const wholeFrom = { token: 110, "2.1.197": 400, "2.1.330": 80 } as const;

it("has recordings of both versions at each width", () => {
  const widths = [40, 80, 100, 200, 300, 1000];
  const names = ["2.1.197", "2.1.330"].flatMap((version) =>
    widths.map((columns) => `${version}-${columns}.json`),
  );
  expect(files).toEqual(expect.arrayContaining(names));
});

describe.each(files)("setup-token as recorded in %s", (file) => {
  const recording = JSON.parse(readFileSync(folder + file, "utf8")) as Recording;
  const { columns, token, urls } = recording;
  const isWide = columns >= wholeFrom.token;
  const hasAddress = columns >= (wholeFrom[recording.version as "2.1.330"] ?? 1000);

  function expectNothingWrong(screen: TokenScreen): void {
    if (screen.shows === "token") expect(screen.value).toBe(isWide ? token : "none at this width");
    if (screen.shows === "address") expect(hasAddress ? urls : []).toContain(screen.url);
    if (screen.shows === "cut") expect(screen.what === "token" ? isWide : hasAddress).toBe(false);
  }

  it("shows each step, and at no moment a wrong token or address", async () => {
    const emulator = openEmulator(recording);
    const steps: TokenScreen[] = [];
    for (const piece of recording.pieces) {
      const screen = await emulator.draw(piece);
      expectNothingWrong(screen);
      const last = steps.at(-1);
      if (last?.shows === screen.shows) steps.pop();
      if (screen.shows !== "other") steps.push(screen);
    }
    const isInPlace = recording.version !== "2.1.197";
    const asks = hasAddress ? "address" : "cut";
    const half = isInPlace ? ["typed", asks] : ["typed", "retry", asks];
    const wrong = ["typed", "retry", asks];
    const right = ["typed", isWide ? "token" : "cut"];
    expect(steps.map(({ shows }) => shows)).toEqual([asks, ...half, ...wrong, ...right]);
    const refusals = steps.flatMap((step) =>
      step.shows === "retry"
        ? [{ why: step.why, isRemote: step.isRemote }]
        : step.shows === "address" && step.trouble !== undefined
          ? [{ why: step.trouble, isRemote: false }]
          : [],
    );
    const whole = { why: expect.stringMatching(/^\w.*full code/), isRemote: false };
    const refused = {
      why: expect.stringMatching(/^(That code was|Request failed)/),
      isRemote: false,
    };
    expect(refusals).toEqual(isInPlace && !hasAddress ? [refused] : [whole, refused]);
  });

  it("has no moment between two bytes when a piece of the token passes for one without a doubt", () => {
    const bytes = recording.pieces.join("");
    const begin = bytes.lastIndexOf("sk-ant-");
    const emulator = openEmulator(recording);
    emulator.drawNow(bytes.slice(0, begin));
    const taken = new Set<string>();
    for (const byte of bytes.slice(begin)) {
      emulator.drawNow(byte);
      expect(emulator.look(false).shows).not.toBe("token");
      const screen = emulator.look(true);
      if (screen.shows === "token" && toToken(screen.value).doubt === undefined)
        taken.add(screen.value);
    }
    expect([...taken]).toEqual(isWide ? [token] : []);
    expect(emulator.look(true).shows).toBe(isWide ? "token" : "cut");
  });
});

function openEmulator({ columns, rows }: Recording) {
  const emulator = new headless.Terminal({
    cols: columns,
    rows,
    scrollback: 0,
    allowProposedApi: true,
  });
  const { active } = emulator.buffer;
  const toBytes = (text: string) => Buffer.from(text, "latin1");
  const look = (isStill: boolean) => {
    const row = (_: unknown, index: number) =>
      active.getLine(active.baseY + index)?.translateToString(true) ?? "";
    return readTokenScreen(Array.from({ length: rows }, row), { columns, isStill });
  };
  return {
    look,
    async draw(text: string): Promise<TokenScreen> {
      await new Promise<void>((done) => emulator.write(toBytes(text), done));
      return look(true);
    },
    /** Without a turn of the event loop for each, which is what `write` takes. */
    drawNow(text: string): void {
      const { _core: core } = emulator as unknown as {
        _core: { writeSync(data: Uint8Array): void };
      };
      core.writeSync(toBytes(text));
    },
  };
}
