// `deno run --no-prompt`, without a single permission.
import { checkBuiltCore } from "./built-core.mjs";

for (const name of ["read", "env", "net", "run", "sys", "write"]) {
  const { state } = await Deno.permissions.query({ name });
  if (state === "granted") throw new Error(`permission ${name} is granted`);
}
await checkBuiltCore();
