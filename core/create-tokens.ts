import { JackinError } from "./error.ts";
import type { EditConfig } from "./edit-config.ts";
import type { CallOptions } from "./jackin.ts";
import type { LaunchRequest } from "./launch.ts";
import { pick, planLaunch } from "./launch.ts";
import { lockInstances } from "./reserve.ts";
import { findToken } from "./token.ts";
import { bringAlong, restartAgent } from "./token-agents.ts";
import { startCapture } from "./token-capture.ts";
import { examineToken } from "./token-examine.ts";
import { installToken } from "./token-install.ts";
import { listTokens, names } from "./token-list.ts";
import { isTokenAccepted } from "./token-proof.ts";
import { releaseTokens, retireToken } from "./token-release.ts";
import { listPlaces } from "./token-store.ts";
import { checkScope, noOwnToken, toReference } from "./token-use.ts";
import type { TokenParts, Tokens } from "./tokens.ts";

/** Each part of the life of a token is a file of its own; here they get what they work with. */
export function createTokens(parts: TokenParts): Tokens {
  const { machine, plugins, context } = parts;
  const { store, host } = machine;
  return {
    places: (call = {}) => listPlaces(plugins, store, call.of, context(call)),
    async capture(call = {}) {
      const ctx = context(call);
      const runtime = await pick(plugins, "runtime", call.runtime).probe(ctx);
      if (!runtime.ready) throw runtime.error;
      return await startCapture(ctx);
    },
    async install(request, call) {
      const readConfig = async () => (await parts.config()).config;
      const all = { machine, plugins, editConfig: editor(), readConfig };
      return await installToken(all, request, context(call));
    },
    async list(call) {
      const [{ config }, instances] = await look(call);
      return await listTokens(machine, config, instances);
    },
    async own(scope, verb, call) {
      const [{ config }, instances] = await look(call);
      checkScope(config, scope);
      const tokens = await listTokens(machine, config, instances);
      const found = tokens.find((token) => names(token, scope));
      if (!found) throw noOwnToken(config, scope, verb);
      return found;
    },
    ofLaunch,
    async examine(scope, call = {}) {
      const [{ config }, instances] = await look(call);
      const all = { machine, plugins, config, instances };
      return await examineToken(all, scope, call, context(call));
    },
    async bringAlong(reference, call) {
      await using _lock = await lockInstances(context(call));
      const [{ config }, instances] = await look(call);
      const live = instances.filter(({ state }) => state !== "stopped");
      return await bringAlong(machine, live, reference, { config, plugins }, context(call));
    },
    restart: (instance, call) => restartAgent(parts, instance, call),
    async isAccepted(named, { scope = {}, runtime, ...call } = {}) {
      const { config } = await parts.config();
      const at = { config, scope, runtime };
      return await isTokenAccepted(machine, plugins, toReference(named), at, context(call));
    },
    retire: (reference, call) => retireToken(parts, reference, call),
    release: (request, call) => releaseTokens({ ...parts, editConfig: editor() }, request, call),
  };

  function look(call?: CallOptions) {
    return Promise.all([
      parts.config(),
      parts.status(call).then(({ instances }) => instances),
    ] as const);
  }

  async function ofLaunch(request: LaunchRequest, call?: CallOptions) {
    const { config } = await parts.config();
    const plan = await planLaunch(config, request, plugins, host);
    const { wanted, of = {} } = plan.provider.needsToken
      ? findToken(plan.scopes)
      : { wanted: undefined };
    if (!wanted) return undefined;
    const { instances } = await parts.status(call);
    const reference = toReference(wanted.value);
    const tokens = await listTokens(machine, config, instances);
    const found = tokens.find((token) => names(token, of));
    return { agents: [], ...found, reference, scopes: [of] };
  }

  function editor(): EditConfig {
    if (parts.editConfig) return parts.editConfig;
    throw new JackinError({
      code: "host-failed",
      message: "This host does not write the configuration.",
    });
  }
}
