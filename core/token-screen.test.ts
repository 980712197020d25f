import { describe, expect, it } from "vitest";
import { readTokenScreen } from "./token-screen.ts";

const token = `sk-ant-oat01-${"a-B_9".repeat(19)}`;
const url = `https://claude.ai/oauth/authorize?I${"s".repeat(43)}`;
const read = (...rows: readonly string[]) => readTokenScreen(rows, { columns: 120, isStill: true });

describe("readTokenScreen", () => {
  it("finds a token whatever is said around it", () => {
    const whole = { shows: "token", value: token };
    expect(read("", ` ${token}`, "", " Store it.")).toEqual(whole);
    expect(read(token)).toEqual(whole);
    expect(read("Voilà :", ` "${token}" `, "À bientôt.")).toEqual(whole);
    expect(read("╭──╮", `│ ${token} │`, "╰──╯")).toEqual(whole);
    expect(read(token, "", `export CLAUDE_CODE_OAUTH_TOKEN=${token}`)).toEqual(whole);
  });

  it.each([
    ["goes on in the next row", [token.slice(0, 99), token.slice(99)]],
    ["goes on in the next row of a box", [`│ ${token.slice(0, 99)} │`, `│ ${token.slice(99)} │`]],
    ["reaches the edge", ["x".repeat(12) + token, "", "Store it."]],
    ["is cut short by the program", [`${token.slice(0, 60)}…`, "", "Store it."]],
    ["runs into what was there before", [`${token.slice(0, 60)}&code=true`, "", "Store it."]],
    ["is drawn twice, and differently", [token, "", `or ${token.slice(0, -1)}`]],
  ])("does not take a token that %s", (_, rows) => {
    expect(read(...rows)).toEqual({ shows: "cut", what: "token" });
  });

  it("takes nothing for whole while it is drawn", () => {
    const drawing = (...rows: readonly string[]) =>
      readTokenScreen(rows, { columns: 120, isStill: false }).shows;
    expect(drawing(token, "", "Store it.")).toBe("drawing");
    expect(drawing(token.slice(0, 40))).toBe("drawing");
    expect(drawing(url, "", " Paste code here")).toBe("drawing");
    expect(drawing("That code was wrong.", "", "Press Enter to retry")).toBe("drawing");
    expect(drawing("Opening browser to sign in…")).toBe("other");
  });

  it("finds the address, and not one that is broken over rows", () => {
    const asks = (...rows: readonly string[]) => read("Welcome to Claude Code", "", ...rows);
    const prompt = ["", " Paste code here if prompted >"];
    expect(asks(url, ...prompt)).toEqual({ shows: "address", url });
    expect(asks(` ${url} `, ...prompt)).toEqual({ shows: "address", url });
    expect(asks(url.slice(0, 60), url.slice(60), ...prompt)).toMatchObject({ shows: "cut" });
    expect(asks(url.padEnd(120, "s"), ...prompt)).toEqual({ shows: "cut", what: "address" });
    // Nothing is asked for: an address that is only told.
    expect(asks(url, "", " Visit it.")).toMatchObject({ shows: "other" });
    expect(asks("See https://claude.ai/settings/claude-code", ...prompt).shows).toBe("other");
  });

  it("finds a typed code by its mask", () => {
    for (const typed of ["│ *****abcdef │", "> •••", " ●●●●"])
      expect(read(url, "", "Paste code here", typed)).toEqual({ shows: "typed" });
  });

  it("says what is said about a code, in one line", () => {
    const trouble = ["", " ✘ That doesn't look like it.", "   Copy all of it."];
    expect(read(url, "", " Paste code", " ╭─╮", " │ │", " ╰─╯", ...trouble)).toEqual({
      shows: "address",
      url,
      trouble: "That doesn't look like it. Copy all of it.",
    });
    const rows = [" ✘ OAuth error: That code wasn't", "   accepted.", "", " Press Enter to retry."];
    expect(read("Welcome", "", ...rows)).toEqual({
      shows: "retry",
      why: "That code wasn't accepted.",
      isRemote: false,
    });
  });

  it.each([
    ["connect ECONNREFUSED 127.0.0.1:9", true],
    ["Couldn't get an answer from the sign-in service (EAI_AGAIN).", true],
    ["Check that the proxy set in HTTPS_PROXY allows connections.", true],
    ["unable to verify the first certificate", true],
    ["Request failed with status code 503", true],
    ["Request failed with status code 400", false],
    ["It may be incomplete, expired, or from an earlier sign-in attempt.", false],
    ["Invalid code. Please make sure the full code was copied", false],
    ["Irgendetwas", false],
  ])("tells a service that cannot be reached from a code that is refused: %s", (why, isRemote) => {
    expect(read(` ${why}`, "", " Press Enter to retry")).toEqual({ shows: "retry", why, isRemote });
  });

  it("tells the last words of what it does not know, without the picture", () => {
    const rows = ["Welcome", "  ██▓░", "..........", "", "error: unknown command 'setup-token'"];
    expect(read(...rows)).toEqual({
      shows: "other",
      text: "Welcome error: unknown command 'setup-token'",
    });
    expect(read("", "  ")).toEqual({ shows: "other", text: "" });
  });
});
