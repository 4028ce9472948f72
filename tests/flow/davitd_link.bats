#!/usr/bin/env bats
# A node and its broker: wills, another node with its name, brokers that take little or forbid something, a proxy.

bats_require_minimum_version 1.5.0
load plant

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export TOP=$PWD STAGE=${DAVIT_STAGE:-$PWD/build/stage} DIR
    export DAVIT=$STAGE/usr/bin/davit DAVIT_LIBEXEC=$STAGE/usr/libexec/davit
    DIR=$(mktemp -d)
    chmod 755 "$DIR"
    read -r WATCH SMALL STRICT PROXY <<<"$(plant_ports 4)"
    export WATCH SMALL STRICT PROXY
    # At STRICT nobody may say what a pod's status is.
    printf 'topic readwrite #\ntopic deny davit/nodes/+/status/#\n' >"$DIR/acl"
    cat >"$DIR/mosquitto.conf" <<CONF
per_listener_settings true
user mosquitto
max_queued_messages 0
log_dest file $DIR/mosquitto.log
listener $WATCH 127.0.0.1
allow_anonymous true
listener $STRICT 127.0.0.1
allow_anonymous true
acl_file $DIR/acl
CONF
    printf '%s\n' 'user mosquitto' 'max_queued_messages 0' 'max_packet_size 1000' 'max_inflight_messages 2' "log_dest file $DIR/mosquitto.log" \
        "listener $SMALL 127.0.0.1" 'allow_anonymous true' >"$DIR/small.conf"
    touch "$DIR/mosquitto.log"
    chmod 666 "$DIR/mosquitto.log" "$DIR/acl"
    local conf
    for conf in mosquitto small; do
        mosquitto -c "$DIR/$conf.conf" >>"$DIR/mosquitto.out" 2>&1 3>&- &
        echo $! >"$DIR/$conf.pid"
    done
    within 10 mosquitto_pub -p "$WATCH" -t up -m 1
    within 10 mosquitto_pub -p "$SMALL" -t up -m 1
}

teardown_file() {
    kill "$(cat "$DIR/mosquitto.pid")" "$(cat "$DIR/small.pid")" 2>/dev/null || true
    rm -rf "$DIR"
}

# Each test has a node of its own name, in a folder of its own.
setup() {
    NODE=n$BATS_TEST_NUMBER N=$DIR/n$BATS_TEST_NUMBER NODES_UP="" RECORD=$DIR/record$BATS_TEST_NUMBER
    mosquitto_sub -V 5 -p "$WATCH" -t "davit/nodes/$NODE/#" -T 'davit/nodes/+/desired/#' -F '%t %p' >"$RECORD" 2>/dev/null 3>&- &
    LISTENER=$!
}

teardown() {
    local folder
    kill "$LISTENER" 2>/dev/null || true
    tail -n 30 "$N/davitd.log"
    for folder in $NODES_UP; do
        "$TOP/scripts/devnode.sh" down "$folder" || true
    done
}

up() { # FOLDER PORT [CONF]: a node of this test's name
    NODES_UP="$NODES_UP $1"
    printf '%s\n' "${3:-}" >"$DIR/conf"
    "$TOP/scripts/devnode.sh" up "$1" --runtime fake --name "$NODE" --broker "mqtt://127.0.0.1:$2" \
        --watch "mqtt://127.0.0.1:${WATCH_AT:-$WATCH}" --conf "$DIR/conf"
}

link_of() { # FOLDER
    pgrep -P "$(cat "$1/davitd.pid")" -x davit-link
}

says() { # TOPIC JQ [PORT]
    mosquitto_sub -V 5 -p "${3:-$WATCH}" -t "davit/nodes/$NODE/$1" -C 1 -W 1 --retained-only -F %p 2>/dev/null |
        jq -es ".[-1] | $2" >/dev/null 2>&1
}

pod() { # PORT NAME [JQ]
    jq -nc --arg name "$2" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name}, spec: {containers: [{name: "main", image: "demo:1"}]}} |
        '"${3:-.}" | mosquitto_pub -V 5 -p "$1" -q 1 -r -t "davit/nodes/$NODE/desired/default/pods/$2" -s
}

@test "a link that dies is no outage; a device that is cut off is one after five seconds" {
    up "$N" "$WATCH"
    : >"$RECORD"
    kill -9 "$(link_of "$N")"
    within 10 grep -q 'presence .*"online":true' "$RECORD"
    sleep 6
    run ! grep 'presence .*"online":false' "$RECORD"
    local from
    from=$(date +%s%N)
    kill -9 "$(cat "$N/davitd.pid")" # its link goes with it
    within 12 says presence '.online == false'
    [ $((($(date +%s%N) - from) / 1000000)) -ge 4500 ]
}

@test "a late will is answered" {
    up "$N" "$WATCH"
    mosquitto_pub -p "$WATCH" -q 1 -r -t "davit/nodes/$NODE/presence" -m '{"v":1,"online":false,"session":"an-earlier-one","ts":1}'
    within 10 says presence '.online == true'
    mosquitto_pub -p "$WATCH" -q 1 -r -n -t "davit/nodes/$NODE/presence"
    within 10 says presence '.online == true'
}

@test "two nodes with one name: both tell of it, and neither fights" {
    up "$N" "$WATCH"
    up "$DIR/twin" "$WATCH"
    within 40 says status '.status.conditions[] | select(.type == "DuplicateNode") | .status == "True" and .reason == "SameClientId"'
    within 5 grep -q 'events .*DuplicateNode' "$RECORD"
    grep -q 'session taken over\|same client id\|another client' "$N/davitd.log"
    # Peace: at most one of the two comes back within ten seconds.
    sleep 2
    local before after
    before=$(grep -c "as davit-davit-$NODE " "$DIR/mosquitto.log")
    sleep 10
    after=$(grep -c "as davit-davit-$NODE " "$DIR/mosquitto.log")
    [ $((after - before)) -le 1 ]
}

@test "a broker that takes little, and two messages at a time, gets smaller statuses, and the connection stays" {
    WATCH_AT=$SMALL up "$N" "$SMALL"
    pod "$SMALL" a '.spec.containers[0].env = [range(6) | {name: "E\(.)", value: "v"}]'
    within 10 says status/default/pods/a '.status.conditions[] | select(.type == "Truncated") | .reason == "PacketTooLarge"' "$SMALL"
    within 10 says status/default/pods/a '.status.observedGeneration == 1 and .status.phase == "Running"' "$SMALL"
    within 10 says state/default/pods/a '.state == "Running"' "$SMALL"
    mosquitto_sub -V 5 -p "$SMALL" -t "davit/nodes/$NODE/response/anna/#" -C 1 -W 20 -F %p >"$DIR/answer" 3>&- &
    local listener=$!
    for _ in {1..25}; do # the listener may not be there yet
        sleep 0.5
        [ ! -s "$DIR/answer" ] || break
        mosquitto_pub -V 5 -p "$SMALL" -q 1 -t "davit/nodes/$NODE/request/describe/anna" -m '{"id":5,"object":"pods/a"}'
    done
    wait $listener
    jq -e '.id == 5 and .ok == false and .reason == "AnswerTooLarge"' "$DIR/answer"
    [ "$(grep -c "as davit-davit-$NODE " "$DIR/mosquitto.log")" -eq 1 ]
}

@test "what the broker's rules forbid is told of, and costs a few connections, not all of them" {
    up "$N" "$STRICT"
    pod "$WATCH" a
    within 40 says state/default/pods/a '.state == "Running"'
    within 15 says state '.problems >= 1 and (.message | contains("refuses"))'
    sleep 4
    pod "$WATCH" b
    within 10 says state/default/pods/b '.state == "Running"'
    [ "$(grep -c "as davit-davit-$NODE " "$DIR/mosquitto.log")" -le 7 ]
}

@test "the configuration's proxy leads to the broker, and no_proxy around it" {
    printf 'p:s/s\n' >"$DIR/proxy.password"
    python3 "$BATS_TEST_DIRNAME/linkproxy.py" "$PROXY" "$DIR/proxy.log" us@er:p:s/s >/dev/null 2>&1 3>&- &
    local proxy=$!
    within 5 python3 -c "import socket; socket.create_connection(('127.0.0.1', $PROXY))" 2>/dev/null
    up "$N" "$WATCH" "[broker]
proxy=http://127.0.0.1:$PROXY
proxy_username=us@er
proxy_password_file=$DIR/proxy.password
no_proxy=.example"
    grep -q "^200 CONNECT 127.0.0.1:$WATCH" "$DIR/proxy.log"
    run -0 "$DAVIT" ping --node "$NODE" --broker "mqtt://127.0.0.1:$WATCH" --proxy "http://127.0.0.1:$PROXY" --proxy-username us@er \
        --proxy-password-file "$DIR/proxy.password"
    [ "$(grep -c "^200 CONNECT 127.0.0.1:$WATCH" "$DIR/proxy.log")" -eq 2 ]
    run -3 "$DAVIT" ping --node "$NODE" --broker "mqtt://127.0.0.1:$WATCH" --proxy "http://127.0.0.1:$PROXY"
    [[ "$output" == *"407 Proxy Authentication Required"* ]]
    kill $proxy
}
