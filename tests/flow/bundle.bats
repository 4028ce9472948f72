#!/usr/bin/env bats
# Bundles with a real broker: one retained List, taken as a whole or not at all, over every kill of davitd.

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

# bundle GENERATION NAME=NUMBER...: pods of these names that sleep so long
bundle() {
    local generation=$1 word
    shift
    for word in "$@"; do
        MARK=${word#*=} pod "${word%%=*}"
    done | jq -sc --arg generation "$generation" '{apiVersion: "v1", kind: "List",
        metadata: {annotations: {"davit/generation": $generation}}, items: .}' | publish "$T/desired"
}

observed() { # GENERATION OBJECTS: the node says that it took it
    within 10 says "$T/status" ".status.bundle == {observedGeneration: $1, objects: $2}"
}

@test "a bundle runs, what it does not hold any more goes, and what stayed is the same process" {
    bundle 1 "a=${MARK}1" "b=${MARK}2"
    running a
    running b
    observed 1 2
    status a '.status.source == "bundle" and .status.observedGeneration == 1'
    local pid
    pid=$(sleepers "${MARK}2")
    bundle 2 "b=${MARK}2" "c=${MARK}3"
    running c
    within 10 none_sleeps "${MARK}1"
    within 10 silent "$T/state/default/pods/a"
    [ "$(sleepers "${MARK}2")" = "$pid" ]
    observed 2 2
}

@test "one bad object refuses all of it, and the node says which" {
    bundle 10 "a=${MARK}1"
    observed 10 1
    running a
    jq -nc --argjson good "$(pod new)" '{apiVersion: "v1", kind: "List", metadata: {annotations: {"davit/generation": "11"}},
        items: [$good, {apiVersion: "v1", kind: "Pod", metadata: {name: "bad"}, spec: {containers: []}}]}' |
        publish "$T/desired"
    within 10 says "$T/status" "$(condition BundleAccepted) | .status == \"False\" and .reason == \"InvalidPod\" and
        .refusedGeneration == 11 and (.message | contains(\"bad\"))"
    one_sleeps "${MARK}1"
    silent "$T/state/default/pods/new"
    bundle 9 "b=${MARK}2"
    within 10 says "$T/status" "$(condition BundleAccepted) | .reason == \"Stale\" and .refusedGeneration == 9"
    bundle 12 "a=${MARK}1"
    within 10 says "$T/status" "$(condition BundleAccepted) | .status == \"True\""
}

@test "an object with a document of its own has that, and the status tells of the bundle below it" {
    bundle 20 "a=${MARK}1"
    observed 20 1
    put a ".spec.containers[0].command = [\"sleep\", \"${MARK}9\"]"
    within 10 one_sleeps "${MARK}9"
    status a '.status.source == "node" and .status.shadows == ["bundle"]'
    drop a # its own tombstone masks the bundle, too
    within 10 none_sleeps "${MARK}1"
    clear_topic "$T/desired/default/pods/a"
}

@test "an empty payload deletes nothing, a tombstone all of it" {
    bundle 30 "d=${MARK}1" "e=${MARK}2"
    running d
    running e
    clear_topic "$T/desired"
    within 10 says "$T/status" "$(condition BundleRetained) | .status == \"False\""
    status d "$(condition Retained) | .status == \"False\""
    one_sleeps "${MARK}1"
    one_sleeps "${MARK}2"
    jq -nc '{apiVersion: "v1", kind: "List", metadata: {deletionTimestamp: "2026-01-01T00:00:00Z",
        annotations: {"davit/generation": "31"}}}' | publish "$T/desired"
    within 10 silent "$T/state/default/pods/d"
    within 10 silent "$T/state/default/pods/e"
    none_sleeps "${MARK}1"
    observed 31 0
}

# Each bundle has other pods than the one before; whatever the moment, the end is the newest one, whole.
@test "davitd killed with -9 in the middle of bundles ends on all of the newest one" {
    local i
    for i in {0..9}; do
        bundle "$((40 + i))" "x$i=${MARK}$i" "y$i=${MARK}$i" "stays=${MARK}77"
        sleep "0.0$((i * 9 / 10))$((i * 9 % 10))"
        kill -9 "$(davitd_pid)" 2>/dev/null || true
        devnode_do davitd_start
    done
    within 20 holds "$T/status" '.status.bundle == {observedGeneration: 49, objects: 3}'
    local name
    for name in x9 y9 stays; do
        within 20 holds "$T/state/default/pods/$name" '.state == "Running"'
    done
    [ "$(sleepers "${MARK}9" | wc -l)" -eq 2 ]
    one_sleeps "${MARK}77"
    for i in {0..8}; do
        within 20 none_sleeps "${MARK}$i"
    done
}
