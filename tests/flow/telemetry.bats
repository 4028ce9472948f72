#!/usr/bin/env bats
# What a node measures and tells unasked: metrics by exception, what was measured while the broker was away, Prometheus' text,
# Home Assistant's discovery, and a clock that was never set.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    cat >"$DIR/telemetry.conf" <<'END'
[telemetry]
interval = 1
max_silence = 4
deadband = 20% memory_bytes:8Mi pids:100
history_memory = 128K
history_disk = 1M
history_rate = 50
home_assistant = homeassistant
END
    flow_node --conf "$DIR/telemetry.conf"
    OUT=$DIR/setup
    mkdir -p "$OUT"
    put web
    running web
}

teardown_file() {
    flow_end
}

setup() {
    flow_test
}

broker_stop() {
    record_stop
    kill "$(cat "$N/mosquitto.pid")"
    within 10 broker_gone
}

broker_gone() {
    ! kill -0 "$(cat "$N/mosquitto.pid")" 2>/dev/null
}

broker_back() {
    devnode_do broker_start
    record_start
    local link
    link=$(child davit-link) && kill -9 "$link"
    within 10 holds "$T/presence" .online
}

messages() { # TOPIC: one payload a line, in their order
    grep -a "^$1 {" "$DIR/record" | cut -d' ' -f2-
}

has_messages() { # TOPIC LEAST
    [ "$(messages "$1" | wc -l)" -ge "$2" ]
}

@test "a node and its pods tell flat numbers, retained" {
    within 10 holds "$T/metrics" 'to_entries | all(.value | type == "number")'
    within 10 holds "$T/metrics" '.memory_bytes > 1e6 and .memory_available_bytes > 0 and .disk_available_bytes > 0 and .cpu_cores >= 0
        and .uptime_seconds > 0 and .pods == 1 and .vms == 0'
    within 10 holds "$T/metrics/default/pods/web" 'to_entries | all(.value | type == "number")'
    within 10 holds "$T/metrics/default/pods/web" '.memory_bytes > 0 and .cpu_cores < 1 and .restarts_total == 0 and
        .network_receive_bytes_total >= 0 and .uptime_seconds < 1000 and .pids == 1'
    local ts
    ts=$(held "$T/metrics" | jq .ts)
    [ "$ts" -gt $(($(date +%s%3N) - 6000)) ] && [ "$ts" -le "$(date +%s%3N)" ]
}

@test "what does not move is told again only after the silence" {
    local before after
    before=$(messages "$T/metrics/default/pods/web" | wc -l)
    sleep 13
    after=$(messages "$T/metrics/default/pods/web" | wc -l)
    [ $((after - before)) -ge 2 ] # after 4 or 5 s, as its samples fall
    [ $((after - before)) -le 4 ] # thirteen samples were taken
}

@test "what moves is told at once" {
    put eater "$(shell 'until [ -e /out/eat ]; do sleep 0.1; done; x=$(head -c 20000000 /dev/zero | tr "\0" a); sleep 60; echo "$x"')"
    running eater
    within 10 says "$T/metrics/default/pods/eater" '.memory_bytes < 8000000'
    touch "$OUT/eat"
    within 15 says "$T/metrics/default/pods/eater" '.memory_bytes > 15000000'
    drop eater
}

@test "what ended has no metrics any more, and what is gone no topic" {
    put short "$(shell 'sleep 4') | .spec.restartPolicy = \"Never\""
    within 10 has_messages "$T/metrics/default/pods/short" 1
    state short '.state == "Succeeded"' 20
    within 10 silent "$T/metrics/default/pods/short"
    [ -z "$(held "$T/metrics/default/pods/short")" ]
    put gone
    within 10 has_messages "$T/metrics/default/pods/gone" 1
    drop short gone
    within 5 silent "$T/metrics/default/pods/gone"
    [ -z "$(held "$T/metrics/default/pods/gone")" ]
}

@test "what was measured without a broker comes oldest first, with its own times, and once" {
    within 10 has_messages "$T/metrics/default/pods/web" 1
    local from to
    from=$(date +%s%3N)
    broker_stop
    sleep 9
    broker_back
    to=$(date +%s%3N)
    within 20 has_messages "$T/history/default/pods/web" 2
    within 5 has_messages "$T/history" 2
    sleep 2
    messages "$T/history/default/pods/web" >"$OUT/web"
    jq -es --argjson from "$from" --argjson to "$to" 'map(.ts) | . == (. | sort) and (unique | length) == length and
        all(. >= $from - 1500 and . <= $to + 3000)' "$OUT/web"
    jq -es 'all(.memory_bytes > 0)' "$OUT/web"
    [ "$(wc -l <"$OUT/web")" -le 5 ] # by the same deadband
    [ -z "$(held "$T/history/default/pods/web")" ] # not retained
    [ ! -e "$N/state/history" ] || [ -z "$(ls "$N/state/history")" ] # nothing was there so long that the disk was needed
}

@test "it outlives a restart of davitd where the disk may have it" {
    local before
    broker_stop
    sleep 6
    before=$(date +%s%3N)
    kill "$(davitd_pid)"
    within 10 davitd_gone
    ls "$N/state/history/"*.history
    devnode_do davitd_start
    : >"$DIR/record"
    broker_back
    within 20 has_messages "$T/history/default/pods/web" 1
    messages "$T/history/default/pods/web" | head -n 1 | jq -e --argjson before "$before" '.ts < $before'
    within 10 no_history_files
}

davitd_gone() {
    ! kill -0 "$(davitd_pid)" 2>/dev/null
}

no_history_files() {
    [ -z "$(ls "$N/state/history")" ]
}

@test "davit export: Prometheus can read it, and each series has its labels" {
    within 10 says "$T/metrics/default/pods/web" '.cpu_cores >= 0'
    node davit export >"$OUT/text"
    /usr/bin/python3 - "$OUT/text" <<'END'
import sys
from prometheus_client.parser import text_string_to_metric_families
families = {one.name: one for one in text_string_to_metric_families(open(sys.argv[1]).read())}
def samples(name):
    return families[name].samples
assert samples("davit_node_info")[0].labels["node"] == "n"
assert samples("davit_node_ready")[0].value == 1 and samples("davit_node_connected")[0].value == 1
assert samples("davit_node_memory_bytes")[0].value > 1e6
web = {"node": "n", "namespace": "default", "resource": "pods", "name": "web"}
for name in "state_code", "ready", "memory_bytes", "cpu_cores", "pids", "uptime_seconds":
    assert any(one.labels == web for one in samples("davit_workload_" + name)), name
assert families["davit_workload_restarts"].type == "counter", families["davit_workload_restarts"]
assert [one.value for one in samples("davit_workload_state_code") if one.labels == web] == [2]
END
}

@test "davit export --listen answers GET /metrics, and nothing else" {
    (. "$N/env" && exec davit export --listen 127.0.0.1:0) >"$OUT/url" 3>&- &
    local exporter=$! url
    within 5 has_file "$OUT/url"
    url=$(cat "$OUT/url")
    python3 - "$url" <<'END'
import socket, sys, time, urllib.error, urllib.parse, urllib.request
url = sys.argv[1]
with urllib.request.urlopen(url) as answer:
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers
    text = answer.read().decode()
assert "davit_workload_memory_bytes{" in text
def status(request):
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code
assert status(url.replace("/metrics", "/")) == 404
assert status(url + "x") == 404
assert status(urllib.request.Request(url, data=b"x")) == 405
where = urllib.parse.urlparse(url)
def raw(data):
    with socket.create_connection((where.hostname, where.port)) as sock:
        try:
            sock.sendall(data)
            return sock.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            return b""
assert raw(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20000) == b""
# One that says nothing is let go after five seconds, and the next is answered.
begun = time.monotonic()
with socket.create_connection((where.hostname, where.port)) as idle:
    assert status(url) == 200
assert 4 < time.monotonic() - begun < 8
END
    kill "$exporter"
}

@test "davit export says what is wrong with an address" {
    run -2 node davit export --listen 9123
    [[ $output == *"must be IP:PORT"* ]]
    run -2 node davit export --listen localhost:9123
    run -2 node davit export x
    run -3 node davit export --control "$DIR/nowhere.sock"
}

@test "Home Assistant finds the node and its pods, and forgets one that goes" {
    local ha=homeassistant/sensor/davit_n
    within 5 holds "$ha/default_pods_web_memory/config" ".state_topic == \"$T/metrics/default/pods/web\" and .unit_of_measurement == \"B\""
    within 5 holds "$ha/default_pods_web_state/config" ".state_topic == \"$T/state/default/pods/web\""
    within 5 holds "$ha/cpu/config" ".state_topic == \"$T/metrics\" and .availability_topic == \"$T/presence\""
    put seen
    within 10 holds "$ha/default_pods_seen_cpu/config" .
    drop seen
    within 5 not_held "$ha/default_pods_seen_cpu/config"
    within 5 not_held "$ha/default_pods_seen_state/config"
}

not_held() {
    [ -z "$(held "$1")" ]
}

@test "a clock that was never set tells no times, and once it is set all of them" {
    local lib
    lib=$(find /usr/lib -name libfaketime.so.1 -print -quit)
    [ -n "$lib" ] || skip "libfaketime is not installed"
    echo "@1970-01-01 00:10:00" >"$DIR/clock"
    put kept
    running kept
    kill "$(davitd_pid)"
    within 10 davitd_gone
    LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$DIR/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
        devnode_do davitd_start
    within 10 holds "$T/state" '.problems == 1 and has("ts") == false and (.message | test("ClockUnset|clock"))'
    within 10 holds "$T/status" '.status.conditions[] | select(.type == "ClockUnset" and .status == "True")'
    within 10 holds "$T/presence" '.online and has("ts") == false'
    put early
    within 10 holds "$T/state/default/pods/early" '.state == "Running" and has("ts") == false and has("createdAt") == false'
    within 10 holds "$T/metrics" '.pods == 3 and has("ts") == false'
    [[ $(held "$T/status/default/pods/early") != *1970-* ]]
    grep -a "^$T/events .*early" "$DIR/record" | tail -n 1 | jq -Re '. | test("firstTimestamp") | not'
    mosquitto_rr -V 311 -h 127.0.0.1 -p "$(port)" -q 1 -W 10 -t "$T/request/ping/anna" -e "$T/response/anna/1" \
        -m "{\"id\":1,\"expires\":$(($(date +%s%3N) + 60000))}" | jq -e '.ok and (has("ts") | not)'
    echo "+0" >"$DIR/clock"
    within 30 holds "$T/state" '.problems == 0 and .ts > 1700000000000'
    within 10 holds "$T/state/default/pods/early" '.ts > 1700000000000 and .createdAt > 1700000000000'
    within 10 holds "$T/metrics" '.ts > 1700000000000'
    holds "$T/state/default/pods/kept" '.state == "Running" and .restarts == 0'
    holds "$T/state/default/pods/early" '.state == "Running" and .restarts == 0'
    kill "$(davitd_pid)"
    within 10 davitd_gone
    devnode_do davitd_start
    drop kept early
}
