/** A secret backend by somebody else, named in `[plugins]` by its folder, in a real launch. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { inside, lookInside } from "./inside.ts";
import type { Operator } from "./operator.ts";
import { createOperator, eventually } from "./operator.ts";

const fixture = fileURLToPath(new URL("../fixtures/plugin-stranger", import.meta.url));

let lab: Lab;
let operator: Operator;
let workspace: string;
let plugins: string;

beforeAll(async () => {
  lab = await startLab({ containers: true });
  operator = await createOperator({ lab });
  const app = await operator.folder("stranger");
  workspace = `[workspaces.stranger]\nworkdir = "${app}"\nenv.API = "stranger://api"\n`;
  plugins = join(operator.env["JACKIN_CONFIG_DIR"]!, "plugins");
  await mkdir(plugins, { recursive: true });
});
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const load = () => operator.jackin(["load", "stranger", "--auth", "ignore", "--detach"]);

/** Whole paths, `./` from the configuration's folder, and a name with its path beside it. */
it.each([
  ["by its whole path", () => `[plugins."${fixture}"]`],
  ["relative to the configuration", () => `[plugins."./plugins/stranger"]`],
  ["by a name with a path", () => `[plugins.mine]\npath = "./plugins/stranger"`],
])("resolves its scheme, named %s", async (_, table) => {
  await cp(fixture, join(plugins, "stranger"), { recursive: true });
  await operator.configure(
    `${workspace}${table()}\nversion = "1.0.0"\nshout = true\nvalues.api = "it's from a stranger"\n`,
  );
  const outcome = await load();
  expect(outcome, outcome.stderr).toMatchObject({ code: 0, stdout: "stranger\n" });
  await eventually("the agent", () =>
    inside("jackin-stranger", "grep -qa ^claude /proc/$(cat /jackin/run/pid)/cmdline").then(
      () => true,
      () => false,
    ),
  );
  const { env } = await lookInside("jackin-stranger");
  expect(env["API"]).toBe("IT'S FROM A STRANGER");
  expect(outcome.stderr).not.toContain("STRANGER");
  expect(await operator.jackin(["eject", "stranger"])).toMatchObject({ code: 0 });
});

it.each([
  ["does not load", "export default () => {", 'The plugin "./plugins/broken" does not work'],
  ["is no plugin", "export default () => ({})", 'The plugin "./plugins/broken" does not work'],
  [
    "fails when it is asked",
    `export default () => ({ kind: "secret", name: "broken", scheme: "stranger",
      resolve() { throw new TypeError("of no use"); } })`,
    "API (workspace stranger): [broken] of no use",
  ],
])("names a plugin that %s, and starts nothing", async (_, code, says) => {
  const broken = join(plugins, "broken");
  await mkdir(broken, { recursive: true });
  await writeFile(join(broken, "package.json"), '{"type":"module"}');
  await writeFile(join(broken, "index.js"), code);
  await operator.configure(`${workspace}[plugins."./plugins/broken"]\n`);
  const outcome = await load();
  expect(outcome.stdout).toBe("");
  expect(outcome.stderr).toContain(says);
  expect(outcome.code).toBe(code.includes("resolve") ? 3 : 1);
  expect(await operator.containers()).toEqual([]);
});

it("names the plugin that is not there", async () => {
  await operator.configure(`${workspace}[plugins."./plugins/nowhere"]\n`);
  const outcome = await load();
  expect(outcome).toMatchObject({ code: 1, stdout: "" });
  expect(outcome.stderr).toContain("./plugins/nowhere");
  expect(outcome.stderr).toContain(join(plugins, "nowhere"));
});
