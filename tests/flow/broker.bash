# shellcheck shell=bash
# For the tests of a broker that misbehaves: a node, and between it and a real Mosquitto a relay (broker_hostile.py). The
# relay's folder is $H. After davitd.bash.

hostile_up() {
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

hostile_down() {
    local relay broker
    relay=$(cat "$DIR/relay.pid") broker=$(cat "$DIR/broker.pid")
    flow_end
    kill "$relay" "$broker" || true
}

# Each test begins with a pod that runs, under a document of its own.
hostile_test() {
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

hostile_test_end() {
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

broker_down() {
    record_stop
    kill "$(cat "$DIR/broker.pid")" # it writes its store
    within 10 broker_gone
}

broker_gone() {
    ! kill -0 "$(cat "$DIR/broker.pid")" 2>/dev/null
}
