#!/bin/sh
# Publishes again what deploy.sh found and replaced, under a newer generation: a node never goes back by itself.
#   rollback.sh press-7 historian
set -eu
node=$1 name=$2
generation=$(date +%s)000
# The flat form has it as a number of its own, what davit published as an annotation.
sed "s/\"generation\":[0-9]*/\"generation\":$generation/; s|\"davit/generation\":\"[0-9]*\"|\"davit/generation\":\"$generation\"|" "$name.previous" |
    mosquitto_pub -V 5 -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" -q 1 -r -s \
        -t "davit/nodes/$node/desired/default/apps/$name"
