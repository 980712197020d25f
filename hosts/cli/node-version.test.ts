import { expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { nodeTrouble, oldestNode } from "./node-version.ts";

it("asks for the Node that package.json asks for", () => {
  expect(packageJson.engines.node).toBe(`>=${oldestNode.join(".")}`);
});

it.each(["18.20.0", "20.20.2", "22.11.9"])(
  "says that %s is too old, and where it is",
  (version) => {
    expect(nodeTrouble(version)).toBe(
      `error: jackin needs Node 22.12 or newer; this is Node ${version}, at ${process.execPath}.\n→ Install a newer Node, or put one first on PATH.\n`,
    );
  },
);

it.each(["22.12.0", "23.0.0", "24.21.0", "100.1.0"])("runs on %s", (version) => {
  expect(nodeTrouble(version)).toBeUndefined();
});
