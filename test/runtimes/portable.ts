/** Tests whose code promises to run on every runtime: core, the plugins that need no machine of their own, the HTTP app. */
export const portableTests: readonly string[] = [
  "core/**/*.test.ts",
  "plugins/auth-*/**/*.test.ts",
  "plugins/secret-{env,1password}/**/*.test.ts",
  // Its other test, and all of secret-file's, are about a real machine: Node's host, files with owners, programs.
  "plugins/secret-keychain/index.test.ts",
  "hosts/http/**/*.test.ts",
];
