import { describe, expect, it } from "vitest";
import { testSecretResolver } from "../../test/conformance/secret.ts";
import { createContextDouble, createHostDouble } from "../../test/doubles/host.ts";
import { secretEnv } from "./index.ts";

const variables = Object.fromEntries(
  Array.from({ length: 50 }, (_, i) => [`CANARY_${i}`, `canary-value-${i} \n"$x"`]),
);

testSecretResolver("secret-env", {
  make: secretEnv,
  host: () => createHostDouble({ env: variables }),
  present: Object.fromEntries(
    Object.entries(variables).map(([variable, value]) => [`env://${variable}`, value]),
  ),
  absent: "env://NOT_SET",
  malformed: "env://no-name",
});

describe("secret-env", () => {
  const ask = async (reference: string, env: Record<string, string> = {}) => {
    const ctx = createContextDouble(createHostDouble({ env }));
    return (await secretEnv().resolve([reference], ctx)).get(reference);
  };

  it("says how to set what is not set", async () => {
    expect(await ask("env://TOKEN")).toEqual({ status: "absent", hint: "export TOKEN=…" });
  });

  it("answers a variable that is set to nothing with that nothing", async () => {
    const answer = await ask("env://EMPTY", { EMPTY: "" });
    expect(answer?.status === "value" && answer.value.reveal()).toBe("");
  });

  it("reads jackin's own variables", async () => {
    const answer = await ask("env://JACKIN_CLAUDE_OAUTH_TOKEN", {
      JACKIN_CLAUDE_OAUTH_TOKEN: "canary",
    });
    expect(answer?.status === "value" && answer.value.reveal()).toBe("canary");
  });

  it.each(["env://constructor", "env://__proto__"])(
    "finds nothing behind %s",
    async (reference) => {
      expect((await ask(reference))?.status).toBe("absent");
    },
  );

  it.each([
    "env://",
    "env://1A",
    "env://A B",
    "env://A/B",
    "env://A?x=1",
    "env://$A",
    "abc://NAME",
  ])("refuses %s", async (reference) => {
    const answer = await ask(reference);
    expect(answer).toMatchObject({ status: "error", error: { code: "secret-failed" } });
  });
});
