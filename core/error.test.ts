import { describe, expect, it } from "vitest";
import { errorCodes, JackinError, toJackinError } from "./index.ts";

describe("toJackinError", () => {
  it("answers a JackinError as it is", () => {
    const error = new JackinError({ code: "usage", message: "no" });
    expect(toJackinError(error, "internal", "[x] ")).toBe(error);
  });

  it("knows one of another copy of the class by its name and code", () => {
    const foreign = Object.assign(new Error("[vault] sealed"), {
      name: "JackinError",
      code: "secret-failed",
      hint: "vault operator unseal",
    });
    expect(toJackinError(foreign, "internal", "[x] ")).toMatchObject({
      code: "secret-failed",
      message: "[vault] sealed",
      hint: "vault operator unseal",
    });
    const odd = Object.assign(new Error("odd"), { name: "JackinError", code: "toString" });
    expect(toJackinError(odd, "internal", "[x] ")).toMatchObject({
      code: "internal",
      message: "[x] odd",
    });
  });

  it("takes an abort for a cancellation", () => {
    expect(toJackinError(new DOMException("stop", "AbortError")).code).toBe("cancelled");
  });

  it.each([
    [new TypeError("boom"), "[x] boom"],
    ["text", "[x] text"],
    [3, "[x] 3"],
  ])("puts the rest under the code it is given: %s", (thrown, message) => {
    expect(toJackinError(thrown, "plugin-failed", "[x] ")).toMatchObject({
      code: "plugin-failed",
      message,
      cause: thrown,
    });
  });
});

it("has an exit code and an HTTP status for every code", () => {
  for (const { exit, status } of Object.values(errorCodes)) {
    expect([1, 2, 3, 130]).toContain(exit);
    expect(status).toBeGreaterThanOrEqual(400);
  }
});
