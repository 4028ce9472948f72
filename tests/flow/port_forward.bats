#!/usr/bin/env bats
# port-forward: bytes to a workload and back, over the broker and on the device. davitd has no network; davit-probe connects.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    printf '[protocol]\nstream_timeout = 5\n' >"$DIR/forward.conf"
    flow_node --conf "$DIR/forward.conf"
    OUT=$DIR/setup
    mkdir -p "$OUT"
    server echo 8080 cat
    server count 8081 'sh -c "wc -c"'
    server say 8082 'echo hello'
    put net '.spec.hostNetwork = true | .spec.containers[0].command = ["nc", "-ll", "-p", "8083", "-e", "cat"]'
    local name
    for name in echo count say net; do
        running "$name" 20
    done
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

# server NAME PORT COMMAND: a pod that answers each connection with it
server() {
    put "$1" "$(jq -rn --arg port "$2" --arg run "$3" '".metadata.labels = {app: \"" + $port + "\"} |
        .spec.containers[0].command = [\"sh\", \"-c\", \(("exec nc -ll -p " + $port + " -e " + $run) | @json)]"')"
}

# forward OBJECT PORT [--hold]: over the broker; on_device the same by the control socket
forward() {
    "$TOP/tests/flow/port_forward.py" broker "$(port)" "$T" "$@" 2>"$OUT/end"
}

on_device() {
    "$TOP/tests/flow/port_forward.py" socket "$N/run/control.sock" "$@" 2>"$OUT/end"
}

ended() { # JQ
    jq -e "$1" "$OUT/end" || { cat "$OUT/end"; return 1; }
}

probe_alone() {
    child davit-probe
}

@test "bytes go there and back, and the workload's end is the stream's" {
    [ "$(forward pods/say 8082 --hold </dev/null)" = hello ]
    ended '.ok and .exitCode == 0 and .last'
    [ "$(on_device pods/say 8082 --hold </dev/null)" = hello ]
    ended '.ok and .exitCode == 0'
}

@test "the end of the input is the workload's too, and its answer still comes" {
    [ "$(head -c 100000 /dev/zero | forward pods/count 8081)" = 100000 ]
    ended '.ok'
    [ "$(head -c 100000 /dev/zero | on_device pods/count 8081 | cat)" = 100000 ]
    ended '.ok'
}

@test "three megabytes go both ways whole" {
    head -c 3000000 /dev/urandom >"$OUT/there"
    forward pods/echo 8080 <"$OUT/there" >"$OUT/back"
    ended '.ok'
    cmp "$OUT/there" "$OUT/back"
    # What the device hands on must be no file: a pipe.
    # shellcheck disable=SC2002
    cat "$OUT/there" | on_device pods/echo 8080 | cat >"$OUT/back"
    ended '.ok'
    cmp "$OUT/there" "$OUT/back"
}

@test "a pod on the host's network is reached there, and a Service by its port" {
    [ "$(echo words | forward pods/net 8083)" = words ]
    jq -nc '{apiVersion: "v1", kind: "Service", metadata: {name: "svc"},
        spec: {selector: {app: "8080"}, ports: [{name: "a", port: 9}, {name: "web", port: 80, targetPort: 8080}]}}' |
        publish "$T/desired/default/services/svc"
    within 10 says "$T/state/default/services/svc" '.ready == 1'
    [ "$(echo words | forward services/svc 80)" = words ]
    run -1 forward services/svc 81 </dev/null
    ended '.reason == "NotFound" and (.message | contains("81"))'
}

@test "what cannot be connected to says so" {
    run -1 forward pods/echo 1 </dev/null
    ended '.ok == false and .reason == "ConnectFailed" and (.message | contains("refused"))'
    run -1 on_device pods/echo 1 </dev/null
    ended '.reason == "ConnectFailed"'
    run -1 forward pods/none 80 </dev/null
    ended '.reason == "NotFound"'
    run -1 forward pods/echo 70000 </dev/null
    ended '.reason == "InvalidRequest"'
    run -1 on_device configmaps/none 80 </dev/null
    ended '.ok == false'
}

# begin broker|socket OBJECT PORT: one that lasts, in the background; its pid is in CLIENT
begin() {
    local how=("$1" "$(port)" "$T")
    [ "$1" = broker ] || how=("$1" "$N/run/control.sock")
    "$TOP/tests/flow/port_forward.py" "${how[@]}" "$2" "$3" --hold </dev/null 2>"$OUT/end" >/dev/null 3>&- &
    CLIENT=$!
}

connected() { # NUMBER: so many connections of davit-probe stand
    [ "$(ss -tnpH state established dport = :8080 | grep -c davit-probe)" -eq "$1" ]
}

@test "a davit-probe that is killed ends the stream with a reason, and the next one works" {
    local status=0
    begin broker pods/echo 8080
    within 10 connected 1
    kill -9 "$(probe_alone)"
    wait "$CLIENT" || status=$?
    [ "$status" -eq 1 ]
    ended '.ok == false and .reason == "Unavailable" and (.message | contains("davit-probe"))'
    within 10 probe_alone
    [ "$(echo words | forward pods/echo 8080)" = words ]
}

@test "who goes away takes the connection along" {
    begin socket pods/echo 8080
    within 10 connected 1
    kill -9 "$CLIENT"
    within 10 connected 0
    begin broker pods/echo 8080 # it acknowledges no more: [protocol] stream_timeout=
    within 10 connected 1
    pkill -9 -P "$CLIENT"
    kill -9 "$CLIENT"
    within 20 connected 0
}

@test "more than may be at a time are refused" {
    local i
    for i in {1..32}; do
        begin socket pods/echo 8080
        echo "$CLIENT" >>"$OUT/pids"
    done
    within 10 connected 32
    run -1 on_device pods/echo 8080 </dev/null
    ended '.reason == "TooManyForwards"'
    xargs kill -9 <"$OUT/pids"
    within 10 connected 0
    [ "$(echo words | forward pods/echo 8080)" = words ]
}

@test "davit-probe forwards without privileges" {
    local pid
    pid=$(probe_alone)
    [ "$(stat -c %U "/proc/$pid")" = nobody ]
    grep -qx 'CapEff:	0000000000000000' "/proc/$pid/status"
    grep -qx 'Seccomp:	2' "/proc/$pid/status"
    [ "$(find "/proc/$(davitd_pid)/fd" -lname 'socket:*' -exec readlink {} + | tr -dc '0-9\n' |
        xargs -I{} awk -v inode={} '$10 == inode' "/proc/$(davitd_pid)/net/tcp" | wc -l)" -eq 0 ]
}
