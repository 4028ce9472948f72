#!/usr/bin/env bats
# 300 simulated nodes (davit-sim) on a real Mosquitto: a storm of connections, rollouts to their group, a partition, a broker that
# is ended and one that is killed and has lost all. DAVIT_BUILD names the build folder (default: build beside the sources).

NODES=300
SAID=default/pods/web

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    BUILD=$(cd "${DAVIT_BUILD:-build}" && pwd) || return 1
    export BUILD DAVIT_LIBEXEC=$BUILD
    [ -x "$BUILD/davit" ] || { echo "no $BUILD/davit: build it, or set DAVIT_BUILD" >&2; return 1; }
    [ -x "$BUILD/davit-sim" ] || make -C "$BUILD" davit-sim >&2 || return 1
    DIR=$(mktemp -d)
    export DIR
    PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export PORT DAVIT_BROKER=mqtt://127.0.0.1:$PORT
    sed "s/^listener .*/listener $PORT 127.0.0.1/" conf/mosquitto/davit.conf >"$DIR/mosquitto.conf"
    printf '%s\n' 'persistence true' "persistence_location $DIR/" 'user root' >>"$DIR/mosquitto.conf"
    broker_start
    mkfifo "$DIR/orders"
    sim_start
}

teardown_file() {
    [ ! -s "$DIR/keeper.pid" ] || kill "$(cat "$DIR/keeper.pid")"
    [ ! -s "$DIR/sim.pid" ] || kill "$(cat "$DIR/sim.pid")" 2>/dev/null || true
    broker_end TERM
    rm -rf "$DIR"
}

broker_start() {
    mosquitto -c "$DIR/mosquitto.conf" >>"$DIR/mosquitto.log" 2>&1 3>&- &
    echo $! >"$DIR/broker.pid"
    within 10 mosquitto_pub -p "$PORT" -t up -m 1
}

broker_end() { # SIGNAL
    local pid
    pid=$(cat "$DIR/broker.pid")
    kill -s "$1" "$pid"
    within 10 gone "$pid"
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

sim_start() {
    "$BUILD/davit-sim" $NODES --broker "$DAVIT_BROKER" --group line-3 --watch $SAID --jitter 2 --max-delay 2 --control \
        <"$DIR/orders" >"$DIR/answers" 2>"$DIR/sim.log" 3>&- &
    echo $! >"$DIR/sim.pid"
    # Its standard input must not end with the first test.
    sleep 600 >"$DIR/orders" 3>&- &
    echo $! >"$DIR/keeper.pid"
    within 20 [ -s "$DIR/answers" ]
}

within() { # SECONDS CMD...
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -le $end ] || { echo "never true: $*"; return 1; }
        sleep 0.05
    done
}

answered() { # COUNT
    [ "$(wc -l <"$DIR/answers")" -gt "$1" ]
}

ask() { # an order for davit-sim; prints its answer
    local before
    before=$(wc -l <"$DIR/answers")
    echo "$*" >"$DIR/orders"
    within 160 answered "$before" && tail -1 "$DIR/answers"
}

all() { # ORDER...: every node is there
    ask "$@" | jq -e ".there == $NODES"
}

reported() { # JQ
    ask report | jq -r "$1"
}

is_quiet() { # nothing was said for two seconds
    local before
    before=$(reported .published)
    sleep 2
    [ "$(reported .published)" -eq "$before" ]
}

are_there() { # GENERATION COUNT
    [ "$(ask status "$1" 1 | jq .there)" -eq "$2" ]
}

publish() { # GENERATION [IMAGE]
    mosquitto_pub -V 5 -p "$PORT" -q 1 -r -t davit/groups/line-3/desired/$SAID -m '{"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "annotations": {"davit/generation": "'"$1"'", "round": "'"$1"'"}},
        "spec": {"hostNetwork": true, "containers": [{"name": "main", "image": "'"${2:-demo:1}"'"}]}}'
}

nodes_are() { # COUNT STATUS: so many lines of `davit get nodes` say it
    [ "$("$BUILD/davit" get nodes | awk -v status="$2" 'NR > 1 && $2 == status && $1 ~ /^sim-[0-9]+$/ { print $1 }' | sort -u | wc -l)" -eq "$1" ]
}

@test "a storm of connections: all are there, and the table has a line of each" {
    all present $NODES 60
    within 10 nodes_are $NODES Ready
    [ "$("$BUILD/davit" get nodes | wc -l)" -eq $((NODES + 1)) ]
}

@test "a simulated node is a node: it answers a request" {
    run "$BUILD/davit" ping --node sim-299
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "a document for the group runs on all; a generation that changes nothing that runs is one status of each" {
    publish 1
    all status 1 60
    within 10 nodes_are $NODES Ready
    local before
    within 60 is_quiet # their own states are said once a second at most
    before=$(reported .published)
    publish 2
    all status 2 60
    [ "$(($(reported .published) - before))" -eq $NODES ]
    [ "$(reported .lost)" -eq 0 ]
}

@test "a new image: every pod is made anew, and runs" {
    publish 3 demo:2
    all status 3 60
    runs_new() {
        [ "$(timeout 5 mosquitto_sub -p "$PORT" -t "davit/nodes/+/state/$SAID" -C $NODES |
            jq -s 'map(select(.state == "Running" and .image == "demo:2")) | length')" -eq $NODES ]
    }
    within 20 runs_new
}

@test "all are asked at once, and none waits for another's acknowledgement" {
    local begin
    begin=$(date +%s%3N)
    run "$BUILD/davit" ping --nodes 'sim-*'
    [ "$output" = "answered on $NODES nodes" ]
    [ $(($(date +%s%3N) - begin)) -lt 5000 ] # it was 13 s, one second of each 16
}

@test "a node with a document of its own is named, and holds nobody who waits for its group" {
    local own
    own=$(jq -nc '{apiVersion: "v1", kind: "Pod", metadata: {name: "web2"}, spec: {hostNetwork: true, containers: [{name: "main", image: "demo:1"}]}}')
    "$BUILD/davit" apply -f - --node sim-7 --wait=20 <<<"$own"
    run timeout 20 "$BUILD/davit" apply -f - --group line-3 --wait=60 <<<"$own"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ "$output" == *"done on $((NODES - 1)) of $NODES nodes; not on:"*"Shadowed: 1 (sim-7)"* ]]
    "$BUILD/davit" delete pod web2 --node sim-7 --wait=20
    run "$BUILD/davit" delete pod web2 --group line-3 --yes
    [ "$status" -eq 0 ]
}

@test "a third is cut off: the others have the new generation, the broker's table says who is away; joined, they catch up" {
    [ "$(ask cut 33 | jq .nodes)" -eq 99 ]
    publish 4 demo:2
    within 30 are_there 4 $((NODES - 99))
    within 20 nodes_are 99 Offline
    nodes_are $((NODES - 99)) Ready
    ask join
    all status 4 60
    all present $NODES 60
    within 10 nodes_are $NODES Ready
}

@test "the broker is ended and started: all come back, and take what was published" {
    broker_end TERM
    broker_start
    publish 5 demo:2
    all status 5 60
    all present $NODES 60
}

@test "the broker is killed and has lost all it held: the nodes say all again, and nothing goes back" {
    broker_end KILL
    rm -f "$DIR/mosquitto.db"
    broker_start
    all present $NODES 150 # SYNs that found no room are said again after 1, 3, 7 … s
    all status 5 60
    within 10 nodes_are $NODES Ready
    # What somebody brings back from a backup is old.
    publish 3 demo:1
    stale() {
        [ "$(timeout 5 mosquitto_sub -p "$PORT" -t "davit/nodes/+/status/$SAID" -C $NODES | jq -s 'map(select(
            .status.observedGeneration == 5 and any(.status.conditions[]; .reason == "Stale"))) | length')" -eq $NODES ]
    }
    within 20 stale
    publish 6 demo:3
    all status 6 60
}

@test "the desired Node takes ten nodes into another group, over the connections that there are" {
    local before
    before=$(reported .connects)
    run "$BUILD/davit" set groups sim-1{0..9} line-3,red --yes
    echo "$output"
    [ "$status" -eq 0 ]
    mosquitto_pub -V 5 -p "$PORT" -q 1 -r -t davit/groups/red/desired/default/pods/extra -m '{"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "extra"}, "spec": {"hostNetwork": true, "containers": [{"name": "main", "image": "demo:1"}]}}'
    extra() {
        [ "$("$BUILD/davit" get pods extra -o name --nodes 'sim-*' | wc -l)" -eq 10 ]
    }
    within 20 extra
    [ "$(reported .connects)" -eq "$before" ]
}

@test "at its end it says what it saw, and every node says good-bye" {
    kill "$(cat "$DIR/sim.pid")"
    within 10 gone "$(cat "$DIR/sim.pid")"
    grep -q "$NODES, $NODES connected, $NODES online" "$DIR/answers"
    within 5 nodes_are $NODES Offline
}

@test "wrong words are said with what to do" {
    run "$BUILD/davit-sim" 10 --broker mqtts://127.0.0.1:1
    [ "$status" -eq 2 ]
    [[ $output == *"give mqtt://HOST:PORT"* ]]
    run "$BUILD/davit-sim" ten
    [ "$status" -eq 2 ]
    [[ $output == *"give a whole number"* ]]
    run "$BUILD/davit-sim" --help
    [ "$status" -eq 0 ]
    [[ $output == *"Example:"* ]]
}
