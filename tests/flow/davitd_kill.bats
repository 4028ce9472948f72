#!/usr/bin/env bats
# Every process of Davit killed with -9 at many moments of an apply: it converges, there is one copy of each container,
# what ran before is the same process as before, and nothing is left over.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node
    record_stop # each test looks at what the broker holds: a killed davitd may say nothing for a while
    # A canary runs through all of it.
    OUT=$DIR MARK=${MARK}77 put canary
    within 10 one_sleeps "${MARK}77"
    sleepers "${MARK}77" >"$DIR/canary.pid"
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}


kill_davitd() {
    kill -9 "$(davitd_pid)" 2>/dev/null || true
    devnode_do davitd_start
}

kill_child() { # davit-link or davit-runtime; it may be on its way up again
    local pid
    if pid=$(child "$1"); then
        kill -9 "$pid" 2>/dev/null || true
    fi
}

kill_both() { # davitd, while its runtime host is held: it wakes up beside its successor
    local host
    host=$(child davit-runtime) || return 0
    kill -STOP "$host"
    kill_davitd
    sleep 0.2
    kill -CONT "$host" 2>/dev/null || true
}

is_running_once() { # NAME NUMBER
    one_sleeps "$2" && holds "$T/state/default/pods/$1" '.state == "Running"'
}

# ten_moments HOW: applies ten pods, and does HOW 0, 8, 16 … ms after each was published
ten_moments() {
    local i
    for i in {0..9}; do
        put "k$i" ".spec.containers[0].command = [\"sleep\", \"$MARK$i\"]"
        sleep "0.0$((i * 8 / 10))$((i * 8 % 10))"
        "$@"
    done
    for i in {0..9}; do
        within 30 is_running_once "k$i" "$MARK$i"
    done
    [ "$(sleepers "${MARK%??}77")" = "$(cat "$DIR/canary.pid")" ]
    for i in {0..9}; do
        holds "$T/status/default/pods/k$i" '.status.containerStatuses[0].restartCount == 0'
        tombstone "k$i"
    done
    for i in {0..9}; do
        within 30 none_sleeps "$MARK$i"
    done
    within 30 nothing_left
}

# All that a container has on the host; the canary's alone is left in the end.
nothing_left() {
    [ "$(find "$N/run/crun/bundles" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] &&
        [ "$(find "$N/state/crun/upper" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] &&
        [ "$(pgrep -fc "conmon .*$N/run")" -eq 1 ] &&
        [ "$("$TOP/scripts/devnode.sh" exec "$N" grep -c " $N/run/.*rootfs" /proc/self/mountinfo)" -eq 1 ]
}

@test "davit-link is killed at ten moments of an apply" {
    ten_moments kill_child davit-link
}

@test "davit-runtime is killed at ten moments of an apply" {
    ten_moments kill_child davit-runtime
}

@test "davitd is killed at ten moments of an apply" {
    ten_moments kill_davitd
}

@test "davitd and its runtime host overlap with their successors at ten moments of an apply" {
    ten_moments kill_both
}

@test "a container whose conmon is killed runs on, and is said to be unsupervised" {
    put lone
    within 10 one_sleeps
    local pid
    pid=$(sleepers)
    kill -9 "$(pgrep -f "conmon .*$N/run.*-n lone" || ps -o ppid= -p "$pid" | tr -d ' ')"
    within 10 holds "$T/status/default/pods/lone" '.status.conditions[] | select(.type == "Unsupervised") | .status == "True"'
    [ "$(sleepers)" = "$pid" ]
    tombstone lone
    within 20 none_sleeps
}
