#!/usr/bin/env bats
# What changes one thing: run, set, scale, label, annotate, cordon, drain; a real Mosquitto, mosquitto_pub plays the nodes.
# shellcheck disable=SC2153 # cli_lib sets NODE

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
    (published "$NODE/desired/default/apps/hist"; say "$NODE/status/default/apps/hist" '{"kind":"App","metadata":{"name":"hist"},"status":{"observedGeneration":4000000000000000,"conditions":[{"type":"Ready","status":"True"}]}}') 3>&- &
    TASKS+=($!)
    run -0 davit run hist --image influxdb:2.7 --node press-7
    contains "app/hist created"
    contains "davit logs app/hist -f --node press-7"
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

# --- set, scale, label, annotate

deployment() { # NAME IMAGE
    printf '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%s"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"%s"}},"template":{"metadata":{"labels":{"app":"%s"}},"spec":{"initContainers":[{"name":"init","image":"%s"}],"containers":[{"name":"web","image":"%s"}]}}}}' "$1" "$1" "$1" "$2" "$2"
}

wanted() { # JQ: of the Deployment web
    held "$NODE/desired/default/deployments/web" | jq -e "$1"
}

@test "set image changes the containers that are named, under a new generation" {
    deployment web demo:1 | davit apply -f - --node press-7
    local old
    old=$(generation "$NODE/desired/default/deployments/web")
    run -0 davit set image deploy/web web=demo:2 --node press-7
    [ "$output" = "deployment/web image updated" ]
    wanted '.spec.template.spec | .containers[0].image == "demo:2" and .initContainers[0].image == "demo:1"'
    [ "$(generation "$NODE/desired/default/deployments/web")" -gt "$old" ]
    run -0 davit set image deployment web '*=demo:3' --node press-7
    wanted '.spec.template.spec | .containers[0].image == "demo:3" and .initContainers[0].image == "demo:3"'
    run -0 davit set image deployment web '*=demo:3' --node press-7
    [ "$output" = "deployment/web unchanged" ]
    run -4 davit set image deploy/web db=demo:2 --node press-7
    contains 'it has no container "db"'
    run -2 davit set image deploy/web --node press-7
    contains "CONTAINER=IMAGE"
    run -2 davit set image deploy/web web= --node press-7
}

@test "set image of an App, also of a flat one that somebody published by hand" {
    say "$NODE/desired/default/apps/hist" '{"image":"influxdb:2.7","memory":"256Mi"}'
    run -0 davit set image app/hist hist=influxdb:2.8 --node press-7
    held "$NODE/desired/default/apps/hist" | jq -e '.kind == "App" and .spec.image == "influxdb:2.8" and .spec.memory == "256Mi"'
}

@test "scale sets the replicas, and refuses what has none" {
    deployment web demo:1 | davit apply -f - --node press-7
    manifest hello | davit apply -f - --node press-7
    run -0 davit scale deploy/web --replicas=3 --node press-7
    [ "$output" = "deployment/web scaled" ]
    wanted '.spec.replicas == 3'
    run -1 davit scale pod/hello --replicas=3 --node press-7
    contains "a Pod has no replicas"
    run -2 davit scale deploy/web --replicas=many --node press-7
    run -2 davit scale deploy/web --node press-7
}

@test "label and annotate have kubectl's --overwrite rule, and KEY- removes" {
    deployment web demo:1 | davit apply -f - --node press-7
    run -0 davit label deploy web tier=front --node press-7
    [ "$output" = "deployment/web labeled" ]
    run -1 davit label deploy web tier=back --node press-7
    contains "'tier' already has a value (front), and --overwrite is false"
    wanted '.metadata.labels.tier == "front"'
    run -0 davit label deploy web tier=back --overwrite --node press-7
    wanted '.metadata.labels.tier == "back"'
    run -0 davit label deploy web tier- --node press-7
    wanted '.metadata.labels | has("tier") | not'
    run -0 davit annotate deploy/web owner=anna --node press-7
    wanted '.metadata.annotations.owner == "anna"'
    run -2 davit annotate deploy/web davit/generation=5 --node press-7
    run -2 davit label deploy web --node press-7
    local word
    for word in 'bad key=x' 'a/b/c=x' '/a=x' 'a/=x' 'a=bad value' 'a=x-' "a=$(printf 'x%.0s' {1..64})" 'Bad/a=x'; do
        run -2 davit label deploy web "$word" --node press-7
        contains "has no label's"
    done
    run -0 davit label deploy web example.org/Some_key.1=A-1.b_2 empty= --node press-7
}

@test "what comes from a group is changed there, by --group" {
    deployment web demo:1 | davit apply -f - --group presses
    say "$NODE/status/default/deployments/web" '{"kind":"Deployment","metadata":{"name":"web"},"status":{"observedGeneration":5,"source":"group/presses"}}'
    run -1 davit scale deploy/web --replicas=2 --node press-7
    contains 'comes from group/presses: change it there'
    run -0 davit scale deploy/web --replicas=2 --group presses
    held "$DAVIT_ROOT/groups/presses/desired/default/deployments/web" | jq -e '.spec.replicas == 2'
    run -4 davit scale deploy/none --replicas=2 --node press-7
}

@test "a document that is older than what the node has accepted is not changed" {
    deployment web demo:1 | davit apply -f - --node press-7
    say "$NODE/status/default/deployments/web" '{"kind":"Deployment","metadata":{"name":"web"},"status":{"observedGeneration":4000000000000000,"source":"node"}}'
    run -1 davit scale deploy/web --replicas=2 --node press-7
    contains "has accepted generation 4000000000000000"
    wanted '.spec.replicas == 1'
}

@test "a change that the node would refuse is refused" {
    deployment web demo:1 | davit apply -f - --node press-7
    run -1 davit set image deploy/web 'web= demo' --node press-7
    contains "the node would refuse that: InvalidOwner"
    wanted '.spec.template.spec.containers[0].image == "demo:1"'
}

@test "a change on many nodes is summed up" {
    local node
    for node in press-1 press-2 press-3; do
        online $node
    done
    deployment web demo:1 | davit apply -f - --nodes 'press-[12]'
    run -1 davit scale deploy/web --replicas=2 --nodes 'press-*'
    contains "deployment/web scaled on 2 of 3 nodes; not on:"
    contains '"web" not found in namespace "default": 1 (press-3)'
    run -0 davit scale deploy/web --replicas=2 --nodes 'press-[12]'
    [ "$output" = "deployment/web: so already on 2 of 2 nodes" ]
    run -0 davit scale deploy/web --replicas=3 --nodes press-1
    run -0 davit scale deploy/web --replicas=2 --nodes 'press-[12]'
    [ "$output" = $'deployment/web: so already on 1 of 2 nodes\ndeployment/web scaled on 1 node' ]
}

# --- nodes

node_doc() { # JQ
    held "$NODE/desired/node" | jq -e "$1"
}

@test "label node, set groups, cordon and uncordon are one document, each keeping the rest" {
    run -0 davit label node press-7 site=hamburg rack=4
    [ "$output" = "node/press-7 labeled" ]
    run -0 davit set groups press-7 line-3,presses
    run -0 davit cordon press-7
    [ "$output" = "node/press-7 cordoned" ]
    run -0 davit cordon press-7
    [ "$output" = "node/press-7 already cordoned" ]
    run -0 davit label node/press-7 rack-
    node_doc '.kind == "Node" and .metadata.name == "press-7" and .metadata.labels == {site: "hamburg"} and .spec.unschedulable
        and .metadata.annotations["davit/groups"] == "line-3,presses" and (.metadata.annotations["davit/generation"] | tonumber) > 0'
    run -0 davit uncordon press-7
    node_doc 'has("spec") | not'
    run -0 davit set groups press-7 -
    node_doc '.metadata.annotations | has("davit/groups") | not'
    run -1 davit set groups press-7 'Line 3'
    contains "the node would refuse that"
}

@test "many nodes at once are asked for first, and need --yes where nobody can be asked" {
    online press-1
    online press-2
    run -2 davit cordon --nodes 'press-*'
    contains "to cordon 2 nodes needs --yes"
    [ -z "$(held "$DAVIT_ROOT/nodes/press-1/desired/node")" ]
    run -0 davit cordon --nodes 'press-*' --yes
    contains "nodes cordoned on 2 nodes"
    run -2 davit cordon
    contains "which node?"
    run -2 davit cordon 'press-*'
}
