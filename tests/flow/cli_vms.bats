#!/usr/bin/env bats
# davit and virtual machines: what a node says of them, requests about them, and their consoles, with a node that
# vm_double.py plays; the keys of a real terminal (tmux).

bats_require_minimum_version 1.5.0
load cli_lib

teardown() {
    [ ! -e "$DIR/tmux" ] || tmux -S "$DIR/tmux" kill-server 2>/dev/null || true
    local pid
    for pid in "${TASKS[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

soon() { # SECONDS CMD...
    local i limit=$(($1 * 20))
    shift
    for i in $(seq "$limit"); do "$@" && return 0; sleep 0.05; done
    "$@"
}

# The node, on the control socket of this test.
on_control() {
    export DAVIT_CONTROL="$DIR/control-$BATS_TEST_NUMBER.sock" ASKED="$DIR/$BATS_TEST_NUMBER/asked"
    mkdir "$DIR/$BATS_TEST_NUMBER"
    python3 "$BATS_TEST_DIRNAME/vm_double.py" "$DIR/$BATS_TEST_NUMBER" control "$DAVIT_CONTROL" 3>&- &
    TASKS+=($!)
    soon 10 test -S "$DAVIT_CONTROL"
    VIA=()
}

# The same behind the broker: as --node press-7.
on_broker() {
    export ASKED="$DIR/$BATS_TEST_NUMBER/asked"
    mkdir "$DIR/$BATS_TEST_NUMBER"
    online press-7
    python3 "$BATS_TEST_DIRNAME/vm_double.py" "$DIR/$BATS_TEST_NUMBER" broker "$PORT" "$NODE" 3>&- &
    TASKS+=($!)
    VIA=(--node press-7)
    soon 10 hears
}

# The node has subscribed.
hears() {
    timeout 20 "$DAVIT" ping --node press-7 >/dev/null 2>&1
}

asked() { # TEXT: a line of what the node was asked has it
    grep -qF -- "$1" "$ASKED" || { echo "not asked: $1" >&2; cat "$ASKED" >&2; return 1; }
}

# What the protocol has for a virtual machine that runs.
machine() { # NAME PRINTABLE READY
    say "$NODE/state/default/virtualmachines/$1" \
        "{\"ts\":1,\"state\":\"$2\",\"stateCode\":2,\"ready\":$3,\"restarts\":2,\"image\":\"plant/hmi:7\",\"containers\":1,\"containersReady\":$3,\"address\":\"10.213.0.5\",\"message\":\"\"}"
    say "$NODE/status/default/virtualmachines/$1" \
        "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"$1\",\"namespace\":\"default\",\"uid\":\"u-$1\",\"creationTimestamp\":\"$(date -u +%FT%TZ)\"},
          \"status\":{\"observedGeneration\":4,\"printableStatus\":\"$2\",\"created\":true,\"ready\":$([ "$3" = 1 ] && echo true || echo false),\"phase\":\"Running\",\"runStrategy\":\"RerunOnFailure\",
          \"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"Emulated\",\"status\":\"True\",\"message\":\"without /dev/kvm it is emulated\"}],
          \"interfaces\":[{\"name\":\"default\",\"ipAddress\":\"10.213.0.5\",\"ipAddresses\":[\"10.213.0.5\",\"fd00::5\"],\"mac\":\"52:54:00:12:34:56\"}],
          \"guestOSInfo\":{\"prettyName\":\"Debian GNU/Linux 12\"},\"nodeName\":\"press-7\",\"restarts\":2,\"reboots\":3,
          \"snapshots\":[{\"name\":\"before-update\",\"createdMs\":1795410958000}],
          \"containerStatuses\":[{\"name\":\"compute\",\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{\"startedAt\":\"2026-11-23T08:17:00Z\"}}}]}}"
}

# --- what it says

@test "get vms is a table with KubeVirt's columns" {
    online press-7
    machine hmi Running 1
    machine win Stopped 0
    run -0 davit get vms
    [[ "${lines[0]}" =~ ^NAME\ +AGE\ +STATUS\ +READY$ ]]
    [[ "${lines[1]}" =~ ^hmi\ +[0-9]+s\ +Running\ +True$ ]]
    [[ "${lines[2]}" =~ ^win\ +[0-9]+s\ +Stopped\ +False$ ]]
    run -0 davit get vm win -o wide
    [[ "${lines[0]}" =~ ^NAME\ +AGE\ +STATUS\ +READY\ +RESTARTS\ +IP\ +NODE\ +IMAGE$ ]]
    [[ "${lines[1]}" =~ ^win\ +[0-9]+s\ +Stopped\ +False\ +2\ +10.213.0.5\ +press-7\ +plant/hmi:7$ ]]
    run -0 davit get virtualmachines -o name
    [ "$output" = $'virtualmachine/hmi\nvirtualmachine/win' ]
    run -0 davit get vm/hmi -o json
    [ "$(jq -r '.kind + " " + .status.printableStatus + " " + .spec.nodeName' <<<"$output")" = "VirtualMachine Running press-7" ]
    run -4 davit get vm nope
}

@test "get vms -w has a line for each change" {
    online press-7
    machine hmi Starting 0
    "$DAVIT" get vms -w >"$DIR/watched" 2>&1 3>&- &
    TASKS+=($!)
    soon 10 grep -q Starting "$DIR/watched"
    machine hmi Running 1
    soon 10 grep -qE 'hmi .*Running +True' "$DIR/watched"
}

@test "get vms says that its node is offline, and what was refused" {
    say "$NODE/presence" '{"v":1,"online":false,"ts":1}'
    machine hmi Running 1
    run -0 davit get vms
    contains "Running,Offline"
    online press-7
    say "$NODE/status/default/virtualmachines/hmi" '{"kind":"VirtualMachine","metadata":{"name":"hmi"},"status":{"printableStatus":"Running",
      "conditions":[{"type":"Accepted","status":"False","reason":"InvalidVM","message":"no"}]}}'
    run -0 davit get vms
    contains "Running,Refused"
}

@test "describe vm has its strategy, its guest, its addresses and its snapshots" {
    online press-7
    machine hmi Running 1
    run -0 davit describe vm hmi
    local wanted
    for wanted in 'Name: +hmi' 'Status: +Running' 'Run Strategy: +RerunOnFailure' 'Ready: +True' 'Guest OS: +Debian GNU/Linux 12' \
        'Guest Reboots: +3' 'Restarts: +2' ' +default: +10.213.0.5 fd00::5 \(52:54:00:12:34:56\)' \
        ' +before-update: +2026-11-23T05:15:58Z' ' +without /dev/kvm it is emulated'; do
        grep -qE "^$wanted" <<<"$output" || { echo "no $wanted in:"; echo "$output"; return 1; }
    done
    [[ "$output" != *printableStatus* ]]
}

# --- requests

@test "each verb's help has an example, and a completion" {
    local verb
    for verb in start stop console vnc snapshot rollback; do
        run -0 davit "$verb" --help
        contains "  davit $verb vm/hmi"
        run -0 bash -c '. "$1"; COMP_WORDS=(davit "$2" --); COMP_CWORD=2; _davit; echo "${COMPREPLY[@]}"' _ \
            <(davit completion bash) "$verb"
        contains --namespace
    done
}

@test "stop, restart and rollback name the machine in three ways, and say what comes of it" {
    on_control
    run -0 davit stop vm/hmi
    [ "$output" = "virtualmachine/hmi stops" ]
    run -0 davit stop vm hmi --force
    [ "$output" = "virtualmachine/hmi is switched off" ]
    asked '"object": "virtualmachines/hmi", "namespace": "default", "force": true'
    run -0 davit stop hmi -n plant
    asked '"object": "virtualmachines/hmi", "namespace": "plant"'
    run -0 davit restart vm hmi
    [ "$output" = "virtualmachine/hmi restarted" ]
    run -0 davit restart virtualmachine/hmi
    run -0 davit rollback vm/hmi before
    [ "$output" = "virtualmachine/hmi is back at snapshot before" ]
    run -1 davit start hmi
    contains "AlreadyRunning: hmi is running already"
    run -4 davit start vm/nope
    contains 'virtualmachines "nope" not found'
    run -2 davit start
    run -2 davit stop turbine/hmi
    contains 'is no virtual machine: as hmi, or vm/hmi'
    run -2 davit rollback vm/hmi
    run -2 davit start vm/hmi --force
    contains "has no meaning here"
    run -3 davit start hmi --control "$DIR/nobody.sock"
}

@test "the same requests go over the broker" {
    on_broker
    run -0 davit stop vm/hmi "${VIA[@]}"
    [ "$output" = "virtualmachine/hmi stops" ]
    asked '"verb": "stop", "object": "virtualmachines/hmi"'
    run -1 davit start vm/hmi "${VIA[@]}"
    contains "the node says AlreadyRunning"
    run -0 davit snapshot vm hmi before "${VIA[@]}"
    [ "$output" = "snapshot before of virtualmachine/hmi taken" ]
    run -4 davit rollback vm/nope before "${VIA[@]}"
}

@test "snapshots are taken, listed and deleted" {
    on_control
    run -0 davit snapshot vm/hmi before
    [ "$output" = "snapshot before of virtualmachine/hmi taken" ]
    asked '"do": "take", "name": "before"'
    run -0 davit snapshot vm/hmi --list
    [[ "${lines[0]}" =~ ^NAME\ +AGE$ ]]
    [[ "${lines[1]}" =~ ^before\ +[0-9] ]]
    run -0 davit snapshot vm/hmi --list -o json
    [ "$(jq -c .snapshots <<<"$output")" = '[{"name":"before","createdMs":1795410958000}]' ]
    [ "$(jq -c 'keys' <<<"$output")" = '["name","snapshots"]' ]
    run -0 davit snapshot vm hmi --delete before
    [ "$output" = "snapshot before of virtualmachine/hmi deleted" ]
    asked '"do": "delete", "name": "before"'
    run -2 davit snapshot vm/hmi --list --delete before
    run -2 davit snapshot vm/hmi new --list
    run -2 davit snapshot vm/hmi one two
}

@test "top vms asks for them alone, and for one by its name" {
    on_control
    run -0 davit top vms
    [[ "${lines[0]}" =~ ^NAME\ +CPU\(cores\)\ +MEMORY\(bytes\)$ ]]
    [[ "${lines[1]}" =~ ^hmi\ +250m\ +256Mi$ ]]
    asked '"resource": "virtualmachines"'
    run -0 davit top vm hmi
    asked '"object": "virtualmachines/hmi"'
    run -0 davit top vm/hmi --containers -o wide
    contains compute
    run -2 davit top turbines
}

# --- logs

@test "logs of a machine are its console's bytes, by lines from the end, without times" {
    on_control
    printf '[0.0] Linux\r\n\033[1mlogin:\033[0m \n' >"$DIR/$BATS_TEST_NUMBER/console.log"
    run -0 bash -c '"$DAVIT" logs vm/hmi | cmp - "$1"' _ "$DIR/$BATS_TEST_NUMBER/console.log"
    run -0 davit logs vm hmi --tail 1
    [ "$output" = $'\033[1mlogin:\033[0m ' ]
    run -0 davit logs vm/hmi --limit-bytes 5
    [ "$output" = "[0.0]" ]
    run -1 davit logs vm/hmi --since 5m
    contains "Unsupported: the console log of a virtual machine has no times"
    run -1 davit logs vm/hmi --timestamps
    run -2 davit logs vm hmi more
}

@test "logs -f follows a machine's log over its rotation to its end" {
    on_control
    local log="$DIR/$BATS_TEST_NUMBER/console.log"
    echo one >"$log"
    "$DAVIT" logs vm/hmi -f >"$DIR/followed" 2>&1 3>&- &
    local follower=$!
    TASKS+=("$follower")
    soon 10 grep -q one "$DIR/followed"
    echo two >>"$log"
    mv "$log" "$log.0"
    echo three >"$log"
    mv "$log.0" "$log.1"
    mv "$log" "$log.0"
    echo four >"$log"
    soon 10 grep -q four "$DIR/followed"
    touch "$DIR/$BATS_TEST_NUMBER/off"
    wait "$follower"
    [ "$(cat "$DIR/followed")" = $'one\ntwo\nthree\nfour' ]
}

# --- the serial console

screen() {
    tmux -S "$DIR/tmux" capture-pane -p -t t
}

shows() { # TEXT: a line of the screen begins with it
    screen | grep -q -- "^$1"
}

keys() {
    tmux -S "$DIR/tmux" send-keys -t t "$@"
}

in_a_terminal() {
    tmux -S "$DIR/tmux" -f /dev/null new-session -d -s t -x 90 -y 20 "PS1='here> ' exec bash --noprofile --norc -i" 3>&- 4>&-
    soon 10 shows 'here>'
}

# The console in a terminal: raw, with Ctrl-C for the guest and Ctrl-] to leave; then the terminal is as before.
talk() {
    in_a_terminal
    keys -l "$DAVIT console vm/hmi ${VIA[*]}; echo left:\$?"
    keys Enter
    soon 20 shows login:
    shows "Connected to virtualmachine/hmi"
    shows 'Escape character is ^\] (Ctrl + \])'
    keys -l 'root'
    soon 10 shows 'login: ROOT'
    keys C-c
    keys -l 'x'
    soon 10 shows 'login: ROOTX'
    keys C-]
    soon 10 shows left:0
    keys -l 'stty -a | grep -c -- " icanon"'
    keys Enter
    soon 10 shows 1
}

@test "the console has the terminal until Ctrl-]" {
    on_control
    talk
    asked '"console": "serial"'
    asked '{"closed": "serial"}'
}

@test "the console has the terminal over the broker too" {
    on_broker
    talk
    asked '"verb": "console"'
    asked '"cancel": true'
    [ "$(grep -c '\\u0003' "$ASKED")" -ge 1 ]
    ! grep -q '\\u001d' "$ASKED"
}

@test "a console ends with its machine, in a script too" {
    on_control
    run -0 bash -c 'printf "poweroff" | timeout 20 "$DAVIT" console vm/hmi'
    # What davit says itself comes on another stream, and may stand between.
    contains "login: "
    contains "POWEROFF"
    run -4 davit console vm/nope
    run -2 davit console
    run -2 davit console vm/hmi vm/other
}

@test "a console ends with its machine over the broker" {
    on_broker
    run -0 bash -c '(sleep 2; printf "poweroff"; sleep 20) | timeout 30 "$DAVIT" console vm/hmi --node press-7'
    contains "login: POWEROFF"
}

# --- the screen

# Connects to the port that davit vnc prints, and talks to the screen: CODE is Python, `s` the socket.
viewer() { # CODE
    timeout 20 python3 -c "
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
def read(n):
    data = b''
    while len(data) < n:
        more = s.recv(n - len(data))
        assert more, data
        data += more
    return data
$1" "$(sed -n 's/.*at 127.0.0.1:\([0-9]*\),.*/\1/p' "$DIR/vnc")"
}

screens() {
    "$DAVIT" vnc vm/hmi "${VIA[@]}" >"$DIR/vnc" 2>&1 3>&- &
    VNC=$!
    TASKS+=("$VNC")
    soon 20 grep -q 'Ctrl-C ends it' "$DIR/vnc"
    local bytes='bytes(range(256)) * 50'
    viewer "assert read(12) == b'RFB 003.008\n'; s.sendall($bytes); assert read(256 * 50) == $bytes"
    viewer "assert read(12) == b'RFB 003.008\n'; s.sendall(b'again'); assert read(5) == b'again'"
    kill -0 "$VNC"
    kill -TERM "$VNC"
    local code=0
    wait "$VNC" || code=$?
    [ "$code" = 143 ]
}

@test "the screen is at a local port, for one viewer after the other" {
    on_control
    screens
    asked '"console": "vnc"'
    soon 5 asked '{"closed": "vnc"}'
    run -4 davit vnc vm/nope
    run -2 davit vnc vm/hmi --port 99999
    run -2 davit vnc
}

@test "the screen comes over the broker too" {
    on_broker
    screens
    asked '"verb": "vnc"'
}

@test "the port can be chosen, and is on the loopback alone" {
    on_control
    local chosen
    chosen=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$DAVIT" vnc vm/hmi --port "$chosen" >"$DIR/vnc" 2>&1 3>&- &
    TASKS+=($!)
    soon 20 grep -q "127.0.0.1:$chosen" "$DIR/vnc"
    ss -Hltn "sport = :$chosen" | grep -q "127.0.0.1:$chosen"
    run -1 davit vnc vm/hmi --port "$chosen"
    contains "cannot listen on 127.0.0.1:$chosen"
}
