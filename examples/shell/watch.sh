#!/bin/sh
# What a node says of what runs on it, as it says it: states, measurements, events.
#   watch.sh press-7        watch.sh + for all nodes
exec mosquitto_sub -V 5 -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" -v -t "davit/nodes/$1/state/#" \
    -t "davit/nodes/$1/metrics/#" -t "davit/nodes/$1/events"
