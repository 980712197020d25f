/** Files of the `age` program, armored; tried with 1.1.1 of Debian 12. */
import { JackinError } from "../../core/index.ts";
import type { PluginContext } from "../../core/index.ts";
import { failure, filesOf, quoted, refuseWide } from "./place.ts";

export interface AgeOptions {
  /** The path of the identity that opens what is encrypted; `~` is the operator's home. */
  readonly identity?: string | undefined;
  /** For whom to encrypt: a recipient, or the path of a file of recipients. The identity itself without it. */
  readonly recipient?: string | undefined;
}

export interface Age {
  encrypt(value: string, ctx: PluginContext): Promise<string>;
  /** `path` is for messages only. */
  decrypt(text: string, path: string, ctx: PluginContext): Promise<string>;
  /** Throws when it could not open what it encrypts. */
  probe(ctx: PluginContext): Promise<void>;
}

const intro = "-----BEGIN AGE ENCRYPTED FILE-----";
/** ms; an identity on a security key waits for a touch */
const limitMs = 20_000;

export function createAge({ identity, recipient }: AgeOptions): Age {
  return {
    async encrypt(value, ctx) {
      const args = await recipientArgs(ctx);
      const { code, stdout, stderr } = await run(["--armor", ...args], ctx, value);
      if (code === 0 && stdout.startsWith(intro)) return stdout;
      throw asksForPassphrase(stderr)
        ? passphraseOf(identity)
        : failure(
            `age could not encrypt for ${recipient ?? identity} (exit code ${code})`,
            "Check recipient and identity in [plugins.secret-file].",
          );
    },
    async decrypt(text, path, ctx) {
      // age quotes a first line that it does not know, and that may be a secret.
      if (!text.startsWith(intro))
        throw failure(
          `${path} is no armored age file, whatever its name says`,
          `See what it is: file ${quoted(path)}`,
        );
      const key = await findIdentity(ctx);
      const { code, stdout, stderr } = await run(["--decrypt", "-i", key], ctx, text);
      if (code === 0) return stdout;
      throw refused(stderr, code, path, key);
    },
    async probe(ctx) {
      await findIdentity(ctx);
      await recipientArgs(ctx);
      await run(["--version"], ctx);
    },
  };

  async function recipientArgs(ctx: PluginContext): Promise<string[]> {
    if (recipient === undefined) return ["--encrypt", "-i", await findIdentity(ctx)];
    if (!/^[~/]/.test(recipient)) return ["-r", recipient];
    const path = await filesOf(ctx).resolve(recipient);
    if (path !== undefined) return ["-R", path];
    throw failure(
      `${recipient}, the file of age recipients, is not there`,
      "Correct recipient in [plugins.secret-file].",
    );
  }

  async function findIdentity(ctx: PluginContext): Promise<string> {
    if (identity === undefined)
      throw failure(
        "no identity is set that opens age files",
        `Add it to the configuration: [plugins.secret-file] identity = "~/.config/age/keys.txt"`,
      );
    const files = filesOf(ctx);
    const path = await files.resolve(identity);
    const stat = path === undefined ? undefined : await files.stat(path);
    if (path === undefined || stat === undefined)
      throw failure(
        `${identity}, the age identity, is not there`,
        `Make one: age-keygen -o ${identity}\nOr correct identity in [plugins.secret-file].`,
      );
    refuseWide(path, stat, ctx.host);
    return path;
  }
}

/** In a session of its own, where there is no terminal that age could ask for a passphrase. */
async function run(args: readonly string[], { host, signal }: PluginContext, stdin = "") {
  if (!host.exec)
    throw failure("this host runs no programs, and age is one", "Use a file without .age here.");
  try {
    return await host.exec("age", args, { stdin, signal, limitMs, ownSession: true });
  } catch (error) {
    if (!(error instanceof JackinError) || error.code === "cancelled") throw error;
    if ((error.cause as { code?: unknown } | undefined)?.code === "ENOENT")
      throw failure("age is not installed", "apt install age\nbrew install age", error);
    if (error.code === "timeout")
      throw failure(
        `age did not answer within ${limitMs / 1000} s: its identity may wait for a touch or a PIN`,
        "Answer it when it asks, and try again.",
        error,
      );
    throw failure(
      `age could not be run: ${error.message.replace(/\.$/, "")}`,
      error.hint ?? "age --version",
      error,
    );
  }
}

/** By what age says; it is not shown, as it may quote what it was given. */
function refused(stderr: string, code: number, path: string, identity: string): JackinError {
  const says = (pattern: RegExp) => pattern.test(stderr);
  if (says(/no identity matched/i))
    return failure(
      `${path} was encrypted for another identity than ${identity}`,
      "Set identity in [plugins.secret-file] to the one that opens it.",
    );
  if (says(/is passphrase-encrypted|encrypted with a passphrase/i))
    return failure(
      `${path} is protected by a passphrase, and jackin has none to give`,
      `Encrypt it for the identity: age --decrypt ${quoted(path)} | age --armor --encrypt -i ${quoted(identity)}`,
    );
  if (asksForPassphrase(stderr)) return passphraseOf(identity);
  if (says(/identity type|malformed secret|reading ".*": /i))
    return failure(`${identity} is no age identity`, `Make one: age-keygen -o FILE`);
  if (says(/header|armor|decrypt|EOF|payload|chunk|nonce/i))
    return failure(
      `${path} is damaged: age cannot open it`,
      "Put back a copy, or store the secret again.",
    );
  return failure(
    `age could not open ${path} (exit code ${code})`,
    `See what it says: age --decrypt -i ${quoted(identity)} ${quoted(path)} >/dev/null`,
  );
}

function asksForPassphrase(stderr: string): boolean {
  return /passphrase|\/dev\/tty/i.test(stderr);
}

function passphraseOf(identity: string | undefined): JackinError {
  return failure(
    `${identity}, the age identity, is protected by a passphrase, and jackin has none to give`,
    "Use an identity without one, of mode 0600: age-keygen -o FILE",
  );
}
