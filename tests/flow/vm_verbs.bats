#!/usr/bin/env bats
# What a person does with a virtual machine: each verb end to end, with a real guest behind it, on the device and over the
# broker. The keys are a real terminal's (tmux).

bats_require_minimum_version 1.5.0
load davitd
load vm

setup_file() {
    vm_start debian
    OUT=$DIR/setup
    mkdir -p "$OUT"
    # It needs minutes to come up without KVM, and has them while the others are asked.
    put_vm historian '.spec.template.spec |= (.domain.memory.guest = "512Mi" | .domain.cpu = {cores: 2} |
        .volumes[0].containerDisk.image = "debian:1" | .readinessProbe = {guestAgentPing: {}, periodSeconds: 2, timeoutSeconds: 5})'
    put_vm hmi
    printf "export PS1='here> '; . '%s/env'\n" "$N" >"$DIR/rc"
    tmux -S "$DIR/tmux" -f /dev/null new-session -d -s t -x 100 -y 30 "bash --noprofile --rcfile '$DIR/rc' -i" 3>&- 4>&-
}

teardown_file() {
    tmux -S "$DIR/tmux" kill-server || true
    flow_end
}

setup() {
    flow_test
}

# --- the terminal

keys() {
    tmux -S "$DIR/tmux" send-keys -t t "$@"
}

type_line() {
    keys -l "$1"
    keys Enter
}

screen() {
    tmux -S "$DIR/tmux" capture-pane -p -t t
}

fresh() { # a shell with an empty screen, whatever went on there before
    tmux -S "$DIR/tmux" respawn-pane -k -t t
    within 10 shows 'here>'
}

shows() { # REGEX: a line of the screen is it
    screen | grep -qxE -- "$1"
}

# guest_types NAME COMMAND REGEX: into its console, until it says that
guest_types() {
    local console
    # The end of its input is not the end of what the guest says.
    echo "$2" | (. "$N/env" && exec davit console "vm/$1") >/dev/null 2>"$OUT/typed" 3>&- &
    console=$!
    guest_says "$1" "$3"
    kill "$console" 2>/dev/null || true # it ends with its machine
    wait "$console" || true
}

# Its newest life says READY, whatever those before it said.
is_up() { # NAME
    local log
    log=$(find "$N/state/logs/default_$1_$(vm_said "$1" .metadata.uid)/compute" -name '*.log' 2>/dev/null | sort -V | tail -n 1)
    [ -n "$log" ] && tr -d '\r' <"$log" | grep -q '^READY$'
}

up() { # NAME [QEMU BEFORE]
    vm_running "$1"
    [ -z "${2:-}" ] || within "$GUEST_SECONDS" other_qemu "$1" "$2"
    within "$GUEST_SECONDS" is_up "$1" || { serial "$1" | tail -n 20; return 1; }
}

other_qemu() { # NAME PID
    one_qemu "$1" && [ "$(qemu_of "$1")" != "$2" ]
}

# --- what is seen of it

@test "get vms is a table, a wide one, names and JSON" {
    vm_running hmi
    guest_says hmi '^READY$'
    run -0 node davit get vms
    [[ "${lines[0]}" =~ ^NAME\ +AGE\ +STATUS\ +READY$ ]]
    grep -qE '^hmi +[0-9]+[sm][0-9s]* +Running +True$' <<<"$output"
    run -0 node davit get vms -o wide
    grep -qE "^hmi +[0-9]+[sm][0-9s]* +Running +True +0 +$(vm_address hmi) +n +tiny:1$" <<<"$output"
    run -0 node davit get vms -o name
    [ "$output" = $'virtualmachine/historian\nvirtualmachine/hmi' ]
    run -0 node davit get vm hmi -o json
    jq -e '.kind == "VirtualMachine" and .status.printableStatus == "Running" and .status.interfaces[0].name == "default"' <<<"$output"
}

@test "describe says how it is, and what it went through" {
    run -0 node davit describe vm hmi
    grep -qE '^Run Strategy: +Always$' <<<"$output"
    grep -qE '^Status: +Running$' <<<"$output"
    contains "$(vm_address hmi)"
    contains Started
}

@test "top vm has its processor and its memory, and no pod" {
    put calm
    running calm
    run -0 node davit top vm
    [[ "${lines[0]}" =~ ^NAME\ +CPU\(cores\)\ +MEMORY\(bytes\)$ ]]
    grep -qE '^hmi +[0-9]+m +[1-9][0-9]+Mi$' <<<"$output"
    [[ $output != *calm* ]]
    run -0 node davit top vm hmi
    [ "${#lines[@]}" = 2 ]
    run -0 node davit top vm hmi --node n
    grep -qE '^hmi +[0-9]+m +[1-9][0-9]+Mi$' <<<"$output"
    drop calm
}

# --- the console and the screen

talk() { # OPTION...: of davit console
    fresh
    type_line "stty -g >'$OUT/before'"
    within 10 has_file "$OUT/before"
    type_line "davit console vm/hmi $*; echo left:\$?"
    within 20 shows 'Connected to virtualmachine/hmi'
    keys Enter
    type_line 'echo sum $((40 + 2)) on $(hostname)'
    within 20 shows 'sum 42 on tiny'
    # Ctrl-C goes in.
    type_line 'sleep 1000'
    sleep 1
    keys C-c
    type_line 'echo code $?'
    within 20 shows 'code 130'
    run -1 node davit console vm/hmi
    contains "somebody has the serial console of hmi already"
    keys 'C-]'
    within 10 shows 'left:0'
    type_line "stty -g >'$OUT/after'"
    within 10 has_file "$OUT/after"
    cmp "$OUT/before" "$OUT/after"
}

@test "console: what is typed is heard, and Ctrl-] leaves" {
    talk
}

@test "console over the broker" {
    talk --node n
}

# A viewer's first words, and what QEMU answers: the protocol, no password, and how large its screen is.
look() { # OPTION...
    local pid port
    (. "$N/env" && exec davit vnc vm/hmi "$@") >"$OUT/vnc" 2>&1 3>&- &
    pid=$!
    within 20 grep -q 'Ctrl-C ends it' "$OUT/vnc"
    port=$(sed -n 's/.*at 127.0.0.1:\([0-9]*\),.*/\1/p' "$OUT/vnc")
    run -0 timeout 30 python3 - "$port" <<'PYTHON'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def read(size):
    data = b""
    while len(data) < size:
        more = s.recv(size - len(data))
        assert more, data
        data += more
    return data
print(read(12).decode(), end="")
s.sendall(b"RFB 003.008\n")
assert 1 in read(read(1)[0])
s.sendall(b"\1")
assert read(4) == bytes(4)
s.sendall(b"\1")
width, height = struct.unpack(">HH", read(4))
read(16)
read(struct.unpack(">I", read(4))[0])
# The whole screen, as it is: an update comes.
s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
assert read(1) == b"\0"
print("a screen" if width >= 320 and height >= 200 else "no screen")
PYTHON
    [ "$output" = $'RFB 003.008\na screen' ]
    kill -INT "$pid"
    wait "$pid" || true
}

@test "vnc: a viewer sees its screen" {
    look
}

@test "vnc over the broker" {
    look --node n
}

# --- commands in it

@test "exec where no agent answers is refused, and says why" {
    run -1 node davit exec vm/hmi -- true
    contains "agent"
    run -1 node davit exec vm/hmi --node n -- true
    contains "agent"
}

# --- its logs

@test "logs: the last lines, what comes next, and the life before" {
    local follower
    run -0 node davit logs vm/hmi --tail 1
    [ "${#lines[@]}" -le 1 ]
    run -4 node davit logs vm/hmi --previous
    contains "has no console log of a run before this one"
    (. "$N/env" && exec davit logs vm/hmi -f --tail 0) >"$OUT/followed" 2>&1 3>&- &
    follower=$!
    guest_types hmi "echo mark \$((${MARK} + 1))" "mark $((MARK + 1))"
    within 10 grep -q "^mark $((MARK + 1))" "$OUT/followed"
    run ! grep -q '^BOOTS' "$OUT/followed"
    kill "$follower"
    wait "$follower" || true
}

@test "restart: another QEMU with the same disk" {
    local before
    before=$(qemu_of hmi)
    guest_types hmi 'echo kept >/disk/kept; sync; echo wri""tten' '^written'
    run -0 node davit restart vm/hmi
    up hmi "$before"
    guest_says hmi '^BOOTS 2$'
    guest_types hmi 'echo it was $(cat /disk/kept)' '^it was kept'
}

@test "a guest that switched itself off comes again, and --previous is the log of the life before" {
    local before
    before=$(qemu_of hmi)
    guest_types hmi 'echo go""ing; sync; poweroff -f' '^going'
    guest_says hmi '^BOOTS 3$'
    up hmi "$before"
    run -0 node davit logs vm/hmi
    contains "BOOTS 3"
    [[ $output != *"BOOTS 2"* ]]
    run -0 node davit logs vm/hmi --previous
    contains "BOOTS 2"
    run -0 node davit logs vm/hmi -p --node n
    contains "BOOTS 2"
    run -0 node davit get vms -o wide
    grep -qE '^hmi .* Running +True +1 ' <<<"$output"
}

# --- back to what was

@test "snapshot and rollback: a file is as it was" {
    guest_types hmi 'echo old >/disk/file; sync; echo st""ored' '^stored'
    run -0 node davit snapshot vm/hmi before
    [ "$output" = "snapshot before of virtualmachine/hmi taken" ]
    vm_status hmi '.status.snapshots[0].name == "before"' 20
    run -1 node davit snapshot vm/hmi before
    contains before
    guest_types hmi 'echo new >/disk/file; sync; echo cha""nged' '^changed'
    run -0 node davit snapshot vm/hmi --list
    [[ "${lines[0]}" =~ ^NAME\ +AGE$ ]]
    [[ "${lines[1]}" =~ ^before\ +[0-9]+s$ ]]
    run -4 node davit rollback vm/hmi never
    one_qemu hmi
    local before
    before=$(qemu_of hmi)
    run -0 node davit rollback vm/hmi before
    [ "$output" = "virtualmachine/hmi is back at snapshot before" ]
    up hmi "$before"
    guest_types hmi 'echo file is $(cat /disk/file)' '^file is old'
    run -0 node davit snapshot vm/hmi --delete before
    run -0 node davit snapshot vm/hmi --list
    contains "No snapshots found."
    run -4 node davit snapshot vm/hmi --delete before
}

# --- another document, and none

@test "a changed document starts it anew with its disk" {
    local before boots
    before=$(qemu_of hmi) boots=$(serial hmi | grep -E '^BOOTS' | tail -n 1)
    guest_says_next hmi '^POWER$' put_vm hmi "$(memory 192Mi)"
    guest_says hmi "^BOOTS $((${boots#BOOTS } + 1))$"
    up hmi "$before"
    guest_types hmi 'set -- $(head -n 1 /proc/meminfo); [ $2 -gt 140000 ] && echo mo""re' '^more'
}

deaf() { # MEMORY GRACE
    echo "$(kernel tiny.button=no) | $(memory "$1") | .spec.template.spec.terminationGracePeriodSeconds = $2"
}

@test "a guest that does not hear is not cut off by a changed document, and the status says what is waited for" {
    local before
    put_vm deaf "$(deaf 128Mi 3)"
    guest_says deaf '^READY$'
    vm_running deaf
    before=$(qemu_of deaf)
    guest_says_next deaf '^POWER$' put_vm deaf "$(deaf 144Mi 3)"
    sleep 8
    kill -0 "$before" # its QEMU has the name of the document before
    vm_status deaf '.status.printableStatus == "Stopping"' 1
    vm_status deaf '.status.conditions[] | select(.type == "ShutdownOverdue") | .message | test("davit stop vm/deaf --force")' 20
    node davit stop vm/deaf --force
    vm_state deaf '.state == "Stopped"' 20
    node davit start vm/deaf
    up deaf "$before"
}

@test "a machine that is deleted has its grace, and is cut off then" {
    local uid begun
    uid=$(vm_said deaf .metadata.uid) begun=$SECONDS
    vm deaf "$(deaf 144Mi 3) | .metadata.deletionTimestamp = \"2026-01-01T00:00:00Z\"" |
        publish "$T/desired/default/virtualmachines/deaf"
    guest_says deaf '^POWER$' 20
    within 60 silent "$T/state/default/virtualmachines/deaf"
    [ $((SECONDS - begun)) -ge 3 ]
    no_qemu "$uid"
}

@test "davit delete presses the button" {
    local uid
    uid=$(vm_said hmi .metadata.uid)
    run -0 node davit delete vm hmi --node n --wait=60
    within 60 silent "$T/state/default/virtualmachines/hmi"
    no_qemu "$uid"
    run -0 node davit get vms -o name
    [[ $output != *hmi* ]]
}

# --- with an agent

@test "exec: a command's output, its errors and its exit code" {
    GUEST_SECONDS=400
    vm_status historian '.status.conditions[] | select(.type == "AgentConnected") | .status == "True"'
    vm_status historian .status.ready
    run -0 --separate-stderr node davit exec vm/historian -- sh -c 'echo out; echo err >&2'
    [ "$output" = out ]
    [ "$stderr" = err ]
    run -7 node davit exec vm/historian -- sh -c 'exit 7'
    contains "command terminated with exit code 7"
    run -127 node davit exec vm/historian -- /no/such
    contains "/no/such"
    run -126 node davit exec vm/historian -- /etc/passwd
    run -137 node davit exec vm/historian -- sh -c 'kill -9 $$'
    run -1 node davit exec vm/historian -- seq 1000000
    contains OutputTooLarge
    [ "$(node davit exec vm/historian -- seq 100000 | md5sum)" = "$(seq 100000 | md5sum)" ]
    run -0 node davit exec vm/historian --node n -- hostname
    [ "$output" = debian ]
    run -3 node davit exec vm/historian --node n -- sh -c 'exit 3'
}

@test "exec with a terminal, or with input, says what to take instead" {
    run -1 node davit exec -i vm/historian -- cat </dev/null
    contains "davit console"
    fresh
    type_line 'davit exec -it vm/historian -- sh; echo left:$?'
    within 20 shows 'left:1'
    screen | grep -q 'davitd says Unsupported: a command in a virtual machine has no input'
}

@test "a davit that is ended holds nothing up" {
    local pid
    (. "$N/env" && exec davit exec vm/historian -- sleep 600) 3>&- &
    pid=$!
    sleep 3
    kill -INT "$pid"
    wait "$pid" || true
    run -0 timeout 60 bash -c ". '$N/env'; davit exec vm/historian -- true"
}

@test "a guestAgentPing probe: not ready while no agent answers, and exec says so" {
    node davit exec vm/historian -- systemd-run --on-active=1 --timer-property=AccuracySec=100ms sh -c \
        'systemctl stop qemu-guest-agent; sleep 60; systemctl start qemu-guest-agent'
    vm_status historian '.status.ready | not' 120
    run -1 node davit exec vm/historian -- true
    contains agent
    vm_status historian '.status.ready' 180
    node davit exec vm/historian -- true
}

@test "an exec probe by the agent" {
    probe() { # FILE
        put_vm historian '.spec.template.spec |= (.domain.memory.guest = "512Mi" | .domain.cpu = {cores: 2} |
            .volumes[0].containerDisk.image = "debian:1" |
            .readinessProbe = {exec: {command: ["test", "-e", "'"$1"'"]}, periodSeconds: 2, timeoutSeconds: 5})'
    }
    local pid
    pid=$(qemu_of historian)
    probe /run/there
    vm_status historian '.status.ready | not' 60
    node davit exec vm/historian -- touch /run/there
    vm_status historian .status.ready 60
    [ "$(qemu_of historian)" = "$pid" ]
    drop_vm historian
}
