#!/usr/bin/env bats
# What changes one thing: run, set, scale, label, annotate, cordon, drain; a real Mosquitto, mosquitto_pub plays the nodes.

bats_require_minimum_version 1.5.0
load cli_lib

# --- run

@test "run makes an App under the image's name, and --dry-run -o yaml prints it" {
    run -0 davit run registry:5000/plant/Influx_DB:2.7 -p 8086:8086 -p 53:53/udp -v hist:/data -e A=1 -e HOME --memory 256Mi --cpu 500m \
        --restart unless-stopped --health tcp://:8086 --node press-7 --dry-run -o yaml -- serve --now
    contains "kind: App"
    contains "name: influx-db"
    contains "image: registry:5000/plant/Influx_DB:2.7"
    contains '- "53:53/udp"'
    contains "HOME=$HOME"
    contains "restart: always"
    contains $'  args:\n  - serve\n  - "--now"'
    [ -z "$(held "$NODE/desired/default/apps/influx-db")" ]
}

@test "run NAME --image waits until it is ready, and says what to type next" {
    (sleep 0.5; say "$NODE/status/default/apps/hist" '{"kind":"App","metadata":{"name":"hist"},"status":{"observedGeneration":9000000000000000,"conditions":[{"type":"Ready","status":"True"}]}}') 3>&- &
    TASKS+=($!)
    run -0 davit run hist --image influxdb:2.7 --node press-7
    contains "app/hist created"
    contains "davit logs hist-0 -f --node press-7"
    run -0 davit run hist --image influxdb:2.8 --node press-7 --wait=false
    contains "app/hist configured"
}

@test "run refuses what an App is not, and words without --" {
    run -2 davit run influxdb -p eighty --node press-7
    contains "the port"
    run -2 davit run influxdb serve --node press-7
    contains "A command stands behind --"
    run -2 davit run influxdb -e NOT_SET_ANYWHERE --node press-7
    contains "Give -e NOT_SET_ANYWHERE=VALUE"
    run -2 davit run INFLUX/.. --node press-7
    contains "Give one by --name"
    run -2 davit run --node press-7
    contains "run what?"
}
