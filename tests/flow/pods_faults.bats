#!/usr/bin/env bats
# Pods run while what is below them fails: the disk is full, there are no descriptors, crun is gone, the runtime host hangs, the
# clock steps, the broker comes and goes. What runs is not touched, the status says it, and it heals.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    # The state folder is a small file system of its own.
    mkdir -p "$N/state"
    truncate -s 96M "$DIR/disk"
    mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$DIR/disk"
    mount -o loop "$DIR/disk" "$N/state"
    flow_node
    local i
    for i in {1..5}; do
        MARK=${MARK}9$i OUT=$DIR put "still$i"
    done
    for i in {1..5}; do
        within 20 one_sleeps "${MARK}9$i"
    done
    still >"$DIR/still"
}

teardown_file() {
    record_stop
    "$TOP/scripts/devnode.sh" down "$N" || true
    for _ in {1..50}; do
        umount "$N/state" && break
        sleep 0.1
    done
    rm -rf "$DIR"
}

setup() {
    flow_test
}

# The processes of the five. FLOW_MARK is the file's number, without a test's own digits.
still() {
    local i
    for i in {1..5}; do
        sleepers "${FLOW_MARK:-$MARK}9$i"
    done
}

untouched() {
    FLOW_MARK=${MARK%??}
    [ "$(still)" = "$(cat "$DIR/still")" ] || { echo "those that ran are not the same: $(still), before: $(cat "$DIR/still")"; return 1; }
    local i
    for i in {1..5}; do
        holds "$T/status/default/pods/still$i" '.status.containerStatuses[0].restartCount == 0'
    done
}

is_ready() { # true, or false with a reason
    holds "$T/status" '.status.conditions[] | select(.type == "Ready") | .status == "True"'
}

@test "the disk is full: a document waits and the node says so; freed, it is taken" {
    local i big
    big=$(head -c 150000 /dev/urandom | base64 -w 0)
    dd if=/dev/zero of="$N/state/fill" bs=64k 2>/dev/null || true
    dd if=/dev/zero of="$N/state/fill" bs=1 count=65536 oflag=append conv=notrunc 2>/dev/null || true
    for i in {1..40}; do # more than what the database may write over
        jq -nc --arg name "big$i" --rawfile big <(echo "$big") \
            '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: $name}, data: {big: $big}}' |
            publish "$T/desired/default/configmaps/big$i"
    done
    put late
    within 30 holds "$T/status" '[.status.conditions[] | select(.type == "StorageProblem") | .status] | any(. == "True")'
    # One more word on an object whose document waits for the disk does not end the connection, again and again.
    local link
    link=$(child davit-link)
    put late '.metadata.labels.a = "1"'
    put late '.metadata.labels.a = "2"'
    sleep 7
    [ "$(child davit-link)" = "$link" ]
    untouched
    rm -f "$N/state/fill"
    within 60 one_sleeps
    within 20 is_ready
    within 10 holds "$T/status/default/pods/late" '.metadata.labels.a == "2"'
    untouched
    tombstone late
    within 20 none_sleeps
    for i in {1..40}; do
        clear_topic "$T/desired/default/configmaps/big$i"
    done
}

@test "no descriptor is free, in davitd and in the runtime host: what runs goes on, and later it works again" {
    local pid limit
    for pid in "$(davitd_pid)" "$(child davit-runtime)"; do
        limit=$(prlimit --pid "$pid" --nofile --noheadings --output SOFT | tr -d ' ')
        prlimit --pid "$pid" --nofile="$(find "/proc/$pid/fd" -mindepth 1 | wc -l):"
        put one
        sleep 3
        untouched
        prlimit --pid "$pid" --nofile="$limit:" || true # it may be another one by now
        within 60 one_sleeps
        tombstone one
        within 20 none_sleeps
    done
    within 20 is_ready
    untouched
}

@test "crun is gone: the status says it within 30 s, and it heals" {
    "$TOP/scripts/devnode.sh" exec "$N" mount --bind /dev/null /usr/bin/crun
    put lost
    within 30 holds "$T/status/default/pods/lost" '.status.containerStatuses[0].state.waiting | .reason == "CreateContainerError" and (.message | length > 0)'
    kill -9 "$(child davit-runtime)" # the next one does not find it either
    within 30 holds "$T/status" '[.status.conditions[] | select(.type == "RuntimeProblem") | .message | test("crun")] | any'
    untouched
    "$TOP/scripts/devnode.sh" exec "$N" umount /usr/bin/crun
    within 90 one_sleeps
    within 20 is_ready
    untouched
    tombstone lost
    within 20 none_sleeps
}

@test "the runtime host hangs: another one takes its place within 40 s, and knows how what ended meanwhile ended" {
    put ends '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["sh", "-c", "sleep \($m) & wait $!; exit 9"]'
    within 20 one_sleeps
    local host
    host=$(child davit-runtime)
    kill -STOP "$host"
    kill "$(sleepers)"
    within 40 holds "$T/status/default/pods/ends" '.status.containerStatuses[0].state.terminated.exitCode == 9'
    [ "$(child davit-runtime)" != "$host" ]
    within 20 is_ready
    untouched
    drop ends
}

@test "the clock goes ten years on and back: nothing starts anew, nothing ends" {
    local lib
    lib=$(find /usr/lib -name libfaketime.so.1 -print -quit)
    [ -n "$lib" ] || skip "libfaketime is not installed"
    echo "+0" >"$DIR/clock"
    devnode_do davitd_stop
    LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$DIR/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
        devnode_do davitd_start
    within 20 is_ready
    put young '.spec.activeDeadlineSeconds = 3600'
    within 20 one_sleeps
    local step pid
    pid=$(sleepers)
    for step in +3652d -3652d +0; do
        echo "$step" >"$DIR/clock"
        put "at$BATS_TEST_NUMBER" ".metadata.labels.step = \"$step\" | .spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
        within 20 one_sleeps "${MARK}1"
        sleep 2
        untouched
        [ "$(sleepers)" = "$pid" ]
    done
    tombstone young
    tombstone "at$BATS_TEST_NUMBER"
    within 20 none_sleeps
    devnode_do davitd_stop
    devnode_do davitd_start
    within 20 is_ready
}

anonymous() { # PROCESS: kB
    awk '/^RssAnon/ { print $2 }' "/proc/$1/status"
}

@test "the broker goes and comes six times: each time the newest document is applied, and memory stays" {
    local i before=0
    for i in {1..6}; do # the link waits longer each time
        kill -9 "$(cat "$N/mosquitto.pid")"
        devnode_do broker_start # where it was, or the node would look for it in vain
        put "flap$i" ".spec.containers[0].command = [\"sleep\", \"$MARK$i\"]"
        within 130 one_sleeps "$MARK$i"
        within 20 holds "$T/state/default/pods/flap$i" '.ready == 1'
        tombstone "flap$i"
        within 20 none_sleeps "$MARK$i"
        [ "$i" -ne 2 ] || before=$(anonymous "$(davitd_pid)")
    done
    [ "$(anonymous "$(davitd_pid)")" -le $((before + 200)) ]
    untouched
}
