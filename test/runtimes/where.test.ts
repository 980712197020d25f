import { expect, it } from "vitest";

// Without it, a runner that hands its tests to another runtime would prove nothing.
it("runs where it should", () => {
  const wanted = process.env["JACKIN_TEST_RUNTIME"];
  expect(wanted).toBeTruthy();
  expect(navigator.userAgent.startsWith(`${wanted}/`), navigator.userAgent).toBe(true);
});
