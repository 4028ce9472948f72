#!/bin/bash
# Every test, from a clean clone: installs what they need, builds, runs them, and ends with `N passed, N failed`.
#
#   sudo scripts/check.sh [SUITE...]
#
# Suites: lint (rules of the house), unit (under the sanitizers), sim (the simulator, 200 seeds), flow (a real broker,
# crun and conmon), guest (a Debian guest under systemd). Logs are kept in build/check/. A suite that says nothing has
# failed.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
# The same on every machine: Debian's own programs, no settings of the one who calls.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
unset DAVIT_BROKER DAVIT_NODE DAVIT_ROOT DAVIT_CONTROL DAVIT_LIBEXEC DAVIT_STAGE DAVIT_BUILD MAKEFLAGS
logs=$here/build/check
all_suites='lint unit sim flow guest'
passed=0 failed=0 skipped=0

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

# Ends with the one line that others read.
summary() {
    local line="$passed passed, $failed failed"
    [ $skipped -eq 0 ] || line="$line, $skipped skipped"
    echo "$line"
    [ $failed -eq 0 ] && [ $passed -gt 0 ]
}

# count LOG STATUS: adds up a TAP log. Fewer results than planned, a bail-out, or a bad exit without a failed test is a
# failure too.
count() {
    local log=$1 status=$2 ok bad skip plan missing
    # cmocka says `not ok N # SKIP`, bats `ok N # skip`.
    skip=$(grep -cE '^(not )?ok\b.*# [Ss][Kk][Ii][Pp]' "$log" || true)
    ok=$(grep -E '^ok\b' "$log" | grep -cvE '# [Ss][Kk][Ii][Pp]' || true)
    bad=$(grep -E '^not ok\b' "$log" | grep -cvE '# [Ss][Kk][Ii][Pp]' || true)
    plan=$(sed -nE 's/^1\.\.([0-9]+).*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    missing=$((plan - ok - bad - skip))
    if [ $missing -gt 0 ]; then
        echo "# $missing planned tests of $log gave no result"
        bad=$((bad + missing))
    fi
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((ok + skip)) -eq 0 ] || grep -q '^Bail out!' "$log"; }; then
        echo "# $log: exit status $status, and no test says why"
        bad=1
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    [ "$bad" -eq 0 ] || show_failures "$log"
}

# The failed tests with what they said; a log without any is shown from its end.
show_failures() {
    echo "# ---- $1"
    if grep -qE '^not ok\b' "$1"; then
        awk '/^not ok/ { show = 1; print; next } /^(ok|1\.\.)/ { show = 0 } show && n++ < 400 { print }' "$1"
        grep -E -A 30 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$1" | head -n 60 || true
    else
        tail -n 60 "$1"
    fi
    echo "# ----"
}

# run NAME SECONDS CMD...: one log, counted.
run() {
    carry_out "$@"
    tell "$1"
}

# carry_out NAME SECONDS CMD...: leaves its log, and how it ended.
carry_out() {
    local name=$1 limit=$2 status=0 begin=$SECONDS
    shift 2
    timeout -k 20 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null || status=$?
    [ $status -ne 124 ] || echo "Bail out! no end within $limit s" >>"$logs/$name.log"
    echo "$status $((SECONDS - begin))" >"$logs/$name.end"
}

# tell NAME: counts what carry_out left.
tell() {
    local before=$failed status='' took=''
    read -r status took <"$logs/$1.end" || true
    count "$logs/$1.log" "${status:-1}"
    echo "# $1: $([ "$failed" -eq "$before" ] && echo ok || echo FAILED) (${took:-?} s)"
}

suite_lint() {
    run lint 300 tests/lint/run.sh
}

build_asan() {
    CFLAGS='-O1 -g' scripts/build.sh --dir build-asan --enable-werror --enable-sanitizers
}

# `make check` builds and runs the programs; each one's log is TAP.
suite_unit() {
    local trs log status begin=$SECONDS before=$failed
    build_asan
    find build-asan -maxdepth 2 \( -name '*.trs' -o -name 'test_*.log' \) -delete
    CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 20 900 make -C build-asan -k -j"$(nproc)" check \
        >"$logs/unit.log" 2>&1 </dev/null || true
    if [ -z "$(find build-asan -maxdepth 2 -name '*.trs' -print -quit)" ]; then
        count "$logs/unit.log" 1
    fi
    while IFS= read -r trs; do
        log=${trs%.trs}.log
        status=0
        grep -q '^:test-result: PASS' "$trs" || status=1
        cp "$log" "$logs/unit-$(basename "$log")"
        count "$logs/unit-$(basename "$log")" $status
    done < <(find build-asan -maxdepth 2 -name '*.trs' | sort)
    echo "# unit: $([ "$failed" -eq "$before" ] && echo ok || echo FAILED) ($((SECONDS - begin)) s)"
}

# 200 histories at full speed, and some of them under the sanitizers.
suite_sim() {
    local dir
    build_asan
    for dir in build build-asan; do
        if ! make -C "$dir" davit-sim-test >"$logs/sim-$dir.log" 2>&1 </dev/null; then
            count "$logs/sim-$dir.log" 1
            return
        fi
    done
    run sim 1200 build/davit-sim-test --seeds 200
    run sim-asan 1200 build-asan/davit-sim-test --seeds 10
}

# Two files at a time, for they wait more than they work; each in a network namespace of its own, so that ports, bridges and
# firewall rules do not meet: with an address and a way out that lead nowhere, as every device has.
# shellcheck disable=SC2016 # for the inner shell
in_own_network=(unshare --net sh -c 'ip link set lo up && ip link add lan0 type bridge && ip address add 198.51.100.2/24 dev lan0 &&
    ip link set lan0 up && ip route add default via 198.51.100.1 && exec "$@"' -)

suite_flow() {
    local file kind names=()
    # What guests are made of comes over a network that the tests do not have.
    for kind in tiny old debian; do
        scripts/vm-image.sh $kind >"$logs/vm-image-$kind.log" 2>&1 || tail -n 20 "$logs/vm-image-$kind.log"
    done
    # What plays the other side in tests: made once, for two makes in one folder are one too many.
    make -C build linkdrive runtimedrive unpackdrive escapedrive davit-sim >"$logs/drives.log" 2>&1 </dev/null || count "$logs/drives.log" 1
    # The largest first: what begins last is short.
    # shellcheck disable=SC2045 # names without blanks
    for file in $(ls -S tests/flow/*.bats 2>/dev/null || echo none); do
        [ -e "$file" ] || { echo 'Bail out! there are no flow tests' >"$logs/flow.log"; count "$logs/flow.log" 1; return; }
        names+=("flow-$(basename "$file" .bats)")
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
            wait -n || true
        done
        rm -f "$logs/${names[-1]}.end"
        carry_out "${names[-1]}" 1200 "${in_own_network[@]}" bats --timing --formatter tap "$file" &
    done
    wait
    for file in "${names[@]}"; do
        tell "$file"
    done
}

suite_guest() {
    run guest 1100 tests/guest/guest.sh
}

suites=${*:-$all_suites}
for suite in $suites; do
    case " $all_suites " in
    *" $suite "*) ;;
    *) echo "check.sh: there is no suite '$suite'" >&2; usage ;;
    esac
done

# A failure before the tests is one too, and the last line stays the last line.
trap 'status=$?; [ $status -eq 0 ] || [ -n "${done_all:-}" ] || { failed=$((failed + 1)); summary || true; }; exit $status' EXIT
if [ "$(id -u)" -ne 0 ]; then
    echo "check.sh: the tests run containers and need root. Run: sudo scripts/check.sh" >&2
    exit 1
fi
mkdir -p "$logs"
echo "# packages"
scripts/deps.sh build vm-build run test
echo "# build"
scripts/build.sh --enable-werror
echo "# built after $SECONDS s"
for suite in $suites; do
    "suite_$suite"
done
done_all=yes
echo "# all of it took $SECONDS s; logs are in ${logs#"$here"/}/"
summary
