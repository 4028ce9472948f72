#!/bin/bash
# Runs benchmarks and prints a line for each, `NAME: value unit (target; floor, ratio)`; bench/results.json holds the same.
#
#   sudo scripts/bench.sh [NAME...] [--OPTION VALUE...]
#
# Names: apply-latency, apply-latency-podman (and -bridge), restart-latency, boot, adopt, deploy-writes, footprint,
# installed-size, pull, vm-start, intake, fleet (six minutes; --nodes N), quiet (ten minutes; --seconds N). Options go to those named,
# so name one: scripts/bench.sh apply-latency --runs 200
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
names=()
while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    [ -x "$here/bench/$1.py" ] || { echo "bench.sh: there is no benchmark '$1'" >&2; exit 2; }
    names+=("$1")
    shift
done
if [ ${#names[@]} -eq 0 ]; then
    [ $# -eq 0 ] || { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
    names=(apply-latency apply-latency-podman restart-latency boot adopt deploy-writes footprint installed-size pull vm-start intake fleet quiet)
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "bench.sh: benchmarks run containers and need root. Run: sudo scripts/bench.sh" >&2
    exit 1
fi
"$here/scripts/deps.sh" build vm-build run bench >&2
[ -n "${DAVIT_STAGE:-}" ] || "$here/scripts/build.sh" >&2
failed=0
for name in "${names[@]}"; do
    PYTHONDONTWRITEBYTECODE=1 "$here/bench/$name.py" "$@" || { echo "$name: failed" >&2; failed=1; }
done
exit $failed
