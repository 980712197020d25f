/** The same text as `Dockerfile` beside it, which is there to be read and built by hand; a test holds both equal. */
export const dockerfile = String.raw`# The image that jackin builds when none is named. dockerfile.ts holds the same text.
FROM debian:bookworm-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git ripgrep tmux \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 --shell /bin/bash agent \
 && chmod 0755 /home/agent

# npm checks the package and leaves in the same layer: what stays is the one native program.
ARG CLAUDE_VERSION
RUN apt-get update \
 && apt-get install -y --no-install-recommends npm \
 && case "$(dpkg --print-architecture)" in \
      amd64) platform=linux-x64 ;; arm64) platform=linux-arm64 ;; \
      *) echo "Claude Code has no build for $(dpkg --print-architecture)" >&2; exit 1 ;; \
    esac \
 && mkdir /tmp/claude && cd /tmp/claude \
 && export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
 && npm pack --silent "@anthropic-ai/claude-code-$platform@$CLAUDE_VERSION" \
 && tar -xzf ./*.tgz \
 && install -m 0755 package/claude /usr/local/bin/claude \
 && cd / && rm -rf /tmp/claude /root/.npm \
 && apt-get purge -y --auto-remove npm \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && claude --version

USER agent
WORKDIR /home/agent
`;
