#!/usr/bin/env bats
# The verbs on the device itself, by davitd's control socket, with no broker: looked at, applied, waited for, deleted.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node --runtime fake
    mosquitto=$(cat "$N/mosquitto.pid")
    kill -STOP "$mosquitto" # whatever is said to it now, nobody hears
}

teardown_file() {
    kill -CONT "$(cat "$N/mosquitto.pid")"
    flow_end
}

setup() {
    flow_test
    NAME=x$BATS_TEST_NUMBER
}

davit() { # with nothing of the environment but the socket
    (
        . "$N/env"
        unset DAVIT_BROKER DAVIT_NODE
        exec timeout 60 "$STAGE/usr/bin/davit" "$@"
    )
}

waits_for() { # NAME REASON
    [[ $(davit get pod "$1" --no-headers) == *" $2 "* ]]
}

control() {
    (
        . "$N/env"
        echo "$DAVIT_CONTROL"
    )
}

@test "a pod is applied, waited for, looked at and deleted, and no broker answers" {
    run -0 davit apply -f - --wait=20 --control "$(control)" < <(pod "$NAME")
    [[ "${lines[0]}" == "pod/$NAME created" ]]
    run -0 davit get pods --control "$(control)"
    [[ "$output" =~ $NAME\ +.*Running ]]
    run -0 davit get nodes --control "$(control)"
    [[ "$output" =~ n\ +Ready ]]
    run -0 davit describe pod "$NAME" --control "$(control)"
    contains "manifests"
    run -0 davit get pod "$NAME" -o json --control "$(control)"
    jq -e '.status.phase == "Running"' <<<"$output"
    run -0 davit apply -f - --control "$(control)" < <(pod "$NAME")
    [ "$output" = "pod/$NAME unchanged" ]
    ls "$N"/*manifests*/default.pods."$NAME".json
    run -0 davit delete pod "$NAME" --control "$(control)"
    [ "$output" = "pod \"$NAME\" deleted" ]
    run ! ls "$N"/*manifests*/default.pods."$NAME".json
    run davit get pods --control "$(control)"
    [[ "$output" != *"$NAME"* ]]
}

@test "with neither a broker nor a node named, the davitd of this device is meant" {
    run -0 davit apply -f - --wait=20 < <(pod "$NAME")
    run -0 davit get pods
    contains "$NAME"
    run -4 davit rollout status deploy/none
    contains 'deployments "none" not found'
}

@test "a document that cannot be read makes no list that looks whole" {
    run -0 davit apply -f - --wait=20 --control "$(control)" < <(pod "$NAME")
    file=$(ls "$N"/*manifests*/default.pods."$NAME".json)
    mv "$file" "$file.away"
    mkdir "$file"
    run -3 davit diff -f - --control "$(control)" < <(pod "$NAME")
    contains "$file"
    rmdir "$file"
    mv "$file.away" "$file"
    run -0 davit diff -f - --control "$(control)" < <(pod "$NAME")
    run -0 davit delete pod "$NAME" --control "$(control)"
}

@test "set image, scale, label, annotate and wait, by the socket alone" {
    deployment() {
        jq -n --arg name "$NAME" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name}, spec: {replicas: 1,
            selector: {matchLabels: {a: $name}}, template: {metadata: {labels: {a: $name}}, spec: {terminationGracePeriodSeconds: 0,
            containers: [{name: "main", image: "demo:1", command: ["sleep", "1"]}]}}}}'
    }
    run -0 davit apply -f - --wait=20 --control "$(control)" < <(deployment)
    run -0 davit scale "deploy/$NAME" --replicas 2 --control "$(control)"
    run -0 davit wait "deploy/$NAME" --for jsonpath='{.status.readyReplicas}'=2 --timeout 20s --control "$(control)"
    contains "condition met"
    run -0 davit label deploy "$NAME" tier=front --control "$(control)"
    run -0 davit annotate deploy "$NAME" owner=anna --control "$(control)"
    run -0 davit set image "deploy/$NAME" main=demo:2 --control "$(control)"
    run -0 davit get deploy "$NAME" -o json --control "$(control)"
    jq -e '.metadata.labels.tier == "front"' <<<"$output"
    run -0 davit wait "pod/$NAME-0" --for jsonpath='{.status.containerStatuses[0].image}'=demo:2 --timeout 20s --control "$(control)"
    run -0 davit rollout undo "deploy/$NAME" --control "$(control)"
    run -0 davit wait "pod/$NAME-0" --for jsonpath='{.status.containerStatuses[0].image}'=demo:1 --timeout 20s --control "$(control)"
    run -0 davit delete deploy "$NAME" --control "$(control)"
    run -0 davit wait "deploy/$NAME" --for delete --timeout 20s --control "$(control)"
}

@test "an update is rolled out, and a change is seen as it comes" {
    jq -nc --arg name "$NAME" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name}, spec: {replicas: 2,
        selector: {matchLabels: {app: $name}}, template: {metadata: {labels: {app: $name}}, spec: {
        terminationGracePeriodSeconds: 0, containers: [{name: "main", image: "demo:1", command: ["sleep", "1"]}]}}}}' >"$OUT/d.json"
    davit get pods -w >"$OUT/watch" 2>&1 3>&- &
    watcher=$!
    run -0 davit apply -f "$OUT/d.json"
    run -0 davit rollout status "deploy/$NAME" --wait=20
    contains "successfully rolled out"
    within 5 grep -q "$NAME-1.*Running" "$OUT/watch"
    run -0 davit rollout pause "deploy/$NAME"
    contains "paused"
    within 5 paused
    run -0 davit delete deploy "$NAME"
    kill "$watcher"
}

paused() {
    davit get deploy "$NAME" -o json | jq -e '.status.conditions[] | select(.reason == "DeploymentPaused")' >/dev/null
}

@test "the device is cordoned, drained and opened on the spot" {
    pod "$NAME" | davit apply -f - --wait=20
    run -0 davit cordon n
    run -0 davit get nodes --no-headers
    contains "Ready,SchedulingDisabled"
    pod "$NAME-late" | davit apply -f - --wait=false
    within 10 waits_for "$NAME-late" NodeUnschedulable
    run -0 davit drain
    contains "node/n drained"
    waits_for "$NAME" NodeDrained
    run -2 davit cordon other
    contains "of node n alone"
    run -1 davit label node n site=hamburg
    contains "davitd.conf"
    [ -e "$N/manifests/node.json" ]
    run -0 davit uncordon
    [ ! -e "$N/manifests/node.json" ]
    run -0 davit wait pod/"$NAME" pod/"$NAME-late" --for condition=Ready --timeout 20s
    run -0 davit delete pod "$NAME" "$NAME-late"
    printf 'apiVersion: v1\nkind: Node\nmetadata: {name: "n"}\nspec: {unschedulable: true}\n' >"$N/manifests/hall.yaml"
    within 10 eval '[[ $(davit get nodes --no-headers) == *SchedulingDisabled* ]]'
    run -0 davit uncordon
    contains "n stays as a file of its manifests folder wants it"
    run -1 davit drain
    contains "another file of the manifests folder holds a Node"
    rm "$N/manifests/hall.yaml"
    within 10 eval '[[ $(davit get nodes --no-headers) != *SchedulingDisabled* ]]'
}

@test "what is wrong is refused with the decoder's words, and what came from elsewhere stays" {
    run -1 davit apply -f - --control "$(control)" < <(pod "$NAME" '.spec.containers = []')
    contains "spec.containers"
    manifests=$(sed -n 's/^manifests_dir=//p' "$N/davitd.conf")
    pod "$NAME" >"${manifests:-$N/manifests}/other.json"
    within 10 there
    run -1 davit delete pod "$NAME" --control "$(control)"
    contains "it goes where it came from"
    rm "${manifests:-$N/manifests}/other.json"
    run -1 davit apply -f - --control "$(control)" --group all < <(pod "$NAME")
    contains "--control is this device alone"
    run -3 davit get pods --control "$OUT/none.sock"
    contains "cannot reach davitd"
}

there() {
    davit get pod "$NAME" >/dev/null 2>&1
}

@test "who is one too many on the socket hears so, and the log says it once" {
    DAVIT_CONTROL=$(control) DAVIT="$STAGE/usr/bin/davit" run -0 python3 - <<'END'
import os, socket, subprocess, time
kept = [socket.socket(socket.AF_UNIX) for _ in range(80)]
for one in kept:
    one.connect(os.environ["DAVIT_CONTROL"])
env = {key: value for key, value in os.environ.items() if key not in ("DAVIT_BROKER", "DAVIT_NODE")}
for _ in range(3):
    asked = subprocess.run([os.environ["DAVIT"], "get", "nodes"], env=env, capture_output=True, text=True)
    assert asked.returncode == 1 and "TooManyConnections: 80 connections" in asked.stderr, asked
for one in kept:
    one.close()
time.sleep(0.5)
asked = subprocess.run([os.environ["DAVIT"], "get", "nodes"], env=env, capture_output=True, text=True)
assert asked.returncode == 0, asked
END
    [ "$(grep -c "a connection to the control socket was refused" "$N/davitd.log")" = 1 ]
}
