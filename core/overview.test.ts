import { expect, it } from "vitest";
import { createHostDouble, programMissing } from "../test/doubles/host.ts";
import type { ExecScript } from "../test/doubles/host.ts";
import { createStoreDouble } from "../test/doubles/store.ts";
import { createJackin, doctor } from "./index.ts";

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
