#!/usr/bin/env bash
# need.sh PART …: makes sure that what the Makefile's targets use is here. Installs
# Debian packages that are missing, with sudo when not root, and says so.
# Parts: go (a toolchain that can build this module), race (what its race
# detector needs), kamailio (the switch, sipp and curl), docker and freeswitch (only
# looked for).
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "ringfence: $*" >&2; exit 1; }

need_go() {
  local want have minor fault
  want=$(awk '$1 == "go" {print $2; exit}' go.mod)
  command -v go >/dev/null || fail "Go is missing: install Go 1.21 or newer from https://go.dev/dl (it fetches Go $want by itself)"
  fault=$(go list -m 2>&1 >/dev/null) && return
  have=$(go version | awk '{print $3}')
  minor=${have#go1.}
  minor=${minor%%[!0-9]*}
  if [ "${minor:-0}" -lt 21 ]; then
    fail "$have is too old: install Go 1.21 or newer from https://go.dev/dl (it fetches Go $want by itself)"
  fi
  fail "$have can't build this module, which needs Go $want: ${fault//$'\n'/; } (it fetches that by itself unless GOTOOLCHAIN=local or the network forbids it)"
}

# installed PACKAGE: is it there, whole?
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

log='' policy=''
cleanup() {
  [ -z "$log" ] || rm -f "$log"
  [ -z "$policy" ] || as_root rm -f "$policy"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

need_packages() {
  local missing=() p
  for p in "$@"; do installed "$p" || missing+=("$p"); done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install them (this script knows Debian's and Ubuntu's apt-get only)"
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}"
  echo "ringfence: installing ${missing[*]}"
  log=$(mktemp)
  # A package's service must not start: the tests run Kamailio on ports of their own.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "could not install ${missing[*]} (output above)"
  fi
  case " ${missing[*]} " in
    *' kamailio '*)
      if command -v systemctl >/dev/null && as_root systemctl disable kamailio >/dev/null 2>&1; then
        echo 'ringfence: kamailio.service is disabled; systemctl enable kamailio brings it back'
      fi ;;
  esac
}

# Docker is not installed here: an engine changes a machine too much. Its tests
# are skipped without one, but not in CI.
need_docker() {
  docker info >/dev/null 2>&1 && return
  case ${CI:-false} in
    false | '') echo 'ringfence: no Docker engine answers: the tests in Docker are skipped' ;;
    *) fail 'no Docker engine answers, and CI must not skip the tests in Docker' ;;
  esac
}

# Nor is FreeSWITCH, which Debian has no package of. Its tests are skipped without one, in CI too.
need_freeswitch() {
  command -v "${RINGFENCE_FREESWITCH:-freeswitch}" >/dev/null && return
  [ -z "${RINGFENCE_FREESWITCH:-}" ] || fail "RINGFENCE_FREESWITCH=$RINGFENCE_FREESWITCH is no program"
  echo 'ringfence: no FreeSWITCH: its tests are skipped (set RINGFENCE_FREESWITCH to run them)'
}

for part in "$@"; do
  case $part in
    go) need_go ;;
    race) need_packages gcc libc6-dev ;;
    kamailio) need_packages kamailio kamailio-utils-modules sip-tester curl ;;
    docker) need_docker ;;
    freeswitch) need_freeswitch ;;
    *) fail "need.sh: unknown part \"$part\" (go, race, kamailio, docker, freeswitch)" ;;
  esac
done
