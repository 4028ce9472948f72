#!/usr/bin/env bats
# The desired Node with a real broker: labels, groups joined and left over a standing connection, cordon and drain.

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

GENERATION=0
# node_is [JQ]: the desired Node, changed by a jq program
node_is() {
    GENERATION=$(($(date +%s%N) / 1000000))
    jq -nc --arg generation "$GENERATION" '{apiVersion: "v1", kind: "Node", metadata: {name: "n",
        annotations: {"davit/generation": $generation}}} | '"${1:-.}" | publish "$T/desired/node"
    within 10 says "$T/status" ".status.observedGeneration == $GENERATION"
}

put_group() { # GROUP NAME [JQ]
    pod "$2" "${3:-.}" | publish "davit/groups/$1/desired/default/pods/$2"
}

other_sleeps() { # NUMBER PID: one sleeps so long, and it is another one
    one_sleeps "$1" && [ "$(sleepers "$1")" != "$2" ]
}

link_pid() {
    child davit-link
}

@test "groups are joined and left over the same connection" {
    local link
    link=$(link_pid)
    put_group presses a ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
    put_group line-3 b ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]"
    node_is '.metadata.annotations["davit/groups"] = "presses"'
    running a
    status a '.status.source == "group/presses"'
    status a "$(condition Retained) | .status == \"True\""
    within 5 says "$T/status" '.status.groups == ["presses"] and ([.status.conditions[].type] | index("BrokerTruncated") | not)'
    none_sleeps "${MARK}2"
    node_is '.metadata.annotations["davit/groups"] = "line-3, presses"'
    running b
    one_sleeps "${MARK}1"
    # Published to a group that is joined: it comes at once.
    put_group line-3 c ".spec.containers[0].command = [\"sleep\", \"${MARK}3\"]"
    running c
    node_is '.metadata.annotations["davit/groups"] = "line-3"'
    within 10 none_sleeps "${MARK}1"
    within 10 silent "$T/state/default/pods/a"
    one_sleeps "${MARK}2"
    # Joined once more, it brings its documents once more; after a new connection too.
    node_is '.metadata.annotations["davit/groups"] = "presses,line-3"'
    running a
    [ "$(link_pid)" = "$link" ]
    kill -9 "$link"
    within 10 child davit-link
    put_group presses d ".spec.containers[0].command = [\"sleep\", \"${MARK}4\"]"
    running d 20
    node_is '.metadata.annotations["davit/groups"] = ""'
    local name
    for name in a b c d; do
        within 10 silent "$T/state/default/pods/$name"
    done
    for name in presses/desired/default/pods/a presses/desired/default/pods/d line-3/desired/default/pods/b \
        line-3/desired/default/pods/c; do
        clear_topic "davit/groups/$name"
    done
}

@test "a group that was left is not sent any more, after a kill of davitd in between too" {
    node_is '.metadata.annotations["davit/groups"] = "line-9"'
    node_is '.metadata.annotations["davit/groups"] = ""'
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    put_group line-9 e
    sleep 1
    silent "$T/state/default/pods/e"
    clear_topic davit/groups/line-9/desired/default/pods/e
}

@test "labels come and go, and a nodeSelector that did not fit is looked at again" {
    put s ".spec.nodeSelector = {site: \"hamburg\"} | .spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
    state s '.state == "Refused"'
    status s "$(condition Accepted) | .reason == \"NodeSelectorMismatch\""
    node_is '.metadata.labels = {site: "hamburg"}'
    within 5 says "$T/status" '.metadata.labels.site == "hamburg" and .metadata.labels["kubernetes.io/os"] == "linux"'
    running s
    node_is '.metadata.labels = {}'
    within 5 says "$T/status" '.metadata.labels | has("site") | not'
    one_sleeps "${MARK}1"
    drop s
}

@test "a cordoned node keeps what it has, and takes nothing new" {
    put a ".spec.containers[0].command = [\"sleep\", \"${MARK}1\"]"
    running a
    node_is '.spec.unschedulable = true'
    within 5 says "$T/state" '.unschedulable == 1'
    put b ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"]"
    state b '.state == "Pending" and .reason == "NodeUnschedulable"'
    put a ".spec.containers[0].command = [\"sleep\", \"${MARK}3\"]"
    state a '.state == "Running" and .update == "NodeUnschedulable"'
    local pid
    pid=$(sleepers "${MARK}1")
    kill -9 "$pid"
    within 30 other_sleeps "${MARK}1" "$pid"
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    state b '.state == "Pending" and .reason == "NodeUnschedulable"'
    one_sleeps "${MARK}1"
    none_sleeps "${MARK}2"
    none_sleeps "${MARK}3"
    node_is
    within 10 one_sleeps "${MARK}2"
    within 10 one_sleeps "${MARK}3"
    within 5 says "$T/state" 'has("unschedulable") | not'
    drop a b
}

@test "a drain ends with grace what does not tolerate it, and holds it until the taint goes" {
    put a "$(shell "trap 'echo bye >/out/bye; exit 0' TERM; sleep ${MARK}1 & wait") | .spec.terminationGracePeriodSeconds = 10"
    put t ".spec.containers[0].command = [\"sleep\", \"${MARK}2\"] | .spec.tolerations = [{key: \"davit/drain\", operator: \"Exists\"}]"
    within 10 one_sleeps "${MARK}1"
    running t
    node_is '.spec.unschedulable = true | .spec.taints = [{key: "davit/drain", effect: "NoExecute"}]'
    within 10 says "$T/state" '.drained == 1'
    within 10 has_file "$OUT/bye"
    within 10 none_sleeps "${MARK}1"
    state a '.state == "Pending" and .reason == "NodeDrained"'
    one_sleeps "${MARK}2"
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    state a '.state == "Pending" and .reason == "NodeDrained"'
    node_is
    within 10 one_sleeps "${MARK}1"
    within 5 says "$T/state" 'has("drained") | not'
    drop a t
}

@test "what is no Node is refused, and an empty payload takes nothing back" {
    node_is '.metadata.labels = {site: "hamburg"}'
    local taken=$GENERATION
    jq -nc '{apiVersion: "v1", kind: "Node", metadata: {name: "other", annotations: {"davit/generation": "99999999999999"}}}' |
        publish "$T/desired/node"
    within 10 says "$T/status" "$(condition NodeAccepted) | .status == \"False\" and .reason == \"NameMismatch\""
    within 5 says "$T/status" ".status.observedGeneration == $taken and .metadata.labels.site == \"hamburg\""
    clear_topic "$T/desired/node"
    within 10 says "$T/status" "$(condition NodeRetained) | .status == \"False\""
    within 5 says "$T/status" '.metadata.labels.site == "hamburg"'
    node_is '.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"'
    within 5 says "$T/status" '.metadata.labels | has("site") | not'
}
