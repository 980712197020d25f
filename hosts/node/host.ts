import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import type { Host, HostFiles } from "../../core/index.ts";
import { createBrowse } from "./browse.ts";
import { createExec } from "./exec.ts";
import { createFiles, expandHome } from "./files.ts";
import { createKeychain } from "./keychain.ts";
import { createLock } from "./lock.ts";
import { createNotify } from "./notify.ts";
import { createProcess } from "./process.ts";
import { createPty } from "./pty.ts";

export interface NodeHostOptions {
  /** The environment that jackin reads and that programs get; `process.env` without it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** jackin's own folder; `JACKIN_HOME_DIR`, else `~/.jackin`. */
  readonly stateDir?: string;
  /** The operator's home folder. */
  readonly home?: string;
  /** What those are told who wait for a lock of ours, e.g. `jackin load`. No secrets. */
  readonly command?: string;
}

export type NodeHost = Required<Omit<Host, "browse">> &
  Pick<Host, "browse"> & { readonly files: Required<HostFiles> };

/** This machine, on Node, Deno and Bun. Nothing is touched until it is used. */
export function createNodeHost(options: NodeHostOptions = {}): NodeHost {
  const env = options.env ?? process.env;
  // `homedir` answers an empty HOME as it is, and the current folder may be anybody's.
  const home = options.home ?? (env["HOME"] || homedir() || userInfo().homedir);
  const state = options.stateDir ?? (env["JACKIN_HOME_DIR"] || join(home, ".jackin"));
  const files = createFiles({ home, state: expandHome(state, home) });
  const exec = createExec(env);
  return {
    platform: process.platform,
    env,
    clock: { now: () => Date.now() },
    files,
    exec,
    browse: createBrowse(env, process.platform),
    keychain: createKeychain({ exec, env }),
    process: createProcess(),
    pty: createPty(env),
    notify: createNotify(exec, env),
    lock: createLock(files, options.command ?? "jackin"),
  };
}
