#!/usr/bin/env bash
# need.sh PART …: makes sure that what the Makefile's targets use is here. Installs
# Debian packages that are missing, with sudo when not root, and says so.
# Parts: go (a toolchain that can build this module), kamailio (the switch, sipp and curl).
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "ringfence: $*" >&2; exit 1; }

need_go() {
  local want; want=$(awk '$1 == "go" {print $2; exit}' go.mod)
  command -v go >/dev/null || fail "Go is missing: install Go 1.21 or newer from https://go.dev/dl (it fetches Go $want by itself)"
  go list -m >/dev/null 2>&1 || fail "$(go version | awk '{print $3}') can't build this module: install Go 1.21 or newer from https://go.dev/dl (it fetches Go $want by itself, unless GOTOOLCHAIN=local forbids that)"
}

# installed PACKAGE: is it there, whole?
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

need_packages() {
  local missing=() p
  for p in "$@"; do installed "$p" || missing+=("$p"); done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install them (this script knows Debian's and Ubuntu's apt-get only)"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  echo "ringfence: installing ${missing[*]}"
  local log; log=$(mktemp)
  # A package's service must not start: the tests run Kamailio on ports of their own.
  local policy=/usr/sbin/policy-rc.d own_policy=
  if [ ! -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null && "${sudo[@]}" chmod 755 "$policy"
  fi
  local ok=yes
  { "${sudo[@]}" apt-get update -q && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || ok=
  [ -z "$own_policy" ] || "${sudo[@]}" rm -f "$policy"
  [ -n "$ok" ] || { tail -n 20 "$log" >&2; rm -f "$log"; fail "could not install ${missing[*]} (output above)"; }
  rm -f "$log"
}

for part in "$@"; do
  case $part in
    go) need_go ;;
    kamailio) need_packages kamailio kamailio-utils-modules sip-tester curl ;;
    *) fail "need.sh: unknown part \"$part\" (go, kamailio)" ;;
  esac
done
