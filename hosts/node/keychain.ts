import { createRequire } from "node:module";
import * as v from "valibot";
import { JackinError } from "../../core/index.ts";
import type { HostExec, Keychain } from "../../core/index.ts";
import { keychainProgram } from "./keychain-program.ts";
import { defaultCollection } from "./secret-service.ts";

export interface KeychainOptions {
  readonly exec: HostExec;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform?: string;
  /** How long a keychain may take, in ms; it may be asking the operator. 60 000 without it. */
  readonly limitMs?: number;
}

interface Question {
  readonly act: "read" | "write" | "remove";
  readonly service: string;
  readonly account: string;
  readonly value?: string;
}

const answerSchema = v.union([
  v.strictObject({ value: v.nullish(v.union([v.string(), v.boolean()])) }),
  v.strictObject({ error: v.string() }),
]);

/** ms; it asks nobody, but a program has to start */
const probeLimitMs = 10_000;

/**
 * The machine's keychain by `@napi-rs/keyring`, each call in a process of its own: a keychain that asks for its password
 * blocks whoever calls it, for as long as nobody answers (2.1.2), and a process can be ended. On Linux it is the Secret
 * Service and nothing else: the package falls back to the kernel's keyring, which forgets all when the machine restarts.
 */
export function createKeychain({
  exec,
  env,
  platform = process.platform,
  limitMs = 60_000,
}: KeychainOptions): Keychain {
  const name = names[platform] ?? "Secret Service";

  async function ask(question: Question, limit: number, signal: AbortSignal) {
    const input = { ...question, platform, module: findModule() };
    const args = ["-e", keychainProgram];
    const options = {
      stdin: JSON.stringify(input),
      signal,
      limitMs: limit,
      env: { NODE_OPTIONS: undefined },
    };
    const { code, stdout } = await exec(process.execPath, args, options).catch((error: unknown) => {
      throw error instanceof JackinError && error.code === "timeout"
        ? tooSlow(limit, error)
        : error;
    });
    const answer = v.safeParse(answerSchema, parseJson(stdout));
    if (!answer.success)
      throw failed("host-failed", `${name} could not be asked (exit code ${code}).`);
    if ("error" in answer.output) throw toError(name, answer.output.error);
    return answer.output.value ?? undefined;
  }

  function tooSlow(limit: number, cause: JackinError): JackinError {
    return new JackinError({
      code: "timeout",
      message: `${name} did not answer within ${limit / 1000} s: it may be asking for its password.`,
      hint: "Answer it when it asks, and try again.",
      cause,
    });
  }

  return {
    name,
    async probe(signal) {
      // Nothing is locked that is not there, so nobody is asked for a password.
      const nothing = { service: "jackin", account: "jackin-probe" };
      await ask({ act: "read", ...nothing }, probeLimitMs, signal);
      if (name !== "Secret Service") return;
      const state = await defaultCollection(exec, signal);
      if (state === "none") throw noCollection(name);
      if (state === "locked" && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) throw locked(name);
    },
    async read(service, account, signal) {
      const value = await ask({ act: "read", service, account }, limitMs, signal);
      return typeof value === "string" ? value : undefined;
    },
    async write(service, account, value, signal) {
      await ask({ act: "write", service, account, value }, limitMs, signal);
    },
    async remove(service, account, signal) {
      return (await ask({ act: "remove", service, account }, limitMs, signal)) === true;
    },
  };
}

const names: Readonly<Record<string, string>> = {
  darwin: "macOS Keychain",
  win32: "Windows Credential Manager",
};

function findModule(): string {
  try {
    return createRequire(import.meta.url).resolve("@napi-rs/keyring");
  } catch (error) {
    const hint = "Install jackin again.";
    throw failed("host-failed", "The package @napi-rs/keyring is not there.", hint, error);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the package says (2.1.2), with what helps; the first that fits. */
function toError(name: string, said: string): JackinError {
  if (/not provided by any|ServiceUnknown/i.test(said))
    return failed(
      "host-failed",
      `No Secret Service runs here: nothing in this session keeps passwords.`,
      "apt install gnome-keyring, and log in again",
    );
  if (/D-?Bus|zbus/i.test(said))
    return failed(
      "host-failed",
      "There is no Secret Service here: this session has no D-Bus that answers.",
      "Log in to a desktop, or set DBUS_SESSION_BUS_ADDRESS to a session's bus that runs.",
    );
  if (/no result found/i.test(said)) return noCollection(name);
  if (/dismissed|locked|interaction is not allowed|not unlocked/i.test(said)) return locked(name);
  if (/ambiguous|more than one|multiple/i.test(said))
    return failed(
      "secret-failed",
      `${name} has several entries of that service and account.`,
      "Remove all but one of them.",
    );
  if (/utf-?8|encoding/i.test(said))
    return failed("secret-failed", `What ${name} has there is no text.`, "Store it again.");
  const line = said.split("\n")[0]!.slice(0, 200).replace(/\.$/, "");
  return failed("host-failed", `${name} refused: ${line}.`);
}

function noCollection(name: string): JackinError {
  return failed(
    "host-failed",
    `${name} has no default collection to keep a password in.`,
    "Make one, named login or default, in the desktop's app for passwords, such as seahorse.",
  );
}

function locked(name: string): JackinError {
  const hint =
    name === "macOS Keychain"
      ? "security unlock-keychain"
      : "Unlock it in the desktop's app for passwords, or log in to the desktop once.";
  return failed("host-failed", `${name} is locked, and was not unlocked.`, hint);
}

function failed(
  code: "host-failed" | "secret-failed",
  message: string,
  hint?: string,
  cause?: unknown,
): JackinError {
  return new JackinError({ code, message, hint, cause });
}
