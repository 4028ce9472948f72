# shellcheck shell=bash
# For the tests of davit-link: a Mosquitto with a listener of each kind, certificates good and bad, linkdrive in the parent's place.
# DAVIT_BUILD names the build folder (default: build beside the sources); needs davit-link and linkdrive built there.

link_setup() {
    BUILD=$(cd "${DAVIT_BUILD:-$BATS_TEST_DIRNAME/../../build}" && pwd) || return 1
    export BUILD
    export LINK="$BUILD/davit-link" DRIVE="$BUILD/linkdrive"
    [ -x "$LINK" ] || { echo "no $LINK: build it, or set DAVIT_BUILD" >&2; return 1; }
    [ -x "$DRIVE" ] || make -C "$BUILD" linkdrive >&2 || return 1
    export DIR="$(mktemp -d)"
    chmod 755 "$DIR"
    certificates
    local free
    free=$(free_ports 10)
    read -r PORT TLS_PORT WS_PORT WSS_PORT CERT_PORT DEAD_PORT WSS_CERT_PORT OLD_PORT EARLY_PORT PROXY_PORT <<< "$free"
    export PORT TLS_PORT WS_PORT WSS_PORT CERT_PORT DEAD_PORT WSS_CERT_PORT OLD_PORT EARLY_PORT PROXY_PORT
    broker_config
    broker_start
}

link_teardown() {
    broker_stop
    rm -rf "$DIR"
}

free_ports() {
    python3 -c 'import socket,sys
s=[socket.socket() for _ in range(int(sys.argv[1]))]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])' "$1"
}

# A CA, a broker's certificate for 127.0.0.1 and localhost, one for another name, a client's, and a CA that signed none.
certificates() {
    cd "$DIR" || return 1
    local name
    for name in ca other; do
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout $name.key -out $name.pem -subj "/CN=$name" 2>/dev/null
    done
    sign broker 'subjectAltName=IP:127.0.0.1,DNS:localhost'
    sign stranger 'subjectAltName=DNS:stranger.example'
    sign client 'subjectAltName=DNS:client'
    dated old 20200101000000Z 20200201000000Z
    dated early 20890101000000Z 20900101000000Z
    chmod 644 ./*.key
}

sign() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "$1.pem" \
        -extfile <(echo "$2") 2>/dev/null
}

# dated NAME FROM TO: a certificate for 127.0.0.1 that is not valid now.
dated() {
    mkdir -p ca.d
    : > ca.d/index
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
    printf '[ca]\ndefault_ca=c\n[c]\ndatabase=ca.d/index\nnew_certs_dir=ca.d\nrand_serial=yes\ndefault_md=sha256\npolicy=p
[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n' > ca.d/conf
    openssl ca -batch -config ca.d/conf -cert ca.pem -keyfile ca.key -in "$1.csr" -out "$1.pem" -notext -extensions e \
        -startdate "$2" -enddate "$3" 2>/dev/null
}

broker_config() {
    local password_file="$DIR/passwords"
    touch "$password_file"
    mosquitto_passwd -b "$password_file" anna right 2>/dev/null
    chmod 644 "$password_file"
    cat > "$DIR/mosquitto.conf" <<END
per_listener_settings true
user mosquitto
persistence false
max_queued_messages 0
max_packet_size 100000
log_dest file $DIR/mosquitto.log
listener $PORT 127.0.0.1
allow_anonymous true
listener $TLS_PORT 127.0.0.1
allow_anonymous false
password_file $password_file
cafile $DIR/ca.pem
certfile $DIR/broker.pem
keyfile $DIR/broker.key
listener $WS_PORT 127.0.0.1
protocol websockets
allow_anonymous true
listener $WSS_PORT 127.0.0.1
protocol websockets
allow_anonymous true
cafile $DIR/ca.pem
certfile $DIR/stranger.pem
keyfile $DIR/stranger.key
listener $CERT_PORT 127.0.0.1
allow_anonymous true
require_certificate true
cafile $DIR/ca.pem
certfile $DIR/broker.pem
keyfile $DIR/broker.key
listener $WSS_CERT_PORT 127.0.0.1
protocol websockets
allow_anonymous false
require_certificate true
use_identity_as_username true
cafile $DIR/ca.pem
certfile $DIR/broker.pem
keyfile $DIR/broker.key
listener $OLD_PORT 127.0.0.1
allow_anonymous true
certfile $DIR/old.pem
keyfile $DIR/old.key
listener $EARLY_PORT 127.0.0.1
allow_anonymous true
certfile $DIR/early.pem
keyfile $DIR/early.key
END
    touch "$DIR/mosquitto.log"
    chmod 666 "$DIR/mosquitto.log"
}

# Starts the broker; its pid is in a file, for a script run by linkdrive starts and stops it too.
broker_start() {
    mosquitto -c "$DIR/mosquitto.conf" > /dev/null 2>&1 3>&- &
    echo $! > "$DIR/broker.pid"
    disown
    local i
    for i in $(seq 100); do
        mosquitto_pub -p "$PORT" -t up -m 1 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

broker_stop() {
    local pid
    pid=$(cat "$DIR/broker.pid")
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null || while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}

# odd_broker MODE: linkbroker.py on a port of its own, at $ODD; ended by teardown.
odd_broker() {
    local port
    port=$(free_ports 1)
    ODD="mqtt://127.0.0.1:$port"
    python3 "$BATS_TEST_DIRNAME/linkbroker.py" "$1" "$port" > "$DIR/odd.log" 2>&1 3>&- &
    ODD_PID=$!
    local i
    for i in $(seq 100); do
        python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

# proxy [USER:PASSWORD]: an HTTP proxy at $PROXY_PORT that writes down what it is asked for; ended by teardown.
proxy() {
    python3 "$BATS_TEST_DIRNAME/linkproxy.py" "$PROXY_PORT" "$DIR/proxy.log" "$@" > "$DIR/odd.log" 2>&1 3>&- &
    ODD_PID=$!
    local i
    for i in $(seq 100); do
        python3 -c "import socket; socket.create_connection(('127.0.0.1', $PROXY_PORT))" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

teardown() {
    [ -z "${ODD_PID:-}" ] || kill "$ODD_PID"
    rm -f "$DIR/proxy.log"
}

# head ID [MORE]: a connect frame for this test's broker.
head() {
    local url="${URL:-mqtt://127.0.0.1:$PORT}"
    echo "{\"op\":\"connect\",\"url\":\"$url\",\"clientId\":\"$1\",\"minDelayMs\":200,\"maxDelayMs\":1000${2:+,$2}}"
}

drive() {
    run "$DRIVE" "$LINK" "$@"
    echo "$output"
}
