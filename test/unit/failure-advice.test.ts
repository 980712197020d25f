import { describe, expect, it } from "vitest";
import { authIgnore } from "../../plugins/auth-ignore/index.ts";
import { authSession } from "../../plugins/auth-session/index.ts";
import { authSync } from "../../plugins/auth-sync/index.ts";
import { authToken } from "../../plugins/auth-token/index.ts";
import { adviseOn } from "../../core/failure.ts";
import type { FailureCause } from "../../core/index.ts";

const providers = [authSync(), authToken(), authSession(), authIgnore()];
const sync = /^claude auth login /;
const rotate = /^jackin config auth rotate-token .*\njackin eject my-app/;
const inside = /^jackin hardline my-app .*\/login/;
const login = /^jackin auth login/;
const restart = /^jackin eject my-app, then load it again/;
const explain = /^jackin auth explain my-app/;
const wait = /^wait/;

/** The whole table: for each cause, the next step in sync, token, session, ignore. */
const table: readonly [FailureCause, RegExp, RegExp, RegExp, RegExp][] = [
  ["not-signed-in", sync, restart, login, inside],
  ["not-renewed", restart, restart, login, inside],
  ["expired", sync, rotate, login, inside],
  ["revoked", sync, rotate, login, inside],
  ["refused", /claude auth login.*\njackin auth explain my-app/, explain, login, explain],
  ["malformed", explain, /explain my-app.*\njackin config auth doctor-token/, explain, explain],
  ["scope", sync, /sync or session/, /./, inside],
  ["policy", explain, explain, explain, explain],
  ["quota", wait, wait, wait, wait],
  ["unknown", explain, explain, explain, explain],
];

describe.each(table)("an agent that was refused: %s", (cause, ...nexts) => {
  it.each(providers.map((provider, index) => [provider.mode, provider, nexts[index]!] as const))(
    "in mode %s",
    (mode, provider, next) => {
      const failure = { cause, text: "what it said", instance: "my-app", mode, at: 0 };
      const notice = adviseOn(failure, provider);
      expect(notice.text).toContain("my-app");
      expect(notice.next).toMatch(next);
      if (cause === "quota") expect(notice.next).not.toMatch(/login/);
      // Only what Claude Code says may say that something has expired.
      if (cause !== "expired") expect(notice.text).not.toMatch(/has expired|is expired/);
    },
  );
});
