#!/usr/bin/env bats
# What davit shows of a real node: labels to choose by, conditions to wait for, events that it remembers.

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

davit() {
    node "$STAGE/usr/bin/davit" "$@" # by its path: this function has its name
}

labelled() { # NAME LABELS
    put "$1" ".metadata.labels = $2"
}

@test "an object's status repeats its labels, and -l chooses by them; those of an owner too" {
    labelled web '{"app": "web", "tier": "front"}'
    labelled other '{"app": "other"}'
    jq -nc --arg m "$MARK" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "dep", labels: {team: "a"}}, spec: {selector:
        {matchLabels: {app: "dep"}}, template: {metadata: {labels: {app: "dep"}}, spec: {containers: [{name: "main", image: "demo:1",
        command: ["sleep", $m]}]}}}}' | publish "$T/desired/default/deployments/dep"
    run -0 node davit wait pod/web pod/other deploy/dep --for jsonpath='{.metadata.name}' --timeout 20s
    run -0 node davit wait pods/web --for condition=Ready --timeout 20s
    run -0 node davit get pods -l app=web -o name
    [ "$output" = pod/web ]
    run -0 node davit get pods -l 'app in (other,dep)' -o jsonpath='{.items[*].metadata.labels.app}'
    [ "$output" = "dep other" ]
    run -0 node davit get deploy -l team=a -o name
    [ "$output" = deployment/dep ]
    run -0 node davit get pods --show-labels
    [[ "${lines[0]}" =~ AGE\ +LABELS$ && "$output" =~ web\ .*\ app=web,tier=front ]]
    run -0 node davit get pods -L plant.example/tier,app --no-headers=false
    [[ "${lines[0]}" =~ AGE\ +TIER\ +APP$ ]]
    run -0 node davit get pods web -L tier,app
    [[ "${lines[1]}" =~ \ front\ +web$ ]]
    run -2 node davit get pods -L a,b,c,d,e
    contains "-L has at most 4 labels"
    labelled web '{"app": "web", "tier": "back"}' # nothing restarts of it
    run -0 node davit wait pod/web --for jsonpath='{.metadata.labels.tier}'=back --timeout 20s
    run -0 node davit get pod web -o jsonpath='{.status.containerStatuses[0].restartCount}'
    [ "$output" = 0 ]
}

@test "get -o yaml has the document beside the status, wherever it is from: changed and applied, it is the object's next" {
    local config='{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "conf", labels: {a: "b"}, annotations: {note: "kept"}}, data: {k: "1"}}'
    jq -n "$config" | davit apply -f -
    within 10 holds "$T/status/default/configmaps/conf" '.status.observedGeneration > 0'
    run -0 davit get cm conf -o yaml
    contains $'data:\n  k: "1"'
    contains "note: kept"
    [[ "$output" != *davit/generation* ]]
    run -0 davit apply -f - <<<"$output"
    [ "$output" = "configmap/conf unchanged" ]
    davit get cm/conf -o json | jq '.data.k = "2"' >"$OUT/changed.json"
    run -0 davit apply -f "$OUT/changed.json"
    [ "$output" = "configmap/conf configured" ]
    [ "$(held "$T/desired/default/configmaps/conf" | jq -c '[.data, .metadata.labels, .spec]')" = '[{"k":"2"},{"a":"b"},null]' ]
    # Of a group, and of a bundle.
    jq -n "$config | .metadata.name = \"of-all\"" | davit apply -f - --group all
    within 10 holds "$T/status/default/configmaps/of-all" '.status.source == "all"'
    [ "$(davit get cm of-all -o jsonpath='{.data.k}')" = 1 ]
    jq -n "{apiVersion: \"v1\", kind: \"List\", items: [$config | .metadata.name = \"packed\"]}" | publish "$T/desired"
    within 10 holds "$T/status/default/configmaps/packed" '.status.source == "bundle"'
    [ "$(davit get cm -o jsonpath='{.items[*].data.k}')" = "2 1 1" ]
    clear_topic "$T/desired"
    # A status whose document is not there is none, and takes nothing away.
    run -0 davit get cm conf -o yaml --control "$N/run/control.sock"
    [[ "$output" != *$'\ndata:'* ]] || { echo "$output"; return 1; }
    run -1 davit apply -f - <<<"$output"
    contains "neither spec nor data are in it"
    [ "$(held "$T/desired/default/configmaps/conf" | jq -r .data.k)" = 2 ]
    # On the device without a broker it is the file that davit wrote.
    jq -n "$config | .metadata.name = \"here\"" | davit apply -f - --control "$N/run/control.sock"
    within 10 holds "$T/status/default/configmaps/here" '.status.source == "manifests"'
    [ "$(davit get cm here -o jsonpath='{.data.k}' --control "$N/run/control.sock")" = 1 ]
    put yaml
    within 10 holds "$T/state/default/pods/yaml" '.state == "Running"'
    davit get pod yaml -o yaml >"$OUT/yaml"
    grep -q 'nodeName: "n"' "$OUT/yaml" || { cat "$OUT/yaml"; return 1; }
    run -0 davit apply -f "$OUT/yaml"
    contains "pod/yaml configured" # by hand it had no namespace
    run -0 davit get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image
    [[ "$output" =~ yaml\ +demo:1 ]]
    drop yaml
}

@test "a node remembers its events, for davit events over broker and socket, and for describe" {
    put hello
    running hello
    run -0 node davit events --node n
    [[ "${lines[0]}" =~ ^LAST\ SEEN\ +NODE\ +TYPE\ +REASON\ +OBJECT\ +MESSAGE$ ]]
    grep -qE '^[0-9]+s +n +Normal +Started +pod/hello ' <<<"$output"
    run -0 node davit events --for pod/hello -o json
    [ "$(jq -r '[.items[].involvedObject.name] | unique | .[]' <<<"$output")" = hello ]
    run -0 --separate-stderr node davit events --nodes '*' --types Normal
    [ "$stderr" = "asked on 1 node" ]
    [[ "$output" = *pod/hello* ]]
    run -0 node davit get events
    [[ "$output" = *pod/hello* ]]
    run -0 node davit describe pod hello
    [[ "$output" =~ Events:.*Normal\ Started ]]
    run -0 --separate-stderr node davit events --for pod/nobody
    [ "$stderr" = "No events." ]
}

@test "describe node has what the real one says" {
    run -0 node davit describe node n
    grep -qE '^Status: +Ready$' <<<"$output"
    grep -qE '^  Ready: +True' <<<"$output"
    grep -qE '^  Runtime: +crun' <<<"$output"
}

@test "get images lists what the nodes have, over the broker" {
    within 10 holds "$T/status" '.status.images | length > 0'
    run -0 node davit get images --nodes '*'
    echo "$output"
    [[ ${lines[0]} =~ ^IMAGE\ +SIZE\ +NODE$ ]]
    [[ $output == *"docker.io/library/demo:1 "* ]]
    run -0 node davit get images -o name --node n
    [[ $output == *"image/docker.io/library/demo:1"* ]]
    run -0 node davit get images -o json --node n
    jq -e '.items[0] | .kind == "Image" and .nodeName == "n" and .sizeBytes > 0 and (.names | length) > 0' <<< "$output"
    run -2 node davit get images demo:1 --node n
    contains "takes no names"
}
