#!/usr/bin/env bats
# What an operator changes on a real node: run, set, scale, label, groups, drain.

bats_require_minimum_version 1.5.0
load davitd
load owners

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

apply() { # [FLAG]...: of stdin
    node davit apply -f - --node n "$@"
}

sleeping_within() { # COUNT
    within 10 sleeping "$1" "$MARK"
}

@test "drain waits until what runs has ended gracefully, and says what stays; uncordon brings it back" {
    pod ends "$(shell "trap 'sleep 2; echo ended >> /out/log; exit 0' TERM; echo began >> /out/log; while true; do sleep 0.1; done")
        | .spec.terminationGracePeriodSeconds = 20" | apply --wait=20
    within 5 has_file "$OUT/log" 1
    run -0 node davit drain n
    contains "node/n drained"
    [ "$(cat "$OUT/log")" = $'began\nended' ]
    state ends '.state == "Pending" and .reason == "NodeDrained"'
    grep -q 'state/default/pods/ends .*NodeDraining' "$DIR/record"
    run -0 node davit uncordon n
    within 10 has_file "$OUT/log" 3
    pod stays '.spec.tolerations = [{operator: "Exists"}]' | apply --wait=20
    run -0 node davit drain n
    contains "stays of namespace default on n still runs: it tolerates the drain"
    running stays 1
    run -0 node davit uncordon n
    within 10 has_file "$OUT/log" 5 # a shell that has no trap yet is deaf to TERM as the first process of its container
    drop stays ends
}

@test "run, set image, scale, label and groups, on a node as a person types them" {
    export DAVIT_NODE=n
    run -0 node davit run demo:1 --name shop -e COLOR=red -- sleep "$MARK"
    contains "app/shop created"
    contains "app/shop: done"
    contains "davit logs app/shop -f --node n"
    sleeping_within 1
    [ "$(node davit exec shop-0 -- sh -c 'echo $COLOR')" = red ]
    run -0 node davit scale app/shop --replicas=2
    sleeping_within 2
    run -0 node davit set image app/shop shop=demo:9
    owner apps/shop '.status.observedGeneration > 1'
    within 10 says "$T/state/default/pods/shop-0" '.update != null or .image == "demo:9"'
    sleeping 2 "$MARK"
    run -0 node davit delete app shop
    run -0 node davit label node n site=hamburg
    within 10 says "$T/status" '.metadata.labels.site == "hamburg"'
    run -0 node davit set groups n line-3
    within 10 says "$T/status" '.status.groups | index("line-3") != null'
    run -0 node davit apply -f - --group line-3 --wait=30 < <(pod grouped)
    contains "pod/grouped created"
    contains "pod/grouped: done"
    status grouped '.status.source == "group/line-3"'
    run -1 node davit label pod grouped a=b
    contains "comes from group/line-3: change it there"
    run -0 node davit delete pod grouped --group line-3
    within 10 silent "$T/state/default/pods/grouped"
    run -0 node davit set groups n -
}

on_the_device() { # VERB…: as somebody who stands before it
    (
        . "$N/env"
        unset DAVIT_BROKER DAVIT_NODE
        exec davit "$@"
    )
}

@test "what was closed on the device stays so, whatever is said from afar, until it is opened there" {
    pod held | apply --wait=20
    run -0 on_the_device drain
    state held '.reason == "NodeDrained"'
    status held '.status.conditions | any(.message | contains("there where it was said"))'
    within 10 says "$T/status" '.status.manifest.unschedulable and .spec.unschedulable'
    run -0 node davit uncordon n
    contains "n stays as somebody at the device wants it"
    run -0 node davit describe node n
    contains "said on the device"
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    within 20 says "$T/presence" '.online'
    state held '.reason == "NodeDrained"'
    [ -z "$(sleepers)" ]
    echo 'kind: [' >"$N/manifests/broken.yaml" # what a file that cannot be read held is not known: nothing opens
    within 5 grep -q 'InvalidManifest' "$DIR/record"
    rm "$N/manifests/node.json"
    sleep 1
    state held '.reason == "NodeDrained"'
    rm "$N/manifests/broken.yaml"
    running held 20
    within 10 says "$T/status" '.status.manifest == null and .spec.unschedulable != true'
    node davit cordon n
    within 10 says "$T/status" '.spec.unschedulable'
    run -0 on_the_device uncordon
    contains "n stays as its desired Node on the broker wants it"
    node davit uncordon n
    drop held
}
