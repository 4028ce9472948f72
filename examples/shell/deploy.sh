#!/bin/sh
# Deploys an App, by mosquitto_pub and mosquitto_sub alone, and waits until it is ready:
#   deploy.sh press-7 historian '{"image":"influxdb:2.7","ports":["8086:8086"]}'
# What the broker held before is kept in NAME.previous: rollback.sh takes it from there. MQTT_HOST and MQTT_PORT name the broker.
set -eu
node=$1 name=$2 app=$3
topic=davit/nodes/$node/desired/default/apps/$name status=davit/nodes/$node/status/default/apps/$name
sub() { mosquitto_sub -V 5 -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" "$@"; }

# A status is the acknowledgement: it says which generation it speaks of.
generation=$(date +%s)000
sub -t "$topic" -C 1 -W 1 --retained-only >"$name.previous" || rm -f "$name.previous"
mosquitto_pub -V 5 -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" -q 1 -r -t "$topic" \
    -m "{\"generation\":$generation,${app#\{}"
tries=0
until sub -t "$status" -C 1 -W 2 | grep "\"observedGeneration\":$generation" | grep -q '"type":"Ready","status":"True"'; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { echo "$name is not ready:" >&2; sub -t "$status" -C 1 -W 2 >&2; exit 1; }
    sleep 1
done
