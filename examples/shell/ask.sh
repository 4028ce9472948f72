#!/bin/sh
# A request to a node, and its answer, in the name of the broker's user WHO:
#   ask.sh press-7 anna ping
#   ask.sh press-7 anna logs pods/historian-0
#   ask.sh press-7 anna exec '{"id":"17","pod":"historian-0","command":["df","-h"]}'
exec mosquitto_rr -V 5 -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" -q 1 -W 15 -t "davit/nodes/$1/request/$3/$2" \
    -e "davit/nodes/$1/response/$2/$$" -m "${4:-}"
