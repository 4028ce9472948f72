#!/usr/bin/env bats
# A broker that misbehaves: between the node and a real Mosquitto stands a relay (broker_hostile.py) that cuts, holds,
# slows and falsifies. What runs does not notice, nothing goes back, and memory stays flat.

bats_require_minimum_version 1.5.0
load davitd

setup_file() {
    flow_dir
    REAL=$(free_port) RELAY=$(free_port)
    export REAL RELAY H=$DIR/relay
    mkdir -p "$H" "$DIR/broker"
    chown mosquitto: "$DIR/broker"
    printf 'user mosquitto\nper_listener_settings true\nmax_queued_messages 0\npersistence true\nautosave_interval 60
persistence_location %s/\nlog_dest none\nlistener %s 127.0.0.1\nallow_anonymous true\n' "$DIR/broker" "$REAL" >"$DIR/mosquitto.conf"
    broker_up
    /usr/bin/python3 "$BATS_TEST_DIRNAME/broker_hostile.py" "$RELAY" "$REAL" "$H" </dev/null >"$DIR/relay.log" 2>&1 3>&- &
    echo $! >"$DIR/relay.pid"
    within 5 listens "$RELAY"
    # Or each of these tests would wait for a back-off that is meant for a plant.
    printf '[broker]\nreconnect_max_ms=10\nkeepalive=5\n' >"$DIR/more.conf"
    flow_node --broker "mqtt://127.0.0.1:$RELAY" --watch "mqtt://127.0.0.1:$REAL" --conf "$DIR/more.conf"
}

teardown_file() {
    flow_end
    kill "$(cat "$DIR/relay.pid")" "$(cat "$DIR/broker.pid")" 2>/dev/null || true
}

setup() {
    flow_test
    mode pass
    rm -f "$H/faults" "$H/cuts"
    within 30 online
    put w "$(labelled 1)"
    within 30 is_at 1
    running w
    PID=$(sleepers)
    [[ $PID =~ ^[0-9]+$ ]]
    ID=$(said "$T/status/default/pods/w" | jq -r '.status.containerStatuses[0].containerID')
}

teardown() {
    mode pass
    within 30 online
    drop w
}

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() {
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

broker_up() {
    mosquitto -c "$DIR/mosquitto.conf" </dev/null >/dev/null 2>&1 3>&- &
    echo $! >"$DIR/broker.pid"
    within 5 listens "$REAL"
    [ ! -e "$DIR/record" ] || record_start
}

port() {
    echo "$REAL"
}

mode() {
    echo "$*" >"$H/mode.new"
    mv "$H/mode.new" "$H/mode"
}

online() {
    holds "$T/presence" .online && holds "$T/state" '.ready == 1'
}

# A test's first generation is above all of the one before.
generation() { # N
    echo $((BATS_TEST_NUMBER * 10000 + $1))
}

# A field that restarts nothing, and tells which document was accepted.
labelled() { # N
    echo '.metadata.annotations = {"davit/generation": "'"$(generation "$1")"'"} | .metadata.labels = {"at": "'"$1"'"}'
}

is_at() { # N: accepted, and told to the broker
    holds "$T/status/default/pods/w" ".status.observedGeneration == $(generation "$1") and $(condition Accepted).status == \"True\""
}

# The same process in the same container, never restarted.
untouched() {
    [ "$(sleepers)" = "$PID" ]
    local is
    is=$(held "$T/status/default/pods/w" | jq -r '.status.containerStatuses[0] | "\(.containerID) \(.restartCount)"')
    [ "$is" = "$ID 0" ] || { echo "was $ID 0, is $is"; return 1; }
}

# It takes a newer document, by way of whatever was done to it.
works() { # N
    put w "$(labelled "$1")"
    within "${2:-30}" is_at "$1"
    untouched
}

# What it wrote; the rest is read from files, and is "private" or not as other processes come and go.
private_kb() { # PID
    awk '/^Private_Dirty/ { n += $2 } END { print n }' "/proc/$1/smaps_rollup"
}

flat() { # PID BEFORE KB
    local now
    now=$(private_kb "$1")
    echo "# private: $2 kB before, $now kB now" >&3
    [ "$now" -le $(($2 + $3)) ]
}

# No line of the log is there so often.
no_flood() { # TIMES
    local most
    most=$(sort "$N/davitd.log" | uniq -c | sort -rn | head -n 1)
    [ "${most%%[a-z]*}" -lt "$1" ] || { echo "$most"; return 1; }
}

same_davitd() {
    [ "$(davitd_pid)" = "$1" ] && kill -0 "$1"
}

names() { # connack, suback or inject
    /usr/bin/python3 "$BATS_TEST_DIRNAME/broker_hostile.py" 0 0 list "$1"
}

cuts() {
    cat "$H/cuts" 2>/dev/null || echo 0
}

cut_all() { # N
    [ "$(cuts)" -ge "$1" ]
}

@test "1000 broken connections: the last document is applied, no container notices, memory is flat" {
    local davitd link before_davitd before_link i
    davitd=$(davitd_pid) link=$(child davit-link)
    mode flap 100 # what it needs for its first reconnections is its own
    within 60 cut_all 100
    within 30 online
    works 2
    before_davitd=$(private_kb "$davitd") before_link=$(private_kb "$link")
    mode flap 1000
    for ((i = 3; i < 1000 && $(cuts) < 1000; i++)); do
        put w "$(labelled $i)"
        sleep 0.5
    done
    within 60 cut_all 1000
    within 30 online
    works $i
    same_davitd "$davitd"
    [ "$(child davit-link)" = "$link" ]
    flat "$davitd" "$before_davitd" 300
    flat "$link" "$before_link" 300
    no_flood 100
}

@test "what is no MQTT, or lies about it, ends a connection at most" {
    local davitd name i=10 before
    davitd=$(davitd_pid)
    before=$(private_kb "$davitd")
    for name in $(names inject); do
        mode inject "$name"
        sleep 0.2
        mode pass
        works $((i += 1)) || { echo "after $name"; return 1; }
    done
    same_davitd "$davitd"
    flat "$davitd" "$before" 400
    silent "$T/state/default/pods/x" # sent without being asked for, on topics of others
    clear_topic "$T/desired/default/pods/broken"
    within 20 silent "$T/state/default/pods/broken"
    no_flood 100
}

@test "CONNACKs and SUBACKs that are wrong, odd or refuse are outlived" {
    local davitd kind name i=10
    davitd=$(davitd_pid)
    for kind in connack suback; do
        for name in $(names $kind); do
            mode $kind "$name"
            sleep 0.5
            mode pass
            works $((i += 1)) || { echo "after $kind $name"; return 1; }
        done
    done
    same_davitd "$davitd"
    no_flood 100
}

@test "one message in flight, small packets and the server's keep alive are honoured" {
    mode connack tight
    within 15 holds "$T/state" '.message | test("PacketTooLarge")'
    put v '.spec.containers[0].command = ["sleep", $m + "6"]'
    within 15 holds "$T/state/default/pods/v" '.ready == 1'
    sleep 5
    [ ! -e "$H/faults" ] || { cat "$H/faults"; false; }
    mode pass
    kill "$(child davit-link)"
    works 2
    drop v
    within 10 holds "$T/state" '.problems == 0'
}

@test "acknowledgements that come late, and twice, are one acknowledgement each" {
    mode late
    works 2
    works 3
    mode pass
    works 4
}

@test "a partition: what ends is started again, the late will is answered, what was published meanwhile applied" {
    put e "$(shell 'echo x >>/out/starts; exec sleep $0') | .spec.containers[0].args = [\$m + \"7\"]"
    running e
    mode hold
    kill -9 "$(sleepers "${MARK}7")"
    put w "$(labelled 2)"
    within 10 has_file "$OUT/starts" 2
    within 30 holds "$T/presence" '.online | not'
    mode pass
    within 30 holds "$T/presence" .online
    within 20 is_at 2
    untouched
    within 10 holds "$T/state/default/pods/e" '.state == "Running" and .restarts == 1'
    sleep 1
    online
    drop e
}

@test "a broker that takes the connection and never answers holds nothing up" {
    put e "$(shell 'echo x >>/out/starts; exec sleep $0') | .spec.containers[0].args = [\$m + \"7\"]"
    running e
    mode dead
    put w "$(labelled 2)"
    sleep 1
    kill -9 "$(sleepers "${MARK}7")"
    within 10 has_file "$OUT/starts" 2
    [ "$(sleepers)" = "$PID" ]
    mode pass
    within 60 is_at 2
    untouched
    drop e
}

@test "a nonce that never comes back: BrokerTruncated, and nothing is judged missing" {
    clear_topic "$T/desired/default/pods/w"
    within 10 holds "$T/status/default/pods/w" "$(condition Retained).status == \"False\""
    mode nosync
    within 30 holds "$T/status" "$(condition BrokerTruncated).status == \"True\""
    [ "$(sleepers)" = "$PID" ]
    # A message that came shows that it lives; w is not there, and not said to be missing.
    put v '.spec.containers[0].command = ["sleep", $m + "6"]'
    within 10 holds "$T/state/default/pods/v" '.ready == 1'
    mode pass
    kill "$(child davit-link)"
    within 30 holds "$T/status" "[$(condition BrokerTruncated)] | length == 0"
    within 10 holds "$T/status/default/pods/w" "$(condition Retained).status == \"False\""
    put w "$(labelled 1)"
    untouched
    drop v
}

@test "a slow link: all of it comes, in the end" {
    local i
    mode slow 4000
    for i in {1..8}; do
        put "s$i" '.spec.containers[0].command = ["sleep", $m + "5"]'
    done
    works 2 90
    for i in {1..8}; do
        within 60 holds "$T/state/default/pods/s$i" '.ready == 1'
    done
    mode pass
    works 3
    drop s1 s2 s3 s4 s5 s6 s7 s8
}

@test "garbage by way of an honest broker changes nothing" {
    local davitd before i
    davitd=$(davitd_pid)
    garbage
    works 2
    before=$(private_kb "$davitd")
    for i in {1..20}; do
        garbage
    done
    works 3
    flat "$davitd" "$before" 300
    same_davitd "$davitd"
    no_flood 100
    within 10 holds "$T/state/default/pods/broken" '.state == "Refused"'
    clear_topic "$T/desired/default/pods/broken"
    within 20 silent "$T/state/default/pods/broken"
}

pub() {
    mosquitto_pub -V 5 -h 127.0.0.1 -p "$REAL" "$@"
}

# Of all kinds; every second time with another length.
garbage() {
    head -c 3000 /dev/urandom | pub -q 1 -t "$T/desired/default/pods/broken" -s
    printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\377\376"}}' | pub -q 2 -t "$T/desired/default/pods/broken" -s
    head -c 3000000 /dev/zero | pub -q 1 -t "$T/desired/default/pods/broken" -s
    /usr/bin/python3 -c 'print("[" * 200000 + "]" * 200000)' | pub -q 1 -t "$T/desired/default/pods/broken" -s
    printf '{"a":1,"a":2}' | pub -q 1 -t "$T/desired/default/pods/broken" -s
    pub -q 1 -t "$T/desired/default/nonsense/x" -m '{}'
    pub -q 1 -t "$T/desired/a/b/c/d/e/f" -m '{}'
    pub -q 1 -t "$T/desired/UPPER/pods/x" -m '{}'
    pub -q 1 -r -t "$T/request/restart/anna" -m 'pods/w'
    pub -q 1 -r -n -t "$T/request/restart/anna"
    head -c 70000 /dev/urandom | pub -q 1 -t "$T/request/exec/anna" -s
    head -c 100 /dev/urandom | pub -q 2 -t "$T/request/ping/anna" -s
    pub -q 1 -t "$T/request/exec/anna" -m '{"id":"1","pod":"w","command":"rm -rf /"}'
    pub -q 1 -t "$T/sync" -m 'not-the-nonce'
    pub -q 1 -t "$T/presence" -m '{"online":'
    pub -q 1 -t davit/groups/all/desired/default/pods/broken -m '\'
}

@test "a broker restored from an older backup, with generations: Stale, and nothing goes back" {
    works 5
    broker_down
    cp "$DIR/broker/mosquitto.db" "$DIR/backup.db"
    broker_up
    works 9
    broker_down
    cp "$DIR/backup.db" "$DIR/broker/mosquitto.db"
    chown mosquitto: "$DIR/broker/mosquitto.db"
    broker_up
    within 30 holds "$T/status/default/pods/w" "$(condition Accepted) | .status == \"False\" and .reason == \"Stale\" and .refusedGeneration == $(generation 5)"
    holds "$T/status/default/pods/w" ".status.observedGeneration == $(generation 9)"
    untouched
    works 10
}

@test "a broker that lost its store gets all again, and nothing stops" {
    broker_down
    rm -f "$DIR/broker/mosquitto.db"
    broker_up
    within 30 holds "$T/status/default/pods/w" "$(condition Retained).status == \"False\""
    holds "$T/state" '.ready == 1'
    untouched
    works 2
}

broker_down() {
    record_stop
    kill "$(cat "$DIR/broker.pid")" # it writes its store
    within 10 broker_gone
}

broker_gone() {
    ! kill -0 "$(cat "$DIR/broker.pid")" 2>/dev/null
}
