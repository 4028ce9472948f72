#!/usr/bin/env bats
# davit-link against a real Mosquitto: connections, messages, the session.

load link

setup_file() {
    link_setup
}

teardown_file() {
    link_teardown
}

@test "connects, subscribes and tells retained from live" {
    mosquitto_pub -p "$PORT" -q 1 -r -t retained/a -m old
    drive "connect $(head r1 '"cleanStart":true,"subscribe":[{"topic":"retained/#","qos":1}]')" \
        'expect {"op":"connected","sessionPresent":false,"version":5,"maximumPacketSize":100000,"receiveMaximum":20}' \
        "sh mosquitto_pub -p $PORT -q 1 -r -t retained/b -m new" \
        'expect {"op":"message","topic":"retained/b","retain":false,"qos":1,"seq":1} | new' taken \
        "sh mosquitto_pub -p $PORT -q 0 -t retained/c -m fleeting" \
        'expect {"op":"message","topic":"retained/c","retain":false,"qos":0} | fleeting' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    grep -F '"topic":"retained/a","qos":1,"retain":true} | old' <<< "$output"
    [[ "$output" != *'"topic":"retained/c","qos":0,"retain":false,"seq"'* ]]
}

@test "a live message that nobody took goes to the next link with the same id" {
    local sub='"subscribe":[{"topic":"live/#","qos":1}]'
    drive "connect $(head live1 "$sub")" 'expect {"op":"connected"}' \
        "sh mosquitto_pub -p $PORT -q 1 -t live/a -m first" \
        'expect {"op":"message","topic":"live/a","retain":false} | first' kill 'exit -9' \
        "connect $(head live1 "$sub")" 'expect {"op":"message","topic":"live/a"} | first' taken \
        'expect {"op":"connected","sessionPresent":true}' kill 'exit -9' \
        "connect $(head live1 "$sub")" 'expect {"op":"connected","sessionPresent":true}' \
        'never 1500 {"op":"message"}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "a live message that is not taken in time ends the link" {
    drive "connect $(head slow1 '"subscribe":[{"topic":"slow/#","qos":1}]')" 'expect {"op":"connected"}' \
        "sh mosquitto_pub -p $PORT -q 1 -t slow/a -m x" 'expect {"op":"message"}' 'exit 1'
    [ "$status" -eq 0 ]
    [[ "$output" == *"was not stored within 5000 ms"* ]]
}

@test "publishing goes on while a live message waits to be taken" {
    drive "connect $(head both1 '"subscribe":[{"topic":"both/#","qos":1}]')" 'expect {"op":"connected"}' \
        "sh mosquitto_pub -p $PORT -q 1 -t both/a -m x" 'expect {"op":"message"}' \
        'send {"op":"publish","id":1,"topic":"other","qos":1} | y' 'never 500 {"op":"published"}' taken \
        'expect 1000 {"op":"published","id":1,"ok":true}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "the will comes after its delay when the link is killed, and not after a disconnect" {
    local will='"will":{"topic":"will/a","payload":"gone","qos":1,"retain":false,"delay":1}'
    mosquitto_sub -V 5 -p "$PORT" -t 'will/#' -W 60 > "$DIR/wills" 2>/dev/null 3>&- &
    local listener=$!
    sleep 0.5
    drive "connect $(head w1 "$will")" 'expect {"op":"connected"}' 'send {"op":"disconnect"}' 'exit 0' \
        "sh sleep 2.5; ! grep -q gone $DIR/wills" \
        "connect $(head w1 "$will")" 'expect {"op":"connected"}' kill 'exit -9' \
        "sh ! grep -q gone $DIR/wills" "sh for i in \$(seq 100); do grep -q gone $DIR/wills && exit 0; sleep 0.1; done; exit 1"
    kill "$listener" 2>/dev/null || true
    [ "$status" -eq 0 ]
}

@test "it connects again after the broker was restarted, and subscribes again" {
    drive "connect $(head again1 '"subscribe":[{"topic":"again/#","qos":1}]')" 'expect {"op":"connected"}' \
        "sh kill -9 \$(cat $DIR/broker.pid)" 'expect {"op":"disconnected"}' \
        'send {"op":"publish","id":5,"topic":"again/x","qos":1} | lost' 'expect {"op":"published","id":5,"ok":false}' \
        'expect 3000 {"op":"disconnected"}' \
        "sh mosquitto -c $DIR/mosquitto.conf >/dev/null 2>&1 & echo \$! > $DIR/broker.pid" \
        'expect {"op":"connected"}' "sh mosquitto_pub -p $PORT -q 1 -t again/a -m back" \
        'expect {"op":"message","topic":"again/a"} | back' taken \
        'send {"op":"publish","id":6,"topic":"z","qos":1} | kept' 'expect {"op":"published","id":6,"ok":true}' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    [[ "$output" == *'Connection refused: nobody listens there'* ]]
}

@test "what was sent before the broker died is answered as lost" {
    drive "connect $(head lost1)" 'expect {"op":"connected"}' "sh kill -STOP \$(cat $DIR/broker.pid)" \
        'send {"op":"publish","id":1,"topic":"x","qos":1} | a' 'send {"op":"publish","id":2,"topic":"x","qos":1} | b' \
        'never 300 {"op":"published"}' "sh kill -9 \$(cat $DIR/broker.pid)" \
        'expect {"op":"published","id":1,"ok":false,"reason":"ConnectionLost"}' \
        'expect {"op":"published","id":2,"ok":false}' 'expect {"op":"disconnected"}' \
        "sh mosquitto -c $DIR/mosquitto.conf >/dev/null 2>&1 & echo \$! > $DIR/broker.pid" \
        'expect {"op":"connected"}' 'never 500 {"op":"published"}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "a broker that is absent at the start is found when it comes" {
    broker_stop
    drive "connect $(head absent1)" 'expect {"op":"disconnected","code":0}' 'expect {"op":"disconnected"}' \
        "sh mosquitto -c $DIR/mosquitto.conf >/dev/null 2>&1 & echo \$! > $DIR/broker.pid" \
        'expect {"op":"connected"}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    [[ "$output" == *retryInMs* ]]
}

@test "with reconnect false there is one try, and disconnect ends it" {
    drive "connect $(URL="mqtt://127.0.0.1:$DEAD_PORT" head once1 '"reconnect":false')" \
        'expect {"op":"disconnected"}' 'never 1500 {"op":"disconnected"}' \
        'send {"op":"publish","id":1,"topic":"x","qos":1}' 'expect {"op":"published","id":1,"ok":false}' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    [[ "$output" != *retryInMs* ]]
}

@test "2000 publishes in a window of 16 take less than 3 s" {
    drive "connect $(head flood1)" 'expect {"op":"connected"}' 'flood 2000 16 flood/a' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    local took
    took=$(sed -n 's/^flood: 2000 in \([0-9]*\) ms.*/\1/p' <<< "$output")
    [ "$took" -lt 3000 ]
}

@test "40 MB of retained messages wait in the broker for a parent that does not read, and all come" {
    drive "connect $(head fill1)" 'expect {"op":"connected"}' 'fill 420 95000 fill' \
        'send {"op":"disconnect"}' 'exit 0' \
        "connect $(head fill2 '"subscribe":[{"topic":"fill/#","qos":1}]')" 'sh sleep 3' memory \
        'count 420 {"op":"message","retain":true}' 'sh sleep 1' memory 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    grep -q __asan_init "$LINK" && return # a sanitizer's memory is no measure
    local anonymous
    mapfile -t anonymous < <(sed -n 's/^Anonymous: *\([0-9]*\) kB/\1/p' <<< "$output")
    [ "${anonymous[0]}" -gt 10000 ]
    [ "${anonymous[0]}" -lt 24000 ]
    [ "${anonymous[1]}" -lt 3000 ]
}

@test "disconnect ends it while it is still connecting" {
    drive "connect $(URL="mqtt://127.0.0.1:$DEAD_PORT" head dead1)" \
        'expect {"op":"disconnected"}' 'send {"op":"disconnect"}' 'exit 0' \
        "connect $(URL="mqtt://127.0.0.1:$DEAD_PORT" head dead2)" 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "a second client with the same id is told by code 142, with a long wait" {
    odd_broker takeover
    drive "connect $(URL=$ODD head twin1)" 'expect {"op":"connected"}' 'expect {"op":"disconnected","code":142}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"same client id"* ]]
    local wait_ms
    wait_ms=$(sed -n 's/.*"code":142,"retryInMs":\([0-9]*\).*/\1/p' <<< "$output")
    [ "$wait_ms" -ge 30000 ]
}

@test "short lives without a reason make it ask for a second client with the same id" {
    drive "connect $(head short1)" 'expect {"op":"connected"}' \
        "sh mosquitto_pub -V 5 -p $PORT -i short1 -t x -m x" 'expect {"op":"connected"}' \
        "sh mosquitto_pub -V 5 -p $PORT -i short1 -t x -m x" 'expect {"op":"connected"}' \
        "sh mosquitto_pub -V 5 -p $PORT -i short1 -t x -m x" 'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"does another client use the same id?"* ]]
}

@test "what the parent saw of another client explains why a connection ends soon" {
    drive "connect $(head rival1)" 'expect {"op":"connected"}' 'send {"op":"rival"}' 'sh sleep 0.2' \
        "sh mosquitto_pub -V 311 -p $PORT -i rival1 -t x -m x" 'expect {"op":"disconnected","code":142}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"give each node a name of its own"* ]]
    [ "$(sed -n 's/.*"code":142,"retryInMs":\([0-9]*\).*/\1/p' <<< "$output")" -ge 30000 ]
}

@test "the server's limits are told and kept: session, packets in flight, their size, keep-alive" {
    odd_broker brief
    local big
    big=$(printf '%02000d' 0)
    drive "connect $(URL=$ODD head brief1)" \
        'expect {"op":"connected","version":5,"receiveMaximum":3,"maximumPacketSize":2000,"sessionExpiry":60}' \
        "send {\"op\":\"publish\",\"id\":1,\"topic\":\"big\",\"qos\":1} | $big" \
        'expect {"op":"published","id":1,"ok":false,"reason":"PacketTooLarge"}' \
        'never 7000 {"op":"disconnected"}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    [[ "$output" == *"the broker wants to hear of its clients every 2 s"* ]]
    [[ "$output" == *"the broker keeps a session for 60 s at most, not 604800"* ]]
}

@test "a broker that refuses MQTT 5 gets 3.1.1" {
    odd_broker old
    drive "connect $(URL=$ODD head old1 '"subscribe":[{"topic":"a/#","qos":1},{"topic":"b","qos":1}]')" \
        'expect {"op":"connected","version":4}' \
        'send {"op":"publish","id":1,"topic":"x","qos":1} | y' 'expect {"op":"published","id":1,"ok":true}' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    [[ "$output" != *'{"op":"disconnected","reason"'* ]]
}

@test "a broker that hangs up on MQTT 5 gets 3.1.1" {
    odd_broker mute
    drive "connect $(URL=$ODD head mute1)" 'expect {"op":"connected","version":4}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "refused subscriptions and publishes are told, one by one" {
    odd_broker deny
    drive "connect $(URL=$ODD head deny1 '"subscribe":[{"topic":"a","qos":1},{"topic":"secret/#","qos":1}]')" \
        'expect {"op":"refused-subscription","topic":"secret/#","code":135}' 'expect {"op":"connected"}' \
        'send {"op":"publish","id":1,"topic":"secret/x","qos":1} | y' \
        'expect {"op":"published","id":1,"ok":false,"reason":"Refused","code":135}' \
        'send {"op":"publish","id":2,"topic":"x","qos":1} | y' 'expect {"op":"published","id":2,"ok":true}' \
        'send {"op":"disconnect"}' 'exit 0' \
        "connect $(URL=$ODD head deny2 '"subscribe":[{"topic":"secret/#","qos":1}]')" \
        'expect {"op":"refused-subscription","topic":"secret/#","code":135}' 'expect {"op":"connected"}'
    [ "$status" -eq 0 ]
    [ "$(grep -c '"op":"refused-subscription"' <<< "$output")" -eq 4 ]
}

@test "a connection that ends before the SUBACK was never connected" {
    odd_broker quiet
    drive "connect $(URL=$ODD head quiet1 '"subscribe":[{"topic":"a","qos":1}]')" 'expect {"op":"disconnected"}' \
        'never 1500 {"op":"connected"}'
    [ "$status" -eq 0 ]
}

@test "bytes that are no MQTT are a failed try" {
    odd_broker garbage
    drive "connect $(URL=$ODD head garbage1)" 'expect {"op":"disconnected"}' 'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
}

@test "EOF ends the link at once" {
    drive "connect $(head eof1)" 'expect {"op":"connected"}' close 'exit 0'
    [ "$status" -eq 0 ]
}

@test "a packet larger than the broker takes is refused, and the next one goes through" {
    local big
    big=$(printf '%0100000d' 0)
    drive "connect $(head big1)" 'expect {"op":"connected"}' \
        "send {\"op\":\"publish\",\"id\":1,\"topic\":\"big\",\"qos\":1} | $big" \
        'expect {"op":"published","id":1,"ok":false,"reason":"PacketTooLarge"}' \
        "send {\"op\":\"publish\",\"id\":2,\"topic\":\"big\",\"qos\":1} | ${big:20}" \
        'expect {"op":"published","id":2,"ok":true}' 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "it has left its privileges before it connects" {
    drive "connect $(head priv1)" 'expect {"op":"connected"}' proc 'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
    grep -E '^CapEff:\s*0+$' <<< "$output"
    grep -E '^CapPrm:\s*0+$' <<< "$output"
    grep -E '^NoNewPrivs:\s*1$' <<< "$output"
    grep -E '^Seccomp:\s*2$' <<< "$output"
    if [ "$(id -u)" -eq 0 ]; then
        grep -E "^Uid:\s*$(id -u nobody)\s" <<< "$output"
        grep -E '^Groups:\s*$' <<< "$output"
    fi
}

@test "nonsense from the parent ends it with a line that says why" {
    drive start 'raw {"this is no frame"}' 'exit 1'
    [ "$status" -eq 0 ]
    drive start 'send {"op":"publish","id":1,"topic":"x"}' 'exit 1'
    [ "$status" -eq 0 ]
    [[ "$output" == *'the first frame must be "connect"'* ]]
    drive "connect $(URL=http://127.0.0.1 head n1)" 'exit 1'
    [ "$status" -eq 0 ]
    [[ "$output" == *'it must begin with mqtt://'* ]]
    drive "connect $(head n2 '"will":{"topic":"a"}')" 'exit 1'
    [ "$status" -eq 0 ]
    drive "connect $(head n3)" 'send {"op":"frobnicate"}' 'exit 1'
    [ "$status" -eq 0 ]
    [[ "$output" == *'op "frobnicate" is unknown'* ]]
    drive "connect $(head n4)" 'send {"op":"publish","id":1,"topic":"a/#","qos":1}' 'exit 1'
    [ "$status" -eq 0 ]
    drive "connect $(head n5)" 'send {"op":"taken","seq":99}' 'exit 1'
    [ "$status" -eq 0 ]
}
