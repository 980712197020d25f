import { expect, it } from "vitest";
import { createHostDouble, programMissing } from "../test/doubles/host.ts";
import type { ExecScript } from "../test/doubles/host.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import { createRuntimeDouble } from "../test/doubles/runtime.ts";
import type { AuthProvider } from "./index.ts";
import { createJackin, doctor, JackinError } from "./index.ts";

const checkOf = async (exec: ExecScript) => {
  const jackin = createJackin({
    host: createHostDouble({ exec }),
    plugins: [],
    store: createStoreDouble(),
    config: async () => ({ config: {}, notices: [] }),
  });
  return (await doctor(jackin)).find(({ name }) => name === "claude on the host");
};

it.each<[string, ExecScript, string, string]>([
  ["works", () => ({ stdout: "2.1.330 (Claude Code)\n" }), "good", "2.1.330 (Claude Code)"],
  ["is broken", () => ({ code: 1, stderr: "no glibc\n" }), "warning", "claude --version ended"],
  ["is missing", () => Promise.reject(programMissing("claude")), "warning", "was not found"],
])("tells a claude that %s", async (_, exec, state, text) => {
  expect(await checkOf(exec)).toMatchObject({ state, text: expect.stringContaining(text) });
});

it("finds only the default runtime's absence bad", async () => {
  const error = new JackinError({
    code: "runtime-missing",
    message: "not here",
    hint: "install it",
  });
  const absent = { probe: { ready: false, error } } as const;
  const jackin = createJackin({
    host: createHostDouble(),
    plugins: ["first", "second"].map((runtime) => createRuntimeDouble({ runtime, ...absent })),
    store: createStoreDouble(),
    config: async () => ({ config: {}, notices: [] }),
  });
  const checks = (await doctor(jackin)).filter(({ name }) => name.startsWith("runtime"));
  expect(checks).toEqual([
    { name: "runtime first", state: "bad", text: "not here", next: "install it" },
    { name: "runtime second", state: "warning", text: "not here", next: "install it" },
  ]);
});

it("wants a login only of the modes that are in use", async () => {
  const modeOf = (mode: string): AuthProvider => ({
    kind: "auth",
    name: `auth-${mode}`,
    mode,
    grant: () => Promise.reject(new Error("not asked")),
    health: async () => ({ state: mode === "good" ? "good" : "bad", text: mode }),
  });
  const shown = async (auth_forward: string) => {
    const jackin = createJackin({
      host: createHostDouble(),
      plugins: ["sync", "idle", "good"].map(modeOf),
      store: createStoreDouble(),
      config: async () => ({ config: { claude: { auth_forward } }, notices: [] }),
    });
    return (await doctor(jackin)).map(({ name }) => name).filter((name) => name.startsWith("mode"));
  };
  expect(await shown("idle")).toEqual(["mode idle", "mode good"]);
  expect(await shown("copy")).toEqual(["mode sync", "mode good"]);
});
