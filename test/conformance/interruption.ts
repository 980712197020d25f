/** A machine on which one call goes wrong: each call of a work in turn, so that it is seen to clean up after itself wherever it stops. */
import { JackinError } from "../../core/index.ts";
import type { Host } from "../../core/index.ts";

export interface Interruption {
  /** `cancelled`: the operator gives up. `failed`: the call throws. */
  readonly how: "cancelled" | "failed";
  /** `after`: the call has done its work, and nobody is told so. */
  readonly when: "before" | "after";
  /** The call it happens at; 1 is the first. */
  readonly step: number;
}

export interface Observed {
  readonly host: Host;
  /** Arguments and environment of each program. */
  readonly programs: unknown[];
  /** Calls so far. */
  readonly count: number;
  readonly at: Interruption | undefined;
}

/** Sees each call of programs, files and the keychain; `at` says which one goes wrong. */
export function observe(host: Host, at?: Interruption, stop?: AbortController): Observed {
  const programs: unknown[] = [];
  let count = 0;
  const step = async <T>(call: () => Promise<T>): Promise<T> => {
    if (++count !== at?.step) return call();
    if (at.when === "after") await call();
    if (at.how === "failed")
      throw new JackinError({ code: "host-failed", message: "The machine failed." });
    stop?.abort();
    return at.when === "after"
      ? Promise.reject(new JackinError({ code: "cancelled", message: "Cancelled." }))
      : call();
  };
  const { exec, files, keychain } = host;
  return {
    programs,
    at,
    get count() {
      return count;
    },
    host: {
      ...host,
      ...(exec && {
        exec: (command, args, options) => {
          programs.push([command, args, options?.env]);
          return step(() => exec(command, args, options));
        },
      }),
      ...(files && { files: stepping(files, step) }),
      ...(keychain && { keychain: stepping(keychain, step) }),
    },
  };
}

export function isInterrupted({ at, count }: Observed): boolean {
  return at !== undefined && count >= at.step;
}

/** Those of its methods that answer later. */
function stepping<T extends object>(target: T, step: <R>(call: () => Promise<R>) => Promise<R>): T {
  return new Proxy(target, {
    get(_, key) {
      const member = Reflect.get(target, key) as unknown;
      if (typeof member !== "function" || key === "watch") return member;
      return (...args: unknown[]) =>
        step(() => Reflect.apply(member, target, args) as Promise<unknown>);
    },
  });
}
