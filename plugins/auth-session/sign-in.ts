import { cancelled, JackinError } from "../../core/index.ts";
import type { LockOptions, PluginContext, SignInRequest } from "../../core/index.ts";
import { askToSignIn, askToSignOut } from "./claude.ts";
import { readLogin, readText } from "./login.ts";
import { name } from "./place.ts";
import type { SessionPlace } from "./place.ts";

/**
 * A new login, made aside and put into place as a whole: until then, and whatever goes wrong, the old one is as it was.
 * Running agents take it up by themselves.
 */
export async function signIn(
  place: SessionPlace,
  request: SignInRequest,
  ctx: PluginContext,
): Promise<void> {
  const { files, fresh, scratch } = place;
  await using _lock = await lockAccount(place, ctx);
  // What a killed one has left.
  await files.remove(scratch);
  let isOpen = false;
  try {
    for (const folder of [fresh.folder, fresh.config]) await files.makeFolder(folder);
    const { code } = await askToSignIn(fresh, ctx);
    if (code === 128 + 2 || code === 128 + 15) throw cancelled();
    if (code !== 0) throw notSignedIn(place, `claude auth login ended with exit code ${code}`);
    isOpen = true;
    const brought = await readLogin(fresh, ctx);
    if (brought.state === "none") throw noFile(place, ctx);
    if (brought.state !== "signed-in")
      throw notSignedIn(place, `the login that claude auth login made ${brought.fault}`);
    await askToReplace(place, brought.account, request, ctx);
    for (const folder of [place.folder, place.config]) await files.makeFolder(folder);
    await using _renewal = await lockRenewal(place, ctx);
    isOpen = false;
    await putInPlace(place, ctx);
  } finally {
    if (isOpen) await askToSignOut(fresh, ctx);
    await files.remove(scratch);
  }
}

/** Answers why the login is not known to be revoked; here it is gone in any case. */
export async function signOut(
  place: SessionPlace,
  ctx: PluginContext,
): Promise<string | undefined> {
  const { files, folder } = place;
  await using _lock = await lockAccount(place, ctx);
  await using _renewal = await lockRenewal(place, ctx);
  const trouble = await revokeCopy(place, await readText(place, ctx).catch(unreadable), ctx);
  // The folder stays: agents that have it mounted would see no other one of its name, nor a later login in it.
  for (const item of await files.list(folder))
    await files.remove(`${folder}/${item}`, { onlyFile: true });
  await files.remove(place.kept);
  return trouble;
}

/** Of a copy: agents write to the shared folder, and `claude` would follow what it finds there. */
async function revokeCopy(
  { files, fresh, scratch }: SessionPlace,
  text: string | undefined,
  ctx: PluginContext,
): Promise<string | undefined> {
  if (text === undefined) return undefined;
  try {
    for (const made of [fresh.folder, fresh.config]) await files.makeFolder(made);
    await files.write(fresh.credentials, text);
    return await askToSignOut(fresh, ctx);
  } finally {
    await files.remove(scratch);
  }
}

async function askToReplace(
  place: SessionPlace,
  to: string | undefined,
  request: SignInRequest,
  ctx: PluginContext,
): Promise<void> {
  const { account: from } = await readLogin(place, ctx);
  if (from === undefined || to === undefined || from === to) return;
  if ((await request.mayReplace?.(from, to)) === false) throw cancelled();
}

async function putInPlace(place: SessionPlace, ctx: PluginContext): Promise<void> {
  const { files, fresh, credentials } = place;
  const before = tableOf(await readText(place, ctx).catch(unreadable));
  const after = tableOf(await readText(fresh, ctx));
  const there = await files.stat(credentials);
  if (there && there.kind !== "file") await files.remove(credentials, { onlyFile: true });
  // Agents keep the logins of their MCP servers in the same file.
  await files.write(credentials, JSON.stringify({ ...before, ...after }));
  await files.remove(`${place.config}/.claude.json`);
  if (await files.stat(`${fresh.config}/.claude.json`))
    await files.rename(`${fresh.config}/.claude.json`, `${place.config}/.claude.json`);
}

function tableOf(text: string | undefined): object {
  try {
    const json: unknown = JSON.parse(text ?? "{}");
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
  } catch {
    return {};
  }
}

/** What cannot be read is no login that could be kept or revoked. */
function unreadable(error: unknown): undefined {
  if (!(error instanceof JackinError) || error.code !== "host-failed") throw error;
}

function lockAccount(
  { account }: SessionPlace,
  ctx: PluginContext,
): Promise<AsyncDisposable | undefined> {
  return Promise.resolve(ctx.host.lock?.(`session:${account}`, waiting(ctx)));
}

/** Claude Code's own: while it is held, no agent renews the login. */
function lockRenewal(
  { files, folder }: SessionPlace,
  ctx: PluginContext,
): Promise<AsyncDisposable | undefined> {
  return Promise.resolve(files.lock?.(`${folder}/.oauth_refresh`, waiting(ctx)));
}

function waiting({ signal, progress }: PluginContext): LockOptions {
  return { signal, onWait: (owner) => progress(`waiting for ${owner}`) };
}

function notSignedIn(place: SessionPlace, why: string): JackinError {
  return new JackinError({
    code: "login-unusable",
    message: `[${name}] ${why}; nothing was changed.`,
    hint: place.signIn,
  });
}

function noFile(place: SessionPlace, { host }: PluginContext): JackinError {
  if (host.platform !== "darwin")
    return notSignedIn(place, "claude auth login ended well and left no login in its folder");
  return new JackinError({
    code: "login-unusable",
    message: `[${name}] On macOS Claude Code keeps its logins in the Keychain, where no container can share them; nothing was changed.`,
    hint: "use the host's own login: jackin config auth set sync\nor a long-lived token: jackin config auth set token",
  });
}
