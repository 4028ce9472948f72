#!/usr/bin/env bats
# The `davit` command against a real Mosquitto: what it shows; mosquitto_pub plays the nodes.

bats_require_minimum_version 1.5.0
load cli_lib

# --- how it is called

@test "every verb's help has an example and exits 0" {
    local verb verbs
    verbs=$(davit --help | sed -n 's/^  \([a-z-]*\)  *[^ ].*/\1/p')
    [ "$(wc -w <<<"$verbs")" -ge 40 ]
    for verb in $verbs; do
        run -0 davit "$verb" --help
        [ "$(davit help "$verb")" = "$output" ]
        contains "Example:"
        contains "davit $verb"
        run -0 python3 -c 'import sys; print(max(map(len, sys.stdin.read().split("\n"))))' <<<"$output"
        [ "$output" -le 80 ] || { echo "$verb: $output columns"; false; }
    done
    run -0 davit options
    contains "--broker URL"
}

@test "an unknown flag is named, with the nearest one" {
    run -2 davit get pods --nod press-7
    contains "unknown flag --nod. Did you mean --node?"
}

@test "a flag of another verb is refused" {
    run -2 davit describe pod hello --watch
    contains "--watch has no meaning here: --help shows what has"
}

@test "flags stand before the verb or behind it" {
    pod_state press-7 plant hello Running 1
    run -0 davit -n plant get pods --no-headers --node press-7
    contains hello
    run -0 davit --broker="$DAVIT_BROKER" --node press-7 -A get pods --no-headers
    contains hello
    run -2 davit --nod press-7 get pods
    contains "Did you mean --node?"
    run -2 davit -n plant
    contains "which verb?"
}

@test "what kubectl and docker have is answered with Davit's own way" {
    run -2 davit edit deploy/web
    contains 'davit get TYPE/NAME -o yaml > FILE'
    run -2 davit ps
    contains 'davit get pods -A'
    run -2 davit apply -k overlays/line-3 --node press-7
    contains 'kustomize build DIR | davit apply -f -'
    run -2 davit drain press-7 --ignore-daemonsets
    contains 'davit/drain'
}

@test "--ignore-not-found makes no failure of what is not there" {
    run -4 davit get pod nothing --node press-7
    run -0 davit get pod nothing --node press-7 --ignore-not-found
    [ -z "$output" ]
    run -0 davit get pod nothing --node press-7 --ignore-not-found -o json
    [ -z "$output" ]
    run -0 davit delete pod nothing --node press-7 --ignore-not-found
    [ -z "$output" ]
    [ -z "$(held "$NODE/desired/default/pods/nothing")" ]
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

# one NAME CONDITION-Initialized INIT-STATUSES CONTAINER-STATUSES: a pod as its node tells of it
one() {
    say "$NODE/state/default/pods/$1" '{"state":"Pending","ready":0,"restarts":0,"containers":1,"containersReady":0,"reason":"PodInitializing"}'
    say "$NODE/status/default/pods/$1" '{"kind":"Pod","metadata":{"name":"'"$1"'"},"status":{"phase":"Pending","podIP":"10.1.2.3",
     "conditions":[{"type":"Initialized","status":"'"$2"'"}],"initContainerStatuses":['"$3"'],"containerStatuses":['"$4"']}}'
}

@test "the status column has kubectl's words for init containers, and says when a restart was" {
    local waits='{"state":{"waiting":{"reason":"PodInitializing"}}}' runs='{"state":{"running":{}},"ready":true}'
    local done='{"state":{"terminated":{"exitCode":0,"reason":"Completed"}},"ready":true}'
    local bad='{"state":{"terminated":{"exitCode":1,"reason":"Error"}}}' sidecar='{"state":{"running":{}},"started":true,"ready":true}'
    local loops='{"restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-01-01T00:00:00Z"}}}'
    online press-7
    one init-runs False "$done,{\"state\":{\"running\":{}}},$waits" "$waits"
    one init-beside False "$sidecar,{\"state\":{\"running\":{}}}" "$waits"
    one init-ended False "$bad,$waits" "$waits"
    one init-loops False "$loops" "$waits"
    one sidecar-loops True "$loops" "$runs"
    one half True "$done" "$runs,$done"
    one waits True "$done" '{"state":{"waiting":{"reason":"CreateContainerConfigError"}}}'
    run -0 davit get pods -o wide
    local row
    for row in 'init-runs +0/1 +Init:1/3 +0 ' 'init-beside +0/1 +Init:1/2 +0 ' 'init-ended +0/1 +Init:Error +0 ' \
        'init-loops +0/1 +Init:CrashLoopBackOff +4 \([0-9dhy]+ ago\) ' 'sidecar-loops +0/1 +Init:CrashLoopBackOff +0' \
        'half +0/1 +NotReady +0 ' 'waits +0/1 +CreateContainerConfigError +0 .* 10\.1\.2\.3 +press-7'; do
        grep -qE "^$row" <<<"$output" || { echo "no row: $row"; echo "$output"; return 1; }
    done
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
    say "$NODE/desired/default/configmaps/hello" '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"hello","annotations":{"a":"yes","b":"a: b #c","c":"","d":"1","e":"line\nline","f":"-x","g":"\"q\""}},"data":{"k":"v"}}'
    say "$NODE/status/default/configmaps/hello" '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"hello","namespace":"default"},"status":{"source":"node","list":[{"a":[1,[2]],"b":{}},[],"t"]}}'
    davit get configmap hello -o yaml > "$DIR/out.yaml"
    sed -i 's/k: v/k: w/' "$DIR/out.yaml"
    davit apply -f "$DIR/out.yaml" --node press-7
    held "$NODE/desired/default/configmaps/hello" | python3 -c '
import json,sys
o=json.load(sys.stdin)
a=o["metadata"]["annotations"]
a.pop("davit/generation")
assert o["data"]=={"k":"w"} and "status" not in o and "spec" not in o, o
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
    say "$NODE/status" '{"kind":"Node","metadata":{"name":"press-7"},"status":{"groups":["\u001b[2J"],"conditions":[{"type":"\u001b[2J\u009b1m",
        "status":"True","reason":"\u202eevil","message":"\u001b]0;t\u0007"}]}}'
    run -0 davit describe node press-7
    [[ "$output" != *$'\e'* && "$output" != *$'\a'* && "$output" != *$'\u202e'* && "$output" != *$'\u009b'* ]]
    contains "?[2J??1m"
    # By a template it is what it is in a file, and clean on a terminal.
    run -0 davit get node press-7 -o "jsonpath={.status.conditions[0].message}"
    [[ "$output" == *$'\e]0;t\a'* ]]
    run -0 script -qec "$DAVIT get node press-7 -o jsonpath='{.status.conditions[0].message}'" /dev/null
    contains "?]0;t?"
    [[ "$output" != *$'\a'* ]]
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
    [[ "${lines[0]}" =~ ^NAME\ +STATUS\ +PODS\ +VMS\ +PROBLEMS\ +AGE\ +VERSION$ ]]
    [[ "${lines[1]}" =~ ^press-7\ +Ready\ +2/3\ +.*\ 0.1.0$ ]]
    [[ "${lines[2]}" =~ ^press-8\ +Offline\ +\<none\> ]]
    [[ "${lines[3]}" =~ ^press-9\ +NotReady\ +0/0 ]]
    run -0 davit get nodes -o wide
    contains "hello waits"
    run -4 davit get node press-1
}

@test "events are shown as they come, and only then" {
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

@test "describe of several names, and of all of a type" {
    online press-7
    local name
    for name in hello world; do
        say "$NODE/status/default/pods/$name" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"'$name'"},"status":{"phase":"Running"}}'
    done
    say "$NODE/status/default/configmaps/c" '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"status":{"observedGeneration":1}}'
    run -0 davit describe pods
    [ "$(grep '^Name: ' <<<"$output" | tr -s ' ' | sort)" = $'Name: hello\nName: world' ]
    run -4 davit describe pod/world pod/none
    contains world
    contains 'pods "none" not found in namespace "default"'
    [[ "$output" != *hello* ]]
    run -0 davit describe cm
    [[ "$output" != *State:* ]]
    run -4 davit describe pods -n elsewhere
    contains 'pods not found in namespace "elsewhere"'
    run -2 davit describe hello
    contains "as davit describe pod hello"
}

@test "describe has the init containers, the address and what is mounted" {
    online press-7
    one hello False '{"name":"prepare","image":"demo:1","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}' \
        '{"name":"web","image":"demo:1","containerID":"crun://u-web-0","resources":{"limits":{"cpu":"500m","memory":1024}},
          "volumeMounts":[{"name":"box","mountPath":"/data","readOnly":true}],"state":{"waiting":{"reason":"PodInitializing"}}}'
    run -0 davit describe pod hello
    contains "Init Containers:"
    contains "IP:                10.1.2.3"
    contains "Limits:            cpu=500m memory=1024"
    contains "/data from box (ro)"
    contains "Container ID:      crun://u-web-0"
    grep -qE '^Status: +Init:0/1' <<<"$output"
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

@test "vm import hands over the open disk, by the name of its file where it gets none" {
    control
    echo "a disk" > "$DIR/Win XP (2).vmdk"
    run -0 davit vm import "$DIR/Win XP (2).vmdk"
    grep -q '"op": "disk-import"' "$DIR/asked"
    grep -q '"references": \["win-xp-2:imported"\]' "$DIR/asked"
    run -0 davit vm import "$DIR/Win XP (2).vmdk" --name line3/xp:1
    grep -q '"references": \["line3/xp:1"\]' "$DIR/asked"
    run -1 davit vm import "$DIR/absent.vmdk"
    contains "cannot open $DIR/absent.vmdk"
    run -1 davit vm import "$DIR"
    contains "is a folder"
    run -2 davit vm import
    contains "import which disk"
    run -2 davit vm start
    contains "vm start: import FILE"
    run -3 davit vm import "$DIR/Win XP (2).vmdk" --control "$DIR/nobody.sock"
}

@test "image pull waits for davitd, and has a bar for a person" {
    control
    run -0 davit image pull demo:1
    [ "$output" = "image/demo:1 pulled (0123456789ab)" ]
    run -0 script -qec "$DAVIT image pull demo:1" /dev/null
    contains "[======>                 ] 1.0MB of 4.0MB, 1 of 2 layers, 500kB/s"
    run -4 davit image pull missing:1
    contains "NotFound: there is no such tag"
    run -2 davit image pull
}

@test "image ls is a table" {
    control
    run -0 davit image ls
    [[ "${lines[0]}" =~ ^IMAGE\ +ID\ +CREATED\ +SIZE\ +LAYERS\ +IN\ USE$ ]]
    [[ "${lines[1]}" =~ ^demo:1\ +0123456789ab\ .*\ 1.2MB\ +2\ +no$ ]]
}

@test "image inspect, rm and prune say what davitd says" {
    control
    run -0 davit image inspect demo:1
    [ "$(jq -r '.usedBy[0]' <<<"$output")" = default/pods/web ]
    run -0 davit image inspect demo:1 -o yaml
    contains "- default/pods/web"
    run -0 davit image rm old:1 old:2
    [ "$output" = "image/old:1 removed
image/old:2 removed" ]
    run -1 davit image rm used:1
    contains "InUse: used:1 is needed by default/pods/web"
    run -4 davit image rm missing:1
    run -0 davit image prune
    contains "image/old:9 removed"
    contains "12.3MB freed"
    run -2 davit image rm
    contains "remove which images"
    run -2 davit image prune all
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
