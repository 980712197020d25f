import type { Notice } from "./contracts.ts";
import { reportMatcher } from "./failure-words.ts";
import { isFailedCommand } from "./holder.ts";

/** What an instance's own Claude Code files hold now. */
export interface FirstRunFiles {
  readonly config: FirstRunFile;
  readonly settings: FirstRunFile;
}

/** Undefined: there is none. */
export type FirstRunFile = string | undefined | { readonly unreadable: true };

export interface FirstRunChange {
  /** `.claude.json` or `settings.json`. */
  readonly file: string;
  readonly content: string;
  /** What is there is no JSON object: it must be renamed to this, beside its place, before the new one is written. */
  readonly aside?: string;
}

export interface FirstRunOptions {
  readonly workdir: string;
  /** Answers the warning of `--dangerously-skip-permissions`; only where the agent is isolated. */
  readonly acceptBypass: boolean;
  /** What Claude Code runs when a turn dies of authentication, see `failedCommand`. */
  readonly failed: string;
}

/**
 * The changes that let Claude Code open on its prompt: onboarding done, folder trusted, bypass warning answered
 * (seen with 2.1.330), and that let it report a refused turn. Everything else in the files stays. No change, no entry.
 */
export function answerFirstRun(
  files: FirstRunFiles,
  options: FirstRunOptions,
): { readonly changes: readonly FirstRunChange[]; readonly notices: readonly Notice[] } {
  const changes: FirstRunChange[] = [];
  const notices: Notice[] = [];
  const answer = (file: string, found: FirstRunFile, change: (current: Json) => Json): void => {
    const current = found === undefined ? {} : parseObject(found);
    const after = change(current ?? {});
    const content = `${JSON.stringify(after, null, 2)}\n`;
    if (current) {
      if (JSON.stringify(after) !== JSON.stringify(current)) changes.push({ file, content });
      return;
    }
    const aside = `${file}.unusable`;
    changes.push({ file, content, aside });
    const text = `The instance's ${file} could not be read as a JSON object; it is ${aside} now, and a new one was begun`;
    notices.push({ level: "warning", text });
  };
  const trust = { [options.workdir]: { hasTrustDialogAccepted: true } };
  answer(".claude.json", files.config, (current) =>
    merged(current, { hasCompletedOnboarding: true, projects: trust }),
  );
  const bypass: Json = options.acceptBypass ? { skipDangerousModePermissionPrompt: true } : {};
  answer("settings.json", files.settings, (current) => {
    const hooks = withHook(current, options.failed);
    if (hooks) return merged({ ...current, hooks }, bypass);
    const text =
      "The hooks in the instance's settings.json have a form that jackin does not know: a refused login of this agent is not reported";
    notices.push({ level: "warning", text });
    return merged(current, bypass);
  });
  return { changes, notices };
}

/** The settings' hooks with ours among them, once; undefined when they are nothing to add to. */
function withHook(settings: Json, command: string): Json | undefined {
  const matcher = reportMatcher;
  const { hooks = {} } = settings;
  if (!isObject(hooks)) return undefined;
  const { StopFailure: groups = [] } = hooks;
  if (!Array.isArray(groups)) return undefined;
  let stands = false;
  const others = groups.flatMap((group: unknown) => {
    if (!isObject(group) || !Array.isArray(group["hooks"])) return [group];
    const before: readonly unknown[] = group["hooks"];
    const kept = before.filter((hook) => {
      if (!isObject(hook) || typeof hook["command"] !== "string") return true;
      if (!isFailedCommand(hook["command"])) return true;
      if (stands || hook["command"] !== command || group["matcher"] !== matcher) return false;
      return (stands = true);
    });
    if (kept.length === before.length) return [group];
    return kept.length === 0 ? [] : [{ ...group, hooks: kept }];
  });
  const ours = { matcher, hooks: [{ type: "command", command, timeout: 10 }] };
  return { ...hooks, StopFailure: stands ? others : [...others, ours] };
}

type Json = { readonly [key: string]: unknown };

function parseObject(found: Exclude<FirstRunFile, undefined>): Json | undefined {
  if (typeof found !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(found.replace(/^\uFEFF/, ""));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Objects are merged, anything else of `wanted` wins. Keys are defined, not assigned: a folder may be named `__proto__`. */
function merged(current: Json, wanted: Json): Json {
  let result = { ...current };
  for (const [key, value] of Object.entries(wanted)) {
    const before = Object.hasOwn(current, key) ? current[key] : undefined;
    const after = isObject(value) ? merged(isObject(before) ? before : {}, value) : value;
    result = { ...result, [key]: after };
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
