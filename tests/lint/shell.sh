#!/bin/bash
# Every script stands up to shellcheck.
. "$(dirname "$0")/lib.sh"
command -v shellcheck >/dev/null || { echo "shellcheck is missing; run: scripts/deps.sh test"; exit 1; }

mapfile -t scripts < <({ files '*.sh' scripts tests bench; files '*.bats' tests; files '*.bash' tests; files run .ci; files davit-end-workloads conf; } |
    sort -u)
for file in "${scripts[@]}"; do
    # What is sourced is a script of its own here. A variable that a sourced file uses looks unused (2034). In bats each
    # test is a subshell, and that is meant (2030, 2031).
    except=SC1090,SC1091,SC2034,SC2154
    case $file in
    *.bats | *.bash) except=$except,SC2030,SC2031,SC2016,SC2155,SC2317 ;;
    esac
    if ! report=$(shellcheck -S info -f gcc -e "$except" "$file"); then
        while IFS= read -r line; do
            violation "$line"
        done <<<"$report"
    fi
done
finish
