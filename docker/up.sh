#!/usr/bin/env bash
# Builds the images and starts Kamailio and ringfence, ready for a call on
# 127.0.0.1:5060. Ctrl-C stops them.
#
# usage: docker/up.sh [OPTIONS OF compose up]      such as -d
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
"$here/stand-in.sh"
exec "$here/compose.sh" up --build "$@"
