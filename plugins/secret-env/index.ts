import { JackinError, throwIfAborted } from "../../core/index.ts";
import type { PluginContext, SecretAnswer, SecretResolver } from "../../core/index.ts";

const name = "secret-env";
const scheme = "env";

/** Answers `env://NAME` from the operator's environment. A variable that is set to nothing is a value; core judges it. */
export function secretEnv(): SecretResolver {
  return {
    kind: "secret",
    name,
    scheme,
    async resolve(references, ctx) {
      throwIfAborted(ctx.signal);
      return new Map(references.map((reference) => [reference, answer(reference, ctx)]));
    },
  };
}

function answer(reference: string, ctx: PluginContext): SecretAnswer {
  const variable = reference.slice(`${scheme}://`.length);
  if (!reference.startsWith(`${scheme}://`) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
    const error = new JackinError({
      code: "secret-failed",
      message: `[${name}] ${JSON.stringify(reference)} names no environment variable`,
      hint: `write ${scheme}://NAME: letters, digits and _, no digit first`,
    });
    return { status: "error", error };
  }
  // Own members only: `env://constructor` is a variable like any other.
  const value = Object.hasOwn(ctx.host.env, variable) ? ctx.host.env[variable] : undefined;
  if (value === undefined) return { status: "absent", hint: `export ${variable}=…` };
  return { status: "value", value: ctx.secret(value) };
}
