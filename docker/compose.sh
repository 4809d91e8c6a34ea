#!/usr/bin/env bash
# Runs docker/compose.yml with the Compose that is here: v2 (docker compose),
# else v1 (docker-compose).
#
# usage: docker/compose.sh ARGUMENTS OF COMPOSE …
#
# What this machine's Go is told about module proxies and checksums reaches the
# build through the environment. Docker is asked with sudo where it doesn't
# answer without, as stand-in.sh does.
set -euo pipefail

file=$(cd "$(dirname "$0")" && pwd)/compose.yml

if command -v go >/dev/null 2>&1; then
	for name in GOPROXY GOSUMDB GONOSUMDB GOPRIVATE GOINSECURE GOFLAGS; do
		export "$name=${!name:-$(go env "$name")}"
	done
fi
if [ -z "${VERSION:-}" ]; then
	VERSION=$(git -C "$(dirname "$file")" describe --tags --always --dirty 2>/dev/null || echo dev)
	export VERSION
fi
sudo=()
if [ "$(id -u)" != 0 ] && ! docker info >/dev/null 2>&1; then
	sudo=(sudo --preserve-env)
fi
if docker compose version >/dev/null 2>&1; then
	exec "${sudo[@]}" docker compose -f "$file" "$@"
fi
if command -v docker-compose >/dev/null 2>&1; then
	exec "${sudo[@]}" docker-compose -f "$file" "$@"
fi
echo "compose.sh: Docker Compose is missing: install docker-compose-v2 or docker-compose" >&2
exit 1
