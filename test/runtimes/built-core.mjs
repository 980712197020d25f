// The built core, with the built plugins that need no machine: one launch in a world of plain objects, on any runtime.
import { createJackin } from "jackin/core";
import { authIgnore } from "jackin/plugins/auth-ignore";
import { authToken } from "jackin/plugins/auth-token";
import { secretEnv } from "jackin/plugins/secret-env";

const canary = `sk-ant-oat01-${"canary-".repeat(20).slice(0, 95)}`;

export async function checkBuiltCore() {
  const kept = new Map();
  const started = [];
  const jackin = createJackin({
    host: { platform: "unknown", env: { TOKEN: canary }, clock: { now: () => 1 } },
    plugins: [authIgnore(), authToken(), secretEnv(), createRuntime(started)],
    store: {
      getItem: async (key) => kept.get(key),
      setItem: async (key, value) => void kept.set(key, structuredClone(value)),
      removeItem: async (key) => void kept.delete(key),
      getKeys: async () => [...kept.keys()],
    },
    config: async () => ({
      config: { env: { CLAUDE_CODE_OAUTH_TOKEN: "env://TOKEN" } },
      notices: [],
    }),
  });
  const launched = await jackin.load({ target: "/srv/app", mode: "token" });
  check(launched.line === "claude auth: long-lived OAuth token", launched.line);
  check(
    started[0].grant.env.CLAUDE_CODE_OAUTH_TOKEN.reveal() === canary,
    "the token did not arrive",
  );
  check(jackin.redactor.redact(`x ${canary}`) === "x ***", "the redactor does not know the token");
  const shown = JSON.stringify([launched, started, [...kept]]);
  check(!shown.includes("canary"), "the token shows");
  const { instances } = await jackin.status();
  check(instances.length === 1 && instances[0].state === "running", JSON.stringify(instances));
  const stopped = await jackin.eject("app");
  check(stopped.state === "stopped", stopped.state);
}

function createRuntime(started) {
  return {
    kind: "runtime",
    name: "runtime-memory",
    runtime: "memory",
    probe: async () => ({ ready: true, detail: "memory" }),
    start: async (spec) => (started.push(spec), { notices: [] }),
    attach: async () => ({ ended: true, code: 0 }),
    run: async () => ({ code: 0, stdout: "" }),
    list: async () => started.map(({ instance, labels }) => ({ instance, labels, running: true })),
    stop: async (instance) =>
      void started.splice(
        started.findIndex((spec) => spec.instance === instance),
        1,
      ),
  };
}

function check(claim, otherwise) {
  if (!claim) throw new Error(otherwise);
}
