import { globSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { expiryBanner, revokePage } from "../../core/index.ts";
import type { TokenEntry } from "../../core/index.ts";
import { setupTokenSize, usualLimits } from "../../core/setup-token.ts";
import type { CommandDeps } from "../../hosts/cli/command.ts";
import { tellInstalled } from "../../hosts/cli/token-install.ts";
import { checkConfig } from "../../hosts/node/config-file.ts";
import { toDocument } from "../../hosts/node/config-layout.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import { secretFile } from "../../plugins/secret-file/index.ts";
import {
  count,
  faultOf,
  isJoined,
  isStep,
  literals,
  piecesOf,
  read,
  readGuide,
  spansOf,
  squeezed,
} from "./guide.ts";

const root = new URL("../../", import.meta.url);
const { blocks, prose, commands, sectionOf } = readGuide("docs/tokens.md");
const bodies = (wanted: string) =>
  blocks.flatMap(({ kind, body }) => (kind === wanted ? [body] : []));

/** The token of the guide. */
const createdAt = Date.UTC(2026, 10, 26, 12);
const entry: TokenEntry = {
  reference: "op://x7dk4mhzq2/4t3nq6vtbm/token",
  fingerprint: "8440ecf459d8",
  createdAt,
  expiresAt: createdAt + 365 * 86_400_000,
  scopes: [{ workspace: "my-app" }],
  store: "secret-1password",
  isOurs: true,
  provenAt: createdAt,
  provenBy: "status",
};

describe("docs/tokens.md", () => {
  it("has blocks of known kinds, and some of each", () => {
    expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(["console", "toml", "text"]));
  });

  it.each(bodies("toml"))("shows a valid file: %s", (text) => {
    const { config, notices } = checkConfig(
      toDocument([{ path: "config.toml", text }]),
      "config.toml",
      [authToken()],
    );
    expect(notices).toEqual([]);
    const { "secret-file": options } = (config.plugins ?? {}) as Record<string, object>;
    if (options) expect(secretFile(options).scheme).toBe("file");
  });

  it("names many commands", () => expect(commands.length).toBeGreaterThan(20));
  it.each(commands)("names a command that is there: %s", (line) => {
    expect(faultOf(line.replace(/ (< \w+|-- .*)$/, ""))).toBeUndefined();
  });
  it.each([
    "jackin workspace claude-token rotat my-app",
    "jackin config auth rotate-token my-app",
    "jackin workspace claude-token setup my-app --reus X",
  ])("would not pass: %s", (line) => expect(faultOf(line)).toBeDefined());

  it("shows what a setup and a banner say", () => {
    let shown = "";
    const deps = { out: (text: string) => (shown += `${text}\n`), err() {}, notices() {} };
    const request = { scopes: entry.scopes, from: { reference: entry.reference } };
    const installed = { entry, replaced: [], notices: [] };
    tellInstalled(deps as unknown as CommandDeps, installed, request);
    const { expiresAt } = entry;
    const banner = expiryBanner(entry, entry.scopes[0]!, expiresAt! - 6.5 * 86_400_000)!;
    expect(bodies("text")).toEqual([shown, `${banner.text}\n→ ${banner.next}\n`]);
  });

  it("says when banners come, and what they are", () => {
    const { expiresAt } = entry;
    const levelAt = (days: number) =>
      expiryBanner(entry, {}, expiresAt! - days * 86_400_000)?.level;
    expect([31, 29, 8, 6, -1].map(levelAt)).toEqual([
      undefined,
      "warning",
      "warning",
      "urgent",
      "urgent",
    ]);
    expect(squeezed(sectionOf("Look after it"))).toMatch(
      /until 30 days before.*in the last 7 days/,
    );
  });

  it("says how long the sign-in waits, and where a token is revoked", () => {
    const minutes = usualLimits.code / 60_000;
    expect(squeezed(sectionOf("Set up"))).toContain(`You have ${minutes} minutes.`);
    expect(setupTokenSize.columns).toBeGreaterThan(108);
    expect(sectionOf("What a token can and cannot do")).toContain(revokePage);
  });

  it("has each way of delivery, and each check of the doctor", () => {
    const ways = /picklist\((\[.*?\])\)/.exec(read("plugins/auth-token/index.ts"))?.[1];
    const section = sectionOf("How the agent gets it");
    for (const way of JSON.parse(ways!) as string[])
      expect(section).toContain(`deliver = "${way}"`);
    const names = [...read("core/token-examine.ts").matchAll(/\bname = "(\w+)"|name: "(\w+)"/g)];
    const checks = new Set(names.map(([, set, said]) => set ?? said));
    const told = [...sectionOf("Look after it").matchAll(/^- `(\w+)`/gm)].map(([, name]) => name);
    expect(told.toSorted()).toEqual([...checks].toSorted());
  });

  it("quotes nothing that is not said any more", () => {
    const all = globSync("{core,plugins,hosts}/**/*.ts", { cwd: root })
      .filter((file) => !file.endsWith(".test.ts"))
      .flatMap((file) => literals(file))
      .map(squeezed)
      .join("\n");
    const messages = spansOf(sectionOf("What it says")).filter((span) => !isStep(span));
    expect(messages.length).toBeGreaterThan(12);
    const stale = [...messages, "Undone:", "All is as it was before.", "Could not be undone:"]
      .flatMap(piecesOf)
      .filter((piece) => count(piece) > 2 && !isJoined(piece, all, 2));
    expect(stale).toEqual([]);
    expect(prose).toContain("`All is as it was before.`");
  });

  it("leads to headings that are there", () => {
    const links = [...prose.matchAll(/\]\((\w+\.md)#([\w-]+)\)/g)];
    expect(links.length).toBeGreaterThan(0);
    for (const [, file, anchor] of links) {
      const headings = [...read(`docs/${file}`).matchAll(/^#+ (.+)$/gm)].map(([, text]) =>
        text!
          .toLowerCase()
          .replaceAll(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      );
      expect(headings).toContain(anchor);
    }
  });
});
