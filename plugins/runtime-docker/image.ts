import { JackinError } from "../../core/index.ts";
import type { PluginContext, Prepared, PrepareRequest } from "../../core/index.ts";
import { dockerfile } from "./dockerfile.ts";
import { docker, dockerFailed, lastLines, owner } from "./engine.ts";

/** The version that the facts in this plugin were measured with. */
export const defaultClaudeVersion = "2.1.330";

const ownImage = "Or bring an image of your own that has claude and tmux: jackin load --image NAME";

export async function prepareImage(
  request: PrepareRequest,
  claudeVersion: string,
  ctx: PluginContext,
): Promise<Prepared> {
  const { image } = request;
  if (image !== undefined) return await fetchImage(image, ctx);
  const tag = await imageTag(claudeVersion);
  if (await isThere(tag, ctx)) return { image: tag };
  await using _lock = await ctx.host.lock?.("image", {
    signal: ctx.signal,
    onWait: (who) => ctx.progress(`waiting for ${who}, who builds the image`),
  });
  if (!(await isThere(tag, ctx))) await build(tag, claudeVersion, ctx);
  return { image: tag };
}

/** Another Dockerfile or another version is another image. */
export async function imageTag(claudeVersion: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${dockerfile}\n${claudeVersion}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest.slice(0, 6), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `jackin/agent:${claudeVersion}-${hex}`;
}

async function build(tag: string, claudeVersion: string, ctx: PluginContext): Promise<void> {
  ctx.progress(`building the image ${tag} (once, a few minutes)`);
  const args = ["build", "--force-rm", "--build-arg", `CLAUDE_VERSION=${claudeVersion}`];
  const result = await docker(ctx, [...args, "--label", "jackin.image=agent", "-t", tag, "-"], {
    // Both builders: the classic one ignores the first, and the second silences its advice.
    env: { BUILDKIT_PROGRESS: "plain", DOCKER_CLI_HINTS: "false" },
    stdin: dockerfile,
    maxBytes: 64 * 1024 * 1024,
    limitMs: Infinity,
    onLine: (line) => showLine(line, ctx),
  });
  if (result.code === 0) return;
  throw new JackinError({
    code: "image-failed",
    message: `[${owner}] The image could not be built (Claude Code ${claudeVersion}). The last lines:\n${lastLines(shown(`${result.stdout}\n${result.stderr}`), 12)}`,
    hint: `See that this machine reaches the Debian and npm registries, then run the same command again.\n${ownImage}`,
  });
}

async function fetchImage(image: string, ctx: PluginContext): Promise<Prepared> {
  if (!/^[^-\s]\S*$/.test(image))
    throw new JackinError({
      code: "usage",
      message: `[${owner}] ${JSON.stringify(image)} is no name of an image.`,
    });
  if (await isThere(image, ctx)) return { image };
  ctx.progress(`pulling ${image}`);
  const result = await docker(ctx, ["pull", image], {
    limitMs: Infinity,
    onLine: (line) => showLine(line, ctx),
  });
  if (result.code === 0) return { image };
  throw dockerFailed(
    result,
    "image-failed",
    `The image ${image} is not here and cannot be pulled`,
    `Check its name, sign in to its registry (docker login), or build it: docker build -t ${image} .`,
  );
}

async function isThere(image: string, ctx: PluginContext): Promise<boolean> {
  const result = await docker(ctx, ["image", "inspect", "--format", "{{.Id}}", image]);
  if (result.code === 0) return true;
  if (/no such (image|object)|image not known|not found/i.test(result.stderr)) return false;
  throw dockerFailed(result, "image-failed", `The image ${image} cannot be looked at`);
}

/** Without the builder's colours, and with its longest lines, whole shell texts, cut. */
function shown(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const plain = text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
  return plain.replaceAll(/^(.{200}).+$/gm, "$1…");
}

/** Progress bars rewrite their line: only what was last on it is shown. */
function showLine(line: string, ctx: PluginContext): void {
  const last = shown(line).trimEnd().split("\r").at(-1)?.trim();
  if (last) ctx.progress(last);
}
