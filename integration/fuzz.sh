#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME, one after the other.
# To make an input shorter takes a minute by default, and no other is tried meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
found=0
while IFS=: read -r file target; do
  found=$((found + 1))
  echo "fuzz $target in $(dirname "$file") for $time"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 200x "./$(dirname "$file")"
done < <(grep -roHE '^func Fuzz[A-Za-z0-9]+' --include '*_test.go' . | sed -E 's#^\./##; s#func ##' | sort)
[ "$found" -gt 0 ] || { echo 'fuzz.sh: no fuzz target found' >&2; exit 1; }
echo "$found fuzz targets passed"
