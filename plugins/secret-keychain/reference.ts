import { JackinError } from "../../core/index.ts";

export interface Entry {
  readonly service: string;
  readonly account: string;
}

/** `keychain://service/account`, each part percent-encoded where it has to be. */
export function toEntry(reference: string): Entry {
  const parts = /^keychain:\/\/([^/]+)\/([^/]+)$/.exec(reference)?.slice(1).map(decoded);
  const [service, account] = parts ?? [];
  if (service !== undefined && account !== undefined) return { service, account };
  throw new JackinError({
    code: "secret-failed",
    message: `[secret-keychain] ${JSON.stringify(reference)} names no entry of a keychain`,
    hint: "Write keychain://service/account, a / in a name as %2F and a % as %25.",
  });
}

export function toReference({ service, account }: Entry): string {
  return `keychain://${encoded(service)}/${encoded(account)}`;
}

/** What a name is shown with stays as it is, but for what has a meaning here. */
function encoded(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}

function decoded(part: string): string | undefined {
  try {
    const name = decodeURIComponent(part);
    // oxlint-disable-next-line no-control-regex -- no store takes a NUL, no person names an entry with the rest
    return /[\x00-\x1f\x7f]/.test(name) ? undefined : name;
  } catch {
    return undefined;
  }
}
