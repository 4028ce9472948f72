# shellcheck shell=bash
# A RabbitMQ of the test's own, with its MQTT plugin, on loopback and in $DIR alone: nothing of the machine's is used, not even epmd.

rabbit_start() {
    local home=$DIR/rabbit lib i
    lib=$(echo /usr/lib/rabbitmq/lib/rabbitmq_server-*)
    mkdir -p "$home"
    read -r AMQP_PORT MQTT_PORT DIST_PORT EPMD_PORT <<<"$(plant_ports 4)"
    export MQTT_PORT
    echo '[rabbitmq_mqtt].' >"$home/plugins"
    cat >"$home/rabbit.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$AMQP_PORT
mqtt.listeners.tcp.default = 127.0.0.1:$MQTT_PORT
mqtt.allow_anonymous = true
mqtt.vhost = /
mqtt.exchange = amq.topic
mqtt.subscription_ttl = 604800000
log.console = true
CONF
    export HOME=$home ERL_EPMD_PORT=$EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
    epmd -port "$EPMD_PORT" -address 127.0.0.1 >"$home/epmd.log" 2>&1 3>&- &
    echo $! >"$home/epmd.pid"
    RABBITMQ_NODENAME="davit$EPMD_PORT@localhost" RABBITMQ_MNESIA_BASE=$home/mnesia RABBITMQ_LOG_BASE=$home/log \
        RABBITMQ_ENABLED_PLUGINS_FILE=$home/plugins RABBITMQ_CONFIG_FILE=$home/rabbit.conf RABBITMQ_PID_FILE=$home/beam.pid \
        RABBITMQ_DIST_PORT=$DIST_PORT RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +A 4' \
        "$lib/sbin/rabbitmq-server" >"$home/out" 2>&1 3>&- &
    echo $! >"$home/server.pid"
    for i in $(seq 240); do
        mosquitto_pub -V 311 -p "$MQTT_PORT" -t up -m 1 2>/dev/null && return 0
        sleep 0.5
    done
    tail -20 "$home/out"
    return 1
}

rabbit_stop() {
    local file pid
    for file in beam server epmd; do
        pid=$(cat "$DIR/rabbit/$file.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}
