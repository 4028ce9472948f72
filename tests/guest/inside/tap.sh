# shellcheck shell=bash
# TAP over several boots of one guest, and waiting.
counter=/var/lib/guest-test/count

# check WHAT CMD...: one test. What a failing command said, and davitd's log, are its diagnosis.
check() {
    local what=$1 number out
    shift
    number=$(($(cat $counter 2>/dev/null || echo 0) + 1))
    echo $number >$counter
    if out=$("$@" 2>&1); then
        echo "ok $number - guest: $what"
    else
        echo "not ok $number - guest: $what"
        { echo "$out"; journalctl -q -u davitd -n 25 -o cat --no-pager; } | sed 's/^/# /'
    fi
}

plan() {
    echo "1..$(cat $counter)"
}

# within SECONDS CMD...: until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            echo "never true: $*"
            "$@"
            return 1
        fi
        sleep 0.2
    done
}
