type Environment = Readonly<Record<string, string | undefined>>;

/** What an agent needs of the operator's environment to work at all: who, where, the terminal, and the way to the network. */
const passed =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_RUNTIME_DIR|SSH_AUTH_SOCK|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)$/;

/** The change that makes of the host's environment the agent's: all else is taken away, tokens and switches among it. */
export function cleanEnvironment(
  host: Environment,
  own: Environment,
): Record<string, string | undefined> {
  const others = Object.keys(host).filter((name) => !passed.test(name));
  return { ...Object.fromEntries(others.map((name) => [name, undefined])), ...own };
}
