// On a machine: a real Secret Service, by the host of Node.
import { expect, it } from "vitest";
import { createNodeHost } from "../../hosts/node/host.ts";
import { createContextDouble } from "../../test/doubles/host.ts";
import { openSecretService } from "../../test/lab/secret-service.ts";
import { secretKeychain } from "./index.ts";

it("keeps a token in a real Secret Service", async () => {
  await using service = await openSecretService();
  await service.start("open");
  const ctx = createContextDouble(createNodeHost({ env: service.env }));
  const plugin = secretKeychain();
  const read = async (reference: string) => {
    const answer = (await plugin.resolve([reference], ctx)).get(reference);
    return answer?.status === "value" ? answer.value.reveal() : answer?.status;
  };
  expect(await plugin.places!(ctx)).toEqual([{ place: "keychain", text: "Secret Service" }]);
  const request = (place: string, value: string) => ({
    place,
    title: "my-app",
    value: ctx.secret(value),
  });
  const made = await plugin.write!(request("keychain", "canary-first"), ctx);
  expect(made.reference).toMatch(/^keychain:\/\/jackin\/my-app-[0-9a-f]{12}$/);
  const replaced = await plugin.write!(request(made.reference, "canary-second"), ctx);
  expect(await read(made.reference)).toBe("canary-second");
  await replaced.undo(ctx);
  expect(await read(made.reference)).toBe("canary-first");
  expect(await plugin.remove!(made.reference, ctx)).toBe("removed");
  expect(await read(made.reference)).toBe("absent");
  expect(await service.find({ service: "jackin" })).toEqual([]);
  await service.stop();
  expect(await plugin.places!(ctx)).toMatchObject([
    {
      error: {
        message: expect.stringMatching(/^\[secret-keychain\] No Secret Service runs here/),
      },
    },
  ]);
});
