/** How sessions come to their login: by hand as copies, and by each mode of jackin. */
import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Operator } from "../e2e/operator.ts";
import { docker } from "../e2e/operator.ts";
import type { Lab } from "../lab/lab.ts";
import { signInByHand } from "../lab/sign-in.ts";
import type { Session } from "./session.ts";
import { openLaunched, openPiped, streaming } from "./session.ts";

/** One operator whose host is signed in. */
export interface Scene {
  readonly lab: Lab;
  readonly operator: Operator;
  /** The workspace. */
  readonly app: string;
  /** jackin's own image. */
  readonly image: string;
}

export interface Started {
  readonly sessions: readonly Session[];
  /** Of a login that is not the host's. */
  readonly accessToken?: string;
  /** Says in each copy of the login that it runs out then; the lab has the same in mind. */
  setExpiry?(expiresAt: number): Promise<void>;
}

export type Start = (scene: Scene, count: number) => Promise<Started>;

export const modes: Readonly<Record<string, Start>> = {
  copies: startCopies,
  "sync/host": (scene, count) => launch(scene, count, { auth: "sync" }),
  "sync/container": async (scene, count) => {
    const options = { auth: "sync", toml: '[claude.sync]\nrefresh = "container"\n' };
    const { sessions } = await launch(scene, count, options);
    return { sessions, setExpiry: (at) => setExpiryInside(scene, sessions, at) };
  },
  session: startShared,
  token: (scene, count) => launch(scene, count, { auth: "token" }),
};

/** What people do by hand: the login file copied into each container. */
async function startCopies({ lab, operator, image }: Scene, count: number): Promise<Started> {
  const folders = Array.from({ length: count }, (_, index) => join(operator.home, `copy-${index}`));
  for (const folder of folders) {
    await mkdir(folder);
    await cp(hostLogin(operator), join(folder, ".credentials.json"));
    await cp(lab.caPath, join(folder, "lab-ca.pem"));
  }
  const sessions = folders.map((folder, index) => {
    const env = {
      ...lab.forContainers.env,
      NODE_EXTRA_CA_CERTS: join(folder, "lab-ca.pem"),
      CLAUDE_CONFIG_DIR: folder,
      HOME: "/tmp",
    };
    const user = `${process.getuid!()}:${process.getgid!()}`;
    const args = [
      ["run", "--rm", "--init", "-i", "--user", user, "-v", `${folder}:${folder}`],
      ["--label", `jackin.home=${operator.state}`],
      Object.keys(env).flatMap((key) => ["-e", key]),
      [image, "claude", ...streaming],
    ].flat();
    const options = { env: { ...process.env, ...env }, cwd: operator.home };
    return openPiped(`copy-${index}`, ["docker", ...args], options);
  });
  return {
    sessions,
    async setExpiry(at) {
      for (const folder of folders) await setExpiryOf(join(folder, ".credentials.json"), at);
    },
  };
}

/** After one `jackin auth login`. */
async function startShared(scene: Scene, count: number): Promise<Started> {
  const { lab, operator } = scene;
  const command = [...operator.command, "auth", "login"] as unknown as [string, ...string[]];
  const { code, output } = await signInByHand(lab, command, {
    env: operator.env,
    cwd: operator.home,
  });
  if (code !== 0) throw new Error(output);
  const file = join(operator.state, "sessions/default/.credentials.json");
  const { claudeAiOauth } = JSON.parse(await readFile(file, "utf8")) as Login;
  return {
    ...(await launch(scene, count, { auth: "session" })),
    accessToken: claudeAiOauth.accessToken,
    setExpiry: (at) => setExpiryOf(file, at),
  };
}

/** `jackin load --detach`, as an operator does it. */
async function launch(
  { lab, operator, app }: Scene,
  count: number,
  { auth, toml = "" }: { readonly auth: string; readonly toml?: string },
): Promise<Started> {
  await operator.configure(`${toml}[workspaces.night]
workdir = "${app}"
env.NODE_EXTRA_CA_CERTS = "${app}/lab-ca.pem"
env.CLAUDE_CODE_OAUTH_TOKEN = "$MY_TOKEN"
`);
  const env = { MY_TOKEN: lab.newLongLivedToken() };
  const launches = Array.from({ length: count }, async () => {
    const { code, stdout, stderr } = await operator.jackin(
      ["load", "night", "--detach", "--auth", auth],
      { env },
    );
    if (code !== 0) throw new Error(stderr);
    return await openLaunched(operator, stdout.trim());
  });
  return { sessions: await Promise.all(launches) };
}

async function setExpiryInside(
  { operator }: Scene,
  sessions: readonly Session[],
  expiresAt: number,
): Promise<void> {
  const edit = `sed -i 's/"expiresAt":[0-9]*/"expiresAt":${expiresAt}/' /jackin/run/credentials/.credentials.json`;
  for (const { name } of sessions)
    await docker("exec", await operator.container(name), "sh", "-c", edit);
}

interface Login {
  readonly claudeAiOauth: { readonly accessToken: string };
}

export async function setExpiryOf(file: string, expiresAt: number): Promise<void> {
  const login = JSON.parse(await readFile(file, "utf8")) as Login;
  const changed = { ...login, claudeAiOauth: { ...login.claudeAiOauth, expiresAt } };
  await writeFile(file, JSON.stringify(changed));
  await chmod(file, 0o600);
}

export function hostLogin({ home }: Pick<Operator, "home">): string {
  return join(home, ".claude/.credentials.json");
}
