/** The same text as `Dockerfile` beside it, which is there to be read and built by hand; a test holds both equal. */
export const dockerfile = String.raw`# The image that jackin builds when none is named. dockerfile.ts holds the same text.
FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git ripgrep tmux \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 --shell /bin/bash agent \
 && chmod 0755 /home/agent

# npm fetches the package and checks it; this stage is thrown away. Its hundreds of packages are only unpacked:
# installing them in order takes minutes.
FROM base AS npm
LABEL jackin.image=npm
RUN apt-get update \
 && apt-get install -y --no-install-recommends --download-only npm \
 && for package in /var/cache/apt/archives/*.deb; do \
      dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C /; done \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
ARG CLAUDE_VERSION
RUN case "$(dpkg --print-architecture)" in \
      amd64) platform=linux-x64 ;; arm64) platform=linux-arm64 ;; \
      *) echo "Claude Code has no build for $(dpkg --print-architecture)" >&2; exit 1 ;; \
    esac \
 && export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
 && npm pack --loglevel error "@anthropic-ai/claude-code-$platform@$CLAUDE_VERSION" \
 && tar -xzf ./anthropic-ai-claude-code-*.tgz package/claude \
 && rm ./anthropic-ai-claude-code-*.tgz \
 && chmod 0755 package/claude && package/claude --version

FROM base
COPY --from=npm /package/claude /usr/local/bin/claude
USER agent
WORKDIR /home/agent
`;
