#!/usr/bin/env bats
# What `davit apply` takes and says before it publishes, against a real Mosquitto.
# shellcheck disable=SC2153 # cli_lib sets NODE

bats_require_minimum_version 1.5.0
load cli_lib

shape() { # FILE: as recorded, with a number to sleep
    sed 's/MARK/1000/' "$BATS_TEST_DIRNAME/shapes/$1"
}

# --- what is taken

@test "-f may be repeated, and takes files, folders and stdin together" {
    mkdir -p "$DIR/several"
    manifest a > "$DIR/a.yaml"
    manifest b > "$DIR/several/b.yml"
    run -0 davit apply -f "$DIR/a.yaml" -f "$DIR/several" -f - --node press-7 < <(manifest c)
    [ "$output" = $'pod/a created\npod/b created\npod/c created' ]
    run -0 davit apply -f "$DIR/a.yaml,$DIR/several/b.yml" --node press-7
    [ "$output" = $'pod/a unchanged\npod/b unchanged' ]
    manifest c > "$DIR/several/with,comma.yaml"
    run -0 davit apply -f "$DIR/several/with,comma.yaml" --node press-7
    [ "$output" = "pod/c unchanged" ]
}

@test "a file that Windows wrote is read, and UTF-16 is told from nonsense" {
    { printf '\xef\xbb\xbf'; printf 'apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: windows\r\n'; } > "$DIR/bom.yaml"
    run -0 davit apply -f "$DIR/bom.yaml" --node press-7
    [ "$output" = "configmap/windows created" ]
    printf '\xff\xfea\0' > "$DIR/utf16.yaml"
    run -1 davit apply -f "$DIR/utf16.yaml" --node press-7
    contains "save it as UTF-8"
}

@test "a URL is refused, with what to type" {
    run -1 davit apply -f https://example.org/x.yaml --node press-7
    contains "curl -fsSL https://example.org/x.yaml | davit apply -f -"
}

@test "what kubectl create --dry-run writes is taken as it is, without a warning, and strictly too" {
    run -0 davit apply -f - --node press-7 --strict < <(shape kubectl-create-deployment.json)
    [ "$output" = "deployment/x created" ]
    held "$NODE/desired/default/deployments/x" | jq -e '.status == null and (.metadata | has("creationTimestamp") | not)'
    run -0 davit apply -f - --node press-7 < <(shape kubectl-create-deployment.json)
    [ "$output" = "deployment/x unchanged" ]
}

@test "kustomize's output is applied, in its namespace" {
    run -0 davit apply -f - --node press-7 < <(shape kustomize.yaml)
    contains "stdin, document 1: skipped, Davit knows no Namespace of v1"
    contains "configmap/web-config-7b8g2m6kk4 created"
    contains "service/web created"
    contains "deployment/web created"
    [ -n "$(held "$NODE/desired/line3/deployments/web")" ]
}

@test "helm's output is applied: empty documents are nothing, tests are skipped, other hooks are said" {
    run -0 davit apply -f - --node press-7 < <(shape helm-template.yaml)
    contains "skipped, Davit knows no ServiceAccount of v1"
    contains "skipped, pod/release-name-plant-test-connection is a Helm hook (test), and Davit runs none"
    contains "job/release-name-migrate is a Helm hook (pre-install,pre-upgrade): to Davit it is an object like any other"
    contains "Davit does not honour spec.template.spec.serviceAccountName"
    contains "deployment/release-name-plant created"
    contains "job/release-name-migrate created"
    [ -z "$(held "$NODE/desired/default/pods/release-name-plant-test-connection")" ]
}

@test "--strict refuses unknown kinds, hooks and fields that are not honoured, and publishes nothing" {
    run -1 davit apply -f - --node press-7 --strict < <(shape kustomize.yaml)
    contains "stdin, document 1: skipped, Davit knows no Namespace of v1; --strict refuses that"
    run -1 davit apply -f - --node press-7 --strict < <(manifest hello; echo '  priority: 5')
    contains "pod/hello: Davit does not honour spec.priority; --strict refuses that"
    [ -z "$(held "$NODE/desired/default/pods/hello")" ]
}

@test "a field that is not honoured is a warning, with its file, document and path" {
    { manifest a; echo ---; manifest b; echo '  schedulerName: mine'; } > "$DIR/odd.yaml"
    run -0 davit apply -f "$DIR/odd.yaml" --node press-7
    contains "odd.yaml, document 2: pod/b: Davit does not honour spec.schedulerName"
}

@test "what a node would refuse is refused here, with file, document and the node's reason" {
    { manifest good; echo ---; printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\nspec:\n  containers: []\n'; } > "$DIR/bad.yaml"
    run -1 davit apply -f "$DIR/bad.yaml" --node press-7
    contains "bad.yaml, document 2: a node would refuse pod/bad: InvalidPod: "
    [ -z "$(held "$NODE/desired/default/pods/good")" ]
}

# --- dry runs and differences

@test "--dry-run says what would be, and publishes nothing" {
    run -0 davit apply -f - --node press-7 --dry-run < <(manifest hello)
    [ "$output" = "pod/hello created (dry run)" ]
    [ -z "$(held "$NODE/desired/default/pods/hello")" ]
    manifest hello | davit apply -f - --node press-7
    run -0 davit apply -f - --node press-7 --dry-run=server < <(manifest hello demo:2)
    [ "$output" = "pod/hello configured (server dry run)" ]
    [[ "$(held "$NODE/desired/default/pods/hello")" == *demo:1* ]]
    run -2 davit apply -f - --node press-7 --dry-run=maybe < <(manifest hello)
    contains "--dry-run=maybe is neither none, client nor server"
}

@test "-o shows the objects in place of the lines" {
    run -0 davit apply -f - --node press-7 --dry-run=client -o yaml < <(manifest hello)
    contains "image: demo:1"
    run -0 davit apply -f - --node press-7 -o name < <(manifest hello)
    [ "$output" = "pod/hello" ]
}

@test "diff is a unified diff of YAML, and its exit code kubectl's" {
    manifest hello | davit apply -f - --node press-7
    manifest hello > "$DIR/hello.yaml"
    run -0 davit diff -f "$DIR/hello.yaml" --node press-7
    [ -z "$output" ]
    manifest hello demo:2 > "$DIR/hello.yaml"
    run -1 davit diff -f "$DIR/hello.yaml" --node press-7
    contains "--- default/pods/hello (desired now)"
    contains "+++ default/pods/hello ($DIR/hello.yaml)"
    contains $'\n-  - image: demo:1\n+  - image: demo:2\n'
    run -1 davit diff -f - --node press-7 < <(manifest fresh)
    contains "--- /dev/null"
    run -2 davit diff -f "$DIR/absent.yaml" --node press-7
    run -3 davit diff -f "$DIR/hello.yaml" --node press-7 --broker "mqtt://127.0.0.1:$DEAD_PORT"
}

@test "diff of a Secret shows that it differs, and not what it holds" {
    secret() { printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: %s\n' "$1"; }
    secret swordfish | davit apply -f - --node press-7
    run -1 davit diff -f - --node press-7 < <(secret hunter2)
    contains '*** (another one)'
    [[ "$output" != *swordfish* && "$output" != *hunter2* ]]
}

# --- bundles

@test "a bundle is one List, and what goes from it needs --prune" {
    { manifest a; echo ---; manifest b; } > "$DIR/two.yaml"
    manifest b demo:2 > "$DIR/one.yaml"
    run -0 davit apply -f "$DIR/two.yaml" --bundle --node press-7
    [ "$output" = $'pod/a created\npod/b created' ]
    held "$NODE/desired" | jq -e '.kind == "List" and (.items | length) == 2 and (.metadata.annotations["davit/generation"] | tonumber) > 0'
    [ -z "$(held "$NODE/desired/default/pods/a")" ]
    run -0 davit apply -f "$DIR/two.yaml" --bundle --node press-7
    [ "$output" = $'pod/a unchanged\npod/b unchanged' ]
    run -1 davit apply -f "$DIR/one.yaml" --bundle --node press-7
    contains "pod/a of namespace default is in the bundle of press-7, and not in what is applied"
    contains "nothing was published: 1 object of node press-7 would go. With --prune it does"
    held "$NODE/desired" | jq -e '.items | length == 2'
    run -0 davit apply -f "$DIR/one.yaml" --bundle --prune --node press-7 --dry-run
    [ "$output" = $'pod/a pruned (dry run)\npod/b configured (dry run)' ]
    run -0 davit apply -f "$DIR/one.yaml" --bundle --prune --node press-7
    [ "$output" = $'pod/a pruned\npod/b configured' ]
    held "$NODE/desired" | jq -e '.items | length == 1'
}

@test "--bundle is for nodes, and --prune for bundles" {
    run -2 davit apply -f - --bundle --group presses < <(manifest a)
    contains "--bundle is for nodes"
    run -2 davit apply -f - --prune --node press-7 < <(manifest a)
    contains "--prune is for a --bundle"
}

@test "--wait for a bundle gives the reason why all of it was refused" {
    (sleep 0.5; generation=$(published "$NODE/desired"); say "$NODE/status" \
        "{\"kind\":\"Node\",\"status\":{\"conditions\":[{\"type\":\"BundleAccepted\",\"status\":\"False\",\"reason\":\"InvalidPod\",\"message\":\"items[0]: no\",\"refusedGeneration\":$generation}]}}") 3>&- &
    TASKS+=($!)
    local begin=$SECONDS
    run -1 davit apply -f - --bundle --node press-7 --wait=20 < <(manifest hello)
    contains "davit: bundle: the node refuses it: InvalidPod: items[0]: no"
    [ "$(grep -c 'the node refuses it' <<< "$output")" = 1 ]
    [ $((SECONDS - begin)) -lt 10 ]
}

# --- many nodes

@test "apply to many nodes tells by object, and --wait sums up by reason" {
    local node
    for node in press-1 press-2 press-3 mill-1; do
        online $node
    done
    say "$DAVIT_ROOT/nodes/press-3/presence" '{"v":1,"online":false,"ts":1}'
    manifest hello | davit apply -f - --node press-2
    run -0 davit apply -f - --nodes 'press-*' < <(manifest hello)
    [ "$output" = "pod/hello created on 2 nodes, unchanged on 1 node" ]
    [ -n "$(held "$DAVIT_ROOT/nodes/press-3/desired/default/pods/hello")" ]
    [ -z "$(held "$DAVIT_ROOT/nodes/mill-1/desired/default/pods/hello")" ]
    local old
    old=$(generation "$DAVIT_ROOT/nodes/press-2/desired/default/pods/hello")
    (published "$DAVIT_ROOT/nodes/press-2/desired/default/pods/hello" "$old" >"$DIR/newer"; pod_status press-1 default hello 4000000000000000 True
     pod_status press-2 default hello 1 True ",{\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"Stale\",\"message\":\"old\",\"refusedGeneration\":$(cat "$DIR/newer")}") 3>&- &
    TASKS+=($!)
    run -1 davit apply -f - --nodes 'press-*' --wait=6 < <(manifest hello demo:2)
    contains "pod/hello configured on 3 nodes"
    contains "done on 1 of 3 nodes; not on:"
    contains "Stale: 1 (press-2)"
    contains "Offline: 1 (press-3)"
    run -4 davit apply -f - --nodes 'lathe-*' < <(manifest hello)
}

@test "--wait for a group waits for the nodes that say that they are in it" {
    online press-1
    online mill-1
    say "$DAVIT_ROOT/nodes/press-1/status" '{"kind":"Node","metadata":{"name":"press-1"},"status":{"groups":["presses"]}}'
    say "$DAVIT_ROOT/nodes/mill-1/status" '{"kind":"Node","metadata":{"name":"mill-1"},"status":{"groups":["mills"]}}'
    (published "$DAVIT_ROOT/groups/presses/desired/default/pods/hello"; pod_status press-1 default hello 4000000000000000 True) 3>&- &
    TASKS+=($!)
    run -0 davit apply -f - --group presses --wait=20 < <(manifest hello)
    contains "pod/hello created"
    contains "pod/hello: done"
}

# --- on a terminal

on_terminal() { # KEYS COMMAND...: with the keys typed; what the terminal shows
    local keys=$1
    shift
    (sleep 0.7; printf '%s' "$keys") | script -qefc "$(printf '%q ' "$@")" /dev/null
}

@test "on a terminal --wait draws its lines over, with the pull's progress" {
    command -v script > /dev/null || skip "no script"
    local generation topic="$NODE/status/default/pods/hello"
    online press-7
    (sleep 0.5; generation=$(published "$NODE/desired/default/pods/hello")
     say "$topic" "{\"metadata\":{},\"status\":{\"observedGeneration\":$generation,\"phase\":\"Pending\",\"images\":[{\"image\":\"demo:1\",\"bytes\":12300000,\"total\":40100000,\"bytesPerSecond\":1200000}]}}"
     sleep 1.5; pod_status press-7 default hello "$generation" True) 3>&- &
    TASKS+=($!)
    manifest hello > "$DIR/hello.yaml"
    run -0 on_terminal '' "$DAVIT" apply -f "$DIR/hello.yaml" --node press-7 --wait=20
    contains "pod/hello   waiting for node press-7"
    contains $'\e[1A'
    contains "pod/hello   pulling demo:1, 12.3MB of 40.1MB at 1.2MB/s"
    contains "pod/hello   done"
}

@test "on a terminal a question is asked, and no is no" {
    command -v script > /dev/null || skip "no script"
    online press-1
    online press-2
    run -2 on_terminal $'n\n' "$DAVIT" cordon --nodes 'press-*'
    contains "cordon 2 nodes? [y/N]"
    contains "nothing was done"
    [ -z "$(held "$DAVIT_ROOT/nodes/press-1/desired/node")" ]
    run -0 on_terminal $'y\n' "$DAVIT" cordon --nodes 'press-*'
    [ -n "$(held "$DAVIT_ROOT/nodes/press-1/desired/node")" ]
}

# --- rights

@test "what the broker does not let this user write is an error with the topic, also among many" {
    local port node
    port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
    printf '%s\n' "topic readwrite $DAVIT_ROOT/clients/#" "topic read #" "topic write $DAVIT_ROOT/nodes/+/presence" \
        "topic write $DAVIT_ROOT/nodes/press-1/desired/#" > "$DIR/acl"
    chmod 644 "$DIR/acl"
    printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous true' "acl_file $DIR/acl" > "$DIR/acl.conf"
    mosquitto -c "$DIR/acl.conf" > "$DIR/acl.log" 2>&1 3>&- &
    TASKS+=($!)
    export DAVIT_BROKER="mqtt://127.0.0.1:$port" PORT=$port
    for node in press-1 press-2; do
        until online $node 2>/dev/null; do sleep 0.05; done
    done
    run -0 davit apply -f - --node press-1 < <(manifest hello)
    run -1 davit apply -f - --node press-2 < <(manifest hello)
    contains "refused $DAVIT_ROOT/nodes/press-2/desired/default/pods/hello"
    contains "Has this user the right to write it?"
    run -1 davit apply -f - --nodes 'press-*' < <(manifest hello demo:2)
    contains "refused $DAVIT_ROOT/nodes/press-2/desired/default/pods/hello"
}
