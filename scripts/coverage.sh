#!/bin/bash
# Line coverage of the unit tests, a room a line: builds in build/coverage, runs `make check`, reads gcov.
#
#   scripts/coverage.sh [ROOM...]     (default: model protocol store)
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
build=$here/build/coverage
[ $# -gt 0 ] || set -- model protocol store
mkdir -p "$build"
cd "$build"
[ -x "$here/configure" ] || (cd "$here" && autoreconf -fi >/dev/null)
[ -e Makefile ] || "$here/configure" --quiet CFLAGS='-O0 -g --coverage'
find . -name '*.gcda' -delete
make --silent -j"$(nproc)" check >check.log 2>&1 || {
    tail -n 40 check.log >&2
    exit 1
}

# gcov says of each source "File '…'" and then "Lines executed:P% of N".
for room; do
    find "src/$room" -name '*.gcda' -exec gcov -n {} + 2>/dev/null |
        awk -v room="$room" -F"'|:|% of " '
            /^File/ { ours = $2 ~ "/src/" room "/[a-z_]*[.]c$" }
            /^Lines executed/ && ours { lines += $3; hit += $2 * $3 / 100; ours = 0 }
            END { if (lines) printf "%-10s %5.1f %% of %d lines\n", room, 100 * hit / lines, lines
                  else print room ": no line was run" }'
done
