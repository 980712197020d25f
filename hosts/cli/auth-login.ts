import type { Command } from "commander";
import type { AuthProvider, Health, Jackin } from "../../core/index.ts";
import {
  cancelled,
  JackinError,
  modeOptions,
  namePattern,
  scopesOf,
  toJackinError,
} from "../../core/index.ts";
import type { CommandDeps } from "./command.ts";
import { harmless } from "./show.ts";

interface LoginFlags {
  readonly account?: string;
  readonly yes?: boolean;
}

/** `auth login` and `auth logout`: the login that belongs to jackin alone. */
export function registerAuthLogin(auth: Command, deps: CommandDeps): void {
  auth
    .command("login")
    .summary("sign jackin in with a login of its own, for mode session")
    .description(
      "Sign in by this machine's own Claude Code, with a login that all agents of mode session share. The host's own login stays as it is.",
    )
    .option("--account <name>", "which of several logins; default: what the configuration says")
    .option("-y, --yes", "do not ask before running agents change to another account")
    .addHelpText(
      "after",
      "\nExamples:\n  jackin auth login\n  jackin auth login --account work\n  jackin load --auth session",
    )
    .action((flags: LoginFlags) => login(deps, flags));
  auth
    .command("logout")
    .summary("sign jackin's own login out")
    .description("Sign out by this machine's own Claude Code, and remove the login.")
    .option("--account <name>", "which of several logins; default: what the configuration says")
    .option("-y, --yes", "do not ask, even if agents use it")
    .action((flags: LoginFlags) => logout(deps, flags));
}

async function login(deps: CommandDeps, flags: LoginFlags): Promise<void> {
  const { jackin, provider, options, isConfigured } = await begin(deps, flags);
  const again = ["jackin auth login", ...argumentsOf(flags), "--yes"].join(" ");
  const mayReplace = async (from: string, to: string): Promise<boolean> => {
    const agents = flags.yes ? [] : await agentsOf(deps, jackin, provider, options);
    if (agents.length === 0) return true;
    const what = `${agents.join(", ")}, signed in as ${from},`;
    if (deps.isTerminal) return deps.prompts.confirm(harmless(`Let ${what} go on as ${to}?`));
    throw new JackinError({
      code: "conflict",
      message: `${what} would go on as ${to}; the old login was left as it was.`,
      hint: again,
    });
  };
  const ctx = jackin.context({ signal: deps.signal, progress: deps.err });
  const health = await provider.signIn!({ options, mayReplace }, ctx).catch((error: unknown) => {
    // The cursor stands behind claude's question.
    if (toJackinError(error).code === "cancelled") deps.err("");
    throw error;
  });
  tell(deps, health);
  if (health.account !== undefined) deps.err(`account: ${harmless(health.account)}`);
  deps.err(
    isConfigured
      ? `→ jackin load --auth ${provider.mode}`
      : `→ set account = "${flags.account}" under [claude.${provider.mode}] where it shall be used: jackin config edit`,
  );
}

async function logout(deps: CommandDeps, flags: LoginFlags): Promise<void> {
  const { jackin, provider, options } = await begin(deps, flags);
  const agents = flags.yes ? [] : await agentsOf(deps, jackin, provider, options);
  if (agents.length > 0) {
    const names = harmless(agents.join(", "));
    if (!deps.isTerminal)
      throw new JackinError({
        code: "usage",
        message: `${names} would be signed out, and there is no terminal to ask on.`,
        hint: ["jackin auth logout", ...argumentsOf(flags), "--yes"].join(" "),
      });
    if (!(await deps.prompts.confirm(`Sign ${names} out?`))) throw cancelled();
  }
  const health = await deps.working("signing out", (progress) =>
    provider.signOut!({ options }, jackin.context({ signal: deps.signal, progress })),
  );
  tell(deps, health);
}

async function begin(deps: CommandDeps, { account }: LoginFlags) {
  if (account !== undefined && !namePattern.test(account))
    throw new JackinError({
      code: "usage",
      message: `${JSON.stringify(account)} is no name for a login: a name has letters, digits, \`.\`, \`_\` and \`-\`, at most 63.`,
    });
  const { jackin } = await deps.open();
  const provider = jackin.plugins.find(
    (plugin): plugin is AuthProvider =>
      plugin.kind === "auth" && plugin.signIn !== undefined && plugin.signOut !== undefined,
  );
  if (!provider)
    throw new JackinError({
      code: "plugin-missing",
      message: "No installed mode has a login of jackin's own.",
      hint: "claude auth login   signs the host in, for mode sync",
    });
  const { config, notices } = await jackin.config();
  deps.notices(notices);
  const configured = modeOptions(scopesOf(config, {}), provider);
  const flags = { claude: { [provider.mode]: { account } } };
  const options =
    account === undefined ? configured : modeOptions(scopesOf(config, { flags }), provider);
  return { jackin, provider, options, isConfigured: isSame(options, configured) };
}

/** Running agents that use this login, by what the configuration says now. */
async function agentsOf(
  deps: CommandDeps,
  jackin: Jackin,
  provider: AuthProvider,
  options: Readonly<Record<string, unknown>>,
): Promise<readonly string[]> {
  const [{ config }, { instances }] = await Promise.all([
    jackin.config(),
    jackin.status({ signal: deps.signal }),
  ]);
  return instances
    .filter(({ state, mode }) => state !== "stopped" && mode === provider.mode)
    .filter(({ workspace, role }) =>
      isSame(modeOptions(scopesOf(config, { workspace, role }), provider), options),
    )
    .map(({ instance }) => instance);
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function argumentsOf({ account }: LoginFlags): readonly string[] {
  return account === undefined ? [] : ["--account", account];
}

function tell(deps: CommandDeps, { state, text, next }: Health): void {
  if (state === "good") return deps.out(harmless(text));
  deps.notices([{ level: "warning", text, ...(next !== undefined && { next }) }]);
}
