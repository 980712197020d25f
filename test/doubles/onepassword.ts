/** The 1Password plugin on a host in memory, with vaults to write to. Each value in them begins with `canary`. */
import { expect } from "vitest";
import type { PluginContext } from "../../core/index.ts";
import { secret1password } from "../../plugins/secret-1password/index.ts";
import { visible } from "../conformance/visible.ts";
import { createOpScript, itemsIn } from "../lab/op/memory.ts";
import type { OpState, OpWholeItem } from "../lab/op/state.ts";
import { createContextDouble, createHostDouble } from "./host.ts";
import type { ExecScript } from "./host.ts";

export const token = "canary-token-0123456789";
export const title = "Claude Code token of my-app";
/** In the vault Work; where it is stored, the state says. */
export const acme: OpWholeItem = {
  id: "acmeid",
  title: "acme",
  vault: { id: "elsewhere", name: "elsewhere" },
  category: "LOGIN",
  unknown: { to: ["us"] },
  sections: [{ id: "prodid", label: "prod" }],
  fields: [
    {
      id: "plainid",
      label: "token",
      type: "CONCEALED",
      value: "canary-plain",
      reference: "op://x",
    },
    { id: "emptyid", label: "empty", type: "STRING" },
    {
      id: "deepid",
      label: "token",
      type: "CONCEALED",
      value: "canary-deep",
      section: { id: "prodid", label: "prod" },
      entropy: 12,
    },
    { id: "codeid", label: "code", type: "OTP", value: "canary-otp" },
    { id: "twin1", label: "twin", type: "STRING", value: "canary-twin" },
    { id: "twin2", label: "twin", type: "STRING", value: "canary-twin" },
  ],
};

/** Two vaults unless one is asked for; `acme` is in Work. */
export function begin(
  part: Partial<OpState> = {},
  vaults: readonly string[] = ["Work", "Private"],
) {
  const { vault: _, ...item } = acme;
  const stored = Object.fromEntries(
    vaults.map((name) => [name, name === "Work" ? { acme: item } : {}]),
  );
  const state = structuredClone({ accounts: { "my.example": { vaults: stored } }, ...part });
  return use(createOpScript(state), state);
}

export function use(exec: ExecScript | undefined, state?: OpState) {
  const host = createHostDouble(exec && { exec });
  const ctx = createContextDouble(host);
  const plugin = secret1password();
  const say = (value = token) => ctx.secret(value);
  return {
    ctx,
    plugin,
    calls: host.calls,
    state: state!,
    items: (vault: string) => itemsIn(state!)[vault] as OpWholeItem[],
    write: (place: string, value?: string, by: PluginContext = ctx) =>
      plugin.write!({ place, title, value: say(value) }, by),
    commands: () => host.calls.map(({ args }) => args.slice(0, 2).join(" ")),
  };
}

/** No part of it shows a value. */
export async function errorOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: "JackinError" });
  expect(visible(error)).not.toContain("canary");
  return error as Error & { code: string; hint: string };
}
