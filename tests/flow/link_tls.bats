#!/usr/bin/env bats
# davit-link on its way to the broker: TLS, certificates, passwords, websockets, proxies.

load link

setup_file() {
    link_setup
}

teardown_file() {
    link_teardown
}

@test "TLS with a private CA and a password" {
    local url="mqtts://localhost:$TLS_PORT"
    local more='"username":"anna","subscribe":[{"topic":"tls/#","qos":1}]'
    local publish="mosquitto_pub -p $TLS_PORT -h localhost --cafile $DIR/ca.pem -u anna -P right -q 1"
    printf 'right\n' > "$DIR/password" # as an editor leaves it
    drive "fd ca $DIR/ca.pem" "fd password $DIR/password" "connect $(URL=$url head tls1 "$more")" \
        'expect {"op":"connected","version":5}' "sh $publish -t tls/a -m x" \
        'expect {"op":"message","topic":"tls/a"} | x' taken proc \
        "sh kill -9 \$(cat $DIR/broker.pid)" 'expect {"op":"disconnected"}' \
        "sh mosquitto -c $DIR/mosquitto.conf >/dev/null 2>&1 & echo \$! > $DIR/broker.pid" 'expect {"op":"connected"}' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "a broker that wants a client's certificate gets it" {
    local url="mqtts://localhost:$CERT_PORT"
    drive "fd ca $DIR/ca.pem" "fd cert $DIR/client.pem" "fd key $DIR/client.key" "connect $(URL=$url head cert1)" \
        'expect {"op":"connected"}' 'send {"op":"disconnect"}' 'exit 0' \
        "fd ca $DIR/ca.pem" "connect $(URL=$url head cert2)" 'expect {"op":"disconnected"}' \
        'never 1000 {"op":"connected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"the broker does not take our certificate"* ]]
}

@test "a wrong CA is refused, and the message says so" {
    local url="mqtts://127.0.0.1:$TLS_PORT"
    drive "fd ca $DIR/other.pem" 'password right' "connect $(URL=$url head tls2 '"username":"anna"')" \
        'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *'"reason":"TLS with 127.0.0.1 failed: certificate verify failed: self-signed certificate in certificate chain: is this the right CA'* ]]
}

@test "without a ca the system's store is asked, and does not know a private CA" {
    local url="mqtts://127.0.0.1:$TLS_PORT"
    drive 'password right' "connect $(URL=$url head tls3 '"username":"anna"')" 'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *'certificate verify failed'* ]]
}

@test "a certificate for another name is refused, and the message says so" {
    local url="wss://127.0.0.1:$WSS_PORT"
    drive "fd ca $DIR/ca.pem" "connect $(URL=$url head tls4)" 'expect {"op":"disconnected"}' \
        'never 1000 {"op":"connected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *'does not carry that name, but: stranger.example'* ]]
}

@test "a wrong password gives code 134 or 135 and says what to check" {
    local url="mqtts://127.0.0.1:$TLS_PORT"
    drive "fd ca $DIR/ca.pem" 'password wrong' "connect $(URL=$url head pw1 '"username":"anna"')" \
        'expect {"op":"disconnected","code":135}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"check the user name"* ]]
}

@test "websockets work" {
    drive "connect $(URL=ws://127.0.0.1:$WS_PORT head ws1)" 'expect {"op":"connected"}' \
        'send {"op":"publish","id":1,"topic":"ws","qos":1} | x' 'expect {"op":"published","id":1,"ok":true}' \
        'send {"op":"disconnect"}' 'exit 0'
    [ "$status" -eq 0 ]
}

@test "a certificate is a user name over websockets too, and a foreign one is refused" {
    local url="wss://localhost:$WSS_CERT_PORT"
    drive "fd ca $DIR/ca.pem" "fd cert $DIR/client.pem" "fd key $DIR/client.key" "connect $(URL=$url head wcert1)" \
        'expect {"op":"connected"}' 'send {"op":"publish","id":1,"topic":"wss","qos":1} | x' \
        'expect {"op":"published","id":1,"ok":true}' 'send {"op":"disconnect"}' 'exit 0' \
        "fd ca $DIR/ca.pem" "fd cert $DIR/other.pem" "fd key $DIR/other.key" "connect $(URL=$url head wcert2)" \
        'expect {"op":"disconnected"}' 'never 1000 {"op":"connected"}'
    [ "$status" -eq 0 ]
    grep -F "as wcert1 (p5, c0, k60, u'client')" "$DIR/mosquitto.log"
    [[ "$output" == *"the broker does not take our certificate"* ]]
}

@test "an expired certificate, and one that is not valid yet, are told apart" {
    drive "fd ca $DIR/ca.pem" "connect $(URL="mqtts://127.0.0.1:$OLD_PORT" head old2)" 'expect {"op":"disconnected"}' \
        "fd ca $DIR/ca.pem" "connect $(URL="mqtts://127.0.0.1:$EARLY_PORT" head early1)" 'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"its certificate expired on 2020-02-01, and this device's clock says $(date -u +%F)"* ]]
    [[ "$output" == *"valid from 2089-01-01 on, and this device's clock says $(date -u +%F): set the clock"* ]]
}

@test "a device whose clock stands in 1970 is told to set it" {
    cat > "$DIR/clock.c" <<'END'
#include <stddef.h>
#include <time.h>
time_t time(time_t *out) { if (out != NULL) *out = 86400; return 86400; }
END
    gcc -shared -fPIC -o "$DIR/clock.so" "$DIR/clock.c"
    chmod 755 "$DIR/clock.so"
    ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$DIR/clock.so" drive "fd ca $DIR/ca.pem" \
        "connect $(URL="mqtts://127.0.0.1:$TLS_PORT" head clock1)" 'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"this device's clock says 1970-01-02: set the clock"* ]]
}

@test "a port that speaks no TLS is told of" {
    drive "fd ca $DIR/ca.pem" "connect $(URL="mqtts://127.0.0.1:$PORT" head notls1)" 'expect {"op":"disconnected"}'
    [ "$status" -eq 0 ]
    [[ "$output" == *"is TLS spoken there?"* ]]
}

@test "an HTTP proxy leads to the broker: TCP, TLS, websockets with and without TLS" {
    proxy us@er:p:s/s
    printf 'p:s/s\n' > "$DIR/proxy.password"
    local more="\"proxy\":\"http://127.0.0.1:$PROXY_PORT\",\"proxyUsername\":\"us@er\"" url
    for url in "mqtt://localhost:$PORT" "mqtts://localhost:$CERT_PORT" "ws://localhost:$WS_PORT" "wss://localhost:$WSS_CERT_PORT"; do
        drive "fd proxyPassword $DIR/proxy.password" "fd ca $DIR/ca.pem" "fd cert $DIR/client.pem" "fd key $DIR/client.key" \
            "connect $(URL=$url head proxy1 "$more")" 'expect {"op":"connected"}' \
            'send {"op":"publish","id":1,"topic":"proxied","qos":1} | x' 'expect {"op":"published","id":1,"ok":true}' \
            'send {"op":"disconnect"}' 'exit 0'
        [ "$status" -eq 0 ]
    done
    [ "$(grep -c '^200 CONNECT localhost:' "$DIR/proxy.log")" -eq 4 ]
}

@test "a proxy that refuses says why, one that is away too, and no_proxy goes around it" {
    proxy anna:right
    local more="\"proxy\":\"http://127.0.0.1:$PROXY_PORT\""
    drive "connect $(head proxy2 "$more")" 'expect {"op":"disconnected"}' \
        "connect $(head proxy3 "$more,\"noProxy\":[\".example\",\"127.0.0.1\"]")" 'expect {"op":"connected"}' \
        'send {"op":"disconnect"}' 'exit 0' \
        "connect $(head proxy4 "\"proxy\":\"http://127.0.0.1:$DEAD_PORT\"")" 'expect {"op":"disconnected"}' \
        "connect $(head proxy5 '"proxy":"https://a:1"')" 'exit 1'
    [ "$status" -eq 0 ]
    [[ "$output" == *"407 Proxy Authentication Required"*"check proxy_username and its password"* ]]
    [[ "$output" == *"no connection to the proxy 127.0.0.1 port $DEAD_PORT: Connection refused"* ]]
    [[ "$output" == *"it must be http://HOST:PORT"* ]]
    [ "$(grep -c '^200' "$DIR/proxy.log")" -eq 0 ]
}
