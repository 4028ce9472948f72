#!/usr/bin/env bats
# Deployments and DaemonSets: the pods that they mean, their updates and their end.

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

# deployment NAME REPLICAS [JQ]
deployment() {
    jq -nc --arg name "$1" --argjson n "$2" --arg m "$MARK" --arg out "$OUT" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name},
        spec: {replicas: $n, selector: {matchLabels: {app: $name}}, template: {metadata: {labels: {app: $name}},
            spec: {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", $m]}]}}}} | '"${3:-.}"
}

want() { # RESOURCE/NAME, document on stdin
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$(port)" -q 1 -r -t "$T/desired/default/$1" -s
}

bury() { # RESOURCE/NAME KIND VERSION
    jq -nc --arg name "${1#*/}" --arg kind "$2" --arg version "$3" '{apiVersion: $version, kind: $kind,
        metadata: {name: $name, deletionTimestamp: "2026-11-24T10:00:00Z"}}' | want "$1"
}

owner() { # RESOURCE/NAME JQ [SECONDS]
    within "${3:-15}" says "$T/status/default/$1" "$2"
}

sleeping() { # COUNT MARK
    [ "$(sleepers "$2" | wc -w)" = "$1" ]
}

@test "a Deployment has its replicas, under stable names, and says so as Kubernetes does" {
    deployment web 2 | want deployments/web
    owner deployments/web '.status | .replicas == 2 and .readyReplicas == 2 and .availableReplicas == 2 and .updatedReplicas == 2'
    owner deployments/web "$(condition Available) | .status == \"True\" and .reason == \"MinimumReplicasAvailable\""
    owner deployments/web "$(condition Progressing) | .reason == \"NewReplicaSetAvailable\""
    within 5 says "$T/state/default/deployments/web" '.state == "Running" and .ready == 1 and .containers == 2'
    running web-0
    running web-1
    status web-0 '.status.source == "deployments/web"'
    sleeping 2 "$MARK"
}

@test "scaled down, the last ones go; scaled to nothing, all" {
    deployment web 1 | want deployments/web
    within 10 silent "$T/status/default/pods/web-1"
    running web-0
    owner deployments/web '.status.replicas == 1'
    deployment web 0 | want deployments/web
    within 10 silent "$T/status/default/pods/web-0"
    owner deployments/web '.status.replicas == 0'
}

@test "an update goes from one to the next, and stops where it does not become ready" {
    deployment roll 2 | want deployments/roll
    owner deployments/roll '.status.readyReplicas == 2'
    deployment roll 2 ".spec.template.spec.containers[0].command = [\"sleep\", \"${MARK}1\"] |
        .spec.template.spec.containers[0].readinessProbe = {exec: {command: [\"false\"]}, periodSeconds: 1}" | want deployments/roll
    owner deployments/roll '.status | .updatedReplicas == 1 and .readyReplicas == 1'
    sleep 3
    owner deployments/roll '.status | .updatedReplicas == 1 and .readyReplicas == 1'
    sleeping 1 "$MARK"
    deployment roll 2 ".spec.template.spec.containers[0].command = [\"sleep\", \"${MARK}2\"]" | want deployments/roll
    owner deployments/roll '.status | .updatedReplicas == 2 and .readyReplicas == 2'
    sleeping 2 "${MARK}2"
    sleeping 0 "$MARK"
}

@test "kill -9 of davitd in the middle changes nothing in the end" {
    deployment kill 3 | want deployments/kill
    node "$TOP/scripts/devnode.sh" exec "$N" sh -c "kill -9 \$(cat '$N/davitd.pid')"
    devnode_do davitd_stop || true
    "$TOP/scripts/devnode.sh" restart "$N"
    owner deployments/kill '.status.readyReplicas == 3' 30
    sleeping 3 "$MARK"
    bury deployments/kill Deployment apps/v1
    within 20 sleeping 0 "$MARK"
    within 10 silent "$T/status/default/deployments/kill"
    within 10 silent "$T/status/default/pods/kill-2"
}

@test "a name that collides is refused with a reason, and the other pod is left alone" {
    put taken-0
    running taken-0
    deployment taken 1 | want deployments/taken
    owner deployments/taken "$(condition Progressing) | .status == \"False\" and .reason == \"NameCollision\""
    running taken-0
    status taken-0 '.status.source == "node"'
    bury deployments/taken Deployment apps/v1
    sleep 1
    running taken-0
    drop taken-0
}

@test "what is wrong is refused with its path" {
    deployment bad 1 '.spec.selector.matchLabels = {app: "other"}' | want deployments/bad
    owner deployments/bad "$(condition Accepted) | .status == \"False\" and .reason == \"InvalidOwner\" and (.message | test(\"does not match template\"))"
    deployment bad 1 'del(.spec.template.spec.containers)' | want deployments/bad
    owner deployments/bad "$(condition Accepted) | .message | test(\"spec.containers: Required value\")"
    deployment bad 1 '.spec.template.spec.restartPolicy = "Never"' | want deployments/bad
    owner deployments/bad "$(condition Accepted) | .message | test(\"restartPolicy must be Always\")"
}

@test "a DaemonSet is one" {
    deployment d 5 '.kind = "DaemonSet" | del(.spec.replicas)' | want daemonsets/d
    owner daemonsets/d '.status | .desiredNumberScheduled == 1 and .numberReady == 1'
    running d-0
    bury daemonsets/d DaemonSet apps/v1
    within 10 silent "$T/status/default/pods/d-0"
}

@test "davit applies and deletes one" {
    deployment cli 2 >"$OUT/d.json"
    run -0 node davit apply -f "$OUT/d.json" --wait
    running cli-0
    running cli-1
    run -0 node davit delete -f "$OUT/d.json" --wait
    within 10 silent "$T/status/default/pods/cli-1"
}
