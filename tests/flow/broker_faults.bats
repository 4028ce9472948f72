#!/usr/bin/env bats
# A broker that misbehaves: between the node and a real Mosquitto stands a relay (broker_hostile.py) that cuts, holds,
# slows and falsifies. What runs does not notice, nothing goes back, and memory stays flat.

bats_require_minimum_version 1.5.0
load davitd
load broker

setup_file() {
    hostile_up
}

teardown_file() {
    hostile_down
}

setup() {
    hostile_test
}

teardown() {
    hostile_test_end
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
    clear_topic davit/groups/all/desired/default/pods/broken
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
    pub -q 1 -r -t "$T/request/logs/anna" -m '{"id":"x","pod":"w"'
    pub -q 1 -r -n -t "$T/request/logs/anna"
    head -c 70000 /dev/urandom | pub -q 1 -t "$T/request/exec/anna" -s
    head -c 100 /dev/urandom | pub -q 2 -t "$T/request/ping/anna" -s
    pub -q 1 -t "$T/request/exec/anna" -m '{"id":"1","pod":"w","command":"rm -rf /"}'
    pub -q 1 -t "$T/sync" -m 'not-the-nonce'
    pub -q 1 -t "$T/presence" -m '{"online":'
    pub -q 1 -t davit/groups/all/desired/default/pods/broken -m 'no JSON'
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
