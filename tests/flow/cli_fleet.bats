#!/usr/bin/env bats
# Many nodes in one command: which are meant, and what becomes of a request to all of them. mosquitto_pub plays the nodes.

bats_require_minimum_version 1.5.0
load cli_lib

node_of() { # NODE GROUPS LABELS: online, with a status
    online "$1"
    say "$DAVIT_ROOT/nodes/$1/status" '{"apiVersion":"v1","kind":"Node","metadata":{"name":"'"$1"'","labels":{'"$3"'}},"status":{"groups":['"$2"']}}'
}

# Answers pings to all nodes but press-2; press-9 refuses.
answerer() {
    local requests="$DIR/requests.$BATS_TEST_NUMBER"
    : >"$requests"
    stdbuf -oL mosquitto_sub -V 5 -p "$PORT" -t "$DAVIT_ROOT/up" -t "$DAVIT_ROOT/nodes/+/request/ping/+" -F '%t %p' >"$requests" 3>&- &
    TASKS+=($!)
    until [ -s "$requests" ]; do
        mosquitto_pub -V 5 -p "$PORT" -t "$DAVIT_ROOT/up" -m 1
        sleep 0.05
    done
    answer "$requests" >/dev/null 2>&1 3>&- &
    TASKS+=($!)
}

answer() { # FILE
    local topic payload node id answer
    while read -r topic payload; do
        [[ "$topic" == */request/* ]] || continue
        node=${topic#"$DAVIT_ROOT"/nodes/} answer='"ok":true'
        node=${node%%/*}
        id=$(jq -r .id <<<"$payload")
        [ "$node" != press-9 ] || answer='"ok":false,"reason":"Busy","message":"not now"'
        [ "$node" = press-2 ] ||
            mosquitto_pub -V 5 -p "$PORT" -q 1 -t "$DAVIT_ROOT/nodes/$node/response/anonymous/$id" -m "{\"id\":\"$id\",$answer}"
    done < <(exec tail -n +1 -f --pid=$$ "$1")
}

plant() {
    node_of press-1 '"line-3"' '"site":"hamburg"'
    node_of press-2 '"line-3"' '"site":"berlin"'
    node_of press-3 '"line-4"' '"site":"hamburg"'
    node_of robot-1 '"line-3"' '"site":"hamburg"'
}

@test "ping takes one node by its name, or a selector, and not both" {
    run -2 davit ping press-1 --nodes '*'
    run -2 davit ping press-1 --node press-2
    run -2 davit ping '#'
    run -2 davit ping press-1 press-2
}

@test "every node that is meant is asked once, by name, by group and by label" {
    plant
    answerer
    run -0 --separate-stderr davit ping --nodes 'press-[13]' --nodes 'robot-*'
    [ "$stderr" = "answered on 3 nodes" ]
    run -0 --separate-stderr davit ping -l 'site in (hamburg)'
    [ "$stderr" = "answered on 3 nodes" ]
    run -0 --separate-stderr davit ping --node-selector 'site!=berlin' --nodes 'press-*'
    [ "$stderr" = "answered on 2 nodes" ]
    run -0 --separate-stderr davit ping --group line-4
    [ "$stderr" = "answered on 1 node" ]
    run -0 --separate-stderr davit ping --group all --nodes '*-1'
    [ "$stderr" = "answered on 2 nodes" ]
}

@test "who did not do it is told by reason, and the exit code says that somebody did not" {
    plant
    node_of press-9 '' ''
    say "$DAVIT_ROOT/nodes/press-4/presence" '{"v":1,"online":false}'
    say "$DAVIT_ROOT/nodes/press-5/presence" '{"v":1,"online":true,"site":"bremen"}'
    say "$DAVIT_ROOT/sites/bremen/presence" 0
    answerer
    run -1 --separate-stderr davit ping --nodes 'press-*'
    [[ "${stderr_lines[0]}" = "answered on 2 of 6 nodes; not on:" ]]
    printf '%s\n' "${stderr_lines[@]}" | grep -qx '  Busy: 1 (press-9)'
    printf '%s\n' "${stderr_lines[@]}" | grep -qx '  Offline: 1 (press-4)'
    printf '%s\n' "${stderr_lines[@]}" | grep -qx '  Unknown: 1 (press-5)'
    printf '%s\n' "${stderr_lines[@]}" | grep -qx '  Timeout: 1 (press-2)'
    say "$DAVIT_ROOT/sites/bremen/presence" 1
    run -0 --separate-stderr davit ping --nodes press-5
}

@test "a thousand nodes that are away are a few lines" {
    seq 1000 | sed "s|.*|$DAVIT_ROOT/nodes/n&/presence {\"online\":false}|" >"$DIR/many"
    python3 - "$PORT" "$DIR/many" <<'P'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def packet(kind, body):
    n, out = len(body), b""
    while True:
        out += bytes([n % 128 | (128 if n > 127 else 0)]); n //= 128
        if not n: break
    s.sendall(bytes([kind]) + out + body)
text = lambda t: struct.pack(">H", len(t)) + t
packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x3c" + text(b"many"))
s.recv(4)
for line in open(sys.argv[2], "rb"):
    topic, payload = line.strip().split(b" ", 1)
    packet(0x31, text(topic) + payload)
packet(0xC0, b""); s.recv(2)
P
    run -1 --separate-stderr davit ping --nodes '*'
    [ "${#stderr_lines[@]}" -le 3 ]
    [ "${stderr_lines[0]}" = "answered on 0 of 1000 nodes; not on:" ]
    [ "${stderr_lines[1]}" = "  Offline: 1000 (n1, n10, n100, n1000, n101, …)" ]
}

@test "what fits no node is named, and what is no selector" {
    plant
    run -4 davit ping --nodes 'lathe-*' --node-selector 'site=hamburg'
    contains "fits --nodes lathe-* --node-selector site=hamburg"
    run -1 davit ping -l 'site in hamburg'
    contains "in brackets"
    run -2 davit ping --node press-1 --nodes 'press-*'
    contains "--node is one node"
}
