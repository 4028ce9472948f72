# shellcheck shell=bash
# For the tests of conf/mosquitto: a Mosquitto with exactly those files, only their paths and ports are others. Beside it listens,
# at $WATCH and without rules, what the tests look through. Certificates are in $CERTS, by scripts/broker-certs.sh.

plant_ports() {
    python3 -c 'import socket,sys
s=[socket.socket() for _ in range(int(sys.argv[1]))]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])' "$1"
}

# plant_conf FILE: a file of conf/mosquitto for this test.
plant_conf() {
    sed -e "s#/etc/mosquitto/certs/#$CERTS/#; s#/etc/mosquitto/#$ETC/#" -e "s/^listener 8883$/listener $NODES 127.0.0.1/" \
        -e "s/^listener 8443$/listener $NODES_WS 127.0.0.1/" -e "s/^listener 8884$/listener $OPERATORS 127.0.0.1/" \
        -e "s/^listener 8444$/listener $OPERATORS_WS 127.0.0.1/" "$TOP/conf/mosquitto/$1"
}

# plant_make NODE...: certificates, rules and passwords. anna may all, hall only looks.
plant_make() {
    export ETC=$DIR/etc CERTS=$DIR/etc/certs TOP
    mkdir -p "$ETC/conf.d" "$DIR/store"
    read -r NODES NODES_WS OPERATORS OPERATORS_WS WATCH <<<"$(plant_ports 5)"
    export NODES NODES_WS OPERATORS OPERATORS_WS WATCH
    "$TOP/scripts/broker-certs.sh" "$CERTS" ca
    "$TOP/scripts/broker-certs.sh" "$CERTS" broker localhost 127.0.0.1
    "$TOP/scripts/broker-certs.sh" "$CERTS" node "$@"
    plant_conf nodes.acl >"$ETC/davit-nodes.acl"
    cp "$TOP/conf/mosquitto/operators.acl" "$ETC/davit-operators.acl"
    "$DAVIT" acl --operator hall --read-only >>"$ETC/davit-operators.acl"
    touch "$ETC/davit-operators.passwd"
    mosquitto_passwd -b "$ETC/davit-operators.passwd" anna right 2>/dev/null
    mosquitto_passwd -b "$ETC/davit-operators.passwd" hall right 2>/dev/null
    printf 'right\n' >"$DIR/password"
    plant_conf plant.conf >"$ETC/conf.d/plant.conf"
    # As Debian's mosquitto.conf, which includes the folder.
    cat >"$ETC/mosquitto.conf" <<CONF
user mosquitto
persistence true
persistence_location $DIR/store/
log_dest file $DIR/mosquitto.log
include_dir $ETC/conf.d
CONF
    cat >"$ETC/conf.d/watch.conf" <<CONF
listener $WATCH 127.0.0.1
allow_anonymous true
CONF
    touch "$DIR/mosquitto.log"
    chmod 755 "$DIR" "$ETC" "$CERTS"
    chown -R mosquitto: "$DIR/store" "$CERTS" "$ETC" "$DIR/mosquitto.log"
}

plant_start() {
    mosquitto -c "$ETC/mosquitto.conf" >"$DIR/mosquitto.out" 2>&1 3>&- &
    echo $! >"$DIR/mosquitto.pid"
    local i
    for i in $(seq 100); do
        mosquitto_pub -p "$WATCH" -t up -m 1 2>/dev/null && return 0
        sleep 0.05
    done
    cat "$DIR/mosquitto.out" "$DIR/mosquitto.log"
    return 1
}

plant_stop() {
    [ ! -s "$DIR/mosquitto.pid" ] || kill "$(cat "$DIR/mosquitto.pid")" 2>/dev/null || true
}

# as_node NAME CMD...: mosquitto_pub or mosquitto_sub with the node's certificate
as_node() {
    local name=$1 program=$2
    shift 2
    "$program" -V 5 -h localhost -p "$NODES" --cafile "$CERTS/davit-ca.pem" --cert "$CERTS/$name.pem" --key "$CERTS/$name.key" "$@"
}

as_operator() {
    local name=$1 program=$2
    shift 2
    "$program" -V 5 -h localhost -p "$OPERATORS" --cafile "$CERTS/davit-ca.pem" -u "$name" -P right "$@"
}

# operator NAME ARGS...: davit as this operator
operator() {
    local name=$1 verb=$2
    shift 2
    DAVIT_LIBEXEC=$STAGE/usr/libexec/davit "$DAVIT" "$verb" --broker "mqtts://localhost:$OPERATORS" --ca-file "$CERTS/davit-ca.pem" \
        --username "$name" --password-file "$DIR/password" "$@"
}

# What the broker holds at a topic, without rules.
held() {
    mosquitto_sub -V 5 -p "$WATCH" -t "$1" -C 1 -W 1 --retained-only -F %p 2>/dev/null
}

within() { # SECONDS CMD...: polls until CMD is true
    local end=$(($(date +%s%N) / 1000000 + $1 * 1000))
    shift
    until "$@"; do
        [ $(($(date +%s%N) / 1000000)) -le $end ] || { echo "never true: $*"; return 1; }
        sleep 0.05
    done
}
