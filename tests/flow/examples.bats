#!/usr/bin/env bats
# What is in examples/ beside the manifests: each is run against a live node.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    printf '[telemetry]\ninterval = 1\nmax_silence = 2\nhome_assistant = homeassistant\n' >"$DIR/examples.conf"
    flow_node --conf "$DIR/examples.conf"
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
    cd "$OUT" || return 1
    EXAMPLES=$TOP/examples
    export MQTT_PORT
    MQTT_PORT=$(port)
}

image_of() {
    held "$T/desired/default/apps/tool" | jq -r .env.VERSION
}

app() { # VERSION
    jq -nc --arg command "trap exit TERM; sleep $MARK & wait" --arg version "$1" \
        '{image: "demo:1", command: $command, env: {VERSION: $version}}'
}

@test "shell lines deploy, watch, ask and roll back" {
    "$EXAMPLES/shell/watch.sh" n >"$OUT/watched" 3>&- &
    local watcher=$!
    "$EXAMPLES/shell/deploy.sh" n tool "$(app one)"
    within 5 one_sleeps
    [ ! -e tool.previous ]
    "$EXAMPLES/shell/ask.sh" n anna ping | jq -e '.ok and .node == "n"'
    "$EXAMPLES/shell/ask.sh" n anna exec '{"id":"1","pod":"tool-0","command":["sh","-c","echo $VERSION"]}' | jq -e '.stdout == "one\n"'
    "$EXAMPLES/shell/deploy.sh" n tool "$(app two)"
    [ "$(image_of)" = two ]
    within 20 says_version two
    sleep 1 # generations are seconds here
    "$EXAMPLES/shell/rollback.sh" n tool
    [ "$(image_of)" = one ]
    within 20 says_version one
    within 5 grep -q "$T/state/default/apps/tool .*Running" "$OUT/watched"
    within 5 grep -q "$T/metrics/default/pods/tool-0 .*memory_bytes" "$OUT/watched"
    within 5 grep -q "$T/events .*Started" "$OUT/watched"
    kill "$watcher"
    publish "$T/desired/default/apps/tool" <<<"{\"generation\":$(date +%s)999,\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}"
    within 20 none_sleeps
}

says_version() {
    "$EXAMPLES/shell/ask.sh" n anna exec '{"pod":"tool-0","command":["sh","-c","echo $VERSION"]}' | jq -e --arg is "$1" '.stdout == ($is + "\n")'
}

@test "shell lines roll back to what davit had published, whose generation stands elsewhere" {
    sleep 1 # generations are seconds here
    jq -nc --argjson spec "$(app one)" --arg generation "$(date +%s)000" '{apiVersion: "davit/v1", kind: "App",
        metadata: {name: "tool", annotations: {"davit/generation": $generation}}, spec: $spec}' | publish "$T/desired/default/apps/tool"
    within 10 one_sleeps
    sleep 1
    "$EXAMPLES/shell/deploy.sh" n tool "$(app two)"
    within 20 says_version two
    sleep 1
    "$EXAMPLES/shell/rollback.sh" n tool
    within 20 says_version one
    publish "$T/desired/default/apps/tool" <<<"{\"generation\":$(date +%s)999,\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}"
    within 20 none_sleeps
}

@test "deploy.sh says why nothing becomes ready" {
    sed 's/-lt 60/-lt 2/' "$EXAMPLES/shell/deploy.sh" >"$OUT/deploy.sh"
    run -1 sh "$OUT/deploy.sh" n wrong '{"image":"demo:1","unknown":1}'
    [[ $output == *"wrong is not ready"* ]]
    [[ $output == *refusedGeneration* ]]
    clear_topic "$T/desired/default/apps/wrong"
}

@test "Telegraf's configuration, read as Telegraf reads it, makes series of the live messages" {
    "$TOP/tests/flow/telegraf_reading.py" "$EXAMPLES/telegraf/telegraf.conf" 127.0.0.1 "$MQTT_PORT" 5 >"$OUT/lines"
    grep -qE '^davit_node,node=n .*memory_bytes=[0-9.e+]+.* [0-9]{19}$' "$OUT/lines"
    grep -qE '^davit_workload,name=web,namespace=default,node=n,resource=pods .*memory_bytes=[0-9.e+]+.* [0-9]{19}$' "$OUT/lines"
    grep -qE '^davit_state,name=web,namespace=default,node=n,resource=pods .*state="Running".*stateCode=2.* [0-9]{19}$' "$OUT/lines"
    [ "$(grep -c '^davit_workload,name=web,' "$OUT/lines")" -ge 3 ]
    # Nothing else becomes a series of these names.
    run ! grep -vE '^davit_(node,node=n|(workload|state),name=[a-z0-9.-]+,namespace=default,node=n,resource=[a-z]+) ' "$OUT/lines"
}

# The exporter where the example says that it is.
exporter_start() {
    (. "$N/env" && exec davit export --listen 127.0.0.1:9123) >"$OUT/url" 3>&- &
    EXPORTER=$!
    within 5 has_file "$OUT/url"
}

@test "the target of prometheus.yml answers, started as the unit starts it" {
    grep -qF 'ExecStart=/usr/bin/davit export --listen 127.0.0.1:9123' "$EXAMPLES/prometheus/davit-export.service"
    local target
    target=$(sed -nE 's/.*targets: \["(.*)"\]/\1/p' "$EXAMPLES/prometheus/prometheus.yml")
    exporter_start
    curl -fsS "http://$target/metrics" | /usr/bin/python3 -c 'import sys
from prometheus_client.parser import text_string_to_metric_families
names = {one.name for one in text_string_to_metric_families(sys.stdin.read())}
assert {"davit_node_info", "davit_workload_ready", "davit_workload_memory_bytes"} <= names, names'
    kill "$EXPORTER"
}

@test "a Prometheus scrapes it" {
    command -v prometheus || skip "prometheus is not installed"
    local free
    free=$(/usr/bin/python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    exporter_start
    sed 's/30s/1s/' "$EXAMPLES/prometheus/prometheus.yml" >"$OUT/prometheus.yml"
    prometheus --config.file="$OUT/prometheus.yml" --storage.tsdb.path="$OUT/tsdb" --web.listen-address="127.0.0.1:$free" >"$OUT/prometheus.log" 2>&1 3>&- &
    local prometheus=$!
    within 20 scraped "$free"
    kill "$prometheus" "$EXPORTER"
}

scraped() { # PORT
    curl -fsS -G "http://127.0.0.1:$1/api/v1/query" --data-urlencode 'query=davit_workload_ready{name="web",resource="pods"}' |
        jq -e '.data.result[0].value[1] == "1"'
}

@test "Home Assistant's documents are below the topic that its page names, and so is the access rule" {
    grep -qF 'pattern write homeassistant/sensor/davit_%u/#' "$EXAMPLES/home-assistant/README.md"
    mosquitto_sub -V 5 -h 127.0.0.1 -p "$MQTT_PORT" -t 'homeassistant/#' -W 2 --retained-only -F '%t' >"$OUT/topics" || true
    [ "$(wc -l <"$OUT/topics")" -ge 6 ]
    run ! grep -v '^homeassistant/sensor/davit_n/' "$OUT/topics"
}
