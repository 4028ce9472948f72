#!/bin/bash
# All lints, as TAP; each is shown to be able to fail first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
count=0 failed=0

while IFS= read -r line; do
    case $line in
    ok*) count=$((count + 1)) ;;
    'not ok'*) count=$((count + 1)) failed=$((failed + 1)) ;;
    1..*) continue ;;
    esac
    echo "$line"
done < <("$here/selftest.sh" || true)

for lint in uses size words built docs shell man; do
    count=$((count + 1))
    if out=$("$here/$lint.sh" 2>&1); then
        echo "ok $count - lint: $lint"
    else
        failed=$((failed + 1))
        echo "not ok $count - lint: $lint"
        sed 's/^/# /' <<<"$out"
    fi
done
echo "1..$count"
[ $failed -eq 0 ]
