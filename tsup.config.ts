import { defineConfig } from "tsup";

export default defineConfig({
  entry: [
    "core/index.ts",
    "plugins/*/index.ts",
    "hosts/node/index.ts",
    "hosts/http/index.ts",
    "hosts/cli/main.ts",
  ],
  format: "esm",
  target: "node22",
  // tsup sets `baseUrl`, which TypeScript 6 reports as deprecated.
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
  clean: true,
});
