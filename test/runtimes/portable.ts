/** Tests whose code promises to run on every runtime: core, the plugins that need no machine of their own, the HTTP app. */
export const portableTests: readonly string[] = [
  "core/**/*.test.ts",
  "plugins/auth-*/**/*.test.ts",
  "plugins/secret-*/**/*.test.ts",
  "hosts/http/**/*.test.ts",
];
