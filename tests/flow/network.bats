#!/usr/bin/env bats
# The network of pods: host ports, both families, what may reach what, what is given back; davit-net itself, driven by whoever
# davitd never is.

bats_require_minimum_version 1.5.0
load davitd
load network

setup_file() {
    network_start
}

teardown_file() {
    network_end
}

setup() {
    flow_test
}

@test "host ports: a pod's own and another's, from pods, the host, its loopback and a neighbour" {
    web p1 p '.spec.containers[0].ports[0].hostPort = 18090'
    web p2 p '.spec.containers[0].ports[0] += {hostPort: 18091, hostIP: "192.0.2.1"}'
    running p1
    running p2
    local ip
    for ip in 127.0.0.1 192.0.2.1 "$(gateway)"; do
        within 5 answers "http://$ip:18090/" p1
    done
    within 5 answers http://192.0.2.1:18091/ p2
    run get http://127.0.0.1:18091/
    [ "$status" = 7 ]
    for from in p1 p2 client; do
        [ "$(inside "$from" curl -s --max-time 3 http://192.0.2.1:18090/)" = p1 ]
        [ "$(inside "$from" curl -s --max-time 3 http://192.0.2.1:18091/)" = p2 ]
    done
    [ "$(outside curl -s --max-time 3 http://192.0.2.1:18090/)" = p1 ]
    # whoever asks is seen, but for a pod that asks itself
    service sp p '.spec.type = "NodePort" | .spec.ports[0].nodePort = 18090'
    served sp "$(condition Ready) | .reason == \"HostPortConflict\" and (.message | contains(\"pod default/p1\"))"
    unserve sp
}

@test "from elsewhere nothing gets to a pod but by its host ports; a pod has no other address than its own" {
    local ip other
    ip=$(address_of p1) other=$(address_of p2)
    [ "$(inside client curl -s --max-time 3 "http://$ip:8080/")" = p1 ]
    outside ip route replace "$SUBNET" via 192.0.2.1
    run outside curl -s --max-time 1 "http://$ip:8080/"
    [ "$status" = 28 ]
    # out, as the device
    outside python3 -c "
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('192.0.2.2', 7001)); s.listen()
open('$OUT/from', 'w').write(s.accept()[1][0])" </dev/null >/dev/null 2>&1 3>&- &
    within 5 inside client python3 -c "import socket; socket.create_connection(('192.0.2.2', 7001), 2)"
    within 5 test -s "$OUT/from"
    [ "$(cat "$OUT/from")" = 192.0.2.1 ]
    # another pod's address, and one of nobody
    for ip in "$other" 198.51.100.7; do
        inside client ip address add "$ip/32" dev eth0
        run inside client curl -s --max-time 1 --interface "$ip" "http://$(address_of p1):8080/"
        inside client ip address del "$ip/32" dev eth0
        [ "$status" = 28 ]
    done
    # nor by saying so: nobody asks who has it
    inside client python3 -c "
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
mac = s.getsockname()[4]; ip = socket.inet_aton('$other')
for op in (1, 2):
    s.send(b'\xff' * 6 + mac + b'\x08\x06' + struct.pack('!HHBBH', 1, 0x800, 6, 4, op) + mac + ip + b'\xff' * 6 + ip)"
    [ "$(get "http://$other:8080/")" = p2 ]
    # the host's loopback is its own
    python3 -c "
import socket
s = socket.socket(); s.bind(('127.0.0.1', 7002)); s.listen(); s.accept()" </dev/null >/dev/null 2>&1 3>&- &
    local server=$!
    inside client ip route add 127.0.0.2 via "$(gateway)" 2>/dev/null || true
    inside client sysctl -qw net.ipv4.conf.all.route_localnet=1
    inside client ip rule add pref 1 table 77
    inside client ip route add 127.0.0.1 via "$(gateway)" dev eth0 table 77
    inside client ip rule del pref 0
    run inside client curl -s --max-time 1 --interface "$(address_of client)" http://127.0.0.1:7002/
    kill "$server"
    [ "$status" = 28 ]
    drop client
    put client
    running client
}

@test "both families: addresses, Services, host ports and names" {
    within 10 says "$T/status/default/pods/p1" '.status | (.podIPs | length) == 2 and .podIP == .podIPs[0].ip and (.podIPs[1].ip | startswith("fd00:da::"))'
    local six
    six=$(address_of p1 1)
    service s6 p '.spec.ipFamilyPolicy = "PreferDualStack"'
    ready_of s6 2
    served s6 '.spec.ipFamilies == ["IPv4", "IPv6"] and (.spec.clusterIPs | length) == 2'
    local ip
    ip=$(spec_of s6 '.clusterIPs[1]')
    # httpd of busybox listens on [::]
    [ "$(inside client curl -sg --max-time 3 "http://[$six]:8080/")" = p1 ]
    [ "$(answers_of get "http://[$ip]/")" = "p1 p2 " ]
    [ "$(answers_of inside p1 curl -sg --max-time 3 "http://[$ip]/")" = "p1 p2 " ]
    [ "$(outside curl -sg --max-time 3 'http://[fd00:77::1]:18090/')" = p1 ]
    [ "$(inside p1 curl -sg --max-time 3 'http://[fd00:77::1]:18090/')" = p1 ]
    run get "http://[$ip]:81/"
    [ "$status" = 7 ]
    within 5 finds client s6 "$(printf '%s\n' "$(spec_of s6 .clusterIP)" "$ip" | sort | tr '\n' ' ')"
    outside ip -6 route replace fd00:da::/64 via fd00:77::1
    run outside curl -sg --max-time 1 "http://[$six]:8080/"
    [ "$status" = 28 ]
    service s6 p '.spec += {ipFamilies: ["IPv6"]}'
    served s6 '.spec.ipFamilies == ["IPv6"] and .spec.clusterIP == .spec.clusterIPs[0] and (.spec.clusterIPs | length) == 1'
    put fields '.spec.containers[0] += {command: ["sh", "-c", "echo $IPS; exec sleep $0", $m], env: [{name: "IPS", valueFrom: {fieldRef: {fieldPath: "status.podIPs"}}}]}'
    running fields
    within 5 logged fields .
    grep -q "stdout F $(address_of fields),$(address_of fields 1)\$" "$N"/state/logs/default_fields_*/main/*.log
    drop fields
    unserve s6
}

@test "what ended is given back at once: a pod that is done, one that ended while davitd was away" {
    put done1 '.spec.restartPolicy = "Never" | .spec.containers[0] += {command: ["true"], ports: [{containerPort: 80, hostPort: 18099}]}'
    state done1 '.state == "Succeeded"'
    within 3 eval '! test -e "$(netns_of done1)"'
    put done2 '.spec.containers[0].ports = [{containerPort: 80, hostPort: 18099}]' # free again
    running done2
    put lives
    running lives
    local gone path
    path=$(netns_of done2) gone=$(netns_of lives)
    kill -9 "$(davitd_pid)"
    tombstone done2
    tombstone lives
    kill -9 "$(sleepers | head -1)" "$(sleepers | tail -1)" 2>/dev/null || true
    devnode_do davitd_start
    within 10 silent "$T/state/default/pods/done2"
    within 10 silent "$T/state/default/pods/lives"
    within 2 test ! -e "$path"
    within 2 test ! -e "$gone"
    drop done1
}

address_is_forgotten() { # UID
    [ "$(python3 -c "import sqlite3; print(sqlite3.connect('file:$N/state/davit.db?mode=ro', uri=True).execute(
        'SELECT count(*) FROM addresses WHERE uid = ?', ('$1',)).fetchone()[0])")" = 0 ]
}

@test "davitd killed at 20 moments of a pod's end: its namespace, address and host port go all the same" {
    local i path
    for i in {0..19}; do
        put end '.spec.containers[0].ports = [{containerPort: 80, hostPort: 18100}]'
        running end 20
        path=$(netns_of end)
        tombstone end
        sleep "0.0$((i * 4 % 10))$((i % 10))"
        kill -9 "$(davitd_pid)"
        devnode_do davitd_start
        within 20 silent "$T/state/default/pods/end"
        within 3 test ! -e "$path"
        [ ! -e "$N/run/netns.state/$(basename "$path")" ]
        ip link show "dv$(basename "$path" | tr -d - | cut -c1-12)" 2>/dev/null && return 1
        within 3 address_is_forgotten "$(basename "$path")"
    done
}

hostile() { # WHAT
    net_alone net_hostile.py "$1"
}

@test "davit-net takes nothing that is not what it should be" {
    hostile garbage
    hostile nonsense
}

@test "davit-net keeps the rights that it needs, and holds no IP socket" {
    hostile sandbox
}

@test "davit-net killed at 20 moments makes whole, or takes away, what it began" {
    hostile kills
}

@test "a host port at which a process of the device listens is not taken from it" {
    hostile taken
}

@test "davit-net leaves others' rules and interfaces alone, and makes its own again when somebody flushes them" {
    hostile foreign
}

@test "davit-net changes the Services that changed, and ends where a new table would" {
    hostile changes
}

@test "a subnet that overlaps a route is refused, and said which" {
    hostile overlap
}
