#!/usr/bin/env bats
# The broker goes, comes back, forgets, and remembers an older time. What runs does not notice.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

broker_stop() {
    record_stop
    kill "$(cat "$N/mosquitto.pid")" # it writes its store
    within 10 broker_gone
}

broker_gone() {
    ! kill -0 "$(cat "$N/mosquitto.pid")" 2>/dev/null
}

broker_start() {
    devnode_do broker_start
    record_start
}

# The link waits longer after each try that failed; nobody here waits for that.
broker_back() {
    local link
    broker_start
    link=$(child davit-link) && kill -9 "$link"
    within 10 holds "$T/presence" .online
}

@test "with the broker away a container that ends is started again, and its status comes with the broker" {
    put a "$(shell 'echo x >>/out/starts; exec sleep $0') | .spec.containers[0].args = [\$m]"
    running a
    broker_stop
    kill -9 "$(sleepers)"
    within 10 has_file "$OUT/starts" 2
    within 5 one_sleeps
    broker_back
    state a '.state == "Running" and .restarts == 1'
    drop a
}

@test "a broker that was emptied stops nothing, and gets all statuses again" {
    put b
    running b
    local pid
    pid=$(sleepers)
    broker_stop
    rm -f "$N"/broker/*.db
    broker_back
    within 15 holds "$T/status/default/pods/b" "$(condition Retained).status == \"False\""
    holds "$T/state/default/pods/b" '.state == "Running"'
    [ "$(sleepers)" = "$pid" ]
    put b
    status b "$(condition Retained).status == \"True\""
    [ "$(sleepers)" = "$pid" ]
    drop b
}

@test "a broker restored from an older backup takes nothing back, nor a deleted pod" {
    put c ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
    put gone ".spec.containers[0].command = [\"sleep\", \"${MARK}9\"]"
    running c
    running gone
    broker_stop
    cp "$N"/broker/mosquitto.db "$DIR/backup.db"
    broker_back
    put c ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]"
    within 10 one_sleeps "${MARK}2"
    drop gone
    local pid
    pid=$(sleepers "${MARK}2")
    broker_stop
    cp "$DIR/backup.db" "$N"/broker/mosquitto.db
    chown mosquitto: "$N"/broker/mosquitto.db
    broker_back
    within 15 holds "$T/status/default/pods/c" "$(condition Accepted) | .status == \"False\" and .reason == \"StaleReplay\""
    holds "$T/status/default/pods/c" '.status.observedGeneration == 2'
    [ "$(sleepers "${MARK}2")" = "$pid" ]
    none_sleeps "${MARK}1"
    none_sleeps "${MARK}9"
    within 10 holds "$T/state/default/pods/gone" '.state == "Refused" and .ready == 0'
    drop c
}

@test "a node starts without its broker, and connects when it comes" {
    put d
    running d
    local pid
    pid=$(sleepers)
    broker_stop
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    sleep 1
    [ "$(sleepers)" = "$pid" ]
    broker_back
    state d '.state == "Running" and .restarts == 0'
    drop d
}

@test "four quick ends of the broker leave a container alone, and the memory flat" {
    put e
    running e
    local pid before after
    pid=$(sleepers)
    before=$(awk '/^VmRSS/ { print $2 }' "/proc/$(davitd_pid)/status")
    for _ in {1..4}; do
        broker_stop
        broker_back
    done
    after=$(awk '/^VmRSS/ { print $2 }' "/proc/$(davitd_pid)/status")
    [ "$(sleepers)" = "$pid" ]
    [ "$after" -lt $((before + 1024)) ]
    state e '.state == "Running" and .restarts == 0'
    drop e
}
