#!/usr/bin/env bats
# Services: who answers for them, under which addresses, ports and names, and what is said of them.

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

@test "a Service leads to its ready pods: from another pod, from one of them, from the host; by its names" {
    web a1 a
    web a2 a
    service sa a
    ready_of sa 2
    local ip gw
    ip=$(spec_of sa .clusterIP) gw=$(gateway)
    [ "$(answers_of get "http://$ip/")" = "a1 a2 " ]
    [ "$(answers_of inside client curl -s --max-time 3 "http://$ip/")" = "a1 a2 " ]
    [ "$(answers_of inside a1 curl -s --max-time 3 "http://$ip/")" = "a1 a2 " ]
    within 5 finds client sa.default.svc.cluster.local "$ip "
    finds client sa "$ip "
    resolves client sa.default "$ip"
    # its own port alone, and neither another one nor another address of the range
    run get "http://$ip:81/"
    [ "$status" = 7 ]
    run inside client curl -s --max-time 3 "http://$ip:81/"
    [ "$status" = 7 ]
    served sa "$(condition Ready) | .status == \"True\""
    served sa '.status.endpoints | map(.pod) == ["a1", "a2"] and (.[0].ports == [{protocol: "TCP", port: 8080}])'
    says "$T/state/default/services/sa" '.state == "Running" and .endpointsReady == 2'
    drop a1
    ready_of sa 1
    [ "$(answers_of get "http://$ip/")" = "a2 " ]
}

@test "one that is not ready gets no connection; without any they are refused at once, and that is said" {
    service sb b
    served sb "$(condition Ready) | .reason == \"NoEndpoints\" and (.message | contains(\"no pod of this device\"))"
    local ip
    ip=$(spec_of sb .clusterIP)
    within 5 refused "http://$ip/"
    web b1 b '.spec.containers[0].readinessProbe = {exec: {command: ["test", "-e", "/tmp/ready"]}, periodSeconds: 1}'
    served sb "$(condition Ready) | .message | contains(\"1 pod of this device matches its selector, and none is ready\")"
    run inside client curl -s --max-time 3 "http://$ip/"
    [ "$status" = 7 ]
    service sb b '.spec.publishNotReadyAddresses = true'
    served sb "$(condition Ready) | .status == \"True\""
    within 3 inside client curl -sf --max-time 3 "http://$ip/"
    [ "$(spec_of sb .clusterIP)" = "$ip" ]
    drop b1
    served sb "$(condition Ready) | .status == \"False\""
    unserve sb
    run get "http://$ip/"
    [ "$status" = 7 ]
    nft list table inet "$BRIDGE" | grep svc/default/sb && return 1
    return 0
}

listens() { # POD PROTOCOL PORT
    inside "$1" grep -q "$(printf ':%04X 00000000:0000' "$3")" "/proc/net/$2"
}

# udp_server POD PORT: answers datagrams with the pod's name, as something in the pod would.
udp_server() {
    inside "$1" python3 -c "
import os, socket
open('$DIR/servers', 'a').write('%d\n' % os.getpid())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', $2))
while True:
    data, who = s.recvfrom(100); s.sendto(b'$1 ' + who[0].encode(), who)" </dev/null >/dev/null 2>&1 3>&- &
}

servers_end() {
    local pid
    while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$DIR/servers"
    rm -f "$DIR/servers"
}

# udp ADDRESS PORT COUNT: asks from one and the same port
udp() {
    python3 -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 40000)); s.settimeout(1); s.connect(('$1', $2))
for i in range($3):
    try:
        s.send(b'x'); print(s.recv(100).decode().split()[0])
    except OSError: print('none')"
}

@test "several ports, by number and by name, TCP and UDP; datagrams leave an endpoint that is gone" {
    web c1 c
    web c2 c '.spec.containers[0].ports[0].containerPort = 9090 |
        .spec.containers[0].command = ["sh", "-c", "mkdir /tmp/w; cd /tmp/w; echo c2 >index.html; exec httpd -f -p 9090"] |
        .spec.containers[0].readinessProbe.tcpSocket.port = 9090'
    service sc c '.spec.ports = [{name: "web", port: 80, targetPort: "http"}, {name: "web2", port: 8080},
        {name: "dns", port: 53, targetPort: 5300, protocol: "UDP"}]'
    ready_of sc 2
    local ip first
    ip=$(spec_of sc .clusterIP)
    [ "$(answers_of get "http://$ip/")" = "c1 c2 " ] # each by its own port of that name
    run get "http://$ip:53/"
    [ "$status" = 7 ]
    udp_server c1 5300
    udp_server c2 5300
    within 5 listens c1 udp 5300
    within 5 listens c2 udp 5300
    first=$(udp "$ip" 53 1)
    [[ $first = c[12] ]]
    [ "$(udp "$ip" 53 5 | sort -u)" = "$first" ] # one flow, one endpoint
    tombstone "$first"
    ready_of sc 1
    within 3 eval "udp $ip 53 1 | grep -q c"
    [ "$(udp "$ip" 53 3 | sort -u)" != "$first" ]
    servers_end
    drop c1 c2
    unserve sc
}

@test "NodePort and LoadBalancer are host ports: from the host, its loopback, pods and a neighbour" {
    web d1 d
    service sd d '.spec.type = "NodePort" | .spec.ports[0].nodePort = 30777'
    service se d '.spec.type = "LoadBalancer" | .spec.ports[0].port = 18080'
    service sf d '.spec.type = "NodePort"'
    ready_of sd 1
    ready_of se 1
    ready_of sf 1
    local ip chosen
    chosen=$(spec_of sf '.ports[0].nodePort')
    [ "$chosen" -ge 30000 ]
    for port in 30777 18080 "$chosen"; do
        for ip in 127.0.0.1 192.0.2.1 "$(gateway)"; do
            within 5 answers "http://$ip:$port/" d1
        done
        [ "$(outside curl -s --max-time 3 "http://192.0.2.1:$port/")" = d1 ]
        [ "$(inside client curl -s --max-time 3 "http://192.0.2.1:$port/")" = d1 ]
        [ "$(inside d1 curl -s --max-time 3 "http://192.0.2.1:$port/")" = d1 ]
    done
    # One of the host's own: the neighbour's wire, or the way out.
    served se '.status.loadBalancer.ingress | length == 1 and (.[0].ip | . == "192.0.2.1" or . == "198.51.100.2")'
    # taken by another: it keeps its address, and says so
    service sg d '.spec.type = "NodePort" | .spec.ports[0].nodePort = 30777'
    served sg "$(condition Ready) | .reason == \"HostPortConflict\" and (.message | contains(\"service default/sd\"))"
    within 5 answers "http://$(spec_of sg .clusterIP)/" d1
    unserve sd
    served sg "$(condition Ready) | .status == \"True\""
    within 5 answers http://127.0.0.1:30777/ d1
    drop d1
    unserve se
    unserve sf
    unserve sg
}

@test "a headless Service is its pods' addresses, and each has a name of its own by hostname and subdomain" {
    web e0 e '.spec += {hostname: "e-0", subdomain: "se"}'
    web e1 e '.spec += {hostname: "e-1", subdomain: "se"}'
    service se e '.spec.clusterIP = "None"'
    ready_of se 2
    local both own six
    both=$({ address_of e0; address_of e1; } | sort | tr '\n' ' ')
    within 5 finds client se "$both"
    own=$(address_of e1)
    resolves client e-1.se "$own"
    finds client e-1.se.default.svc.cluster.local "$own "
    served se '.spec.clusterIP == "None" and .status.endpoints[0].addresses[0] == .status.endpoints[0].addresses[0]'
    says "$T/state/default/services/se" '.clusterIP == "None"'
    drop e0
    within 5 finds client se "$own "
    drop e1
    unserve se
}

@test "a pod on the host's network answers for a Service" {
    pod h1 ".metadata.labels = {app: \"h\"} | .spec.hostNetwork = true | .spec.containers[0] += {ports: [{name: \"http\", containerPort: 18081}],
        command: [\"sh\", \"-c\", \"mkdir /tmp/w; cd /tmp/w; echo h1 >index.html; exec httpd -f -p 18081\"],
        readinessProbe: {tcpSocket: {port: 18081}, periodSeconds: 1}}" | publish "$T/desired/default/pods/h1"
    service sh h '.spec.type = "NodePort" | .spec.ports[0].nodePort = 30778'
    ready_of sh 1
    within 5 answers "http://$(spec_of sh .clusterIP)/" h1
    [ "$(inside client curl -s --max-time 3 "http://$(spec_of sh .clusterIP)/")" = h1 ]
    [ "$(outside curl -s --max-time 3 "http://192.0.2.1:30778/")" = h1 ]
    drop h1
    unserve sh
}

# A connection that is held open, through whatever happens beside it: says "held" as long as bytes come back.
echo_server() { # POD PORT
    inside "$1" python3 -c "
import os, socket
open('$DIR/servers', 'a').write('%d\n' % os.getpid())
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', $2)); s.listen()
while True:
    c = s.accept()[0]
    while True:
        data = c.recv(10)
        if not data: break
        c.send(data)" </dev/null >/dev/null 2>&1 3>&- &
}

@test "connections of others go on while Services and pods come and go, davit-net is killed and the rules are flushed" {
    put keep '.metadata.labels = {app: "keep"}'
    service sk keep '.spec.ports = [{port: 7, targetPort: 7000}]'
    ready_of sk 1
    local ip held
    ip=$(spec_of sk .clusterIP)
    echo_server keep 7000
    within 5 listens keep tcp 7000
    within 5 inside client python3 -c "import socket; socket.create_connection(('$ip', 7), 2)"
    inside client python3 -c "
import os, socket, time
s = socket.create_connection(('$ip', 7), 3); s.settimeout(3)
while not os.path.exists('$OUT/end'):
    s.send(b'x'); assert s.recv(1) == b'x'; open('$OUT/beat', 'a').write('x'); time.sleep(0.02)
open('$OUT/held', 'w').write('held')" </dev/null >/dev/null 2>"$OUT/broke" 3>&- &
    within 5 test -s "$OUT/beat"
    web f1 f
    service sx f '.spec.type = "NodePort"'
    ready_of sx 1
    service sx f '.spec.ports = [{port: 81, targetPort: "http"}]'
    ready_of sx 1
    drop f1
    unserve sx
    kill -9 "$(child davit-net)"
    within 10 child davit-net
    nft delete table inet "$BRIDGE"
    within 2 nft list table inet "$BRIDGE"
    sleep 0.3
    touch "$OUT/end"
    within 5 test -s "$OUT/held" || { cat "$OUT/broke"; return 1; }
    [ "$(inside client python3 -c "import socket; s = socket.create_connection(('$ip', 7), 3); s.send(b'y'); print(s.recv(1).decode())")" = y ]
    servers_end
    drop keep
    unserve sk
}

@test "an address is a Service's as long as it is there: over kills of davitd; one that is asked for is given where it fits" {
    service s1 a
    service s2 a
    served s1 '.spec.clusterIP != null'
    served s2 '.spec.clusterIP != null'
    local one two wanted
    one=$(spec_of s1 .clusterIP) two=$(spec_of s2 .clusterIP)
    [ "$one" != "$two" ]
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    service s1 b
    served s1 ".spec.clusterIP == \"$one\" and .spec.selector.app == \"b\""
    served s2 ".spec.clusterIP == \"$two\""
    ready_of s2 1
    [ "$(get "http://$two/")" = a2 ]
    wanted=${one%.*}.200
    service s3 a ".spec.clusterIP = \"$wanted\""
    served s3 ".spec.clusterIP == \"$wanted\""
    service s4 a ".spec.clusterIP = \"$wanted\""
    served s4 ".spec.clusterIP != \"$wanted\" and ($(condition IgnoredFields) | .fields | index(\"spec.clusterIP\") != null)"
    for name in s1 s2 s3 s4; do unserve "$name"; done
    kill -9 "$(davitd_pid)"
    devnode_do davitd_start
    service s5 a ".spec.clusterIP = \"$one\""
    served s5 ".spec.clusterIP == \"$one\"" # it was given back
    unserve s5
}

@test "sessionAffinity; what is not honoured is listed; what cannot be is said" {
    web g1 g
    web g2 g
    service sg g '.spec += {sessionAffinity: "ClientIP", externalIPs: ["192.0.2.9"], externalTrafficPolicy: "Local"}'
    ready_of sg 2
    [[ "$(answers_of inside client curl -s --max-time 3 "http://$(spec_of sg .clusterIP)/")" = g[12]" " ]]
    served sg "$(condition IgnoredFields) | .fields == [\"spec.externalIPs\", \"spec.externalTrafficPolicy\"]"
    service sn x '.spec |= del(.selector)'
    served sn "$(condition Ready) | .reason == \"NoSelector\""
    service sx x '.spec = {type: "ExternalName", externalName: "db.example.com"}'
    served sx "$(condition Ready) | .reason == \"ExternalNameUnsupported\""
    service sr x '.spec.ports = []'
    served sr "$(condition Accepted) | .reason == \"InvalidService\" and (.message | contains(\"spec.ports is required\"))"
    drop g1 g2
    for name in sg sn sx sr; do unserve "$name"; done
}
