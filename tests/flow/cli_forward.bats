#!/usr/bin/env bats
# davit port-forward to a web server in a pod, by the broker and by the control socket: many connections, large answers, half
# closed ones, and what is not there.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    flow_node
    pod web '.spec.containers[0].command = ["sh", "-c", "mkdir /www; echo hello-from-web >/www/index.html;
        dd if=/dev/urandom of=/www/large bs=1024 count=2048 2>/dev/null; exec httpd -f -p 8080 -h /www"]' >"$DIR/web.json"
    pod echo '.spec.containers[0].command = ["nc", "-ll", "-p", "7000", "-e", "sort"]' >"$DIR/echo.json"
    for one in web echo; do
        node "$STAGE/usr/bin/davit" apply -f "$DIR/$one.json" --wait=60
    done
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

teardown() {
    [ -n "${forward:-}" ] || return 0
    pkill -TERM -P "$forward" || true # strace hears no signal, and ends with its child
    kill "$forward" 2>/dev/null || true
}

# forward ARG...: sets forward (its pid) and at (the first local port)
forward() {
    node timeout 300 "$STAGE/usr/bin/davit" port-forward "$@" >"$OUT/forward" 2>"$OUT/forward.err" 3>&- &
    forward=$!
    within 10 grep -q 'Forwarding from' "$OUT/forward"
    at=$(sed -n '1s/.*:\([0-9]*\) -> .*/\1/p' "$OUT/forward")
}

control() {
    (
        . "$N/env"
        echo "$DAVIT_CONTROL"
    )
}

fetch() {
    curl -sS --max-time 20 "http://127.0.0.1:$at/$1"
}

fetch_at_once() { # NUMBER
    local pids=() pid i
    for i in $(seq "$1"); do
        fetch index.html >"$OUT/$i" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || { cat "$OUT/forward.err"; return 1; }
    done
    [ "$(cat "$OUT"/[0-9]* | grep -c hello-from-web)" -eq "$1" ]
}

@test "a page over the broker, ten at a time, and a large one whole" {
    forward pod/web :8080 --node n
    [ "$(fetch index.html)" = hello-from-web ]
    fetch_at_once 10
    fetch large >"$OUT/large"
    [ "$(stat -c %s "$OUT/large")" -eq $((2048 * 1024)) ]
}

@test "forty connections at once wait for their turn, and those that ended leave the node nothing" {
    forward pod/web :8080 --node n
    fetch_at_once 40
    for i in $(seq 40); do # an end that was not acknowledged would hold one of the node's places
        [ "$(fetch index.html)" = hello-from-web ] || { cat "$OUT/forward.err"; false; }
    done
    [ ! -s "$OUT/forward.err" ]
}

@test "the same by the control socket, of a name without its kind" {
    forward web :8080 --control "$(control)"
    [ "$(fetch index.html)" = hello-from-web ]
    fetch large >"$OUT/large"
    [ "$(stat -c %s "$OUT/large")" -eq $((2048 * 1024)) ]
}

@test "a side that is closed is an end of input, and the answer still comes" {
    for way in "--node n" "--control $(control)"; do
        # shellcheck disable=SC2086 # two words
        forward pod/echo :7000 $way
        run -0 python3 -c "
import socket
s = socket.create_connection(('127.0.0.1', $at), 20)
s.sendall(b'b\na\n')
s.shutdown(socket.SHUT_WR)
data = b''
while True:
    part = s.recv(100)
    if not part: break
    data += part
assert data == b'a\nb\n', data"
        kill "$forward"
        wait "$forward" || true
    done
}

@test "a port that nobody listens at ends the connection and says why; the rest goes on" {
    forward pod/web :9 :8080 --node n
    run ! curl -sS --max-time 20 "http://127.0.0.1:$at/"
    within 5 grep -q 'port 9:.*ConnectFailed' "$OUT/forward.err"
    at=$(sed -n '2s/.*:\([0-9]*\) -> .*/\1/p' "$OUT/forward")
    [ "$(fetch index.html)" = hello-from-web ]
    run -2 node "$STAGE/usr/bin/davit" port-forward pod/web 80:x
    contains "is no pair of ports"
    run -1 node "$STAGE/usr/bin/davit" port-forward pod/web "$at:8080"
    contains "cannot listen on 127.0.0.1:$at"
}

@test "what is not there is said at once, and no port is opened for it" {
    run -4 node timeout 10 "$STAGE/usr/bin/davit" port-forward nobody 0:80
    contains 'pods "nobody" not found'
    [[ "$output" != *Forwarding* ]]
}

@test "without a descriptor a connection waits, and one that gets no process is closed; both are said" {
    prlimit --nofile=4 "$STAGE/usr/bin/davit" port-forward web :8080 --control "$(control)" >"$OUT/forward" 2>"$OUT/forward.err" 3>&- &
    forward=$!
    within 10 grep -q 'Forwarding from' "$OUT/forward"
    at=$(sed -n '1s/.*:\([0-9]*\) -> .*/\1/p' "$OUT/forward")
    exec 7<>"/dev/tcp/127.0.0.1/$at"
    within 5 grep -q "a connection waits: Too many open files" "$OUT/forward.err"
    sleep 2 # a loop would say it thousands of times
    [ "$(wc -l <"$OUT/forward.err")" -le 4 ]
    exec 7>&-
    kill "$forward"
    wait "$forward" || true
    strace -qq -o "$OUT/calls" -e inject=fork,clone,clone3:error=EAGAIN "$STAGE/usr/bin/davit" port-forward web :8080 \
        --control "$(control)" >"$OUT/second" 2>"$OUT/second.err" 3>&- & # files of its own: those of the first are there already
    forward=$!
    within 10 grep -q 'Forwarding from' "$OUT/second"
    at=$(sed -n '1s/.*:\([0-9]*\) -> .*/\1/p' "$OUT/second")
    run ! fetch index.html
    within 5 grep -q "is closed, for no process can be made for it: Resource temporarily unavailable" "$OUT/second.err"
}

@test "Ctrl-C ends it, and all its connections" {
    "$STAGE/usr/bin/davit" port-forward pod/web :8080 --control "$(control)" >"$OUT/forward" 3>&- &
    forward=$!
    within 10 grep -q 'Forwarding from' "$OUT/forward"
    at=$(sed -n '1s/.*:\([0-9]*\) -> .*/\1/p' "$OUT/forward")
    exec 7<>"/dev/tcp/127.0.0.1/$at"
    within 5 grep -q "Handling connection for $at" "$OUT/forward"
    kill -TERM "$forward"
    wait "$forward"
    run ! timeout 5 curl -sS "http://127.0.0.1:$at/"
    exec 7>&-
    within 5 alone
}

alone() {
    ! pgrep -f "port-forward pod/web :8080 --control $(control)" >/dev/null
}
