/**
 * Runs in a process of its own, by `-e` of Node, Deno or Bun: as a file of its own it would have to be found again in
 * each way that jackin is built. Asked on stdin and answered on stdout, where nobody else sees it.
 */
export const keychainProgram = `
(async () => {
  let text = "";
  for await (const part of process.stdin.setEncoding("utf8")) text += part;
  const { act, service, account, value, platform, module } = JSON.parse(text);
  const options = platform === "linux" ? { linux: { store: "secret-service" } } : undefined;
  let answer;
  try {
    const { AsyncEntry } = process.getBuiltinModule("node:module").createRequire(module)(module);
    const entry = new AsyncEntry(service, account, options);
    if (act === "read") answer = { value: await entry.getPassword() };
    if (act === "write") answer = { value: await entry.setPassword(value) };
    if (act === "remove") answer = { value: await entry.deleteCredential() };
  } catch (error) {
    answer = { error: String(error?.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer), () => process.exit(0));
})();
`;
