#!/usr/bin/env bats
# `davit apply` and `davit delete` against a real Mosquitto; mosquitto_pub plays the nodes.

bats_require_minimum_version 1.5.0
load cli_lib

# --- apply

@test "apply creates, leaves unchanged, and configures" {
    manifest hello > "$DIR/hello.yaml"
    run -0 davit apply -f "$DIR/hello.yaml" --node press-7
    [ "$output" = "pod/hello created" ]
    local first
    first=$(held "$NODE/desired/default/pods/hello")
    run -0 davit apply -f "$DIR/hello.yaml" --node press-7
    [ "$output" = "pod/hello unchanged" ]
    [ "$(held "$NODE/desired/default/pods/hello")" = "$first" ]
    run -0 davit apply -f - --node press-7 < <(manifest hello demo:2)
    [ "$output" = "pod/hello configured" ]
    [[ "$(held "$NODE/desired/default/pods/hello")" == *demo:2* ]]
}

@test "an apply after a deletion creates again" {
    say "$NODE/desired/default/pods/hello" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hello","deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{"davit/generation":"5"}}}'
    run -0 davit apply -f - --node press-7 < <(manifest hello)
    [ "$output" = "pod/hello created" ]
    [[ "$(held "$NODE/desired/default/pods/hello")" != *deletionTimestamp* ]]
}

@test "the generation is the time in milliseconds" {
    manifest hello | davit apply -f - --node press-7
    local generation now
    generation=$(generation "$NODE/desired/default/pods/hello")
    now=$(date +%s%3N)
    [ $((now - generation)) -ge 0 ]
    [ $((now - generation)) -lt 60000 ]
}

@test "the generation grows past one from a clock that was ahead" {
    say "$NODE/desired/default/pods/hello" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hello","annotations":{"davit/generation":"4000000000000000"}}}'
    manifest hello | davit apply -f - --node press-7
    [ "$(generation "$NODE/desired/default/pods/hello")" = 4000000000000001 ]
}

@test "the generation grows past what the node has accepted, though the broker lost it" {
    pod_status press-7 default hello 4000000000000005 True
    manifest hello | davit apply -f - --node press-7
    [ "$(generation "$NODE/desired/default/pods/hello")" = 4000000000000006 ]
}

@test "what the node refused as stale goes out again under a new generation" {
    manifest hello | davit apply -f - --node press-7
    local old
    old=$(generation "$NODE/desired/default/pods/hello")
    pod_status press-7 default hello 4000000000000005 True \
        ",{\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"Stale\",\"refusedGeneration\":$old}"
    run -0 davit apply -f - --node press-7 < <(manifest hello)
    [ "$output" = "pod/hello configured" ]
    [ "$(generation "$NODE/desired/default/pods/hello")" = 4000000000000006 ]
}

@test "what a cluster wrote is left out" {
    cat > "$DIR/exported.json" <<'END'
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hello","uid":"u","resourceVersion":"7","generation":2,
 "creationTimestamp":"2026-01-01T00:00:00Z","deletionTimestamp":"2026-01-02T00:00:00Z","selfLink":"/x","managedFields":[{"manager":"m"}],
 "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","mine":"1"}},
 "spec":{"containers":[{"name":"a","image":"demo:1"}]},"status":{"phase":"Running"}}
END
    davit apply -f "$DIR/exported.json" --node press-7
    held "$NODE/desired/default/pods/hello" | python3 -c '
import json,sys
o=json.load(sys.stdin)
assert sorted(o)==["apiVersion","kind","metadata","spec"], o
assert sorted(o["metadata"])==["annotations","name","namespace"], o
assert sorted(o["metadata"]["annotations"])==["davit/generation","mine"], o'
}

@test "all documents are checked before the first is published" {
    { manifest good; echo ---; manifest Bad_Name; } > "$DIR/two.yaml"
    run -1 davit apply -f "$DIR/two.yaml" --node press-7
    contains "two.yaml, document 2"
    contains '"Bad_Name" is no DNS subdomain'
    [ -z "$(held "$NODE/desired/default/pods/good")" ]
}

@test "an object that is given twice is refused" {
    { manifest same; echo ---; manifest same demo:2; } > "$DIR/twice.yaml"
    run -1 davit apply -f "$DIR/twice.yaml" --node press-7
    contains "one of them is too many"
}

@test "a kind that Davit does not know is skipped by name, the rest is applied" {
    { printf 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: x\n---\n'; manifest hello; } > "$DIR/mixed.yaml"
    run -0 davit apply -f "$DIR/mixed.yaml" --node press-7
    contains "skipped, Davit knows no Ingress"
    contains "pod/hello created"
}

@test "a List and a folder are expanded" {
    mkdir -p "$DIR/folder"
    printf '{"apiVersion":"v1","kind":"List","items":[%s,%s]}' \
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"demo:1"}]}}' \
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b","namespace":"other"}}' > "$DIR/folder/list.json"
    manifest c > "$DIR/folder/more.yaml"
    echo "not for us" > "$DIR/folder/README"
    run -0 davit apply -f "$DIR/folder" --node press-7
    [ "$output" = $'pod/a created\nconfigmap/b created\npod/c created' ]
    [ -n "$(held "$NODE/desired/other/configmaps/b")" ]
}

@test "-R takes the folders in a folder too" {
    mkdir -p "$DIR/tree/line-3/deep" "$DIR/tree/.git"
    manifest up > "$DIR/tree/up.yaml"
    manifest down > "$DIR/tree/line-3/deep/down.yml"
    manifest hidden > "$DIR/tree/.git/hidden.yaml"
    run -0 davit apply -f "$DIR/tree" --node press-7
    [ "$output" = "pod/up created" ]
    run -1 davit apply -f "$DIR/tree/line-3" --node press-7
    contains "-R looks into the folders in it"
    run -0 davit apply -R -f "$DIR/tree" --node press-7
    [ "$output" = $'pod/down created\npod/up unchanged' ]
}

@test "a PodList, as the API gives it, is a List of Pods" {
    echo '{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"demo:1"}]}}]}' > "$DIR/pods.json"
    run -0 davit apply -f "$DIR/pods.json" --node press-7
    [ "$output" = "pod/a created" ]
    [ "$(held "$NODE/desired/default/pods/a" | jq -r .kind)" = Pod ]
}

@test "a name that a server would make up is asked for" {
    printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: a-\n' > "$DIR/generate.yaml"
    run -1 davit apply -f "$DIR/generate.yaml" --node press-7
    contains "a Pod without metadata.name: nobody here makes one up from generateName"
}

@test "a hundred objects are applied, and then unchanged" {
    local i
    for i in $(seq 100); do
        manifest "p$i"
        echo ---
    done > "$DIR/hundred.yaml"
    run -0 davit apply -f "$DIR/hundred.yaml" --node press-7
    [ "$(grep -c created <<< "$output")" = 100 ]
    run -0 davit apply -f "$DIR/hundred.yaml" --node press-7
    [ "$(grep -c unchanged <<< "$output")" = 100 ]
}

@test "an object over 1 MiB is refused before it is sent" {
    python3 -c '
import json
print(json.dumps({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"a":"x"*1048576}}))' > "$DIR/big.json"
    run -1 davit apply -f "$DIR/big.json" --node press-7
    contains "a node takes at most 1048576"
    [ -z "$(held "$NODE/desired/default/configmaps/big")" ]
}

@test "an object of another namespace than --namespace is refused" {
    printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: one\n' > "$DIR/ns.yaml"
    run -1 davit apply -f "$DIR/ns.yaml" --node press-7 -n two
    contains 'metadata.namespace is "one", but --namespace says "two"'
}

@test "a file that is no manifest is refused with its place" {
    printf 'kind: [Pod\n' > "$DIR/broken.yaml"
    run -1 davit apply -f "$DIR/broken.yaml" --node press-7
    contains "broken.yaml"
    run -1 davit apply -f "$DIR/absent.yaml" --node press-7
    contains "absent.yaml"
    run -1 davit apply -f - --node press-7 < <(printf 'a: 1\n')
    contains "apiVersion and kind are needed"
}

@test "--group publishes to the group, whatever DAVIT_NODE says" {
    export DAVIT_NODE=press-7
    run -0 davit apply -f - --group presses < <(manifest hello)
    [ -n "$(held "$DAVIT_ROOT/groups/presses/desired/default/pods/hello")" ]
    [ -z "$(held "$NODE/desired/default/pods/hello")" ]
}

@test "--wait ends when the node is ready with this generation" {
    pod_status press-7 default hello 1 True
    local begin
    begin=$(date +%s%3N)
    (sleep 0.5; generation=$(published "$NODE/desired/default/pods/hello"); pod_status press-7 default hello "$generation" True) 3>&- &
    TASKS+=($!)
    run -0 davit apply -f - --node press-7 --wait=20 < <(manifest hello)
    [ $(($(date +%s%3N) - begin)) -ge 500 ]
    contains "pod/hello configured"
    contains "pod/hello: waiting for node press-7"
    contains "pod/hello: done"
}

@test "--wait gives the reason of a refusal" {
    (sleep 0.5; generation=$(published "$NODE/desired/default/pods/hello"); pod_status press-7 default hello 1 True \
        ",{\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"Invalid\",\"message\":\"spec.containers is empty\",\"refusedGeneration\":$generation}") 3>&- &
    TASKS+=($!)
    run -1 davit apply -f - --node press-7 --wait=20 < <(manifest hello)
    contains "the node refuses it: Invalid: spec.containers is empty"
}

@test "--wait gives up, and says that the node was never seen" {
    run -5 davit apply -f - --node press-7 --wait=1 < <(manifest hello)
    contains "not ready within 1 s"
    contains "never been seen"
}

@test "--wait gives up, and says what the pod waits for" {
    (sleep 0.5; generation=$(published "$NODE/desired/default/pods/hello"); say "$NODE/status/default/pods/hello" \
        "{\"metadata\":{},\"status\":{\"observedGeneration\":$generation,\"phase\":\"Pending\",\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ErrImageNeverPull\",\"message\":\"demo:9 is not here\"}}}]}}") 3>&- &
    TASKS+=($!)
    run -5 davit apply -f - --node press-7 --wait=5 < <(manifest hello)
    contains "ErrImageNeverPull: demo:9 is not here"
}

# --- delete

@test "delete publishes a tombstone and waits until the node has cleared" {
    online press-7
    manifest hello | davit apply -f - --node press-7
    pod_status press-7 default hello 1 True
    local old begin
    old=$(generation "$NODE/desired/default/pods/hello")
    begin=$(date +%s%3N)
    (sleep 0.5; clear_topic "$NODE/status/default/pods/hello") 3>&- &
    TASKS+=($!)
    run -0 davit delete pod hello --node press-7
    [ "$output" = 'pod "hello" deleted' ]
    [ $(($(date +%s%3N) - begin)) -ge 500 ]
    [[ "$(held "$NODE/desired/default/pods/hello")" == *deletionTimestamp* ]]
    [ "$(generation "$NODE/desired/default/pods/hello")" -gt "$old" ]
    run -4 davit delete pod hello --node press-7
}

@test "delete takes pod/NAME, several names, and a file" {
    { manifest a; echo ---; manifest b; echo ---; manifest c; } | davit apply -f - --node press-7
    run -0 davit delete pod/a pod/b --node press-7
    [ "$output" = $'pod "a" deleted\npod "b" deleted' ]
    manifest c > "$DIR/c.yaml"
    run -0 davit delete -f "$DIR/c.yaml" --node press-7
    [ "$output" = 'pod "c" deleted' ]
}

@test "delete of what is not there is not found, and publishes nothing" {
    run -4 davit delete pod nothing --node press-7
    contains 'pods "nothing" not found'
    [ -z "$(held "$NODE/desired/default/pods/nothing")" ]
}

@test "delete gives up on a node that is offline, and says that the deletion stands" {
    say "$NODE/presence" '{"v":1,"online":false}'
    pod_status press-7 default hello 1 True
    run -5 davit delete pod hello --node press-7 --wait=1
    contains "it is offline"
    contains "The deletion stands"
    [[ "$(held "$NODE/desired/default/pods/hello")" == *deletionTimestamp* ]]
    run -5 davit delete pod hello --node press-7 --timeout=1s
    contains "within 1 s"
}

@test "delete --wait=false does not wait" {
    pod_status press-7 default hello 1 True
    run -0 timeout 5 "$DAVIT" delete pod hello --node press-7 --wait=false
    [ "$output" = 'pod "hello" deleted' ]
}
