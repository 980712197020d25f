import { randomUUID } from "node:crypto";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { testHost } from "../../test/conformance/host.ts";
import { createNodeHost } from "./host.ts";

/** Whoever runs the tests is not to be shown notifications. */
const { DBUS_SESSION_BUS_ADDRESS: _, WAYLAND_DISPLAY: __, DISPLAY: ___, ...env } = process.env;

testHost("node", () =>
  createNodeHost({ env, stateDir: join(tmpdir(), `jackin-host-${randomUUID()}`) }),
);

describe("createNodeHost", () => {
  it("finds its folders in the environment", () => {
    const state = (env: Record<string, string>) => createNodeHost({ env }).files.state;
    expect(state({ HOME: "/home/me" })).toBe("/home/me/.jackin");
    expect(state({ HOME: "/home/me", JACKIN_HOME_DIR: "" })).toBe("/home/me/.jackin");
    expect(state({ HOME: "/home/me", JACKIN_HOME_DIR: "~/state" })).toBe("/home/me/state");
    expect(state({ HOME: "/home/me", JACKIN_HOME_DIR: "/srv/jackin/" })).toBe("/srv/jackin");
    expect(state({})).toBe(join(homedir(), ".jackin"));
    expect(createNodeHost({ home: "/a", stateDir: "/b" }).files).toMatchObject({
      home: "/a",
      state: "/b",
    });
  });

  it("finds the home of an operator whose HOME is empty, not the current folder", () => {
    vi.stubEnv("HOME", "");
    try {
      expect(createNodeHost().files.home).toBe(userInfo().homedir);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("gives programs the environment that it was given, and no other", async () => {
    const { exec } = createNodeHost({ env: { PATH: process.env["PATH"], ONLY: "this" } });
    const { stdout } = await exec("env", []);
    expect(stdout.split("\n").filter((line) => !/^(PATH|_|PWD|SHLVL)=|^$/.test(line))).toEqual([
      "ONLY=this",
    ]);
  });
});
