#!/usr/bin/env bats
# The `davit` command against a real Mosquitto; mosquitto_pub plays the nodes. DAVIT_BUILD names the build folder
# (default: build beside the sources); needs davit and davit-link built there.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export BUILD="${DAVIT_BUILD:-$PWD/build}"
    export DAVIT="$BUILD/davit" DAVIT_LIBEXEC="$BUILD"
    local program
    for program in davit davit-link; do
        [ -x "$BUILD/$program" ] || { echo "no $BUILD/$program: build it, or set DAVIT_BUILD" >&2; return 1; }
    done
    export DIR="$(mktemp -d)"
    chmod 755 "$DIR"
    local free
    free=$(python3 -c 'import socket
s=[socket.socket() for _ in range(2)]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
    read -r PORT DEAD_PORT <<< "$free"
    export PORT DEAD_PORT
    printf '%s\n' "listener $PORT 127.0.0.1" 'allow_anonymous true' 'user mosquitto' \
        > "$DIR/mosquitto.conf"
    mosquitto -c "$DIR/mosquitto.conf" > "$DIR/mosquitto.log" 2>&1 3>&- &
    echo $! > "$DIR/mosquitto.pid"
    local i
    for i in $(seq 100); do
        mosquitto_pub -h 127.0.0.1 -p "$PORT" -t up -m 1 2>/dev/null && break
        sleep 0.05
    done
    export DAVIT_BROKER="mqtt://127.0.0.1:$PORT" DAVIT_CONTROL="$DIR/control.sock"
    unset DAVIT_NODE DAVIT_NAMESPACE DAVIT_USERNAME DAVIT_PASSWORD_FILE DAVIT_CA_FILE DAVIT_CERT_FILE DAVIT_KEY_FILE
}

teardown_file() {
    [ -s "$DIR/mosquitto.pid" ] && kill "$(cat "$DIR/mosquitto.pid")"
    rm -rf "$DIR"
}

# Each test has a root of its own, so what one leaves retained is nothing to the next.
setup() {
    export DAVIT_ROOT="t$BATS_TEST_NUMBER"
    export NODE="$DAVIT_ROOT/nodes/press-7"
    TASKS=()
}

teardown() {
    local pid
    for pid in "${TASKS[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

davit() {
    "$DAVIT" "$@"
}

say() { # TOPIC PAYLOAD: retained
    mosquitto_pub -V 5 -p "$PORT" -q 1 -r -t "$1" -m "$2"
}

clear_topic() {
    mosquitto_pub -V 5 -p "$PORT" -q 1 -r -n -t "$1"
}

held() { # what the broker holds of a topic; nothing where it holds nothing
    timeout 2 mosquitto_sub -V 5 -p "$PORT" -t "$1" -C 1 -W 1 --retained-only || true
}

online() {
    say "$DAVIT_ROOT/nodes/$1/presence" '{"v":1,"online":true,"ts":1795410958123}'
}

pod_state() { # NODE NS NAME STATE READY
    say "$DAVIT_ROOT/nodes/$1/state/$2/pods/$3" \
        "{\"ts\":1,\"state\":\"$4\",\"stateCode\":2,\"ready\":$5,\"restarts\":3,\"image\":\"demo:1\",\"containers\":1,\"containersReady\":$5,\"message\":\"\"}"
}

pod_status() { # NODE NS NAME GENERATION READY [CONDITIONS, MORE]
    say "$DAVIT_ROOT/nodes/$1/status/$2/pods/$3" \
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$3\",\"namespace\":\"$2\",\"creationTimestamp\":\"$(date -u +%FT%TZ)\"},\"status\":{\"observedGeneration\":$4,\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"$5\"}${6:-}],\"source\":\"node\"}}"
}

manifest() { # NAME [IMAGE]
    printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n  - name: web\n    image: %s\n' "$1" "${2:-demo:1}"
}

generation() {
    held "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["metadata"]["annotations"]["davit/generation"])'
}

contains() {
    [[ "$output" == *"$1"* ]] || { echo "not in the output: $1"; echo "$output"; return 1; }
}

# --- how it is called

@test "every verb's help has an example and exits 0" {
    local verb
    for verb in apply get describe delete image version; do
        run -0 davit $verb --help
        contains "Example:"
        contains "davit $verb"
    done
}

@test "an unknown flag is named, with the nearest one" {
    run -2 davit get pods --nod press-7
    contains "unknown flag --nod. Did you mean --node?"
}

@test "a flag of another verb is refused" {
    run -2 davit describe pod hello --watch
    contains "--watch has no meaning here"
}

@test "an unknown verb is named, with the nearest one" {
    run -2 davit aply
    contains "Did you mean apply?"
}

@test "a flag without its value is refused" {
    run -2 davit get pods --node
    contains "--node needs a value"
}

@test "a flag given twice is refused" {
    run -2 davit get pods --node a --node b
    contains "--node is given twice"
}

@test "names that would reach other topics are refused" {
    run -2 davit get pods '#'
    run -2 davit get pods --node '+'
    run -2 davit get pods -n 'a/b'
    run -2 davit delete pod '../x' --node press-7
}

@test "apply asks which node is meant" {
    manifest hello > "$DIR/hello.yaml"
    run -2 davit apply -f "$DIR/hello.yaml"
    contains "Give --node N, --group G, or set DAVIT_NODE"
}

# --- the broker

@test "a broker that is away is named, with what to do" {
    run -3 davit get pods --broker "mqtt://127.0.0.1:$DEAD_PORT"
    contains "cannot reach mqtt://127.0.0.1:$DEAD_PORT"
    contains "DAVIT_BROKER"
}

@test "a missing davit-link is said, with the variable that names its folder" {
    DAVIT_LIBEXEC=/nonexistent run -1 davit get pods
    contains "DAVIT_LIBEXEC"
}

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
    say "$NODE/desired/default/pods/hello" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hello","annotations":{"davit/generation":"9000000000000000"}}}'
    manifest hello | davit apply -f - --node press-7
    [ "$(generation "$NODE/desired/default/pods/hello")" = 9000000000000001 ]
}

@test "the generation grows past what the node has accepted, though the broker lost it" {
    pod_status press-7 default hello 9000000000000005 True
    manifest hello | davit apply -f - --node press-7
    [ "$(generation "$NODE/desired/default/pods/hello")" = 9000000000000006 ]
}

@test "what the node refused as stale goes out again under a new generation" {
    manifest hello | davit apply -f - --node press-7
    local old
    old=$(generation "$NODE/desired/default/pods/hello")
    pod_status press-7 default hello 9000000000000005 True \
        ",{\"type\":\"Accepted\",\"status\":\"False\",\"reason\":\"Stale\",\"refusedGeneration\":$old}"
    run -0 davit apply -f - --node press-7 < <(manifest hello)
    [ "$output" = "pod/hello configured" ]
    [ "$(generation "$NODE/desired/default/pods/hello")" = 9000000000000006 ]
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
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}' \
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b","namespace":"other"}}' > "$DIR/folder/list.json"
    manifest c > "$DIR/folder/more.yaml"
    echo "not for us" > "$DIR/folder/README"
    run -0 davit apply -f "$DIR/folder" --node press-7
    [ "$output" = $'pod/a created\nconfigmap/b created\npod/c created' ]
    [ -n "$(held "$NODE/desired/other/configmaps/b")" ]
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
    (sleep 0.5; generation=$(generation "$NODE/desired/default/pods/hello"); pod_status press-7 default hello "$generation" True) 3>&- &
    TASKS+=($!)
    run -0 davit apply -f - --node press-7 --wait=20 < <(manifest hello)
    [ $(($(date +%s%3N) - begin)) -ge 500 ]
    contains "pod/hello created"
}

@test "--wait gives the reason of a refusal" {
    (sleep 0.5; generation=$(generation "$NODE/desired/default/pods/hello"); pod_status press-7 default hello 1 True \
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
    (sleep 0.5; generation=$(generation "$NODE/desired/default/pods/hello"); say "$NODE/status/default/pods/hello" \
        "{\"metadata\":{},\"status\":{\"observedGeneration\":$generation,\"phase\":\"Pending\",\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ErrImageNeverPull\",\"message\":\"demo:9 is not here\"}}}]}}") 3>&- &
    TASKS+=($!)
    run -5 davit apply -f - --node press-7 --wait=3 < <(manifest hello)
    contains "ErrImageNeverPull: demo:9 is not here"
}

# --- get

@test "get pods is kubectl's table" {
    online press-7
    pod_state press-7 default hello Running 1
    pod_status press-7 default hello 5 True
    pod_state press-7 other away Running 1
    run -0 davit get pods
    [ "${lines[0]}" = "NAME    READY   STATUS    RESTARTS   AGE" ]
    [[ "${lines[1]}" =~ ^'hello   1/1     Running   3          '[0-9]s$ ]]
    [ "${#lines[@]}" = 2 ]
}

@test "get pods -A shows the namespace, and the node where there are several" {
    online press-7
    online press-8
    pod_state press-7 default hello Running 1
    pod_state press-8 other hello Running 1
    run -0 davit get pods -A
    [[ "${lines[0]}" =~ ^'NAMESPACE   NAME    READY   STATUS    RESTARTS   AGE '.*' NODE'$ ]]
    [[ "${lines[1]}" =~ ^default.*press-7$ ]]
    [[ "${lines[2]}" =~ ^other.*press-8$ ]]
    run -0 davit get pods -A --node press-8 -o wide
    [[ "${lines[1]}" =~ ^other.*press-8.*demo:1$ ]]
    [ "${#lines[@]}" = 2 ]
}

@test "a refused document and an offline node show in the status column" {
    online press-7
    pod_state press-7 default hello Running 1
    pod_status press-7 default hello 5 True ',{"type":"Accepted","status":"False","reason":"Stale"}'
    say "$DAVIT_ROOT/nodes/press-8/presence" '{"v":1,"online":false}'
    pod_state press-8 default hello Running 1
    run -0 davit get pods
    contains "Running,Refused"
    contains "Running,Offline"
}

@test "a pod that was never accepted is listed by its status alone" {
    online press-7
    say "$NODE/status/default/pods/bad" '{"kind":"Pod","metadata":{"name":"bad"},"status":{"phase":"Refused","conditions":[{"type":"Accepted","status":"False","reason":"Invalid","message":"no"}]}}'
    run -0 davit get pods
    [[ "${lines[1]}" =~ ^bad\ +0/0\ +Refused\ +0 ]]
}

@test "get -o json is the status, in a List where no name is given" {
    online press-7
    pod_status press-7 default hello 5 True
    davit get pod hello -o json | python3 -c '
import json,sys
o=json.load(sys.stdin)
assert o["kind"]=="Pod" and o["status"]["observedGeneration"]==5 and o["spec"]["nodeName"]=="press-7", o'
    davit get pods -o json | python3 -c '
import json,sys
o=json.load(sys.stdin)
assert o["kind"]=="List" and len(o["items"])==1, o'
    run -0 davit get pods -o name
    [ "$output" = "pod/hello" ]
}

@test "get -o yaml can be applied again" {
    online press-7
    say "$NODE/status/default/pods/hello" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hello","namespace":"default","annotations":{"a":"yes","b":"a: b #c","c":"","d":"1","e":"line\nline","f":"-x","g":"\"q\""}},"status":{"list":[{"a":[1,[2]],"b":{}},[],"t"]}}'
    davit get pod hello -o yaml > "$DIR/out.yaml"
    davit apply -f "$DIR/out.yaml" --node press-7
    held "$NODE/desired/default/pods/hello" | python3 -c '
import json,sys
a=json.load(sys.stdin)["metadata"]["annotations"]
a.pop("davit/generation")
assert a=={"a":"yes","b":"a: b #c","c":"","d":"1","e":"line\nline","f":"-x","g":"\"q\""}, a'
}

@test "a pod that is not there is not found, and an empty list is no error" {
    run -4 davit get pod nothing
    contains 'pods "nothing" not found in namespace "default"'
    run -0 davit get pods
    contains 'No pods found in namespace "default"'
    run -0 --separate-stderr davit get pods -o json
    [[ "$output" == *'"items"'* ]]
}

@test "get -w prints a line for each change, and the end" {
    online press-7
    pod_state press-7 default hello Pending 0
    "$DAVIT" get pods -w --node press-7 > "$DIR/watch" 3>&- &
    TASKS+=($!)
    wait_for_line "$DIR/watch" Pending
    pod_state press-7 default hello Running 1
    wait_for_line "$DIR/watch" Running
    pod_status press-7 default hello 5 True
    pod_state press-7 default hello Running 1
    clear_topic "$NODE/state/default/pods/hello"
    clear_topic "$NODE/status/default/pods/hello"
    wait_for_line "$DIR/watch" Deleted
    [ "$(grep -c Running "$DIR/watch")" -le 2 ]
    [ "$(grep -c NAME "$DIR/watch")" = 1 ]
}

wait_for_line() {
    local i
    for i in $(seq 100); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.05
    done
    echo "no $2 in $1:"
    cat "$1"
    return 1
}

@test "get into head ends without a word" {
    online press-7
    local i
    for i in 1 2 3; do pod_state press-7 default "p$i" Running 1; done
    run -0 bash -c '"$DAVIT" get pods 2> "$DIR/complaints" | head -n 1'
    [[ "$output" == NAME* ]]
    [ ! -s "$DIR/complaints" ]
}

@test "a node cannot write control characters to the terminal" {
    online press-7
    say "$NODE/state/default/pods/evil" '{"state":"\u001b[2JRunning","image":"x\u0007"}'
    run -0 davit get pods -o wide
    [[ "$output" != *$'\e'* ]]
    [[ "$output" != *$'\a'* ]]
    contains "?[2JRunning"
}

@test "five thousand pods are listed whole, though the broker queues a thousand messages at most" {
    python3 -c '
for i in range(5000):
    print("{\"state\":\"Running\",\"ready\":1,\"containers\":1,\"containersReady\":1,\"n\":%d}" % i)' > "$DIR/states"
    python3 "$BATS_TEST_DIRNAME/publish_many.py" "$PORT" "$NODE/state/default/pods/p" < "$DIR/states"
    run -0 davit get pods
    [ "${#lines[@]}" = 5001 ]
}

@test "get nodes tells who is ready, away, and of which version" {
    online press-7
    say "$NODE/state" '{"ts":1,"ready":1,"pods":3,"podsReady":2,"agent":"0.1.0","waiting":0,"problems":1,"message":"hello waits"}'
    say "$DAVIT_ROOT/nodes/press-8/presence" '{"v":1,"online":false,"ts":1}'
    say "$DAVIT_ROOT/nodes/press-9/presence" '{"v":1,"online":true,"ts":1}'
    say "$DAVIT_ROOT/nodes/press-9/state" '{"ts":1,"ready":0,"pods":0,"podsReady":0,"agent":"0.1.0"}'
    run -0 davit get nodes
    [[ "${lines[0]}" =~ ^NAME\ +STATUS\ +PODS\ +AGE\ +VERSION$ ]]
    [[ "${lines[1]}" =~ ^press-7\ +Ready\ +2/3\ +.*\ 0.1.0$ ]]
    [[ "${lines[2]}" =~ ^press-8\ +Offline\ +\<none\> ]]
    [[ "${lines[3]}" =~ ^press-9\ +NotReady\ +0/0 ]]
    run -0 davit get nodes -o wide
    contains "hello waits"
    run -4 davit get node press-1
}

@test "events are shown as they come, and only then" {
    run -2 davit get events
    contains "get events -w"
    "$DAVIT" get events -w > "$DIR/events" 3>&- &
    TASKS+=($!)
    local i
    for i in $(seq 40); do
        mosquitto_pub -V 5 -p "$PORT" -q 1 -t "$NODE/events" -m '{"kind":"Event","type":"Warning","reason":"BackOff","message":"it ended with 1","lastTimestamp":"2026-01-01T00:00:00Z","involvedObject":{"kind":"Pod","namespace":"default","name":"hello"}}'
        grep -q BackOff "$DIR/events" && break
        sleep 0.05
    done
    grep -q 'press-7.*Warning.*BackOff.*pod/hello.*it ended with 1' "$DIR/events"
}

# --- describe

@test "describe tells all, within 80 columns" {
    online press-7
    say "$NODE/state/default/pods/hello" '{"state":"Running","ready":0,"restarts":2,"containers":1,"containersReady":0,"reason":"CrashLoopBackOff","message":"back-off 10 s"}'
    say "$NODE/status/default/pods/hello" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hello","namespace":"default","uid":"u-1"},
     "status":{"observedGeneration":7,"phase":"Running","startTime":"2026-01-01T00:00:00Z","source":"node","shadows":["group/line-3"],
     "conditions":[{"type":"Ready","status":"False","reason":"ContainersNotReady","message":"containers with unready status: [web one-more and-one-more and-yet-one-more]"},
      {"type":"Accepted","status":"False","reason":"Invalid","message":"spec.containers[0].image is empty","refusedGeneration":9},
      {"type":"IgnoredFields","status":"True","fields":["spec.affinity","spec.tolerations"]}],
     "containerStatuses":[{"name":"web","image":"demo:1","ready":false,"restartCount":2,
      "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 10 s"}},
      "lastState":{"terminated":{"exitCode":3,"reason":"Error","finishedAt":"2026-01-01T00:01:00Z"}}}]}}'
    run -0 davit describe pod hello
    contains "CrashLoopBackOff"
    contains "Exit Code:         3"
    contains "group/line-3"
    contains "spec.affinity"
    contains "Generation:        9"
    contains "spec.containers[0].image is empty"
    local line
    for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
    run -4 davit describe pod other
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
}

@test "delete --wait=false does not wait" {
    pod_status press-7 default hello 1 True
    run -0 timeout 5 "$DAVIT" delete pod hello --node press-7 --wait=false
    [ "$output" = 'pod "hello" deleted' ]
}

# --- version, image

@test "version tells the client's and the nodes'" {
    say "$NODE/state" '{"agent":"0.9.9"}'
    run -0 davit version
    [[ "${lines[0]}" == Client:* ]]
    [ "${lines[1]}" = "Node press-7: 0.9.9" ]
    run -0 davit version --client --broker "mqtt://127.0.0.1:$DEAD_PORT"
    [ "${#lines[@]}" = 1 ]
}

# A control socket that answers each request by its op, and writes what it was asked.
control() {
    rm -f "$DAVIT_CONTROL"
    python3 "$BATS_TEST_DIRNAME/control_double.py" "$DAVIT_CONTROL" "$DIR/asked" 3>&- &
    TASKS+=($!)
    local i
    for i in $(seq 100); do [ -S "$DAVIT_CONTROL" ] && return 0; sleep 0.05; done
    return 1
}

@test "image import hands over the open archive" {
    control
    echo "an archive" > "$DIR/demo.tar"
    run -0 davit image import "$DIR/demo.tar" --name demo:1
    contains "image/demo:1 imported (0123456789ab)"
    grep -q '"references": \["demo:1"\]' "$DIR/asked"
    grep -q 'an archive' "$DIR/asked"
}

@test "image ls is a table" {
    control
    run -0 davit image ls
    [[ "${lines[0]}" =~ ^IMAGE\ +ID\ +CREATED\ +SIZE\ +LAYERS$ ]]
    [[ "${lines[1]}" =~ ^demo:1\ +0123456789ab\ .*\ 1.2MB\ +2$ ]]
}

@test "davitd's refusal of an archive is shown" {
    control
    echo "bad" > "$DIR/bad.tar"
    run -1 davit image import "$DIR/bad.tar" --name bad:1
    contains "DigestMismatch: a layer is not what it says"
}

@test "a davitd that is away is named, with what to do" {
    run -3 davit image ls --control "$DIR/nobody.sock"
    contains "cannot reach davitd at $DIR/nobody.sock"
    contains "DAVIT_CONTROL"
    run -1 davit image import "$DIR/absent.tar"
    contains "absent.tar"
}
