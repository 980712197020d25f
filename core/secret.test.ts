import { describe, expect, it } from "vitest";
import { createRedactor, createSecret } from "./index.ts";

const canary = 'sk-ant-oat01-"canary"/with+odd=chars';

describe("Secret", () => {
  it("shows its value to reveal() alone", () => {
    const secret = createSecret(canary);
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      secret.toString(),
      Object.values(secret).join(),
    ];
    expect(secret.reveal()).toBe(canary);
    for (const text of shown) expect(text).not.toContain("canary");
    expect(JSON.stringify([secret])).toBe('["***"]');
  });
});

describe("Redactor", () => {
  it("takes a value that is no well-formed text", () => {
    const redactor = createRedactor();
    redactor.add(createSecret("canary-canary-canary-\ud800"));
    expect(redactor.redact("a canary-canary-canary-\ud800 b")).toBe("a *** b");
  });

  it("hides a secret as it is, in JSON, in base64 and trimmed", () => {
    const redactor = createRedactor();
    redactor.add(createSecret(`${canary}\n`));
    const forms = [canary, JSON.stringify(canary), btoa(canary)];
    for (const form of forms) {
      const text = redactor.redact(`before ${form} after`);
      expect(text).toMatch(/^before .*\*\*\*.* after$/);
      expect(text).not.toContain("canary");
      expect(text).not.toContain(btoa(canary).slice(0, 12));
    }
  });

  it("hides each long line of a key", () => {
    const redactor = createRedactor();
    redactor.add(createSecret("-----BEGIN KEY-----\nabcdefghijklmnop1234\n-----END KEY-----"));
    expect(redactor.redact("line 2: abcdefghijklmnop1234")).toBe("line 2: ***");
  });

  it("hides a secret of 5 MB", () => {
    const redactor = createRedactor();
    const big = "x1".repeat(2_500_000);
    redactor.add(createSecret(big));
    expect(redactor.redact(`a ${big} b`)).toBe("a *** b");
  });

  it("hides the longer of two secrets that overlap, whichever came first", () => {
    const redactor = createRedactor();
    redactor.add(createSecret("abcdef"));
    redactor.add(createSecret("abcdefghijkl"));
    expect(redactor.redact("abcdefghijkl")).toBe("***");
  });

  it("leaves words alone that are too short to be secret", () => {
    const redactor = createRedactor();
    redactor.add(createSecret("on"));
    redactor.add(createSecret(""));
    expect(redactor.redact("on and on")).toBe("on and on");
  });
});
