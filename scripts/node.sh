# Sourced by ./up and ./test, from the checkout's own directory: what TypeScript itself needs. Checks root and system, finds or fetches a Node that is new
# enough, fetches the packages when the lockfile changed, and leaves the program in $node. $0 names the command in messages.
# shellcheck shell=bash

command_name=${0##*/}
least_node=24.21
tools=$PWD/.tools

fail() {
  echo "$command_name: $*" >&2
  exit 1
}

is_new_enough() { # PROGRAM
  local version
  version=$("$1" --version 2>/dev/null) || return 1
  [ "$(printf '%s\n%s\n' "$least_node" "${version#v}" | sort -V | head -n 1)" = "$least_node" ]
}

find_node() {
  local candidate
  for candidate in "$tools/node_modules/node-linux-$arch/bin/node" "$(command -v node || true)"; do
    if [ -n "$candidate" ] && is_new_enough "$candidate"; then
      node=$candidate
      return 0
    fi
  done
  return 1
}

run_npm() { # [ARGUMENT...]
  # Errors are shown; the warnings of an older npm about the newer Node below it help nobody.
  NODE_NO_WARNINGS=1 npm install --no-save --loglevel=error --no-progress --no-fund --no-audit "$@" >/dev/null
}

fetch_node() {
  if ! command -v npm >/dev/null; then
    echo 'installing npm, to fetch Node'
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nodejs npm >/dev/null ||
      fail 'npm could not be installed: see what "apt-get install npm" says'
  fi
  echo "fetching Node 24 (the system's is older than $least_node)"
  run_npm --prefix "$tools" "node-linux-$arch@24" || fail 'Node 24 could not be fetched, for the reason above; "npm ping" asks the registry again'
  find_node || fail "Node 24 was fetched to $tools and does not run there"
}

fetch_packages() {
  local stamp=node_modules/.installed-from wrap=$PWD/scripts/object-wrap.h
  cat package-lock.json "$wrap" | cmp -s - "$stamp" && return
  need_compiler
  echo 'fetching the packages of the program'
  # Not "npm ci": it refuses a lockfile that lacks the optional packages of other platforms, which npm leaves out where a registry has not got them.
  # The SSH library's fast part is compiled against the headers that came with Node; without a compiler it is left out, and what it does is only slower.
  local headers
  headers=$(dirname "$(dirname "$node")")
  [ -f "$headers/include/node/node.h" ] || headers=
  # What is there already is not compiled again.
  rm -rf node_modules/ssh2
  CXXFLAGS="-include $wrap" npm_config_nodedir=$headers run_npm ||
    fail 'the packages could not be fetched, for the reason above; "npm ping" asks the registry again'
  cat package-lock.json "$wrap" >"$stamp"
}

# Node trusts the authorities it was built with and no others, where a network that looks into TLS has its own, which the machine was told to trust.
export NODE_USE_SYSTEM_CA=1

[ "$(id -u)" = 0 ] || fail "this needs root, to install packages and make servers: run \"sudo ./$command_name\""
# shellcheck source=/dev/null
. /etc/os-release 2>/dev/null || fail 'this machine does not say what system it is (/etc/os-release): Debian 12 or 13, or Ubuntu 24.04 is needed'
case "${ID:-}${VERSION_ID:-}" in
  debian12 | debian13 | ubuntu24.04) ;;
  *) fail "this is ${PRETTY_NAME:-an unknown system}; myserver runs on Debian 12, Debian 13 and Ubuntu 24.04" ;;
esac
case "$(uname -m)" in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) fail "this machine's processor is $(uname -m); Node comes ready-made for x86_64 and aarch64 only" ;;
esac

need_compiler() {
  local missing=() program
  for program in g++ make python3; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  [ "${#missing[@]}" -eq 0 ] && return
  echo "installing ${missing[*]}, to compile the fast part of the SSH library"
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "a compiler could not be installed: see what \"apt-get install ${missing[*]}\" says"
}

find_node || fetch_node
PATH=$(dirname "$node"):$PATH
fetch_packages
