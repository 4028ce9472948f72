#!/usr/bin/env bats
# davit get: which objects, how they are chosen, sorted and printed; mosquitto_pub plays the nodes.

bats_require_minimum_version 1.5.0
load cli_lib

node_says() { # NODE STATE-FIELDS [PRESENCE-FIELDS] [LABELS] [GROUPS]
    say "$DAVIT_ROOT/nodes/$1/presence" '{"v":1,"online":true,"ts":1795410958123'"${3:+,$3}"'}'
    say "$DAVIT_ROOT/nodes/$1/state" '{"ready":1,"pods":4,"podsReady":3,"vms":1,"vmsReady":1,"waiting":0,"problems":0,"agent":"0.1.0"'"${2:+,$2}"'}'
    say "$DAVIT_ROOT/nodes/$1/status" '{"apiVersion":"v1","kind":"Node","metadata":{"name":"'"$1"'","labels":{'"${4:-}"'}},"status":{"groups":['"${5:-}"'],"conditions":[{"type":"Ready","status":"True"}],"nodeInfo":{"kernelVersion":"6.1"}}}'
}

pod() { # NODE NAME RESTARTS LABELS PHASE
    say "$DAVIT_ROOT/nodes/$1/state/default/pods/$2" '{"state":"'"$5"'","ready":1,"restarts":'"$3"',"containers":1,"containersReady":1}'
    say "$DAVIT_ROOT/nodes/$1/status/default/pods/$2" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"'"$2"'","labels":{'"$4"'}},"status":{"phase":"'"$5"'","restarts":'"$3"'}}'
}

plant() {
    node_says press-7 '' '' '"line":"3"' '"presses"'
    node_says press-8 '' '' '"line":"4"' '"presses"'
    node_says robot-1 '' '' '"line":"3"'
    pod press-7 web 10 '"app":"web","tier":"front"' Running
    pod press-8 hist 9 '"app":"hist"' Pending
    pod robot-1 arm 0 '' Running
}

names() { # of -o name, as one line
    printf '%s ' "${lines[@]}"
}

@test "a node's status tells whether it is reached, and whether it takes new work" {
    node_says a '"unschedulable":1'
    node_says b '' '"site":"hamburg"'
    node_says c
    say "$DAVIT_ROOT/nodes/c/state" '{"ready":0,"pods":4,"podsReady":3,"vms":1,"vmsReady":1,"problems":2,"message":"RuntimeDown: crun"}'
    say "$DAVIT_ROOT/nodes/d/presence" '{"v":1,"online":false}'
    say "$DAVIT_ROOT/sites/hamburg/presence" 0
    run -0 davit get nodes -o wide
    [[ "${lines[0]}" =~ ^NAME\ +STATUS\ +PODS\ +VMS\ +PROBLEMS\ +AGE\ +VERSION\ +WAITING\ +SITE\ +MESSAGE$ ]]
    [[ "${lines[1]}" =~ ^a\ +Ready,SchedulingDisabled\ +3/4\ +1/1\ +0\ .*0.1.0 ]]
    [[ "${lines[2]}" =~ ^b\ +Unknown\ .*hamburg ]]
    [[ "${lines[3]}" =~ ^c\ +NotReady\ +3/4\ +1/1\ +2\ .*RuntimeDown ]]
    [[ "${lines[4]}" =~ ^d\ +Offline\ +'<none>' ]]
    run -0 davit get node b -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'
    [ "$output" = Unknown ]
    say "$DAVIT_ROOT/sites/hamburg/presence" 1
    run -0 davit get node b --no-headers
    [[ "$output" =~ ^b\ +Ready\  ]]
}

@test "what runs behind a bridge that is down is not said to run" {
    node_says b '' '"site":"hamburg"'
    pod b web 0 '' Running
    say "$DAVIT_ROOT/sites/hamburg/presence" 0
    run -0 davit get pods
    contains "Running,Unknown"
}

@test "objects are chosen by labels and fields, nodes by name, label and group" {
    plant
    run -0 davit get pods -l app=web -o name
    [ "$(names)" = "pod/web " ]
    run -0 davit get pods -l 'app in (web,hist),!tier' -o name
    [ "$(names)" = "pod/hist " ]
    run -0 davit get pods -l '!app' -o name
    [ "$(names)" = "pod/arm " ]
    run -0 davit get pods --field-selector status.phase=Running,spec.nodeName!=robot-1 -o name
    [ "$(names)" = "pod/web " ]
    run -0 davit get pods --field-selector metadata.name==arm -o name
    [ "$(names)" = "pod/arm " ]
    run -0 davit get pods --nodes 'press-*' -o name
    [ "$(names)" = "pod/hist pod/web " ]
    run -0 davit get pods --node-selector line=3 -o name
    [ "$(names)" = "pod/arm pod/web " ]
    run -0 davit get pods --group presses --node-selector line=4 -o name
    [ "$(names)" = "pod/hist " ]
    run -0 davit get nodes -l line=3 -o name
    [ "$(names)" = "node/press-7 node/robot-1 " ]
    run -0 davit get nodes --group presses -o name
    [ "$(names)" = "node/press-7 node/press-8 " ]
    run -2 davit get pods --field-selector phase
    contains "FIELD=VALUE"
    run -2 davit get pods -l 'a in b'
    contains "in brackets"
}

@test "several types, and several names, are tables below each other" {
    plant
    say "$NODE/state/default/deployments/web" '{"state":"Running","ready":1,"containers":1,"containersReady":1,"updated":1,"available":1}'
    run -0 davit get pods,deploy --node press-7
    [[ "${lines[0]}" =~ ^NAME\ +READY\ +STATUS ]]
    [[ "${lines[1]}" =~ ^pod/web\ +1/1 ]]
    [[ "${lines[2]}" =~ ^NAME\ +READY\ +UP-TO-DATE ]]
    [[ "${lines[3]}" =~ ^deployment/web\ +1/1 ]]
    run -0 davit get all --node press-7 -o name
    [ "$(names)" = "pod/web deployment/web " ]
    run -0 davit get pod/web deploy/web -o json
    [ "$(jq -r '.kind, (.items | length)' <<<"$output" | tr '\n' ' ')" = "List 2 " ]
    run -4 --separate-stderr davit get pods web nothing arm -o name
    [ "$(names)" = "pod/arm pod/web " ]
    [[ "$stderr" = *'pods "nothing" not found'* ]]
    run -2 davit get pods,deploy -w
    contains "one type at a time"
    run -2 davit get pods,deploymnts
    contains "Did you mean deployments?"
    run -0 --separate-stderr davit get all -n elsewhere
    [ "$stderr" = "No resources found." ]
}

@test "rows are sorted by what a path leads to, numbers as numbers" {
    plant
    run -0 davit get pods --sort-by .status.restarts -o name
    [ "$(names)" = "pod/arm pod/hist pod/web " ]
    run -0 davit get pods --sort-by '{.metadata.labels.app}' --no-headers
    [[ "${lines[0]}" =~ ^arm.* ]] && [[ "${lines[1]}" =~ ^hist ]] && [[ "${lines[2]}" =~ ^web ]]
    [ "${#lines[@]}" = 3 ]
    run -2 davit get pods --sort-by '{.a'
    contains "not closed"
}

@test "templates and columns of one's own" {
    plant
    run -0 davit get pods -o jsonpath='{range .items[*]}{.metadata.name}@{.spec.nodeName}{"\n"}{end}'
    [ "$output" = $'arm@robot-1\nhist@press-8\nweb@press-7' ]
    run -0 davit get pod web -o jsonpath='{.status.phase}'
    [ "$output" = Running ]
    run -0 davit get nodes -o custom-columns=NAME:.metadata.name,KERNEL:.status.nodeInfo.kernelVersion,X:.nothing
    [[ "${lines[0]}" =~ ^NAME\ +KERNEL\ +X$ ]]
    [[ "${lines[1]}" =~ ^press-7\ +6.1\ +'<none>'$ ]]
    run -2 davit get pods -o jsonpath='{.a'
    contains "a { is not closed"
    run -2 davit get pods -o custom-columns=NAME
    contains "HEADING:PATH"
    run -2 davit get pods -o xml
    contains "jsonpath=TEMPLATE"
}

@test "the word of the status is coloured on a terminal, and only there" {
    plant
    run -0 script -qec "$DAVIT get pods" /dev/null
    contains $'\e[32mRunning\e[0m'
    contains $'\e[33mPending\e[0m'
    NO_COLOR=1 run -0 script -qec "$DAVIT get pods" /dev/null
    [[ "$output" != *$'\e['* ]]
    run -0 davit get pods
    [[ "$output" != *$'\e['* ]]
}

@test "-w has a line for each change of what is chosen, and for a site that goes" {
    node_says b '' '"site":"hamburg"'
    pod b web 0 '"app":"web"' Running
    pod b other 0 '' Running
    davit get pods -w -l app=web >"$DIR/watched" 3>&- &
    TASKS+=($!)
    until grep -q Running "$DIR/watched"; do sleep 0.05; done
    pod b other 1 '' Failed
    pod b web 1 '"app":"web"' Failed
    until grep -q Failed "$DIR/watched"; do sleep 0.05; done
    say "$DAVIT_ROOT/sites/hamburg/presence" 0
    until grep -q 'Failed,Unknown' "$DIR/watched"; do sleep 0.05; done
    ! grep -q other "$DIR/watched"
}

@test "ten thousand nodes are a table in a few seconds" {
    python3 - "$PORT" "$DAVIT_ROOT" <<'P'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
text = lambda t: struct.pack(">H", len(t)) + t
def packet(kind, body):
    n, out = len(body), b""
    while True:
        out += bytes([n % 128 | (128 if n > 127 else 0)]); n //= 128
        if not n: break
    return bytes([kind]) + out + body
s.sendall(packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x3c" + text(b"many")))
s.recv(4)
root = sys.argv[2].encode()
for i in range(10000):
    t = root + b"/nodes/node-%05d/" % i
    s.sendall(packet(0x31, text(t + b"presence") + b'{"v":1,"online":true,"bootId":"b","session":"s","ts":1795410958123}') +
              packet(0x31, text(t + b"state") + b'{"ts":1,"ready":1,"pods":4,"podsReady":4,"vms":0,"vmsReady":0,"waiting":0,"problems":0,"agent":"0.1.0","message":""}'))
s.sendall(packet(0xC0, b"")); s.recv(2)
P
    local begun=$(($(date +%s%N) / 1000000))
    /usr/bin/env time -f %M -o "$DIR/kib" "$DAVIT" get nodes >"$DIR/nodes"
    local took=$(($(date +%s%N) / 1000000 - begun))
    echo "$took ms, $(cat "$DIR/kib") KiB"
    [ "$(wc -l <"$DIR/nodes")" = 10001 ]
    [ "$took" -lt 15000 ]
    [ "$(cat "$DIR/kib")" -lt 131072 ]
}

@test "describe node tells what it is, what is wrong and what is on it" {
    node_says press-7 '"unschedulable":1,"message":"RuntimeProblem: crun"' '"site":"hamburg"' '"line":"3"' '"presses"'
    pod press-7 web 0 '' Running
    run -0 davit describe node press-7
    for row in 'Name: +press-7' 'Status: +Ready,SchedulingDisabled' 'Message: +RuntimeProblem: crun' 'Site: +hamburg' 'Labels: +line=3' \
        'Groups: +presses' '  Kernel: +6.1' '  Ready: +True' '  default/pod/web: +Running'; do
        grep -qE "^$row" <<<"$output" || { echo "no row: $row"; echo "$output"; return 1; }
    done
    say "$DAVIT_ROOT/sites/hamburg/presence" 0
    run -0 davit describe node --node press-7
    contains "The bridge of its site is down"
    contains "Unknown (SiteOffline)"
    run -4 davit describe node nobody
}

@test "top of many nodes is what they told last, and asks nobody" {
    plant
    say "$DAVIT_ROOT/nodes/press-7/metrics" '{"ts":1,"cpu_cores":0.5,"memory_bytes":1048576000,"memory_available_bytes":1048576000,"disk_bytes":1048576,"disk_available_bytes":3145728}'
    say "$DAVIT_ROOT/nodes/robot-1/metrics" '{"ts":1,"cpu_cores":1.5,"memory_bytes":524288000}'
    say "$DAVIT_ROOT/nodes/press-7/metrics/default/pods/web" '{"ts":1,"cpu_cores":0.25,"memory_bytes":10485760}'
    say "$DAVIT_ROOT/nodes/press-8/metrics/default/pods/hist" '{"ts":1,"cpu_cores":0.75,"memory_bytes":20971520}'
    run -0 davit top nodes
    [[ "${lines[0]}" =~ ^NAME\ +CPU.cores.\ +MEMORY.bytes.\ +MEMORY...\ +DISK.bytes.\ +DISK...$ ]]
    [[ "${lines[1]}" =~ ^press-7\ +500m\ +1000Mi\ +50%\ +1Mi\ +25%$ ]]
    [[ "${lines[2]}" =~ ^robot-1\ +1500m\ +500Mi\ +'<unknown>' ]]
    run -0 davit top nodes --sort-by cpu --node-selector line=3
    [[ "${lines[1]}" = robot-1* ]]
    [ "${#lines[@]}" = 3 ]
    run -0 davit top pods --nodes 'press-*' --sort-by memory
    [[ "${lines[1]}" =~ ^hist\ +press-8\ +750m\ +20Mi ]]
    [[ "${lines[2]}" =~ ^web\ +press-7\ +250m\ +10Mi ]]
    run -0 davit top pods --group presses -o json
    [ "$(jq -r '.items[0] | .node + "/" + .name' <<<"$output")" = press-8/hist ]
    run -4 davit top vms --nodes 'press-*'
    contains "no node tells metrics of such virtualmachines"
}
