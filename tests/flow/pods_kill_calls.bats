#!/usr/bin/env bats
# davitd and davit-net killed as they enter a call: each of davitd's commits, each of what davit-net says to the kernel, while a
# pod comes and while it ends.

bats_require_minimum_version 1.5.0
load davitd
load pods_kill

setup_file() {
    flow_dir
    flow_node
    record_stop # each test looks at what the broker holds: a killed davitd may say nothing for a while
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

is_traced() {
    grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$1/status"
}

has_gone() {
    [ ! -e "/proc/$1" ]
}

# at_calls PROCESS CALLS COUNT...: PROCESS is killed as it enters its COUNTth call of these, while a pod comes, and as it ends.
at_calls() {
    local program=$1 calls=$2 number count pid tracer what killed=0
    shift 2
    for count in "$@"; do
        number=$MARK$count
        for what in comes ends; do
            within 40 process_of "$program"
            pid=$(process_of "$program")
            strace -f -qq -o /dev/null -e trace="$calls" -e inject="$calls:signal=SIGKILL:when=$count" -p "$pid" 3>&- &
            tracer=$!
            within 10 is_traced "$pid"
            if [ $what = comes ]; then
                whole "c$count" "$number" | publish "$T/desired/default/pods/c$count"
            else
                tombstone "c$count"
            fi
            # One that does not call so often lives on.
            ! within 5 has_gone "$pid" >/dev/null || killed=$((killed + 1))
            kill "$tracer" 2>/dev/null || true
            wait "$tracer" || true
            [ "$program" != davitd ] || devnode_do davitd_runs || devnode_do davitd_start
            if [ $what = comes ]; then
                within 40 is_whole "c$count" "$number"
                uid_of "c$count" >>"$DIR/uids"
            fi
        done
        within 40 none_sleeps "${number}1"
        within 40 none_sleeps "$number"
    done
    [ "$killed" -ge 2 ] || { echo "$program was killed $killed times"; return 1; }
}

process_of() {
    if [ "$1" = davitd ]; then
        davitd_pid
    else
        child "$1"
    fi
}

@test "davitd killed at each of its commits" {
    at_calls davitd fdatasync 1 2 3 4 5
}

@test "davit-net killed at what it says to the kernel" {
    put standing # davitd, killed just before, starts davit-net for a pod alone
    within 20 one_sleeps
    uid_of standing >>"$DIR/uids"
    at_calls davit-net sendmsg,sendto 1 2 4 6 9 12 15 19
    tombstone standing
    within 40 none_sleeps
}

@test "nothing is left of all these pods" {
    # An address whose pod ended while davitd was away is given back, with its namespace, a minute later.
    within 90 nothing_is_left || { find "$N/run/crun" "$N/run/netns" -mindepth 1 | head -20; ip -o link | head; return 1; }
}
