#!/usr/bin/env bats
# Memory and disk are counted before a pod starts: what does not fit waits, and nothing that runs is stopped for it.

bats_require_minimum_version 1.5.0
load davitd

# This machine's memory but so many MiB.
reserved() {
    echo $(($(awk '/^MemTotal:/ {print $2}' /proc/meminfo) * 1024 - $1 * 1048576))
}

setup_file() {
    flow_dir
    printf '[node]\nreserved_memory = %s\n' "$(reserved 100)" >"$DIR/conf" # 100 MiB are for pods
    flow_node --conf "$DIR/conf"
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# asks MEMORY [JQ]: a jq program for put
asks() {
    echo ".spec.containers[0].resources.requests.memory = \"$1\" | ${2:-.}"
}

waits() { # NAME
    state "$1" '.state == "Pending" and .reason == "InsufficientMemory"'
}

@test "of two pods one fits; when it is deleted, the other starts" {
    put first "$(asks 60Mi)"
    running first
    put second "$(asks 50Mi ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]")"
    waits second
    status second "$(condition PodScheduled) | .status == \"False\" and .reason == \"Unschedulable\" and
        (.message | startswith(\"0/1 nodes are available: 1 Insufficient memory: it requests 50Mi, 40Mi of 100Mi are free\"))"
    status second '.status.phase == "Pending" and (.status | has("containerStatuses") or has("startTime") | not)'
    run node davit describe pod/second
    contains "Insufficient memory"
    put third "$(asks 40Mi ".spec.containers[0].command = [\"sleep\", \"${MARK}3\"]")" # a smaller one passes
    running third
    put fourth ".spec.containers[0].command = [\"sleep\", \"${MARK}4\"]" # it requests nothing
    running fourth
    none_sleeps "${MARK}2"
    drop first
    running second
    [ "$(grep -a '/events ' "$DIR/record" | grep -cF '"reason":"FailedScheduling"')" -eq 1 ]
    drop second third fourth
}

@test "an update that can never fit leaves the old one running, until one comes that fits" {
    put line "$(asks 60Mi)"
    running line
    local pid
    pid=$(sleepers)
    put line "$(asks 10Ti '.spec.containers[0].env = [{name: "V", value: "2"}]')"
    state line '.update == "InsufficientMemory" and .state == "Running" and .ready == 1'
    status line "$(condition Updating) | .reason == \"InsufficientMemory\" and (.message | contains(\"it never starts with that\"))"
    "$TOP/scripts/devnode.sh" restart "$N"
    state line '.update == "InsufficientMemory" and .state == "Running" and .ready == 1'
    [ "$(sleepers)" = "$pid" ]
    put line "$(asks 90Mi '.spec.containers[0].env = [{name: "V", value: "3"}]')" # with what it has itself
    state line '.update == null and .state == "Running" and .ready == 1'
    within 10 one_sleeps "$MARK"
    [ "$(sleepers)" != "$pid" ]
    drop line
}

@test "a restart of davitd with more running than fits stops nothing, and a container starts again" {
    put a "$(asks 60Mi)"
    put b "$(asks 30Mi ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]")"
    running a
    running b
    local pids
    pids=$(sleepers; sleepers "${MARK}2")
    node davit get node -o json | jq -e '.items[0].status | .allocatable.memory == "102400Ki" and .capacity.memory != "102400Ki"'
    sed -i "s/^reserved_memory.*/reserved_memory = $(reserved 50)/" "$N/davitd.conf"
    "$TOP/scripts/devnode.sh" restart "$N"
    put c "$(asks 10Mi ".spec.containers[0].command = [\"sleep\", \"${MARK}3\"]")"
    waits c
    [ "$(sleepers; sleepers "${MARK}2")" = "$pids" ]
    kill -9 "$(sleepers)"
    state a '.restarts == 1 and .state == "Running" and .ready == 1'
    drop a
    running c
    drop b c
}
