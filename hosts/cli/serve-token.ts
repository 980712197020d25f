import { join } from "node:path";
import { createSecret, JackinError } from "../../core/index.ts";
import type { Host, HostFiles, Secret } from "../../core/index.ts";

export interface ServeToken {
  readonly token: Secret;
  readonly path: string;
}

/** The API's token: in the named file, else in jackin's own folder, where the first start makes it. Both are 0600. */
export async function readServeToken(
  host: Host & { readonly files: HostFiles },
  named: string | undefined,
  signal: AbortSignal,
): Promise<ServeToken> {
  const { files } = host;
  if (named !== undefined) {
    const token = await readToken(files, named);
    if (token) return { token, path: named };
    throw new JackinError({
      code: "not-found",
      message: `There is no token file ${named}.`,
      hint: `(umask 077 && openssl rand -hex 32 > ${named})`,
    });
  }
  const path = join(files.state, "serve-token");
  // Two first starts at once must not make two tokens.
  await using _lock = await host.lock?.("serve-token", { signal });
  const kept = await readToken(files, path);
  if (kept) return { token: kept, path };
  const made = base64url(crypto.getRandomValues(new Uint8Array(32)));
  await files.write(path, `${made}\n`);
  return { token: createSecret(made), path };
}

async function readToken(files: HostFiles, path: string): Promise<Secret | undefined> {
  const real = await files.resolve(path);
  const stat = real === undefined ? undefined : await files.stat(real);
  if (real === undefined || stat === undefined) return undefined;
  if ((stat.mode & 0o077) !== 0) {
    throw new JackinError({
      code: "host-failed",
      message: `The token file ${path} can be read by others (mode ${stat.mode.toString(8)}); the token in it is no secret any more.`,
      hint: `rm ${path}   and make a new one; if nobody can have read it: chmod 600 ${path}`,
    });
  }
  const token = (await files.read(real, { maxBytes: 4096 }))?.trim();
  if (token) return createSecret(token);
  throw new JackinError({
    code: "host-failed",
    message: `The token file ${path} is empty.`,
    hint: `rm ${path}   and make a new one`,
  });
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
