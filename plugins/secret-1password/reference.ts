import { JackinError } from "../../core/index.ts";

export interface OpReference {
  readonly vault: string;
  readonly item: string;
  readonly section: string | undefined;
  readonly field: string;
  /** With its `?`, or empty. */
  readonly query: string;
}

/** Letters and digits of any script, `-`, `_`, `.` and space inside; anything else has to be named by id. */
const segment = /^[\p{L}\p{N}_.-]([\p{L}\p{M}\p{N}_. -]*[\p{L}\p{M}\p{N}_.-])?$/u;

/** `op://vault/item[/section]/field[?attribute=otp|?ssh-format=openssh]`, checked before any call. */
export function parseReference(reference: string): OpReference | JackinError {
  const [, path = "", query = ""] = /^op:\/\/([^?]*)(\?.*)?$/s.exec(reference) ?? [];
  const parts = path.split("/");
  const [vault, item, third, fourth] = parts;
  const bad = parts.find((part) => !segment.test(part));
  if (!vault || !item || !third || parts.length > 4)
    return refused(
      reference,
      "is no 1Password reference",
      "write op://vault/item/field, or op://vault/item/section/field",
    );
  if (bad !== undefined)
    return refused(
      reference,
      `has a name that cannot stand in a reference (${JSON.stringify(bad)})`,
      "letters, digits, - _ . and spaces inside can; name anything else by its id:\nop item get <item> --vault <vault> --format json",
    );
  if (query !== "" && !/^\?[a-z-]+=[a-z0-9_-]+$/.test(query))
    return refused(
      reference,
      `has a query that op does not know (${JSON.stringify(query)})`,
      "?attribute=otp and ?ssh-format=openssh are known",
    );
  const section = fourth === undefined ? undefined : third;
  return { vault, item, section, field: fourth ?? third, query };
}

/** The vault of `op://vault`; undefined when more is named. */
export function parseVault(place: string): string | JackinError | undefined {
  const [, vault] = /^op:\/\/([^/?]*)\/?$/.exec(place) ?? [];
  if (vault === undefined || vault === "") return undefined;
  // `op` would read it as an option.
  if (segment.test(vault) && !vault.startsWith("-")) return vault;
  return refused(
    place,
    `names a vault in a way that op does not take (${JSON.stringify(vault)})`,
    "name it by its id: op vault list",
  );
}

function refused(reference: string, why: string, hint: string): JackinError {
  const message = `[secret-1password] ${reference} ${why}`;
  return new JackinError({ code: "secret-failed", message, hint });
}
