#!/usr/bin/env bats
# conf/mosquitto as it is shipped: who may do what, each right and each wrong.

bats_require_minimum_version 1.5.0
load plant

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export TOP=$PWD STAGE=${DAVIT_STAGE:-$PWD/build/stage} DIR
    export DAVIT=$STAGE/usr/bin/davit BUILD=${DAVIT_BUILD:-$PWD/build}
    [ -x "$BUILD/linkdrive" ] || make -C "$BUILD" linkdrive >&2 || return 1
    DIR=$(mktemp -d)
    plant_make press-7 press-8 gone
    printf 'press-7 line-3,presses\n' >"$DIR/nodes.txt"
    "$DAVIT" acl -f "$DIR/nodes.txt" >>"$ETC/davit-nodes.acl"
    plant_start
}

teardown_file() {
    local folder
    for folder in "$DIR/n" "$DIR/n8"; do
        [ ! -d "$folder" ] || "$TOP/scripts/devnode.sh" down "$folder" || true
    done
    plant_stop
    rm -rf "$DIR"
}

arrives() { # TOPIC PAYLOAD CMD...: what CMD publishes there is brought on; again and again, for the listener may not be there yet
    local topic=$1 payload=$2 got
    shift 2
    mosquitto_sub -V 5 -p "$WATCH" -t "$topic" -R -C 1 -W "${WAIT:-10}" -F %p >"$DIR/got" 2>/dev/null 3>&- &
    got=$!
    sleep 0.3
    for _ in {1..30}; do
        "$@" -q 1 -t "$topic" -m "$payload" 2>/dev/null || true
        if [ -n "${WAIT-}" ] || ! kill -0 $got 2>/dev/null; then break; fi
        sleep 0.2
    done
    wait $got 2>/dev/null || true
    [ "$(cat "$DIR/got")" = "$payload" ]
}

does_not_arrive() {
    ! WAIT=1 arrives "$@"
}

# reads TOPIC CMD...: what a retained message there is to this subscriber
reads() {
    local topic=$1
    shift
    mosquitto_pub -V 5 -p "$WATCH" -q 1 -r -t "$topic" -m secret
    [ "$("$@" -t "$topic" -C 1 -W "${WAIT:-10}" -F %p 2>/dev/null)" = secret ]
}

reads_not() {
    ! WAIT=1 reads "$@"
}

@test "the shipped rules are what davit acl writes" {
    diff <(grep -v '^# /\|^# This\|^# Mosq\|^# to MQTT' "$TOP/conf/mosquitto/nodes.acl") <("$DAVIT" acl)
    diff <(grep -v '^#' "$TOP/conf/mosquitto/operators.acl") <("$DAVIT" acl --operator anna)
}

@test "a node reads what is for it and its groups, and nothing else" {
    reads davit/nodes/press-7/desired/default/pods/a as_node press-7 mosquitto_sub
    reads davit/nodes/press-7/desired as_node press-7 mosquitto_sub
    reads davit/nodes/press-7/desired/node as_node press-7 mosquitto_sub
    reads davit/groups/all/desired/default/pods/a as_node press-7 mosquitto_sub
    reads davit/groups/line-3/desired/default/pods/a as_node press-7 mosquitto_sub
    reads davit/nodes/press-7/presence as_node press-7 mosquitto_sub
    reads_not davit/nodes/press-8/desired/default/secrets/a as_node press-7 mosquitto_sub
    reads_not davit/nodes/press-8/status/default/pods/a as_node press-7 mosquitto_sub
    reads_not davit/nodes/press-8/presence as_node press-7 mosquitto_sub
    reads_not davit/groups/line-3/desired/default/secrets/a as_node press-8 mosquitto_sub
    reads_not davit/nodes/press-8/response/anna/1 as_node press-7 mosquitto_sub
    # A wildcard brings no more than its own.
    [ "$(as_node press-7 mosquitto_sub -t 'davit/nodes/+/desired/#' -W 1 -F %t 2>/dev/null | grep -vc '^davit/nodes/press-7/')" -eq 0 ]
}

@test "a node writes what it says itself, and nothing else" {
    local topic
    for topic in state state/default/pods/a status status/default/pods/a metrics metrics/default/pods/a history events presence sync \
        response/anna/1; do
        arrives davit/nodes/press-7/$topic "$topic" as_node press-7 mosquitto_pub
    done
    for topic in nodes/press-7/desired/default/pods/a nodes/press-8/desired/default/pods/a nodes/press-8/state nodes/press-8/presence \
        nodes/press-8/response/anna/1 groups/all/desired/default/pods/a groups/line-3/desired/default/pods/a \
        nodes/press-8/request/exec/anna sites/hamburg/presence; do
        does_not_arrive "davit/$topic" forged as_node press-7 mosquitto_pub
    done
}

@test "without a certificate, with a foreign or a revoked one, and with the broker's own nobody comes in" {
    run -0 as_node gone mosquitto_pub -t davit/nodes/gone/state -m 1
    run ! mosquitto_pub -h localhost -p "$NODES" --cafile "$CERTS/davit-ca.pem" -t x -m 1
    run ! mosquitto_pub -h localhost -p "$NODES" --cafile "$CERTS/davit-ca.pem" -u press-7 -P right -t x -m 1
    "$TOP/scripts/broker-certs.sh" "$DIR/foreign" ca
    "$TOP/scripts/broker-certs.sh" "$DIR/foreign" node press-7
    run ! mosquitto_pub -h localhost -p "$NODES" --cafile "$CERTS/davit-ca.pem" --cert "$DIR/foreign/press-7.pem" \
        --key "$DIR/foreign/press-7.key" -t x -m 1
    run ! as_node broker mosquitto_pub -t x -m 1
    "$TOP/scripts/broker-certs.sh" "$CERTS" revoke gone
    mv "$CERTS/gone.revoked.pem" "$CERTS/gone.pem"
    chown mosquitto: "$CERTS"/*
    kill -HUP "$(cat "$DIR/mosquitto.pid")"
    within 5 refused_now gone
    as_node press-7 mosquitto_pub -t davit/nodes/press-7/state -m 1
    # Mosquitto's websockets know no list of revocations: there the rules must say it, and then it is nobody, at once.
    run "$BUILD/linkdrive" "$BUILD/davit-link" "fd ca $CERTS/davit-ca.pem" "fd cert $CERTS/gone.pem" "fd key $CERTS/gone.key" \
        "connect {\"op\":\"connect\",\"url\":\"wss://localhost:$NODES_WS\",\"clientId\":\"gone\",\"subscribe\":[{\"topic\":\"davit/#\",\"qos\":1}]}" \
        'expect {"op":"connected"}' 'send {"op":"publish","id":1,"topic":"davit/nodes/gone/state","qos":1} | x' \
        'expect {"op":"published","id":1,"ok":true}' \
        "sh $DAVIT acl -f $DIR/nodes.txt --revoked gone >$ETC/davit-nodes.acl; kill -HUP $(cat "$DIR/mosquitto.pid"); sleep 0.5" \
        "sh mosquitto_pub -p $WATCH -q 1 -t davit/nodes/gone/desired/default/pods/a -m its" 'never 500 {"op":"message"}' \
        'send {"op":"publish","id":2,"topic":"davit/nodes/gone/state","qos":1} | x' 'expect {"op":"published","id":2,"ok":false}'
    echo "$output"
    [ "$status" -eq 0 ]
    as_node press-7 mosquitto_pub -t davit/nodes/press-7/state -m 1
}

refused_now() {
    ! as_node "$1" mosquitto_pub -t "davit/nodes/$1/state" -m 1 2>/dev/null
}

# A session is its client id's: who has that has what waits in it, and throws out who had it before.
@test "a node's certificate does not take over another node's session, nor throw it out" {
    local id=davit-davit-press-8 other
    as_node press-8 mosquitto_sub -i $id -c -x 3600 -q 1 -t 'davit/nodes/press-8/desired/taken/#' -E -W 3
    mosquitto_pub -V 5 -p "$WATCH" -q 1 -t davit/nodes/press-8/desired/taken/pods/a -m secret
    run as_node press-7 mosquitto_sub -i $id -c -x 3600 -q 1 -t davit/nodes/press-7/desired/none -W 2 -F %p
    [[ "$output" != *secret* ]]
    as_node press-8 mosquitto_sub -i $id -c -x 3600 -q 1 -t davit/nodes/press-8/desired/taken/pods/b -W 8 -C 2 -F %p >"$DIR/own" 3>&- &
    other=$!
    within 5 grep -q secret "$DIR/own"
    as_node press-7 mosquitto_pub -i $id -t davit/nodes/press-7/state -m 1
    mosquitto_pub -V 5 -p "$WATCH" -q 1 -t davit/nodes/press-8/desired/taken/pods/b -m still
    wait $other
    [ "$(cat "$DIR/own")" = $'secret\nstill' ]
}

@test "an operator asks in her own name and publishes what nodes want" {
    arrives davit/nodes/press-7/request/restart/anna x as_operator anna mosquitto_pub
    arrives davit/nodes/press-7/desired/default/pods/a x as_operator anna mosquitto_pub
    arrives davit/groups/line-3/desired/default/pods/a x as_operator anna mosquitto_pub
    reads davit/nodes/press-7/state/default/pods/a as_operator anna mosquitto_sub
    reads davit/nodes/press-7/response/anna/1 as_operator anna mosquitto_sub
    does_not_arrive davit/nodes/press-7/request/exec/hall x as_operator anna mosquitto_pub
    does_not_arrive davit/nodes/press-7/events x as_operator anna mosquitto_pub
    does_not_arrive davit/nodes/press-7/response/hall/1 x as_operator anna mosquitto_pub
    reads_not davit/nodes/press-7/response/hall/1 as_operator anna mosquitto_sub
    run ! mosquitto_pub -h localhost -p "$OPERATORS" --cafile "$CERTS/davit-ca.pem" -u anna -P wrong -t x -m 1
    run ! mosquitto_pub -h localhost -p "$OPERATORS" --cafile "$CERTS/davit-ca.pem" -t x -m 1
}

@test "who only looks sees no documents and does nothing" {
    reads davit/nodes/press-7/state/default/pods/a as_operator hall mosquitto_sub
    arrives davit/nodes/press-7/request/logs/hall x as_operator hall mosquitto_pub
    reads_not davit/nodes/press-7/desired/default/secrets/a as_operator hall mosquitto_sub
    does_not_arrive davit/nodes/press-7/desired/default/pods/a x as_operator hall mosquitto_pub
    does_not_arrive davit/nodes/press-7/request/exec/hall x as_operator hall mosquitto_pub
    does_not_arrive davit/nodes/press-7/state x as_operator hall mosquitto_pub
}

@test "the websockets' listener has the nodes' rules" {
    run "$BUILD/linkdrive" "$BUILD/davit-link" "fd ca $CERTS/davit-ca.pem" "fd cert $CERTS/press-7.pem" "fd key $CERTS/press-7.key" \
        "connect {\"op\":\"connect\",\"url\":\"wss://localhost:$NODES_WS\",\"clientId\":\"ws\",\"subscribe\":[{\"topic\":\"davit/nodes/+/desired/#\",\"qos\":1}]}" \
        'expect {"op":"connected"}' "sh mosquitto_pub -p $WATCH -q 1 -t davit/nodes/press-8/desired/default/pods/b -m other" \
        "sh mosquitto_pub -p $WATCH -q 1 -t davit/nodes/press-7/desired/default/pods/b -m own" \
        'expect {"op":"message","topic":"davit/nodes/press-7/desired/default/pods/b","retain":false} | own' taken \
        'send {"op":"publish","id":1,"topic":"davit/nodes/press-7/state","qos":1} | x' 'expect {"op":"published","id":1,"ok":true}' \
        'send {"op":"publish","id":2,"topic":"davit/nodes/press-8/state","qos":1} | x' \
        'expect {"op":"published","id":2,"ok":false,"reason":"Refused","code":135}' \
        'send {"op":"disconnect"}' 'exit 0' \
        "fd ca $CERTS/davit-ca.pem" "connect {\"op\":\"connect\",\"url\":\"wss://localhost:$NODES_WS\",\"clientId\":\"ws2\"}" \
        'expect {"op":"disconnected"}'
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" != *'| other'* ]]
}

@test "a node and an operator meet there: apply, get, ping" {
    for topic in $(mosquitto_sub -p "$WATCH" -t 'davit/#' -W 1 --retained-only -F %t); do
        mosquitto_pub -p "$WATCH" -r -n -t "$topic"
    done
    cat >"$DIR/node.conf" <<CONF
[broker]
url=mqtts://localhost:$NODES
ca_file=$CERTS/davit-ca.pem
cert_file=$CERTS/press-7.pem
key_file=$CERTS/press-7.key
[node]
groups=line-3
CONF
    "$TOP/scripts/devnode.sh" up "$DIR/n" --runtime fake --name press-7 --broker "mqtts://localhost:$NODES" \
        --watch "mqtt://127.0.0.1:$WATCH" --conf "$DIR/node.conf"
    jq -nc '{apiVersion: "v1", kind: "Pod", metadata: {name: "hello"}, spec: {containers: [{name: "main", image: "demo:1"}]}}' \
        >"$DIR/hello.json"
    run -0 operator anna apply -f "$DIR/hello.json" --node press-7 --wait=20
    run -0 operator hall get pods -o name
    [[ "$output" == *hello* ]]
    # Who only looks sees what the node says, and no document.
    run -0 operator hall get pod hello -o json
    jq -e '.status.phase == "Running" and .spec.containers == null' <<<"$output"
    run -0 operator anna get pod hello -o json
    jq -e '.status.phase == "Running" and .spec.containers[0].image == "demo:1"' <<<"$output"
    run -0 operator anna ping --node press-7
    run -0 operator hall ping --node press-7
    # In the group by its rules, and told so by nobody else.
    run -0 operator anna apply -f "$DIR/hello.json" --group line-3
    within 10 shadowed
    run ! operator hall apply -f "$DIR/hello.json" --node press-7
}

@test "a node that may only speak to a proxy comes in by websockets" {
    local port
    port=$(plant_ports 1)
    python3 "$BATS_TEST_DIRNAME/linkproxy.py" "$port" "$DIR/proxy.log" >/dev/null 2>&1 3>&- &
    local proxy=$!
    printf '%s\n' '[broker]' "ca_file=$CERTS/davit-ca.pem" "cert_file=$CERTS/press-8.pem" "key_file=$CERTS/press-8.key" \
        "proxy=http://127.0.0.1:$port" >"$DIR/node8.conf"
    "$TOP/scripts/devnode.sh" up "$DIR/n8" --runtime fake --name press-8 --broker "wss://localhost:$NODES_WS" \
        --watch "mqtt://127.0.0.1:$WATCH" --conf "$DIR/node8.conf"
    run -0 operator anna apply -f "$DIR/hello.json" --node press-8 --wait=20
    run -0 operator anna ping --node press-8
    "$TOP/scripts/devnode.sh" down "$DIR/n8"
    kill $proxy
    grep -q "^200 CONNECT localhost:$NODES_WS" "$DIR/proxy.log"
}

shadowed() {
    held davit/nodes/press-7/status/default/pods/hello | grep -q line-3
}

@test "davit acl takes a fleet from the broker, and refuses what would be another rule" {
    mosquitto_pub -p "$WATCH" -r -t davit/nodes/press-9/desired/node -m \
        '{"apiVersion":"v1","kind":"Node","metadata":{"name":"press-9","annotations":{"davit/groups":"line-4,hall"}}}'
    mosquitto_pub -p "$WATCH" -r -t davit/nodes/press-10/desired/node -m '{"apiVersion":"v1","kind":"Node","metadata":{"name":"press-10"}}'
    export DAVIT_LIBEXEC=$STAGE/usr/libexec/davit
    run -0 "$DAVIT" acl --from-broker --broker "mqtt://127.0.0.1:$WATCH"
    [[ "$output" == *$'user press-9\ntopic read davit/groups/line-4/desired/#\ntopic read davit/groups/hall/desired/#'* ]]
    [[ "$output" != *"user press-10"* ]]
    # One that its node would refuse holds up no other; one that is deleted is none.
    mosquitto_pub -p "$WATCH" -r -t davit/nodes/press-11/desired/node -m \
        '{"apiVersion":"v1","kind":"Node","metadata":{"name":"press-11","annotations":{"davit/groups":"line-4,#"}}}'
    mosquitto_pub -p "$WATCH" -r -t davit/nodes/press-12/desired/node -m '{"apiVersion":"v1","kind":"Node","metadata":{"name":"press-12",
        "deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{"davit/generation":"9","davit/groups":"line-5"}}}'
    run -1 "$DAVIT" acl --from-broker --broker "mqtt://127.0.0.1:$WATCH"
    [[ "$output" == *"node press-11 is left out, for its desired Node is none (InvalidName: "* ]]
    [[ "$output" == *$'user press-9\ntopic read davit/groups/line-4/desired/#'* && "$output" != *"user press-11"* ]]
    [[ "$output" != *line-5* && "$output" == *"1 of the fleet left out"* ]]
    mosquitto_pub -p "$WATCH" -r -n -t davit/nodes/press-11/desired/node
    # The rules of a site stand below its own name, whoever else is named.
    run -0 "$DAVIT" acl --site hamburg --revoked press-9 -f - <<<'press-7 line-3'
    [[ "$output" == *"user press-9"* && "${output%%user press-9*}" == *press-7* && "${output##*user press-9}" != *press-7* ]]
    run -0 "$DAVIT" acl -f - <<<$'press-7 line-3\n\n# a remark\npress-8'
    [ "$(grep -c '^user' <<<"$output")" -eq 1 ]
    run -2 "$DAVIT" acl -f - <<<$'press-7 line-3\npress-8 +'
    [[ "$output" == *"-:2: node press-8: \"+\" is no name of a group"* ]]
    run -2 "$DAVIT" acl --node '#'
    run -2 "$DAVIT" acl --operator 'anna bert'
    run -2 "$DAVIT" acl --node press-7 --groups 'a/b'
    run -2 "$DAVIT" acl --groups line-3
    run -2 "$DAVIT" acl --read-only
    run -3 "$DAVIT" acl --from-broker --broker "mqtt://127.0.0.1:1"
}
