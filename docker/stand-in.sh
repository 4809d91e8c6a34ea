#!/usr/bin/env bash
# Makes stand-ins for the base images of the Dockerfiles beside it, for a
# machine that can't pull them.
#
# usage: docker/stand-in.sh
#
# Each image that a Dockerfile begins FROM is, in this order: left alone when it
# is there, pulled when a registry answers, or else made here:
#   debian:SUITE-slim    by debootstrap from the Debian archive
#   golang:X.Y-SUITE     from debian:SUITE-slim, the Go toolchain and the CA
#                        certificates of this machine
# An image that exists is never replaced; `docker rmi NAME` first to make it
# anew. DEBOOTSTRAP_MIRROR names another archive than debootstrap's own.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
docker=docker
scratch= # directory of a debootstrap under way
box=     # container of an image under way

say() { echo "stand-in: $*"; }
die() { echo "stand-in: $*" >&2; exit 1; }

cleanup() {
	[ -z "$scratch" ] || $sudo rm -rf --one-file-system "$scratch"
	[ -z "$box" ] || $docker rm "$box" >/dev/null
	scratch='' box=''
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

present() { $docker image inspect "$1" >/dev/null 2>&1; }

# bases prints the images that the Dockerfiles build on, debian before golang,
# which may need it.
bases() {
	sed -n 's/^FROM  *\([^ ]*:[^ ]*\).*/\1/p' "$here"/Dockerfile* | sort -u
}

install_debootstrap() {
	if command -v debootstrap >/dev/null 2>&1 || [ -x /usr/sbin/debootstrap ]; then
		return
	fi
	command -v apt-get >/dev/null 2>&1 || die "debootstrap is missing and this is no Debian or Ubuntu: install debootstrap"
	say "installing debootstrap"
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring >/dev/null
}

# make_debian NAME SUITE
make_debian() {
	install_debootstrap
	scratch=$(mktemp -d)
	say "making $1 by debootstrap, about a minute"
	if ! $sudo env PATH="$PATH:/usr/sbin:/sbin" debootstrap --variant=minbase "$2" "$scratch/root" ${DEBOOTSTRAP_MIRROR:+"$DEBOOTSTRAP_MIRROR"} >"$scratch/log" 2>&1; then
		tail -n 5 "$scratch/log" >&2
		die "debootstrap of $2 failed: see the lines above; DEBOOTSTRAP_MIRROR names another archive"
	fi
	$sudo tar -C "$scratch/root" -c \
		--exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/bootstrap.log' \
		--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
		. | $docker import --change 'CMD ["bash"]' --message "stand-in for $1" - "$1" >/dev/null
	cleanup
}

# make_golang NAME VERSION DEBIAN
make_golang() {
	command -v go >/dev/null 2>&1 || die "$1 is made of this machine's Go, and there is none: install Go $2"
	# Asked in the module, go names the toolchain that go.mod wants.
	version=$(cd "$here" && go env GOVERSION) root=$(cd "$here" && go env GOROOT)
	case $version in
	go"$2" | go"$2".*) ;;
	*) die "$1 needs Go $2 and this machine's is $version: install Go $2" ;;
	esac
	certificates=
	for f in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
		if [ -f "$f" ]; then
			certificates=$f
			break
		fi
	done
	[ -n "$certificates" ] || die "$1 needs this machine's CA certificates, and there are none: install ca-certificates"
	say "making $1 from $3, $version and this machine's CA certificates"
	box=$($docker create "$3" true)
	tar -c -C "$root" --owner=0 --group=0 --exclude=./test --exclude=./doc --exclude=./api --exclude=./misc \
		--exclude='testdata' --exclude='*_test.go' \
		--transform 's,^\.,usr/local/go,' . | $docker cp - "$box:/"
	tar -c -h -C "$(dirname "$certificates")" --owner=0 --group=0 \
		--transform 's,.*,etc/ssl/certs/ca-certificates.crt,' "$(basename "$certificates")" | $docker cp - "$box:/"
	$docker commit --message "stand-in for $1" \
		--change 'ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
		--change 'WORKDIR /go' --change 'CMD ["bash"]' "$box" "$1" >/dev/null
	cleanup
}

supply() {
	if present "$1"; then
		say "$1 is here, left as it is"
		return
	fi
	if $docker pull --quiet "$1" >/dev/null 2>&1; then
		say "pulled $1"
		return
	fi
	tag=${1#*:}
	case $1 in
	debian:*-slim) make_debian "$1" "${tag%-slim}" ;;
	golang:*-*)
		supply "debian:${tag#*-}-slim"
		make_golang "$1" "${tag%%-*}" "debian:${tag#*-}-slim"
		;;
	*) die "$1 can't be pulled and no stand-in for it is known here" ;;
	esac
	say "made $1"
}

command -v docker >/dev/null 2>&1 || die "docker is missing: install docker.io"
if ! docker info >/dev/null 2>&1; then
	docker="$sudo docker"
	$docker info >/dev/null 2>&1 || die "the Docker engine doesn't answer: start it"
fi
for image in $(bases); do supply "$image"; done
