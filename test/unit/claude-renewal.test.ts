import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createNodeHost } from "../../hosts/node/host.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { createContextDouble } from "../doubles/host.ts";
import { startLab } from "../lab/lab.ts";
import { signInByHand } from "../lab/sign-in.ts";

it("the pinned Claude Code renews a login of its own making in its last minutes when auth-sync asks, and runs no hook for it", async () => {
  await using lab = await startLab();
  const home = await mkdtemp(join(tmpdir(), "jackin-renewal-"));
  try {
    const env = lab.hostClaude(home);
    // As on a real host: `.claude.json` has the account and a fresh profile, and then `auth status` renews nothing.
    const { code } = await signInByHand(lab, ["claude", "auth", "login"], { env });
    expect(code).toBe(0);
    const fired = join(home, "fired");
    const hooks = { SessionStart: [{ hooks: [{ type: "command", command: `echo > ${fired}` }] }] };
    await writeFile(join(home, ".claude/settings.json"), JSON.stringify({ hooks }));
    const file = join(home, ".claude/.credentials.json");
    const stored = JSON.parse(await readFile(file, "utf8")) as {
      claudeAiOauth: { expiresAt: number };
    };
    stored.claudeAiOauth.expiresAt = Date.now() + 200_000;
    await writeFile(file, JSON.stringify(stored));
    const host = createNodeHost({ env, home, stateDir: join(home, ".jackin") });
    const request = { instance: "a", options: { refresh: "host" }, others: [] };
    const grant = await authSync().grant(request, createContextDouble(host));
    expect(grant.notices.map(({ text }) => text)).toEqual([
      expect.stringMatching(/was about to expire and was renewed by the host's own claude/),
    ]);
    expect(grant.expiresAt).toBeGreaterThan(Date.now() + 3_600_000);
    await expect(readFile(fired)).rejects.toMatchObject({ code: "ENOENT" });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}, 120_000);
