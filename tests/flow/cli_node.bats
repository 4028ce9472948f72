#!/usr/bin/env bats
# What operators pipe into `davit`, on a real node: the output of kubectl, kustomize and helm, bundles, a Compose file.

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

shape() { # FILE: as recorded, with this test's number to sleep
    sed "s/MARK/$MARK/" "$TOP/tests/flow/shapes/$1"
}

apply() { # [FLAG]...: of stdin
    node davit apply -f - --node n "$@"
}

sleeping_within() { # COUNT
    within 10 sleeping "$1" "$MARK"
}

@test "kubectl create deployment --dry-run=client -o json | davit apply -f - runs" {
    run -0 apply --wait=30 < <(shape kubectl-create-deployment.json)
    contains "deployment/x created"
    contains "deployment/x: done"
    sleeping_within 1
    node davit delete deployment x --node n
}

@test "kustomize's output runs, in its namespace" {
    run -0 apply --wait=30 < <(shape kustomize.yaml)
    sleeping_within 1
    local pod
    pod=$(node davit get pods -n line3 -o name --node n)
    [ "$(node davit exec -n line3 "${pod#pod/}" --node n -- sh -c 'echo $GREETING')" = "hello from kustomize" ]
    run -0 node davit delete -f - --node n < <(shape kustomize.yaml)
}

@test "helm template's output runs, and its tests do not" {
    run -0 apply --wait=30 < <(shape helm-template.yaml)
    contains "job/release-name-migrate: done"
    sleeping_within 1
    run -4 node davit describe pod release-name-plant-test-connection --node n
    run -0 node davit delete -f - --node n < <(shape helm-template.yaml)
}

@test "--wait tells what is refused by the node alone, and what does not come up" {
    run -5 apply --wait=3 < <(pod away '.spec.containers[0].image = "demo:9" | .spec.containers[0].imagePullPolicy = "Never"')
    contains "pod/away: ErrImageNeverPull"
    contains "davit: pod/away: not ready within 3 s"
    drop away
}

@test "a bundle comes whole, changes whole, and what it no longer has goes" {
    { pod one; pod two; } > "$OUT/two.json"
    jq -s '{apiVersion: "v1", kind: "List", items: .}' "$OUT/two.json" > "$OUT/bundle.json"
    run -0 node davit apply -f "$OUT/bundle.json" --bundle --node n --wait=30
    contains "pod/one created"
    contains "pod/two: done"
    sleeping_within 2
    status one '.status.source == "bundle"'
    jq '.items |= map(select(.metadata.name == "two"))' "$OUT/bundle.json" > "$OUT/less.json"
    run -1 node davit apply -f "$OUT/less.json" --bundle --node n
    sleeping 2 "$MARK"
    run -0 node davit apply -f "$OUT/less.json" --bundle --prune --node n --wait=30
    contains "pod/one pruned"
    contains "pod/two unchanged"
    sleeping_within 1
    within 10 silent "$T/state/default/pods/one"
}

@test "a Compose file runs: services reach each other by name, and wait for each other" {
    cat > "$OUT/compose.yaml" <<YAML
name: plant
x-common: &common
  stop_grace_period: 0s
  image: demo:1
services:
  db:
    <<: *common
    command: ["sh", "-c", "mkdir -p /data/www; cp /greeting /data/www/index.html; httpd -p 8080 -h /data/www; touch /tmp/up; sleep $MARK"]
    volumes: ["plant-data:/data"]
    configs: [greeting]
    healthcheck: {test: ["CMD", "test", "-e", "/tmp/up"], interval: 1s}
  client:
    <<: *common
    restart: "no"
    command: ["sh", "-c", "wget -q -O - http://db:8080/ > /out/got"]
    volumes: ["\${OUT}:/out"]
    depends_on: {db: {condition: service_healthy}}
volumes: {plant-data: }
configs: {greeting: {content: "hello from compose"}}
YAML
    run -0 node env OUT="$OUT" davit apply -f "$OUT/compose.yaml" --node n --wait=30
    contains "deployment/db created"
    contains "job/client: done"
    [ "$(cat "$OUT/got")" = "hello from compose" ]
    run -0 node env OUT="$OUT" davit apply -f "$OUT/compose.yaml" --node n
    [ "$(grep -c unchanged <<< "$output")" = 6 ]
    run -0 node env OUT="$OUT" davit delete -f "$OUT/compose.yaml" --node n
}

@test "a bundle of a hundred objects is waited for" {
    local i
    for i in $(seq 100); do
        printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c%s"},"data":{"a":"b"}}\n' "$i"
    done | jq -s '{apiVersion: "v1", kind: "List", items: .}' > "$OUT/bundle.json"
    run -0 node davit apply -f "$OUT/bundle.json" --bundle --prune --node n --wait=30
    contains "configmap/c100: done"
    run -0 node davit delete bundle --node n
    contains "bundle of n deleted"
    within 10 silent "$T/status/default/configmaps/c100"
}
