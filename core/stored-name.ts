/** Names of what jackin stores: known by its words to a person, and by its end to jackin, which removes nothing of another name. */

const digits = 12;
const pattern = new RegExp(`^[a-z0-9-]+-[0-9a-f]{${digits}}$`);

/** Lower-case letters, digits and `-`; no other is equal to it. */
export function toStoredName(title: string): string {
  const words = title
    .normalize("NFKD")
    .toLowerCase()
    .match(/[a-z0-9]+/g) ?? ["secret"];
  const random = crypto.getRandomValues(new Uint8Array(digits / 2));
  const end = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${words.join("-").slice(0, 48).replace(/-$/, "")}-${end}`;
}

export function isStoredName(name: string): boolean {
  return pattern.test(name);
}
