#!/usr/bin/env bash
# Makes a Debian machine ready for the tests: packages, a running Docker, a base image. Safe to run again.
# Run as root. An operator without root can use it to learn what is missing.
set -euo pipefail

started=""
image="debian:bookworm-slim"
cache="${JACKIN_LAB_CACHE:-/var/cache/jackin-lab}"
suite=bookworm

say() { printf 'ready: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
answers() { timeout 10 docker info >/dev/null 2>&1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages() {
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  command -v tmux >/dev/null || missing+=(tmux)
  command -v ps >/dev/null || missing+=(procps)
  command -v age >/dev/null || missing+=(age)
  if ! { command -v dbus-daemon && command -v dbus-send; } >/dev/null; then missing+=(dbus); fi
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  # From Debian 13 on the client is a package of its own.
  if ! command -v docker >/dev/null && apt-cache show docker-cli >/dev/null 2>&1; then missing+=(docker-cli); fi
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "missing packages: ${missing[*]}. Run this as root, or: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$work/apt.log" 2>&1 </dev/null; then
    tail -n 40 "$work/apt.log" >&2
    fail "apt-get could not install ${missing[*]}"
  fi
  # The list above was made before the package lists were known.
  command -v docker >/dev/null || apt-get install -y -q --no-install-recommends docker-cli >>"$work/apt.log" 2>&1 </dev/null ||
    { tail -n 40 "$work/apt.log" >&2; fail "no docker client after the installation"; }
}

# Only the program of the package: with the rest of it come GTK and a desktop to ask for passwords, a hundred packages that
# no test needs.
keyring() {
  ! command -v gnome-keyring-daemon >/dev/null || return 0
  [ "$(id -u)" = 0 ] || fail "missing packages: gnome-keyring. Run this as root, or: apt-get install gnome-keyring"
  say "installing gnome-keyring-daemon"
  if ! unpack_keyring >"$work/keyring.log" 2>&1 </dev/null; then
    tail -n 40 "$work/keyring.log" >&2
    fail "gnome-keyring-daemon could not be installed"
  fi
}

# Whether all went well shows in its last line.
unpack_keyring() (
  cd "$work" || return
  apt-get download -q gnome-keyring || { apt-get update -q; apt-get download -q gnome-keyring; }
  dpkg-deb -x gnome-keyring_*.deb keyring
  # The first of alternatives, without versions.
  libraries=$(dpkg-deb -f gnome-keyring_*.deb Depends | tr , '\n' | awk '$1 ~ /^lib/ {print $1}')
  export DEBIAN_FRONTEND=noninteractive
  xargs apt-get install -y -q --no-install-recommends <<<"$libraries"
  keyring/usr/bin/gnome-keyring-daemon --version && install -m 755 keyring/usr/bin/gnome-keyring-daemon /usr/local/bin/
)

# After a SIGKILL or a restored disk the pid files outlive their processes, and dockerd refuses to start when the number
# belongs to somebody else by now.
drop_stale_pid() {
  local file=$1 name=$2 pid
  [ -e "$file" ] || return 0
  pid=$(tr -cd 0-9 <"$file")
  if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ]; then return 0; fi
  say "removing stale $file"
  rm -f "$file"
}

daemon() {
  if answers; then return 0; fi
  [ "$(id -u)" = 0 ] || fail "Docker does not answer. Run this as root, or start Docker and join its group."
  if pgrep -x dockerd >/dev/null; then
    say "a dockerd is running; waiting for it"
    for _ in $(seq 60); do answers && return 0; sleep 1; done
    fail "a dockerd is running (pid $(pgrep -x dockerd | tr '\n' ' ')) but 'docker info' has no answer: $(timeout 10 docker info 2>&1 | tail -n 2)"
  fi
  drop_stale_pid /var/run/docker.pid dockerd
  drop_stale_pid /run/docker/containerd/containerd.pid containerd
  # A containerd that lost its dockerd would be waited for, and its sockets would be in the way.
  if ! pgrep -x containerd >/dev/null; then rm -f /run/docker/containerd/*.sock*; fi
  local log="${TMPDIR:-/tmp}/jackin-dockerd.log"
  say "starting dockerd, log in $log"
  setsid dockerd >"$log" 2>&1 </dev/null &
  local pid=$!
  for _ in $(seq 60); do
    if answers; then started=yes; return 0; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 1
  done
  tail -n 40 "$log" >&2
  fail "dockerd did not come up; its log is above"
}

# Containers of a Docker that was killed show as running, or as created, for ever. Only where nobody's work can be among
# them: a daemon started just now, or a machine that does nothing else.
leftovers() {
  [ -n "$started" ] || [ "${CI:-}" = true ] || return 0
  local ids
  ids=$(docker ps -aq --no-trunc | xargs -r docker inspect -f '{{.Id}} {{range $key, $_ := .Config.Labels}}{{$key}} {{end}}' | awk '/ jackin[. ]/ {print $1}')
  [ -n "$ids" ] || return 0
  say "removing containers that an earlier run left behind"
  xargs docker rm -f <<<"$ids" >/dev/null
}

# What this machine needs to reach package registries, for containers as well: certificates that its administrator
# added, and apt's proxy and date settings.
machine_layer() {
  local layer="$work/layer"
  mkdir -p "$layer/etc/ssl" "$layer/usr/local/share/ca-certificates" "$layer/etc/apt/apt.conf.d"
  if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
    cp -L /usr/local/share/ca-certificates/*.crt "$layer/usr/local/share/ca-certificates/"
  fi
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$NODE_EXTRA_CA_CERTS" ]; then
    cp -L "$NODE_EXTRA_CA_CERTS" "$layer/etc/ssl/machine.pem"
  else
    cat "$layer"/usr/local/share/ca-certificates/*.crt >"$layer/etc/ssl/machine.pem" 2>/dev/null || true
  fi
  apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::Proxy|Check-)' >"$layer/etc/apt/apt.conf.d/90machine" || true
  find "$layer" -type f -empty -delete
  (cd "$layer" && find . -type f | sort | xargs -r cat | sha256sum | cut -c1-16)
}

base_image() {
  local wanted have
  wanted=$(machine_layer)
  if have=$(docker image inspect -f '{{index .Config.Labels "jackin.lab.base"}}' "$image" 2>/dev/null); then
    # An image without our label was pulled from a registry: it is the real one.
    case $have in "$wanted" | "" | "<no value>") return 0 ;; esac
    say "this machine's certificates changed; making $image again"
  fi
  [ "$(id -u)" = 0 ] || fail "no image $image. Run this as root, or: docker pull $image"
  if [ ! -s "$cache/$suite.tar" ]; then
    say "making a Debian $suite base (about a minute)"
    if ! debootstrap --variant=minbase "$suite" "$work/root" >"$work/debootstrap.log" 2>&1 </dev/null; then
      tail -n 40 "$work/debootstrap.log" >&2
      fail "debootstrap failed; its log is above"
    fi
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/doc/* "$work"/root/usr/share/man/*
    # As the real slim image has it: dpkg need not wait for the disk in an image that is thrown away when it fails.
    echo force-unsafe-io >"$work/root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
    mkdir -p "$cache"
    tar -C "$work/root" -cf "$cache/$suite.tar.part" .
    mv "$cache/$suite.tar.part" "$cache/$suite.tar"
  fi
  cp "$cache/$suite.tar" "$work/image.tar"
  # Files only: Docker refuses an archive that names a folder twice.
  (cd "$work/layer" && find . -type f -print0 | tar --null -T - -rf "$work/image.tar" --owner=0 --group=0 --mode=a+rX)
  local changes=(--change "LABEL jackin.lab.base=$wanted" --change 'CMD ["bash"]')
  # npm does not read the system's certificates by itself.
  [ ! -s "$work/layer/etc/ssl/machine.pem" ] || changes+=(--change "ENV NODE_EXTRA_CA_CERTS=/etc/ssl/machine.pem")
  docker import "${changes[@]}" "$work/image.tar" "$image" >/dev/null
  say "made $image"
}

packages
keyring
daemon
leftovers
base_image
say "ready"
