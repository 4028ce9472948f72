#!/usr/bin/env bats
# A site's broker, bridged to a central one: conf/mosquitto/bridge.conf beside davit.conf at the site, plant.conf at the centre.
# The node is at the site; people are at the centre.

bats_require_minimum_version 1.5.0
load plant

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export TOP=$PWD STAGE=${DAVIT_STAGE:-$PWD/build/stage} DIR
    export DAVIT=$STAGE/usr/bin/davit
    DIR=$(mktemp -d)
    plant_make hamburg
    "$DAVIT" acl --site hamburg -f - <<<'press-7 line-3' >>"$ETC/davit-nodes.acl"
    plant_start
    site_start
    "$TOP/scripts/devnode.sh" up "$DIR/n" --runtime fake --name press-7 --broker "mqtt://127.0.0.1:$SITE" \
        --conf <(printf '[node]\ngroups=line-3\n')
}

teardown_file() {
    heal
    "$TOP/scripts/devnode.sh" down "$DIR/n" || true
    [ ! -s "$DIR/site.pid" ] || kill "$(cat "$DIR/site.pid")" 2>/dev/null || true
    plant_stop
    rm -rf "$DIR"
}

setup() {
    within 30 site_is 1
}

# The keepalive is shorter than the shipped one: a test does not wait for 45 s.
site_start() {
    export SITE
    SITE=$(plant_ports 1)
    mkdir -p "$DIR/site.d/conf.d" "$DIR/site.store"
    sed "s/^listener 1883 127.0.0.1$/listener $SITE 127.0.0.1/" "$TOP/conf/mosquitto/davit.conf" >"$DIR/site.d/conf.d/davit.conf"
    sed -e "s#/etc/mosquitto/certs/#$CERTS/#; s#central.example:8883#localhost:$NODES#" -e 's/^keepalive_interval 30$/keepalive_interval 5/' \
        -e 's/^restart_timeout .*/restart_timeout 1 2/' "$TOP/conf/mosquitto/bridge.conf" >"$DIR/site.d/conf.d/bridge.conf"
    printf '%s\n' 'user mosquitto' 'persistence true' "persistence_location $DIR/site.store/" "log_dest file $DIR/site.log" \
        "include_dir $DIR/site.d/conf.d" >"$DIR/site.d/mosquitto.conf"
    touch "$DIR/site.log"
    chown -R mosquitto: "$DIR/site.d" "$DIR/site.store" "$DIR/site.log"
    mosquitto -c "$DIR/site.d/mosquitto.conf" >"$DIR/site.out" 2>&1 3>&- &
    echo $! >"$DIR/site.pid"
    within 10 mosquitto_pub -p "$SITE" -t up -m 1
}

# Nothing passes between the brokers, and neither is told.
cut_line() {
    nft "add table inet davit_bridge; add chain inet davit_bridge in { type filter hook input priority 0; };
        add rule inet davit_bridge in tcp dport $NODES drop; add rule inet davit_bridge in tcp sport $NODES drop"
}

heal() {
    nft delete table inet davit_bridge 2>/dev/null || true
}

site_is() {
    [ "$(held davit/sites/hamburg/presence)" = "$1" ]
}

at_site() { # TOPIC
    mosquitto_sub -V 5 -p "$SITE" -t "$1" -C 1 -W 1 --retained-only -F %p 2>/dev/null
}

pod() { # NAME IMAGE [GENERATION]
    jq -nc --arg name "$1" --arg image "$2" --arg generation "${3:-}" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name},
        spec: {terminationGracePeriodSeconds: 0, containers: [{name: "main", image: $image}]}} |
        if $generation != "" then .metadata.annotations["davit/generation"] = $generation else . end'
}

central_put() { # NAME IMAGE [GENERATION]
    pod "$@" | as_operator anna mosquitto_pub -q 1 -r -t "davit/nodes/press-7/desired/default/pods/$1" -s
}

says() { # NAME JQ: what the centre knows of a pod
    held "davit/nodes/press-7/status/default/pods/$1" | jq -es ".[-1] | $2" >/dev/null 2>&1
}

runs() { # NAME IMAGE
    held "davit/nodes/press-7/state/default/pods/$1" | jq -es ".[-1] | .state == \"Running\" and .image == \"$2\"" >/dev/null 2>&1
}

@test "documents go down, what nodes say comes up" {
    pod a demo:1 >"$DIR/a.json"
    run -0 operator anna apply -f "$DIR/a.json" --node press-7 --wait=20
    run -0 operator anna get nodes
    [[ "$output" == *press-7*Ready* ]]
    within 10 runs a demo:1
    pod g demo:1 >"$DIR/g.json"
    run -0 operator anna apply -f "$DIR/g.json" --group line-3
    within 10 runs g demo:1
    run -0 operator anna delete pod a --node press-7
}

@test "what is for other sites does not come down" {
    pod x demo:1 | as_operator anna mosquitto_pub -q 1 -r -t davit/nodes/press-99/desired/default/pods/x -s
    pod x demo:1 | as_operator anna mosquitto_pub -q 1 -r -t davit/groups/line-99/desired/default/pods/x -s
    central_put after demo:1
    within 10 runs after demo:1
    [ -z "$(at_site 'davit/nodes/press-99/#')" ]
    [ -z "$(at_site 'davit/groups/line-99/#')" ]
}

@test "a request and its answer pass, with MQTT 5's properties and by replyTo" {
    run -0 operator anna ping --node press-7
    run -0 as_operator anna mosquitto_rr -q 1 -t davit/nodes/press-7/request/ping/anna -e davit/nodes/press-7/response/anna/17 \
        -m '{}' -W 5
    [[ "$output" == *'"ok":true'* ]]
    mosquitto_sub -V 311 -h localhost -p "$OPERATORS" --cafile "$CERTS/davit-ca.pem" -u anna -P right -C 1 -W 20 \
        -t davit/nodes/press-7/response/anna/18 >"$DIR/answer" 3>&- &
    local listener=$!
    for _ in {1..25}; do # the listener may not be there yet; a request that is said again is answered again
        sleep 0.5
        [ ! -s "$DIR/answer" ] || break
        mosquitto_pub -V 311 -h localhost -p "$OPERATORS" --cafile "$CERTS/davit-ca.pem" -u anna -P right -q 1 \
            -t davit/nodes/press-7/request/ping/anna -m '{"id":18,"replyTo":"davit/nodes/press-7/response/anna/18"}'
    done
    wait $listener
    grep -F '"id":18' "$DIR/answer"
}

@test "while the line is cut the site goes on and the centre knows it; then all of it comes up, and what waited goes down" {
    central_put b demo:1 10
    within 10 runs b demo:1
    cut_line
    within 20 site_is 0
    # At the site nothing is lost: people there go on.
    pod here demo:1 | mosquitto_pub -V 5 -p "$SITE" -q 1 -r -t davit/nodes/press-7/desired/default/pods/here -s
    within 10 site_runs here
    [ -z "$(held davit/nodes/press-7/state/default/pods/here)" ]
    central_put b demo:2 11
    mosquitto_sub -V 5 -p "$WATCH" -C 1 -W 60 -t davit/nodes/press-7/response/anna/cut-1 >"$DIR/cut" 3>&- &
    local listener=$!
    as_operator anna mosquitto_pub -q 1 -t davit/nodes/press-7/request/ping/anna -m '{"id":"cut-1"}'
    sleep 1
    runs b demo:1
    heal
    within 30 site_is 1
    within 20 runs here demo:1
    within 20 runs b demo:2
    within 20 says b '.status.observedGeneration == 11'
    # What was asked meanwhile is not done later: who asked has given up.
    kill $listener
    [ ! -s "$DIR/cut" ]
}

site_runs() {
    at_site "davit/nodes/press-7/state/default/pods/$1" | grep -q Running
}

@test "a central broker that was killed is found again" {
    central_put c demo:1 10
    within 10 runs c demo:1
    kill -USR1 "$(cat "$DIR/mosquitto.pid")" # its store is written
    sleep 0.5
    kill -9 "$(cat "$DIR/mosquitto.pid")"
    pod d demo:1 | mosquitto_pub -V 5 -p "$SITE" -q 1 -r -t davit/nodes/press-7/desired/default/pods/d -s
    within 10 site_runs d
    plant_start
    within 30 site_is 1
    within 20 runs d demo:1
    within 20 runs c demo:1
}

@test "a central broker restored from a backup takes nothing back: what it replays is live at the site" {
    local uid
    central_put e demo:1 100
    within 10 says e '.status.observedGeneration == 100'
    kill "$(cat "$DIR/mosquitto.pid")" # it writes its store
    within 10 stopped
    cp "$DIR/store/mosquitto.db" "$DIR/backup.db"
    plant_start
    within 30 site_is 1
    central_put e demo:2 101
    within 10 runs e demo:2
    uid=$(held davit/nodes/press-7/status/default/pods/e | jq -r .metadata.uid)
    kill "$(cat "$DIR/mosquitto.pid")"
    within 10 stopped
    cp "$DIR/backup.db" "$DIR/store/mosquitto.db"
    chown mosquitto: "$DIR/store/mosquitto.db"
    plant_start
    within 30 site_is 1
    within 20 says e '.status.conditions[] | select(.type == "Accepted") | .status == "False" and .reason == "Stale"'
    says e ".metadata.uid == \"$uid\" and .status.observedGeneration == 101"
    within 10 runs e demo:2
}

stopped() {
    ! kill -0 "$(cat "$DIR/mosquitto.pid")" 2>/dev/null
}

@test "replays without a generation that say nothing new change nothing" {
    local uid
    central_put f demo:1
    within 10 runs f demo:1
    uid=$(held davit/nodes/press-7/status/default/pods/f | jq -r .metadata.uid)
    cut_line
    within 20 site_is 0
    heal
    within 30 site_is 1
    sleep 1
    says f ".metadata.uid == \"$uid\""
    says f '[.status.conditions[] | select(.type == "Accepted" and .status == "False")] == []'
}

@test "Mosquitto's bridge speaks no websockets: it does not come in at such a listener" {
    mkdir -p "$DIR/ws.d"
    sed -e "s#/etc/mosquitto/certs/#$CERTS/#; s#central.example:8883#localhost:$NODES_WS#; s#hamburg/presence#elsewhere/presence#" \
        -e 's/^remote_clientid .*/remote_clientid elsewhere/' "$TOP/conf/mosquitto/bridge.conf" >"$DIR/ws.d/mosquitto.conf"
    printf '%s\n' 'user mosquitto' "listener $(plant_ports 1) 127.0.0.1" 'allow_anonymous true' >>"$DIR/ws.d/mosquitto.conf"
    chmod -R a+rX "$DIR/ws.d"
    timeout 5 mosquitto -c "$DIR/ws.d/mosquitto.conf" >"$DIR/ws.out" 2>&1 3>&- || true
    run ! grep -F 'as elsewhere' "$DIR/mosquitto.log"
    grep -F "Connecting bridge" "$DIR/ws.out"
}
